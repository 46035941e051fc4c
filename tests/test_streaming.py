"""Large tensors: pieces, slices, and how much memory is taken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from tools_support import assert_same

import hemp_codec
import hemp_codec.elements
import hemp_codec.reader
from hemp_codec import checkpoints
from hemp_codec.errors import HempError, LimitError
from hemp_codec.reader import Reader

SEGMENT = 1 << 10
RANDOM = np.random.default_rng(3)
MODEL: dict[str, np.ndarray] = {
    "long": RANDOM.normal(size=(70, 101)).astype(np.float32),
    "constant": np.full((3, SEGMENT), 0.5, np.float32),
    "bias": RANDOM.normal(size=30).astype(np.float32),
    "empty": np.zeros((0, 4), np.float32),
    "scalar": np.array(3, np.int64),
}
MODEL["tied"] = MODEL["long"].reshape(101, 70)


@pytest.mark.parametrize("quantizer", ["lossless", "lloyd-max:9"])
@pytest.mark.parametrize("threads", [1, 3])
def test_pieces_hold_every_element_once(quantizer: str, threads: int) -> None:
    with Reader(hemp_codec.encode(MODEL, quantizer=quantizer, coder="rans", segment_bits=10)) as reader:
        expected = reader.load()
        found = {name: np.zeros(array.size, array.dtype) for name, array in expected.items()}
        times = {name: np.zeros(array.size, int) for name, array in expected.items()}
        progress: list[tuple[int, int]] = []
        for name, start, elements in reader.pieces(threads=threads, progress=lambda *event: progress.append(event)):
            assert elements.ndim == 1 and 0 < elements.size <= SEGMENT
            found[name][start : start + elements.size] = elements
            times[name][start : start + elements.size] += 1
    for name, array in expected.items():
        assert_same(found[name].reshape(array.shape), array)
        assert (times[name] == 1).all()
    total = sum(array.nbytes for array in MODEL.values())
    assert progress == sorted(progress) and progress[-1] == (total, total)


def test_pieces_are_bounded_by_max_output() -> None:
    with pytest.raises(LimitError, match="max_output"):
        Reader(hemp_codec.encode(MODEL), max_output=1000).pieces()


def test_pieces_may_be_left_before_the_end() -> None:
    with Reader(hemp_codec.encode(MODEL, segment_bits=10)) as reader:
        pieces = reader.pieces(threads=2)
        next(pieces)
        pieces.close()
        assert_same(reader.get_tensor("bias"), MODEL["bias"])


@pytest.mark.parametrize("batch", [1, 3000, 1 << 26])
@pytest.mark.parametrize("threads", [1, 3])
def test_loading_reads_a_file_in_batches(
    batch: int, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hemp_codec.elements, "_NATIVE_BATCH_BYTES", batch)
    path, rules = tmp_path / "model.hemp", ["constant=uniform:5@zstd", "bias=lossless@lzma"]
    model = {**MODEL, "bfloat16": MODEL["long"].astype(ml_dtypes.bfloat16), "more": RANDOM.normal(size=5 * SEGMENT)}
    hemp_codec.save_file(model, path, coder="rans", segment_bits=10, rules=rules)
    progress: list[tuple[int, int]] = []
    with Reader(path) as reader:
        loaded = reader.load(threads=threads, progress=lambda *event: progress.append(event))
    assert list(loaded) == list(model)
    for name, array in model.items():
        assert_same(loaded[name], array)
    total = sum(array.nbytes for array in model.values())
    assert progress == sorted(progress) and progress[-1] == (total, total)
    data = path.read_bytes()
    for damaged in (data[:-1], data[:-2000], data[:-1] + bytes([data[-1] ^ 1])):
        path.write_bytes(data)
        with Reader(path) as reader:
            path.write_bytes(damaged)
            with pytest.raises(HempError) as from_file:
                reader.load(threads=threads)
        assert from_file.value.code in ("TRUNCATED", "SEGMENT_CHECKSUM")


@pytest.mark.parametrize("ending", [".safetensors", ".npz", ".pt"])
def test_conversion_keeps_order_and_bits(ending: str, tmp_path: Path) -> None:
    target = tmp_path / f"model{ending}"
    with Reader(hemp_codec.encode(MODEL, segment_bits=10, metadata={"by": "test"})) as reader:
        checkpoints.convert(reader, target)
    back = checkpoints.load(target)
    assert list(back.tensors) == list(MODEL) or ending == ".safetensors"
    assert sorted(back.tensors) == sorted(MODEL)
    for name, array in MODEL.items():
        assert_same(np.asarray(back.tensors[name]), array)
    assert back.metadata == ({"by": "test"} if ending == ".safetensors" else {})


def test_a_slice_decodes_only_its_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, columns = 640, 16  # 64 rows in a segment
    array = np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)
    reader = Reader(hemp_codec.encode({"w": array}, coder="rans", segment_bits=10))
    decode, decoded = hemp_codec.reader.decode_segment, list[int]()

    def counted(*arguments: object) -> object:
        decoded.append(arguments[3])  # type: ignore[arg-type]
        return decode(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(hemp_codec.reader, "decode_segment", counted)
    for key, segments in [
        (slice(3, 5), [0]),
        (slice(63, 65), [0, 1]),
        (slice(576, None), [9]),
        (-1, [9]),
        ((300, slice(2, 3)), [4]),
        (slice(5, 5), []),
        (slice(None), list(range(10))),
    ]:
        decoded.clear()
        assert_same(reader.get_slice("w")[key], array[key])
        assert decoded == segments


# Memory.  The processes below may take so much more of it, beyond what they have after the imports; a mapped file does
# not count (RLIMIT_DATA), the stacks of threads do.  Segments are a fourth of their usual size, so that however many of
# them are waited for, and however the allocator cuts its pieces, the limits are far from what is taken.

MEGA = 1 << 20
TENSOR = 64 * MEGA
LIMITED = """
import resource, sys
import hemp_codec
from hemp_codec import checkpoints, cli
from hemp_codec.reader import Reader
before = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmData"))
source, target, limit = sys.argv[1], sys.argv[2], before + int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
"""
SAVE = "hemp_codec.save_file(checkpoints.load(source).tensors, target, coder='rans', segment_bits=18, threads=2)"
QUANTIZE = SAVE.replace("threads=2", "threads=2, quantizer='lloyd-max:300'")
LOAD = "assert len(hemp_codec.load_file(source, threads=2)) == 2"
CONVERT = "checkpoints.convert(Reader(source), target, threads=2)"


def run_limited(what: str, source: Path, target: Path, limit: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LIMITED + what, str(source), str(target), str(limit)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=source.parent)


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_memory_is_taken_for_segments_not_for_tensors(tmp_path: Path) -> None:
    source, file, back = tmp_path / "model.safetensors", tmp_path / "model.hemp", tmp_path / "back.safetensors"
    values = np.resize(RANDOM.choice(np.arange(16), 1 << 16).astype(np.float32) / 16, TENSOR // 4)
    checkpoints.save({"w": values.reshape(-1, 1024), "b": np.ones(5, np.float32)}, source)
    for what, input_file, output, limit in [
        (QUANTIZE, source, file, TENSOR + TENSOR // 2 + 56 * MEGA),  # sorted values, indices
        (SAVE, source, file, 56 * MEGA),
        (LOAD, file, file, TENSOR + 40 * MEGA),
        (CONVERT, file, back, 56 * MEGA),
    ]:
        result = run_limited(what, input_file, output, limit)
        assert result.returncode == 0, result.stderr[-2000:]
    assert back.read_bytes() == source.read_bytes()
    assert "MemoryError" in run_limited(LOAD, file, file, TENSOR // 2).stderr, "the limit has no effect"
