"""The reader: sources, slices, threads, limits, damage."""

from __future__ import annotations

import io
import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hand_made import (
    CODEBOOK,
    JOINED,
    make_codebook,
    make_file,
    make_front,
    make_record,
    make_segments,
    make_stream,
    varint,
)
from hypothesis import given
from hypothesis import strategies as st

import hemp_codec
from hemp_codec import coders
from hemp_codec.errors import ChecksumError, FormatError, HempError, LimitError, UnsupportedError
from hemp_codec.reader import Reader
from hemp_codec.slices import select

RANDOM = np.random.default_rng(7)
TENSORS: dict[str, np.ndarray] = {
    "long": RANDOM.normal(size=(300, 5, 7)).astype(np.float32),
    "row": RANDOM.normal(size=3000).astype(np.float64),
    "bias": RANDOM.normal(size=30).astype(np.float32),
    "scalar": np.array(-0.0, np.float32),
    "empty": np.zeros((3, 0), np.float32),
    "steps": np.arange(4),
    "mask": RANDOM.random((4, 9)) < 0.5,
    "constant": np.full((6, 4), 2.5, np.float32),
}
TENSORS["tied"] = TENSORS["long"].copy()


def encoded(quantizer: str, coder: str = "rans") -> bytes:
    return hemp_codec.encode(TENSORS, quantizer=quantizer, coder=coder, segment_bits=10, metadata={"by": "test"})


@pytest.fixture(scope="module", params=["lossless", "lloyd-max:5", "uniform:300"])
def data(request: pytest.FixtureRequest) -> bytes:
    return encoded(request.param)


def same(left: np.ndarray, right: np.ndarray) -> bool:
    return (left.dtype, left.shape, left.tobytes()) == (right.dtype, right.shape, right.tobytes())


def code_of(call: Callable[[], Any]) -> str | None:
    with pytest.raises(HempError) as caught:
        call()
    return caught.value.code


