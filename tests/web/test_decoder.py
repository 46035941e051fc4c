"""The decoder in JavaScript: every vector in Node and in a browser, ranges over HTTP, errors, the package for npm."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from embedded_support import ROOT, need, run_checked
from web_support import RangeServer

import hemp_codec

if TYPE_CHECKING:
    from playwright.sync_api import Page

HERE = ROOT / "tests" / "web"
WEB = ROOT / "hemp_codec" / "web"
VECTORS = ROOT / "spec" / "vectors"
MANIFEST = json.loads((VECTORS / "manifest.json").read_text())
NOT_HERE = {"lzma", "zstd"}


def node(script: Path | str, *words: str | Path) -> list[dict]:
    """What a script prints, a line of JSON each."""
    command = [need("node", "nodejs"), HERE / script, WEB / "hemp.js", *words]
    return [json.loads(line) for line in run_checked(command, HERE).stdout.splitlines()]


def check_vectors(reports: list[dict]) -> None:
    """Each vector's report is what the manifest says."""
    for vector, report in zip(MANIFEST, reports, strict=True):
        missing = {error[1] for error in report["errors"] if error[0] == "UNSUPPORTED_CODER"} & NOT_HERE
        if vector["expect"] == "reject":
            assert report["errors"], vector["path"]
            assert report["errors"][0][0] == vector["error"] or missing, (vector["path"], report["errors"])
            continue
        assert missing or not report["errors"], (vector["path"], report["errors"])
        assert report["metadata"] == vector["metadata"], vector["path"]
        assert missing or report["tensors"].keys() == vector["tensors"].keys()
        for name, found in report["tensors"].items():
            assert {**found, **vector["tensors"][name]} == found, (vector["path"], name)


def test_vectors() -> None:
    check_vectors(node("vectors.mjs", *(VECTORS / vector["path"] for vector in MANIFEST)))


BROWSE = """async (paths) => {
  const [hemp, { reportOf }] = await Promise.all([import("/hemp.js"), import("/report.mjs")]);
  const bytesOf = async (path) => (await fetch(path)).arrayBuffer();
  const reports = [];
  for (const path of paths) reports.push(await reportOf(hemp, await bytesOf(path), crypto));
  return reports;
}"""


def test_vectors_in_a_browser(page: Page) -> None:
    paths = [*(WEB / name for name in json.loads((WEB / "package.json").read_text())["files"]), HERE / "report.mjs"]
    files = {f"/{path.name}": path.read_bytes() for path in paths}
    files |= {f"/{vector['path']}": (VECTORS / vector["path"]).read_bytes() for vector in MANIFEST}
    with RangeServer({**files, "/index.html": b"<!doctype html><title>Vectors</title>", "/favicon.ico": b""}) as server:
        page.goto(f"{server.address}/index.html")
        check_vectors(page.evaluate(BROWSE, [f"/{vector['path']}" for vector in MANIFEST]))


@pytest.fixture(scope="module")
def tensors() -> dict[str, np.ndarray]:
    """What takes several requests to open, and several segments."""
    rng = np.random.default_rng(0)
    many = {f"layer{i}.{'long' * 20}": rng.standard_normal(3).astype(np.float32) for i in range(200)}
    return {
        "wide": rng.standard_normal((50, 4000)).astype(np.float32),
        "wanted": rng.standard_normal((100, 64)).astype(np.float32),
        "halves": np.arange(5, dtype=np.float16),
        **many,
    }


