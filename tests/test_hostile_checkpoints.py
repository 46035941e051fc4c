"""Any bytes as a checkpoint: ``hemp compress`` refuses them in one line, or compresses the arrays that they hold."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile_support import CHANCE, SIZES, changed, command, many, memory_below
from hypothesis import example, given
from hypothesis import strategies as st

from hemp_codec import checkpoints, dtypes
from hemp_codec.errors import HempError

pytestmark = pytest.mark.filterwarnings("ignore")

TENSORS = {
    "w": np.arange(12, dtype=np.float32).reshape(3, 4),
    "b": np.array([True, False]),
    "i": np.array(3),
    "h": np.arange(6).astype(dtypes.BY_NAME["bfloat16"].numpy).reshape(2, 3),
}
MEMORY = 64 << 20

json_values = st.recursive(
    SIZES | st.integers() | st.floats() | st.booleans() | st.none() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


def valid(folder: Path, name: str) -> bytes:
    """The tensors in the format of this ending."""
    if not (folder / name).exists():
        checkpoints.save(TENSORS, folder / name, {"k": "v"})
    return (folder / name).read_bytes()


def check(path: Path) -> None:
    """Load everything, which is bounded, and compress it."""
    try:
        with memory_below(MEMORY):
            found = dict(checkpoints.load(path).tensors)
    except HempError:
        found = {}
    assert all(isinstance(array, np.ndarray) and array.dtype.isnative for array in found.values())
    command("compress", path, path.with_suffix(".hemp"))


# --------------------------------------------------------------------------------------------------------- safetensors


@st.composite
def safetensors(draw: st.DrawFn) -> bytes:
    """A file whose header is JSON of the right form, or nearly."""
    header: dict[str, Any] = draw(st.just({}) | st.builds(dict, __metadata__=json_values))
    at = 0
    for name in draw(st.lists(st.text(max_size=3), max_size=3)):
        dtype = draw(st.sampled_from([dtype for dtype in dtypes.DTYPES if dtype.safetensors]))
        shape = draw(st.lists(st.integers(0, 3), max_size=4) | st.lists(st.integers(0, 1), min_size=30, max_size=70))
        end = at + int(np.prod(shape, dtype=object)) * dtype.size
        entry = {"dtype": dtype.safetensors, "shape": shape, "data_offsets": [at, end]}
        at = end
        for key in draw(st.lists(st.sampled_from(["dtype", "shape", "data_offsets", "more"]), max_size=1)):
            entry[key] = draw(json_values | st.lists(SIZES, max_size=3))
        header[name] = draw(st.just(entry) | st.just(entry) | json_values)
    text = json.dumps(header, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    return len(text).to_bytes(8, "little") + text + bytes(min(at, 10_000))


def with_shape(shape: list[int]) -> bytes:
    """One float32 of this shape, or none."""
    size = 0 if 0 in shape else 4
    text = json.dumps({"w": {"dtype": "F32", "shape": shape, "data_offsets": [0, size]}}).encode()
    return len(text).to_bytes(8, "little") + text + bytes(size)


@many
@example(data=with_shape([1] * 70), chance=None)
@example(data=with_shape([0, 1 << 62]), chance=None)
@example(data=with_shape([(1 << 63) - 1] * 60_000), chance=None)  # whose product alone would take a minute
@given(data=st.binary(max_size=60) | safetensors(), chance=st.none() | CHANCE)
def test_safetensors(folder: Path, data: bytes, chance: Any) -> None:
    path = folder / "a.safetensors"
    path.write_bytes(data if chance is None else changed(data, chance))
    check(path)


@many
@given(
    index=st.builds(
        dict,
        weight_map=json_values
        | st.dictionaries(
            st.sampled_from(["w", "b", "i", "h", "\ud800"]),
            st.sampled_from(["s.safetensors", "s.npz", "no.bin", "..", ""]),
        ),
    )
    | json_values,
    chance=st.none() | CHANCE,
)
def test_index(folder: Path, index: Any, chance: Any) -> None:
    valid(folder, "s.safetensors"), valid(folder, "s.npz")
    data = json.dumps(index).encode()
    path = folder / "a.safetensors.index.json"
    path.write_bytes(data if chance is None else changed(data, chance))
    with contextlib.suppress(HempError, FileNotFoundError):
        dict(checkpoints.load(path).tensors)
    command("compress", path, folder / "index.hemp")


# ----------------------------------------------------------------------------------------------------------------- npz

descriptions = st.sampled_from(
    ["<f4", ">f8", "|b1", "|O", "<U3", "|V2", "<M8[s]", "<i8,<f4", "3<f4", "|S0", ""]
) | st.text(max_size=4)
fields = st.lists(
    st.tuples(st.sampled_from(["bfloat16", "float8_e5m2", "a", ""]), descriptions | st.just("<u2"))
    | st.tuples(st.just("a"), descriptions, st.lists(SIZES, max_size=2).map(tuple)),
    max_size=2,
)


@st.composite
def npy(draw: st.DrawFn) -> bytes:
    """A member whose header is a dict of the right form, or nearly."""
    shape: Any = draw(
        st.lists(st.integers(0, 4), max_size=3).map(tuple) | st.lists(SIZES, max_size=70).map(tuple) | SIZES
    )
    header: Any = {"descr": draw(descriptions | fields), "fortran_order": draw(st.booleans()), "shape": shape}
    for key in draw(st.lists(st.sampled_from(["descr", "fortran_order", "shape", "more"]), max_size=1)):
        header[key] = draw(st.sampled_from([(-1,), (True,), 2.5, None, [], "<f4", {}, b"", 1 << 80]))
    text = draw(st.just(repr(header).encode("utf-8", "surrogatepass")) | st.binary(max_size=40)) + b"\n"
    version = draw(st.sampled_from([b"\1\0", b"\1\0", b"\2\0", b"\3\0", b"\7\7"]))
    size = len(text).to_bytes(2 if version[0] == 1 else 4, "little")
    return (
        draw(st.sampled_from([b"\x93NUMPY", b"\x93NUMPY", b""])) + version + size + text + draw(st.binary(max_size=40))
    )


@st.composite
def npz(draw: st.DrawFn) -> bytes:
    """An archive of such members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in draw(
            st.lists(st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=3), max_size=2)
        ):
            packed = draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA]))
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), draw(npy() | st.binary(max_size=20)), packed)
    return file.getvalue()