class Trickle(io.RawIOBase):
    """A file that gives at most 100 bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._inner = io.BytesIO(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._inner.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(min(size, 100))


def test_every_source_gives_the_same(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.hemp"
    path.write_bytes(data)
    expected = Reader(data).load()
    used = io.BytesIO(data)
    used.seek(11)
    for source in (str(path), path, bytearray(data), memoryview(data), used, Trickle(data)):
        with Reader(source) as reader:
            assert reader.file_size == len(data)
            assert reader.keys() == list(TENSORS)
            assert reader.metadata() == {"by": "test"}
            for name, array in reader.load(threads=2).items():
                assert same(array, expected[name])


def test_only_the_needed_segments_are_read() -> None:
    data = encoded("lossless", "stored")
    reads: list[tuple[int, int]] = []

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            reads.append((self.tell(), size or 0))
            return super().read(size)

    reader = Reader(Watched(data))
    front = max(offset + size for offset, size in reads)
    assert front < 600
    reads.clear()
    part = reader.get_slice("long")[29:31]  # elements 1015 to 1084
    assert same(part, TENSORS["long"][29:31])
    assert [size for _, size in reads] == [1024 * 4] * 2
    reads.clear()
    reader.get_slice("row")[5]
    assert [size for _, size in reads] == [1024 * 8]


def test_get_tensor_is_load_is_levels_of_indices(data: bytes) -> None:
    reader = Reader(data)
    for name, array in reader.load(threads=1).items():
        assert same(reader.get_tensor(name), array)
        if reader.get_info(name).quantizer in ("codebook", "uniform"):
            assert same(reader.get_levels(name)[reader.get_indices(name)], array)
            assert reader.get_indices(name).dtype == (
                np.uint8 if reader.get_info(name).num_levels <= 256 else np.uint16
            )


def test_lossless_tensors_come_back_bit_for_bit() -> None:
    loaded = Reader(encoded("lossless")).load()
    assert all(same(loaded[name], array) for name, array in TENSORS.items())


def test_lossless_tensors_have_neither_indices_nor_levels() -> None:
    reader = Reader(encoded("lossless"))
    for call in (reader.get_indices, reader.get_levels):
        with pytest.raises(ValueError, match="'bias' is lossless"):
            call("bias")


@pytest.mark.parametrize("threads", [1, 2, 7, None])
def test_threads_do_not_matter(data: bytes, threads: int | None) -> None:
    expected = Reader(data).load(threads=1)
    loaded = Reader(data).load(threads=threads)
    assert list(loaded) == list(TENSORS)
    assert all(same(loaded[name], array) for name, array in expected.items())


def test_one_reader_serves_many_threads(data: bytes) -> None:
    reader = Reader(io.BytesIO(data))
    expected = reader.load(threads=1)
    wrong: list[str] = []

    def work(names: list[str]) -> None:
        wrong.extend(name for name in names if not same(reader.get_tensor(name), expected[name]))

    names = list(TENSORS)
    workers = [threading.Thread(target=work, args=(names[shift:] + names[:shift],)) for shift in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


def test_arrays_are_the_callers(data: bytes) -> None:
    reader = Reader(data)
    before = reader.get_tensor("bias")
    array = reader.get_tensor("bias")
    array[:] = 0
    assert same(reader.get_tensor("bias"), before)


def test_tied_tensors_have_the_same_content_in_memory_of_their_own(data: bytes) -> None:
    reader = Reader(data)
    assert reader.get_info("tied").tied_to == "long"
    assert reader.get_info("tied").coded_size == 0
    loaded = reader.load()
    assert same(loaded["tied"], loaded["long"])
    assert same(reader.get_tensor("tied"), loaded["long"])
    assert same(reader.get_slice("tied")[3], loaded["long"][3])
    assert not np.shares_memory(loaded["tied"], loaded["long"])
    loaded["tied"][...] = 0
    assert same(reader.get_tensor("long"), loaded["long"])


MEBI = 1 << 20


@pytest.mark.parametrize(
    ("sizes", "blocks"),
    [
        pytest.param([MEBI, MEBI // 4, 4095], [], id="too little for a block"),
        pytest.param([MEBI, MEBI // 2, 4000], [2], id="one that fits a large page"),
        pytest.param([MEBI, 3 * MEBI, 4000, 4096, 0, 9], [3], id="one block"),
        pytest.param([5 * MEBI] * 4 + [4097, 3 * MEBI, 100], [6], id="a small rest joins the block before"),
        pytest.param([3 * MEBI + 1] * 8 + [4096], [6, 3], id="two blocks"),
        pytest.param([8 * MEBI, 9 * MEBI, 8 * MEBI - 64, 4096], [1, 1, 2], id="large arrays lie alone"),
    ],
)
def test_arrays_of_large_files_lie_in_blocks(sizes: list[int], blocks: list[int]) -> None:
    tensors = {str(i): np.arange(i, i + size, dtype=np.uint32).astype(np.uint8) for i, size in enumerate(sizes)}
    tensors["odd"] = np.frombuffer(b"odd dtypes too", dtype=ml_dtypes.bfloat16).reshape(7, 1)
    tensors["scalar"] = np.array(2.5)
    loaded = hemp_codec.decode(hemp_codec.encode(tensors, coder="stored"), threads=2)
    assert all(same(loaded[name], array) for name, array in tensors.items())
    based = [array for array in loaded.values() if array.base is not None]
    groups = [list(members) for _, members in itertools.groupby(based, lambda array: id(array.base))]
    assert [len(members) for members in groups] == blocks
    assert all(members[0].ctypes.data % (2 * MEBI) == 0 for members in groups), "where a large page begins"
    for members in groups:
        used = sum(array.nbytes for array in members)
        assert used <= members[0].base.nbytes <= used * 17 // 16 + 4 * MEBI
    spans = sorted((array.__array_interface__["data"][0], array.nbytes) for array in loaded.values() if array.nbytes)
    assert all(start + size <= after for (start, size), (after, _) in itertools.pairwise(spans))
    assert all(array.flags.writeable and array.flags.c_contiguous for array in loaded.values())


@pytest.mark.parametrize("coder", ["stored", "rans", "arithmetic", "arithmetic-max", "zstd"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("threads", [1, 3])
def test_all_quantized_tensors_at_once_are_what_each_is_alone(coder: str, dtype: str, threads: int) -> None:
    """Of few and many levels, more than there are elements too; alone, and joined in solid groups."""
    tensors: dict[str, hemp_codec.QuantizedTensor] = {}
    for i, (num_levels, size) in enumerate(itertools.product([2, 3, 256, 257, 4000], [1, 7, 3001])):
        levels = np.unique(RANDOM.normal(size=20 * num_levels).astype(dtype))
        levels = levels[:: max(1, len(levels) // num_levels)][:num_levels]
        indices = np.minimum(RANDOM.geometric(0.1, size) - 1, len(levels) - 1)
        tensors[str(i)] = hemp_codec.QuantizedTensor(indices, levels)
        tensors[f"uniform {i}"] = hemp_codec.QuantizedTensor(indices, np.arange(-1, len(levels) - 1).astype(dtype) / 64)
    reader = Reader(hemp_codec.encode(tensors, coder=coder, segment_bits=10))
    loaded = reader.load(threads=threads)
    directory = reader._directory
    natively = directory.native_load(directory.allocate()).streams()
    assert coder == "zstd" or natively == list(range(directory.stream_count))
    for name, tensor in tensors.items():
        assert same(loaded[name], reader.get_tensor(name)), name
        assert same(loaded[name], tensor.levels[tensor.indices]), name


@pytest.mark.parametrize("coder", ["stored", "rans", "arithmetic"])
def test_loading_damaged_quantized_tensors(coder: str) -> None:
    blob = bytearray(encoded("lloyd-max:5", coder))
    reader = Reader(bytes(blob))
    for number in range(reader._directory._native.segment_count):
        offset, size, _ = reader._directory._native.segment(number)
        damaged = blob.copy()
        damaged[offset + size // 2] ^= 16
        with pytest.raises(ChecksumError) as error:
            hemp_codec.decode(damaged)
        assert error.value.offset == offset


def test_coded_sizes_sum_to_the_body(data: bytes) -> None:
    reader = Reader(data)
    body = sum(reader.get_info(name).coded_size for name in TENSORS)
    assert body == reader.file_size - reader._directory._native.body_offset


def test_info() -> None:
    info = Reader(encoded("lossless")).get_info("long")
    assert (info.dtype, info.shape, info.quantizer, info.num_levels) == ("float32", (300, 5, 7), "lossless", 256)
    assert (info.coder, info.segments, info.tied_to) == ("rans", 11, None)
    assert len(info.coded_planes) == 4 and info.coded_planes[0]
    assert info.bits_per_weight == 8 * info.coded_size / 10500
    assert Reader(encoded("lossless")).get_info("empty").bits_per_weight == 0.0


def test_progress_ends_with_everything(data: bytes) -> None:
    calls: list[tuple[int, int]] = []
    Reader(data).load(progress=lambda done, total: calls.append((done, total)))
    total = sum(array.nbytes for array in TENSORS.values())
    done = [done for done, _ in calls]
    assert {total for _, total in calls} == {total}
    assert done == sorted(done)
    assert done[-1] == total


def test_unknown_names() -> None:
    reader = Reader(encoded("lossless"))
    for call in (reader.get_tensor, reader.get_slice, reader.get_info, reader.get_indices, reader.get_levels):
        with pytest.raises(KeyError, match="no tensor 'nothing'"):
            call("nothing")


def test_a_closed_reader_says_so(tmp_path: Path) -> None:
    path = tmp_path / "model.hemp"
    path.write_bytes(encoded("lossless"))
    with Reader(path) as reader:
        pass
    for call in (lambda: reader.get_tensor("bias"), lambda: reader.get_slice("bias")[:], reader.load, reader.__enter__):
        with pytest.raises(ValueError, match="closed"):
            call()
    reader.close()


def test_a_file_object_stays_open() -> None:
    file = io.BytesIO(encoded("lossless"))
    with Reader(file):
        pass
    assert not file.closed


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Reader(tmp_path / "missing.hemp")
    with pytest.raises(TypeError, match="a path, bytes or a seekable"):
        Reader(7)  # type: ignore[arg-type]
    (tmp_path / "empty.hemp").write_bytes(b"")
    assert code_of(lambda: Reader(tmp_path / "empty.hemp")) == "TRUNCATED"


def test_a_file_that_is_cut_while_open() -> None:
    data = encoded("lossless")
    file = io.BytesIO(data)
    reader = Reader(file)
    file.truncate(len(data) - 10)
    assert code_of(reader.load) == "TRUNCATED"


# Slices


def numpy_answer(array: np.ndarray, key: Any) -> Any:
    try:
        return np.asarray(array[key])
    except IndexError:
        return IndexError


INDEX = st.one_of(
    st.integers(-4, 4),
    st.builds(slice, *[st.none() | st.integers(-5, 5)] * 2, st.none() | st.sampled_from([-3, -2, -1, 1, 2, 3])),
    st.just(Ellipsis),
)


@given(
    shape=st.lists(st.integers(0, 4), max_size=4).map(tuple),
    key=st.lists(INDEX, max_size=5).map(tuple) | INDEX,
)
def test_select_is_numpys_indexing(shape: tuple[int, ...], key: Any) -> None:
    array = np.arange(int(np.prod(shape))).reshape(shape)
    expected = numpy_answer(array, key)
    try:
        selection = select(shape, key)
        block = array.reshape(-1)[selection.start : selection.stop].reshape(selection.shape)
        found = np.asarray(block[selection.index])
    except IndexError:
        assert expected is IndexError
        return
    assert expected is not IndexError
    assert same(found, expected)


def test_slices_of_every_tensor(data: bytes) -> None:
    reader = Reader(data)
    loaded = reader.load()
    pieces = [2, -1, slice(None), slice(1, 2), slice(None, None, 2), slice(250, 20, -7), slice(3, 3), ...]
    for name, array in loaded.items():
        for key in itertools.chain(pieces, itertools.product(pieces[:-1], pieces)):
            expected = numpy_answer(array, key)
            piece = reader.get_slice(name)
            if expected is IndexError:
                with pytest.raises(IndexError):
                    piece[key]
            else:
                assert same(piece[key], np.ascontiguousarray(expected).reshape(expected.shape)), (name, key)


def test_slice_of_a_slice_object() -> None:
    piece = Reader(encoded("lossless")).get_slice("long")
    assert piece.get_shape() == [300, 5, 7]
    assert piece.get_dtype() == "float32"
    assert same(piece[np.int64(2), ...], TENSORS["long"][2])
    for key in (None, True, [1, 2], np.array([1]), "a", 1.0):
        with pytest.raises(TypeError):
            piece[key]


# Limits


def test_max_output() -> None:
    data = encoded("lossless")
    size = sum(array.nbytes for array in TENSORS.values())
    assert code_of(Reader(data, max_output=size - 1).load) == "LIMIT_EXCEEDED"
    assert Reader(data, max_output=size).load()
    small = Reader(data, max_output=1024 * 8)
    assert same(small.get_slice("row")[7:9], TENSORS["row"][7:9])
    with pytest.raises(LimitError, match=r"'row'.*max_output"):
        small.get_tensor("row")


def test_a_tiny_file_cannot_take_much_memory() -> None:
    constant = make_record(b"c", 1 << 50, form=CODEBOOK, parameters=make_codebook(1.0))
    reader = Reader(make_file(make_front(constant)))
    for call in (reader.load, lambda: reader.get_tensor("c"), lambda: reader.get_indices("c")):
        assert code_of(call) == "LIMIT_EXCEEDED"
    assert reader.get_slice("c")[5].tolist() == 1.0
    payload = b"\xff\x00"  # rans: all indices are 0
    planes = varint(2) + payload + varint(2) + payload + varint(2) + payload + payload
    stream = make_stream(planes, coder=4, coded_planes=15)
    reader = Reader(
        make_file(make_front(make_record(b"z", 1 << 24, stream=stream), segment_bits=24), planes), max_output=1 << 24
    )
    for call in (reader.load, lambda: reader.get_tensor("z"), lambda: reader.get_slice("z")[5]):
        assert code_of(call) == "LIMIT_EXCEEDED"


# Damage


def test_damage_of_any_byte_is_found() -> None:
    data = encoded("lloyd-max:5")
    for position in [*range(0, len(data), 37), len(data) - 1]:
        damaged = bytearray(data)
        damaged[position] ^= 1 << position % 8
        with pytest.raises((FormatError, UnsupportedError, LimitError)):
            Reader(bytes(damaged)).load(threads=1)


def test_damage_leaves_other_tensors_readable() -> None:
    data = bytearray(encoded("lossless"))
    reader = Reader(bytes(data))
    offset = reader._directory._native.body_offset
    data[offset] ^= 1
    damaged = Reader(bytes(data))
    assert same(damaged.get_tensor("row"), TENSORS["row"])
    with pytest.raises(ChecksumError) as caught:
        damaged.get_tensor("long")
    assert (caught.value.code, caught.value.tensor, caught.value.offset) == ("SEGMENT_CHECKSUM", "long", offset)
    assert "'long'" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("threads", [1, 4])
def test_the_first_damaged_segment_is_reported(threads: int) -> None:
    data = bytearray(encoded("lossless", "stored"))
    body = Reader(bytes(data))._directory._native.body_offset
    for segment in (9, 4, 6):
        data[body + 4096 * segment + 5] ^= 1
    with pytest.raises(ChecksumError) as caught:
        Reader(bytes(data)).load(threads=threads)
    assert caught.value.offset == body + 4096 * 4


def one_stream(payload: bytes, *, coder: int, coded_planes: int | None, shape: tuple[int, ...] = (2,)) -> Reader:
    record = make_record(b"a", *shape, stream=make_stream(payload, coder=coder, coded_planes=coded_planes))
    return Reader(make_file(make_front(record), payload))


CONSTANT = b"\xff\x07"  # rans: all indices are 7


@pytest.mark.parametrize(
    ("payload", "coded_planes"),
    [
        (bytes(7), None),
        (bytes(9), None),
        (bytes(6) + CONSTANT + b"\x00", 2),
        (bytes(5) + CONSTANT, 2),
        (b"", 2),
        (bytes(4) + b"\x02" + CONSTANT, 3),
        (bytes(4) + b"\x03" + CONSTANT, 3),
        (bytes(4) + b"\x82", 3),
        (bytes(4), 3),
    ],
)
def test_payloads_that_do_not_fit_their_segment(payload: bytes, coded_planes: int | None) -> None:
    reader = one_stream(payload, coder=4 if coded_planes else 0, coded_planes=coded_planes)
    assert code_of(lambda: reader.get_tensor("a")) == "BAD_PAYLOAD"


def test_payload_size_not_minimal() -> None:
    reader = one_stream(bytes(4) + b"\x82\x00" + CONSTANT * 2, coder=4, coded_planes=3)
    assert code_of(lambda: reader.get_tensor("a")) == "BAD_VARINT"


def test_stored_and_coded_planes_together() -> None:
    payload = b"\x01\x02" + b"\x03\x04" + b"\x02" + CONSTANT + b"\xff\x09"
    tensor = one_stream(payload, coder=4, coded_planes=0b1010).get_tensor("a")
    patterns = [0x01070309, 0x02070409]
    assert tensor.view(np.uint32).tolist() == [pattern >> 1 | (pattern & 1) << 31 for pattern in patterns]


def test_plane_0_alone_needs_no_coded_planes() -> None:
    info = one_stream(bytes(6) + CONSTANT, coder=4, coded_planes=None).get_info("a")
    assert info.coded_planes == (True, False, False, False)
    tensor = one_stream(bytes(6) + CONSTANT, coder=4, coded_planes=None).get_tensor("a")
    assert tensor.view(np.uint32).tolist() == [0x07000000 >> 1] * 2


def test_an_unknown_coder_is_an_error_only_when_decoding() -> None:
    payload = b"\x01whatever"  # of the first plane there is a byte
    for coder in (5, 63, 128, 191):
        reader = one_stream(payload, coder=coder, coded_planes=15)
        assert reader.get_info("a").coder == str(coder)
        with pytest.raises(UnsupportedError) as caught:
            reader.get_tensor("a")
        assert (caught.value.code, caught.value.tensor) == ("UNSUPPORTED_CODER", "a")


class Careless(coders.Coder):
    """A coder of another package, which gives what its class says."""

    name = "careless"
    number = 150
    answer: Any = None

    def decode_parts(self, payload: Any, parts: Any) -> list[np.ndarray]:
        return [self.answer]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (np.zeros(3, np.uint8), "BAD_PAYLOAD"),
        (np.zeros(2, np.int64), "BAD_PAYLOAD"),
        (np.array([0, 2], np.uint8), "BAD_INDEX"),
    ],
)
def test_what_another_packages_coder_gives_is_checked(
    answer: np.ndarray, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    get = coders.get
    coder = Careless()
    coder.answer = answer
    monkeypatch.setattr(coders, "get", lambda number: coder if number == 150 else get(number))
    record = make_record(b"a", 2, form=CODEBOOK, parameters=make_codebook(0.0, 1.0), stream=make_stream(b"", coder=150))
    assert code_of(lambda: Reader(make_file(make_front(record))).get_tensor("a")) == code


# Solid streams


def test_solid_streams_interleaved_with_other_classes() -> None:
    values, more = bytes(range(8)), bytes(range(8, 12))
    planes = [values[2 * plane : 2 * plane + 2] + more[plane : plane + 1] for plane in range(4)]
    body = b"".join(planes)
    first = make_record(b"a", 2, stream=make_stream(body))
    between = make_record(b"i", 3, dtype=b"\x01", stream=make_stream(b"xyz"))
    second = make_record(b"b", 1, form=JOINED, dtype=b"\x0b")
    reader = Reader(make_file(make_front(first, between, second), body + b"xyz"))
    patterns = [0x00020406, 0x01030507, 0x08090A0B]
    expected = [pattern >> 1 | (pattern & 1) << 31 for pattern in patterns]
    for array in (reader.get_tensor("a"), reader.load()["a"]):
        assert array.view(np.uint32).tolist() == expected[:2]
    for array in (reader.get_tensor("b"), reader.load(threads=3)["b"], reader.get_slice("b")[0:1]):
        assert array.view(np.uint32).tolist() == expected[2:]
    assert reader.get_tensor("i").tobytes() == b"xyz"
    assert [reader.get_info(name).coded_size for name in "aib"] == [8, 3, 4]


def test_a_new_stream_of_the_class_ends_the_solid_one() -> None:
    records = [
        make_record(b"a", 1, dtype=b"\x01", stream=bytes([0]) + make_segments(b"12")),
        make_record(b"b", 1, form=JOINED),
        make_record(b"c", 1, stream=bytes([0]) + make_segments(b"34")),
        make_record(b"d", 1, form=JOINED),
    ]
    reader = Reader(make_file(make_front(*records), b"1234"))
    assert b"".join(array.tobytes() for array in reader.load().values()) == b"1234"
    assert b"".join(reader.get_tensor(name).tobytes() for name in "dcba") == b"4321"


@pytest.mark.parametrize("coder", ["stored", "rans", "arithmetic"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "int8", "uint16", "bool"])
def test_all_at_once_and_one_by_one_give_the_same(coder: str, dtype: str) -> None:
    """Whole segments are decoded to elements in one go, single tensors by way of their planes."""
    generator = np.random.default_rng(7)
    shapes = [(70, 33), (5,), (), (3, 4, 5), (2100,), (17,), (1,)]
    tensors = {str(number): (50 * generator.normal(size=shape)).astype(dtype) for number, shape in enumerate(shapes)}
    tensors["half noise"] = np.concatenate([np.zeros(1024), generator.normal(size=1024)]).astype(dtype)
    for segment_bits in (10, 20):
        with Reader(hemp_codec.encode(tensors, coder=coder, segment_bits=segment_bits)) as reader:
            loaded = reader.load(threads=2)
            for name, array in tensors.items():
                assert loaded[name].tobytes() == reader.get_tensor(name).tobytes() == array.tobytes(), name


def test_damage_is_named_alike_all_at_once_and_one_by_one() -> None:
    tensors = {"a": np.arange(3000, dtype=np.float32), "b": np.linspace(0, 1, 3000, dtype=np.float32)}
    blob = bytearray(hemp_codec.encode(tensors, coder="rans", segment_bits=10))
    blob[-5] ^= 1
    with Reader(bytes(blob)) as reader:
        with pytest.raises(ChecksumError) as at_once:
            reader.load()
        with pytest.raises(ChecksumError) as alone:
            reader.get_tensor("b")
    assert (str(at_once.value), at_once.value.offset) == (str(alone.value), alone.value.offset)
