#!/usr/bin/env python3
"""Make one C file and one header of the decoding half of libhemp, for who adds a decoder to a project by copying it.

    python tools/amalgamate.py OUT_DIR

writes OUT_DIR/hemp_decoder.h, which is hemp.h, and OUT_DIR/hemp_decoder.c, which is every source of the library that is
not named ``*_encode.c``, as CMake builds it.  What the comment of the header says of options holds for them.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

NATIVE = Path(__file__).resolve().parents[1] / "hemp_codec" / "native"
HEADER, SOURCE = "hemp_decoder.h", "hemp_decoder.c"
BANNER = """\
/* {name} of libhemp {version}, made by tools/amalgamate.py: do not edit.
 * SPDX-License-Identifier: Apache-2.0 */
"""
# clang takes -Os for a wish, and makes vector code of every loop.
_SMALL = """
#if defined(__clang__) && (defined(HEMP_SMALL) || defined(__OPTIMIZE_SIZE__))
#pragma clang attribute {}
#endif
"""
_BEGIN, _END = _SMALL.format("push(__attribute__((minsize)), apply_to = function)"), _SMALL.format("pop")

_INCLUDE = re.compile(r'^#include "([^"]+)"$', re.MULTILINE)
_STATIC = re.compile(r"^(?:[A-Z_0-9]+ )?static [^=;(]*?\b(\w+)(?=\(| =|\[)", re.MULTILINE)
# Functions in a header of the library's own, which the layout of the sources lets begin at the left margin.
_INLINE = re.compile(r"^(?=static inline )", re.MULTILINE)
_PROTOTYPE = re.compile(r"^(?=(?:const )?\w+ \*?hemp_\w+\()", re.MULTILINE)


def sources(native: Path) -> list[Path]:
    """The C files of the decoding half, in the order of their names."""
    return [path for path in sorted((native / "src").glob("*.c")) if not path.stem.endswith("_encode")]


def version(native: Path) -> str:
    """Version of the library."""
    found = re.search(r'#define HEMP_VERSION "([^"]+)"', (native / "include" / "hemp.h").read_text())
    assert found, "hemp.h defines HEMP_VERSION"
    return found[1]


def amalgamate(native: Path) -> dict[str, str]:
    """Text by name of file: the header and the implementation."""
    paths = sources(native)
    uses = Counter(name for path in paths for name in set(_STATIC.findall(path.read_text())))
    seen = {"hemp.h"}
    pieces = [_rename(path, uses, _expand(native, path, seen)) for path in paths]
    source = "".join([f'#include "{HEADER}"\n', _BEGIN, *pieces, _END])
    texts = {HEADER: (native / "include" / "hemp.h").read_text(), SOURCE: source}
    return {name: BANNER.format(name=name, version=version(native)) + text for name, text in texts.items()}


def _rename(path: Path, uses: Counter[str], text: str) -> str:
    """Give names that several files use for something of their own another one in this file."""
    names = sorted({name for name in _STATIC.findall(path.read_text()) if uses[name] > 1})
    before = "".join(f"#define {name} {path.stem}_{name}\n" for name in names)
    after = "".join(f"#undef {name}\n" for name in names)
    return f"\n/* ---- {path.name} */\n{before}\n{text}{after}"


def _expand(native: Path, path: Path, seen: set[str]) -> str:
    """The text of a file, with every header of the library in the place where it is included first."""

    def include(match: re.Match[str]) -> str:
        name = match[1]
        if name in seen:
            return ""
        seen.add(name)
        # Its functions are called from this one file only, and not all of them.
        header = _INLINE.sub("HEMP_MAYBE_UNUSED ", (native / "src" / name).read_text())
        header = _PROTOTYPE.sub("HEMP_MAYBE_UNUSED HEMP_ACROSS_FILES static ", header)
        return _INCLUDE.sub(include, header).rstrip("\n")

    return _INCLUDE.sub(include, path.read_text())


def main(arguments: list[str]) -> int:
    """Write the two files; 2 for wrong usage."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: amalgamate.py OUT_DIR", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in amalgamate(NATIVE).items():
        (folder / name).write_text(text, newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