def with_header(header: str, data: bytes = b"") -> bytes:
    """An archive of one array."""
    file, text = io.BytesIO(), header.encode() + b"\n"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("w.npy", b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text + data)
    return file.getvalue()


@many
@example(data=with_header(str({"descr": "<f4", "fortran_order": False, "shape": (1,) * 70}), bytes(4)), chance=None)
@example(data=with_header(str({"descr": "<f4", "fortran_order": False, "shape": (0, 1 << 62)})), chance=None)
@example(data=with_header("{'descr': '<f4', 'shape': " + "(" * 3000), chance=None)
@given(data=st.binary(max_size=60) | npz(), chance=st.none() | CHANCE)
def test_npz(folder: Path, data: bytes, chance: Any) -> None:
    path = folder / "a.npz"
    path.write_bytes(data if chance is None else changed(data, chance))
    check(path)


@many
@given(chance=CHANCE)
def test_damaged_npz(folder: Path, chance: Any) -> None:
    path = folder / "d.npz"
    path.write_bytes(changed(valid(folder, "v.npz"), chance))
    check(path)


# ------------------------------------------------------------------------------------------------------------- PyTorch


def torch_file(folder: Path, zipped: bool) -> bytes:
    torch = pytest.importorskip("torch")
    state = {"w": torch.arange(12.0).reshape(3, 4), "b": torch.tensor([True, False]), "t": torch.ones(6)[1::2]}
    torch.save(state, folder / "v.pt", _use_new_zipfile_serialization=zipped)
    return (folder / "v.pt").read_bytes()


def replaced(data: bytes, content: bytes) -> bytes:
    """An archive with another pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, content if name.endswith("data.pkl") else old.read(name))
    return file.getvalue()


def pickled(data: bytes) -> bytes:
    """The pickle of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))


@many
@given(zipped=st.booleans(), inside=st.booleans(), chance=CHANCE)
def test_damaged_pytorch(folder: Path, zipped: bool, inside: bool, chance: Any) -> None:
    data = torch_file(folder, zipped)
    path = folder / "d.pt"
    is_inside = zipped and inside
    path.write_bytes(replaced(data, changed(pickled(data), chance)) if is_inside else changed(data, chance))
    check(path)


plain = st.recursive(
    SIZES | st.integers(-(1 << 900), 1 << 900) | st.floats() | st.booleans() | st.none() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(
            st.text(max_size=3) | st.integers() | st.just("state_dict") | st.just("model"), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@many
@given(content=plain, protocol=st.integers(0, 5))
def test_pytorch_of_other_contents(folder: Path, content: Any, protocol: int) -> None:
    path = folder / "o.pt"
    path.write_bytes(replaced(torch_file(folder, True), pickle.dumps(content, protocol)))
    check(path)


@pytest.mark.parametrize("shape", [(1,) * 70, (0, 1 << 62)])
def test_pytorch_of_a_shape_that_no_file_holds(folder: Path, shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"w": torch.ones(0 if 0 in shape else 1).reshape(shape)}, folder / "s.pt")
    check(folder / "s.pt")
    with pytest.raises(HempError, match=r"^tensor 'w': "):
        checkpoints.load(folder / "s.pt")