@pytest.fixture(scope="module")
def model(tensors: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "model.hemp"
    hemp_codec.save_file(tensors, path, metadata={"epoch": "3"}, coder="rans", segment_bits=12)
    return path.read_bytes()


def test_one_tensor_of_a_large_file(tensors: dict[str, np.ndarray], model: bytes) -> None:
    with RangeServer({"/model.hemp": model}) as server:
        (found,) = node("fetch.mjs", f"{server.address}/model.hemp", "wanted")
    assert np.array_equal(np.float32(found["data"]), tensors["wanted"].reshape(-1))
    assert (found["shape"], found["size"]) == ([100, 64], len(model))
    sizes = [size for _, size in server.sent]
    assert len(sizes) == 3, "the beginning, all of the front, the tensor"
    assert sizes[0] == 16384 < sizes[1]
    assert sizes[2] == found["codedBytes"] and sum(sizes) < len(model) // 4


def test_server_without_ranges(tensors: dict[str, np.ndarray], model: bytes) -> None:
    with RangeServer({"/model.hemp": model}, knows_ranges=False) as server:
        (found,) = node("fetch.mjs", f"{server.address}/model.hemp", "wide", "wanted")
    assert np.array_equal(np.float32(found["data"]), tensors["wide"].reshape(-1))
    assert server.sent == [("/model.hemp", len(model))]


def test_failures_over_http(model: bytes) -> None:
    files = {"/cut": model[:-1], "/front": model[:9000], "/short": model[:9], "/empty": b"", "/long": model + b" "}
    expected = ["TRUNCATED", "TRUNCATED", "TRUNCATED", "TRUNCATED", "TRAILING_BYTES", "READ_FAILED"]
    for knows_ranges in (True, False):
        with RangeServer(files, knows_ranges) as server:
            addresses = [f"{server.address}{path}" for path in (*files, "/missing")]
            found = [node("fetch.mjs", address, "wanted")[0]["code"] for address in addresses]
        assert found == expected


def test_calls(tmp_path: Path, tensors: dict[str, np.ndarray]) -> None:
    """Every kind of source and of form; concurrent calls; what a caller may do wrong."""
    path = tmp_path / "model.hemp"
    hemp_codec.save_file(tensors, path, quantizer="lloyd-max:16", coder="arithmetic", segment_bits=12)
    with hemp_codec.safe_open(path) as file:
        wide = file.get_tensor("wide")
        indices = file.get_indices("wide")
    (tmp_path / "wide").write_bytes(wide.tobytes())
    (tmp_path / "indices").write_bytes(indices.tobytes())
    (tmp_path / "half").write_bytes(wide.astype(np.float16).tobytes())
    assert node("calls.mjs", tmp_path) == ["all calls are right"]


@pytest.mark.parametrize("readme", ["README.md", "hemp_codec/web/README.md"])
def test_readme(readme: str, tmp_path: Path) -> None:
    """What is shown runs, with a server of this machine for that of the text."""
    program = need("node", "nodejs")
    (code,) = re.findall(r"```js\n(.*?)```", (ROOT / readme).read_text(), re.DOTALL)
    if "import " not in code:
        code = f'import {{ open }} from "hemp-codec";\n{code}'
    content = (ROOT / "examples" / "web" / "lenet5.hemp").read_bytes()
    with RangeServer({"/model.hemp": content}) as server:
        assert '"hemp-codec"' in code and "https://example.org" in code
        code = code.replace('"hemp-codec"', f'"{(WEB / "hemp.js").as_uri()}"')
        code = code.replace("https://example.org", server.address) + "console.log(data.length, shape);\n"
        (tmp_path / "readme.mjs").write_text(code)
        done = run_checked([program, "readme.mjs"], tmp_path)
    assert done.stdout.splitlines()[-1] == b"500 [ 20, 1, 5, 5 ]"


def test_damage_anywhere() -> None:
    """Whatever byte of a file is changed, it is refused, for damage rather than for memory or reading."""
    names = ["complete", "solid-arithmetic", "solid-rans", "segments-planes", "arithmetic-same", "metadata"]
    reports = node("damage.mjs", *(VECTORS / "accept" / f"{name}.hemp" for name in names))
    for report in reports:
        assert report["accepted"] == 0 and report["refused"] > 0
        assert not {"MEMORY_TOO_SMALL", "READ_FAILED", "BAD_ARGUMENT"} & set(report["codes"])


def test_package() -> None:
    """It has the project's version, and all that its modules import."""
    package = json.loads((WEB / "package.json").read_text())
    pyproject = (ROOT / "pyproject.toml").read_text()
    assert f'\nversion = "{package["version"]}"\n' in pyproject
    files = set(package["files"])
    assert all((WEB / name).is_file() for name in files)
    for name in files:
        if name.endswith(".js"):
            text = (WEB / name).read_text()
            assert set(re.findall(r'"\./([^"]+)"', text)) <= files, name


def test_types_name_what_there_is() -> None:
    """hemp.d.ts has the dtypes of the decoder, and the members of a file."""
    types, code = (WEB / "hemp.d.ts").read_text(), (WEB / "decoder.js").read_text()
    dtypes = re.findall(r'^  \["(\w+)", \w+Array\],$', code, re.MULTILINE)
    assert len(dtypes) == 22
    assert re.findall(r'^  \| "(\w+)";?$', types, re.MULTILINE)[:22] == dtypes


def test_built_files() -> None:
    """What is in the repository is what tools/build_web.py makes with the release of zig in constraints.txt."""
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("needs the package ziglang, which is in the extra 'test'")
    constraints = (ROOT / "constraints.txt").read_text().splitlines()
    if f"ziglang=={importlib.metadata.version('ziglang')}" not in constraints:
        pytest.skip("another release of ziglang makes another file")
    done = subprocess.run([sys.executable, ROOT / "tools" / "build_web.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}run: python tools/build_web.py"
