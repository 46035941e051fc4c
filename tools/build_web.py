#!/usr/bin/env python3
"""Build what the JavaScript decoder and the viewer need and a browser cannot make: the same bytes each time.

    python tools/build_web.py [--check]

writes ``hemp_codec/web/hemp.wasm``, from the amalgamated decoder, and ``tools/viewer/bundle.js``: the decoder as a
plain script with that module and the model of the example in it, because a page opened from disk may load scripts, but
neither modules nor files.  With ``--check`` nothing is written, and the exit code is 1 if they differ.  Needs the
package ``ziglang``, of the release in ``constraints.txt``.
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import amalgamate

ROOT = Path(__file__).resolve().parents[1]
WEB = ROOT / "hemp_codec" / "web"
WASM = WEB / "hemp.wasm"
BUNDLE = ROOT / "tools" / "viewer" / "bundle.js"
MODEL = ROOT / "examples" / "web" / "lenet5.hemp"
MODULES = ("errors.js", "sources.js", "decoder.js")  # each after those that it imports

# All of a C library that the decoder needs.
STRING_H = """\
#include <stddef.h>
void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
void *memmove(void *to, const void *from, size_t size);
"""
OPTIONS = ["-target", "wasm32-freestanding-none", "-std=c11", "-O3", "-mbulk-memory", "-Wall", "-Wextra", "-nostdlib"]
# 128 kB of stack; it comes first, as zig has it, so that an overflow is an error of the machine and overwrites nothing.
OPTIONS += ["-s", "-Wl,--no-entry", "-Wl,-z,stack-size=131072", "-Wl,--export=__heap_base"]


def build_wasm() -> bytes:
    """The WebAssembly module."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in amalgamate.amalgamate(amalgamate.NATIVE).items():
            (folder / file).write_text(text)
        (folder / "string.h").write_text(STRING_H)
        (folder / "wasm.c").write_text((WEB / "src" / "wasm.c").read_text())
        words = ["-I.", "wasm.c", "hemp_decoder.c", "-lcompiler_rt", "-o", "hemp.wasm"]
        command = [sys.executable, "-m", "ziglang", "cc", *OPTIONS, *words]
        cache = {name: str(folder / "cache") for name in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")}
        subprocess.run(command, cwd=folder, check=True, env={**os.environ, **cache})
        return (folder / "hemp.wasm").read_bytes()


def build_bundle(wasm: bytes, model: bytes) -> str:
    """The script that sets ``hemp``: an object with ``load``, ``HempError``, ``wasm`` and ``model``, both in base64."""
    texts = [(WEB / name).read_text() for name in MODULES]
    plain = [re.sub(r"^export ", "", re.sub(r"^import .*\n", "", text, flags=re.M), flags=re.M) for text in texts]
    parts = [
        "// Made by tools/build_web.py: do not edit.\n",
        "const hemp = (() => {\n",
        *plain,
        f'const wasm = "{base64.b64encode(wasm).decode()}";\n',
        f'const model = "{base64.b64encode(model).decode()}";\n',
        "return { load, HempError, wasm, model };\n})();\n",
    ]
    return "".join(parts)


def main(words: list[str]) -> int:
    """Write both files, or compare them."""
    if words not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    wasm = build_wasm()
    built = {WASM: wasm, BUNDLE: build_bundle(wasm, MODEL.read_bytes()).encode()}
    changed = [path for path, content in built.items() if not path.exists() or path.read_bytes() != content]
    for path in changed:
        if not words:
            path.write_bytes(built[path])
        print(f"{path.relative_to(ROOT)}: {'differs' if words else 'written'}, {len(built[path]):,} bytes")
    return 1 if words and changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
