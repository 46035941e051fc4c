"""What the writer decides: streams, ties, tables, rules; what it refuses; how few bytes it spends."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file as load_safetensors

import hemp_codec
from hemp_codec import HempError, LimitError, QuantizationError, QuantizedTensor, UnsupportedError
from hemp_codec._entropy import entropy
from hemp_codec.coders import Coder
from hemp_codec.quantizers import LloydMax, Uniform
from hemp_codec.rules import parse_rule
from hemp_codec.writer import write

LENET = Path(__file__).parent.parent / "examples" / "lenet5-mnist.safetensors"


def weights(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.05, shape).astype(np.float32)


def info(tensors: Mapping[str, Any], name: str, **options: Any) -> Any:
    with hemp_codec.safe_open(hemp_codec.encode(tensors, **options)) as file:
        return file.get_info(name)


def test_lossy_quantizers_leave_vectors_and_integers_alone() -> None:
    tensors = {"w": weights(9, 9), "b": weights(9), "scalar": np.float32(3), "n": np.arange(8).reshape(2, 4)}
    names = {name: info(tensors, name, quantizer="lloyd-max:4").quantizer for name in tensors}
    assert names == {"w": "codebook", "b": "lossless", "scalar": "lossless", "n": "lossless"}


def test_first_matching_rule_wins() -> None:
    tensors = {"a.w": weights(9, 9), "a.b": weights(900), "b.w": weights(9, 9, seed=1), "n": np.arange(300)}
    rules = ["a.w=lossless", ("a.*", LloydMax(3)), "b.?=uniform:5@rans", "*=lloyd-max:2"]
    assert info(tensors, "a.w", rules=rules).quantizer == "lossless"
    assert info(tensors, "a.b", rules=rules).num_levels == 3
    assert info(tensors, "b.w", rules=rules).quantizer == "uniform"
    assert info(tensors, "b.w", rules=rules).num_levels == 5
    assert info(tensors, "n", rules=rules).quantizer == "lossless"
    assert info({"a": weights(90, 90)}, "a", rules=["*=lloyd-max:4@rans"]).coder == "rans"


def test_rules_are_parsed_from_their_end() -> None:
    rule = parse_rule("a=b*=uniform:7@zstd")
    assert (rule.pattern, rule.quantizer, rule.coder.name if rule.coder else "") == ("a=b*", Uniform(7), "zstd")
    assert parse_rule(("x", "lloyd-max@lzma")).quantizer == LloydMax(16)
    for wrong in ("lossless", "=lossless", "a=uniform:x", (3, "lossless")):
        with pytest.raises(ValueError):
            parse_rule(wrong)  # type: ignore[arg-type]
    for unknown in ("a=kmeans", "a=lossless@brotli"):
        with pytest.raises(UnsupportedError):
            parse_rule(unknown)
    with pytest.raises(ValueError, match="sequence"):
        hemp_codec.encode({}, rules="*=lossless")


def test_equal_tensors_are_stored_once() -> None:
    array = weights(100, 100)
    alone = hemp_codec.encode({"a": array})
    twice = hemp_codec.encode({"a": array, "b": array, "c": array.copy().reshape(50, 200)})
    assert len(twice) < len(alone) + 30
    assert info({"a": array, "b": array}, "b").tied_to == "a"
    assert info({"a": array, "b": array.astype(np.float64)}, "b").tied_to is None
    lossy_and_not = {"a": array, "b": array}
    assert info(lossy_and_not, "b", quantizer="lloyd-max:4", rules=["b=lossless"]).tied_to is None
    trained = QuantizedTensor(np.arange(100).reshape(10, 10) % 4, np.linspace(0, 1, 4, dtype=np.float32))
    assert info({"a": trained, "b": trained}, "b").tied_to == "a"


def test_small_tensors_share_a_stream() -> None:
    apart = sum(len(hemp_codec.encode({str(n): weights(4, 8, seed=n)})) for n in range(50))
    together = hemp_codec.encode({str(n): weights(4, 8, seed=n) for n in range(50)})
    assert len(together) < apart - 50 * 20
    large = {str(n): weights(300, 8 if n % 2 else 900, seed=n) for n in range(4)}
    with hemp_codec.safe_open(hemp_codec.encode(large)) as file:
        assert {name: file.get_info(name).segments for name in large} == dict.fromkeys(large, 1)


def test_a_small_class_is_one_stream() -> None:
    def streams(tensors: Mapping[str, np.ndarray]) -> int:
        with hemp_codec.safe_open(hemp_codec.encode(tensors, coder="stored")) as file:
            return file._directory.stream_count

    halves = [weights(1 << 9, 1 << 9, seed=n) for n in range(3)]
    assert streams({"a": halves[0], "b": halves[1]}) == 1
    assert streams({"a": halves[0], "b": halves[1], "c": weights(1)}) > 1
    bits = np.random.default_rng(0).random((3, 1 << 19)) < 0.5
    assert streams({"a": bits[0], "b": bits[1]}) == 1
    assert streams(dict(zip("abc", bits, strict=True))) == 3
    assert streams({str(n): weights(4, 8, seed=n) for n in range(3000)}) == 1


def test_tensors_whose_zero_has_another_number_share_no_table() -> None:
    """``rans`` has one table for a stream: in one stream all four would take a bit and more for each zero."""
    rng = np.random.default_rng(0)
    wanted = {"a": (2, 9000), "b": (3, 20000), "c": (3, 400), "d": (2, 5000)}
    tensors = {
        name: QuantizedTensor(
            np.where(rng.random(size) < 0.02, rng.integers(0, 5, size), zero).astype(np.uint8),
            (np.arange(5, dtype=np.float32) - zero) / 8,
        )
        for name, (zero, size) in wanted.items()
    }
    alone = {name: len(hemp_codec.encode({name: tensor}, coder="rans")) for name, tensor in tensors.items()}
    blob = hemp_codec.encode(tensors, coder="rans")
    assert len(blob) < sum(alone.values())
    with hemp_codec.safe_open(blob) as file:
        assert file._directory.stream_count == 3  # b and c share one
        for name, tensor in tensors.items():
            np.testing.assert_array_equal(file.get_indices(name), tensor.indices)
    with hemp_codec.safe_open(hemp_codec.encode(tensors, coder="arithmetic")) as file:
        assert file._directory.stream_count == 1  # it learns of each tensor as it goes


def test_lossless_tensors_of_other_exponents_share_no_table() -> None:
    """As biases and variances of a layer differ, which stand beside each other."""
    tensors = {str(n): weights(2000, seed=n) * np.float32(1 if n < 2 else 1 / 4096) for n in range(4)}
    alone = sum(len(hemp_codec.encode({name: tensor}, coder="rans")) for name, tensor in tensors.items())
    for coder, streams in (("rans", 2), ("arithmetic", 1)):
        blob = hemp_codec.encode(tensors, coder=coder)
        assert len(blob) < alone
        with hemp_codec.safe_open(blob) as file:
            assert file._directory.stream_count == streams
            assert all((file.get_tensor(name) == tensor).all() for name, tensor in tensors.items())
    with hemp_codec.safe_open(hemp_codec.encode({str(n): weights(20, seed=n) / 8**n for n in range(9)})) as file:
        assert file._directory.stream_count == 1, "one more stream would cost more than it saves"


def test_each_segment_decides_whether_a_plane_is_coded() -> None:
    """The low bytes of the first segment have 7 bits: too little for all three, whose others stay as they are."""
    tensor = weights(3 << 20)
    tensor[: 1 << 20].view(np.uint32)[:] &= 0xFFFFFFFE
    sizes = [len(hemp_codec.encode({"w": part}, coder="rans")) for part in tensor.reshape(3, -1)]
    blob = hemp_codec.encode({"w": tensor}, coder="rans")
    assert sizes[0] < sizes[1] - (1 << 20) // 9
    assert len(blob) < sum(sizes) + 100
    assert (hemp_codec.decode(blob)["w"] == tensor).all()
    with hemp_codec.safe_open(blob) as file:
        assert file._directory.stream(0).coded_planes == 0b1001
        assert (file.get_slice("w")[(1 << 20) - 5 : (2 << 20) + 5] == tensor[(1 << 20) - 5 : (2 << 20) + 5]).all()


def test_symbols_that_no_sample_has_are_coded() -> None:
    tensor = weights(1 << 19)
    tensor[5000::40_000] = np.float32(2.0) ** np.arange(-120, -107)
    for order in (tensor, tensor[::-1].copy()):
        blob = hemp_codec.encode({"w": order}, coder="rans")
        assert (hemp_codec.decode(blob)["w"] == order).all()
        assert len(blob) < len(hemp_codec.encode({"w": weights(1 << 19)}, coder="rans")) * 1.001


def test_large_groups_are_bounded() -> None:
    tensors = {str(n): weights(30, 30, seed=n) for n in range(700)}
    blob = hemp_codec.encode(tensors, coder="stored")
    reads = Reads(blob)
    with hemp_codec.safe_open(reads) as file:
        reads.count = 0
        file.get_tensor("200")
        assert 3600 <= reads.count < 100_000


class Reads(io.BytesIO):
    """Counts the bytes that are read."""

    count = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        size = super().readinto(buffer)
        self.count += size
        return size


def test_codebooks_are_narrowed_and_shared() -> None:
    indices = np.arange(64).reshape(8, 8)
    levels = np.linspace(-4, 4 - 1 / 8, 64).astype(np.float32)
    levels[-1] = 8  # else they would be stored as a grid
    exact_in_half = QuantizedTensor(indices, levels)
    not_exact = QuantizedTensor(indices, levels / 3)
    small, large = len(hemp_codec.encode({"a": exact_in_half})), len(hemp_codec.encode({"a": not_exact}))
    assert large - small == 128
    other = QuantizedTensor(indices[::-1], not_exact.levels)
    assert len(hemp_codec.encode({"a": not_exact, "b": other})) < large + 80
    wide = QuantizedTensor(indices, exact_in_half.levels.astype(np.float64))
    mixed = {"a": exact_in_half, "b": wide, "c": QuantizedTensor(indices, exact_in_half.levels.astype(np.float16))}
    decoded = hemp_codec.decode(hemp_codec.encode(mixed))
    for name, value in mixed.items():
        assert decoded[name].dtype == value.levels.dtype
        np.testing.assert_array_equal(decoded[name], value.dequantize())


def test_negative_zero_and_subnormal_levels_survive() -> None:
    levels = np.array([-1e-45, -0.0, 0.0, 6e-8], np.float32)
    decoded = hemp_codec.decode(hemp_codec.encode({"a": QuantizedTensor(np.arange(4), levels)}))
    assert decoded["a"].tobytes() == levels.tobytes()


def test_noise_is_stored_and_structure_coded() -> None:
    noise = np.random.default_rng(0).integers(0, 256, 1 << 18, dtype=np.uint8)
    assert info({"a": noise}, "a").coder == "stored"
    assert len(hemp_codec.encode({"a": noise}, coder="zstd")) < noise.size + 64
    array = weights(1 << 9, 1 << 10)
    for coder in ("lzma", "zstd", "rans", "arithmetic"):
        assert len(hemp_codec.encode({"a": array}, coder=coder)) < 0.92 * array.nbytes


@pytest.mark.parametrize(
    "value, problem",
    [
        (QuantizedTensor(np.array([0, 4]), np.zeros(4, np.float32)), "each must be below the number of levels"),
        (QuantizedTensor(np.array([-1, 2]), np.zeros(4, np.float32)), "indices from -1 to 2"),
        (QuantizedTensor(np.array([0.0, 2]), np.zeros(4, np.float32)), "indices are float64"),
        (QuantizedTensor(np.array([0]), np.array([1, 0], np.float32)), "np.argsort"),
        (QuantizedTensor(np.array([0]), np.array([0, np.nan], np.float32)), "finite"),
        (QuantizedTensor(np.array([0]), np.array([0, 1])), "give float16"),
        (QuantizedTensor(np.array([0]), np.zeros((2, 2), np.float32)), "one dimension"),
        (QuantizedTensor(np.array([], np.uint8), np.zeros(0, np.float32)), "one dimension"),
        (np.array([1, "x"], object), "has no place"),
        (np.array(["text"]), "has no place"),
        ([1.0, 2.0], "neither a numpy array"),
    ],
)
def test_bad_tensors_are_refused_by_name(value: Any, problem: str) -> None:
    with pytest.raises(HempError, match=problem) as caught:
        hemp_codec.encode({"fine": weights(3), "layer.7": value})
    assert caught.value.tensor == "layer.7" and str(caught.value).startswith("tensor 'layer.7': ")


def test_nan_names_the_tensor_and_the_way_out() -> None:
    bad = weights(8, 8)
    bad[1, 1] = np.nan
    with pytest.raises(QuantizationError, match=r"tensor 'w': 1 values are NaN.*lossless") as caught:
        hemp_codec.encode({"w": bad}, quantizer="uniform:4")
    assert isinstance(caught.value, ValueError)
    decoded = hemp_codec.decode(hemp_codec.encode({"w": bad}, quantizer="uniform:4", rules=["w=lossless"]))
    assert decoded["w"].tobytes() == bad.tobytes()


def test_names_and_metadata_are_checked() -> None:
    for name in ("\ud800", 7):
        with pytest.raises(HempError) as caught:
            hemp_codec.encode({name: weights(2)})  # type: ignore[dict-item]
        assert caught.value.code == "BAD_NAME"
    longest = "é" * 32767 + "x"
    assert list(hemp_codec.decode(hemp_codec.encode({longest: weights(2), "": weights(3)}))) == [longest, ""]
    with pytest.raises(LimitError):
        hemp_codec.encode({longest + "x": weights(2)})
    for metadata in ({"a": 1}, {1: "a"}, {"a": "\udfff"}):
        with pytest.raises(HempError) as caught:
            hemp_codec.encode({}, metadata=metadata)  # type: ignore[arg-type]
        assert caught.value.code == "BAD_METADATA"
    with pytest.raises(HempError, match="32 bytes"):
        hemp_codec.encode({}, source_sha256=b"short")


class Misnumbered(Coder):
    name = "misnumbered"
    number = 64


def test_arguments_are_checked() -> None:
    for options in (
        {"segment_bits": 8},
        {"segment_bits": 19},
        {"segment_bits": 26},
        {"threads": 0},
        {"quantizer": "lloyd-max:0"},
    ):
        with pytest.raises(ValueError):
            hemp_codec.encode({}, **options)  # type: ignore[arg-type]
    for unknown in ({"quantizer": "kmeans"}, {"coder": "brotli"}, {"coder": Misnumbered()}):
        with pytest.raises(UnsupportedError):
            hemp_codec.encode({}, **unknown)  # type: ignore[arg-type]


class Lazy(Mapping[str, np.ndarray]):
    """Makes arrays when asked, and notes how often."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getitem__(self, name: str) -> np.ndarray:
        self.asked.append(name)
        return weights(50, 50, seed=int(name))

    def __iter__(self) -> Iterator[str]:
        return iter(str(number) for number in range(5))

    def __len__(self) -> int:
        return 5


def test_each_tensor_is_asked_for_once_and_progress_told() -> None:
    lazy, told = Lazy(), []
    blob = hemp_codec.encode(lazy, progress=lambda *report: told.append(report), threads=2)
    assert lazy.asked == list(lazy)
    assert told == [(str(number), number + 1, 5) for number in range(5)]
    assert blob == hemp_codec.encode(dict(Lazy()))


def test_write_to_a_file_object() -> None:
    out = io.BytesIO()
    size = write({"a": weights(5, 5)}, out, metadata={"k": "v"})
    assert size == len(out.getvalue()) and out.getvalue() == hemp_codec.encode(
        {"a": weights(5, 5)}, metadata={"k": "v"}
    )


def test_arrays_are_not_changed() -> None:
    array = weights(20, 20)
    array.flags.writeable = False
    before = array.tobytes()
    for quantizer in ("lossless", "lloyd-max:4", "uniform:4"):
        hemp_codec.encode({"a": array, "b": array[::-1]}, quantizer=quantizer)
    assert array.tobytes() == before


def overhead(tensors: Mapping[str, Any], **options: Any) -> tuple[int, int]:
    """Bytes besides streams and levels, and those of the names and their sizes among them."""
    blob = hemp_codec.encode(tensors, **options)
    levels = {}
    with hemp_codec.safe_open(blob) as file:
        for name in tensors:
            if file.get_info(name).quantizer == "uniform":
                levels[name] = 4
            if file.get_info(name).quantizer == "codebook":
                table = file.get_levels(name)
                half = [kind for kind in (np.float16, ml_dtypes.bfloat16) if (table == table.astype(kind)).all()]
                levels[name] = len(table) * (2 if half else 4)
        streams = stream_bytes(blob)
    return len(blob) - streams - sum(levels.values()), sum(1 + len(name) for name in tensors)


def stream_bytes(blob: bytes) -> int:
    """Size of the body: what follows the front and its checksum."""
    shift = size = 0
    position = 10
    while True:
        byte = blob[position]
        size |= (byte & 0x7F) << shift
        shift, position = shift + 7, position + 1
        if byte < 0x80:
            return len(blob) - position - size - 4


def test_overhead_of_lenet5() -> None:
    tensors = load_safetensors(LENET)
    assert len(tensors) == 8 and sum(array.size for array in tensors.values()) == 431_080
    choices: tuple[tuple[int, dict[str, Any]], ...] = (
        (61, {"quantizer": "lloyd-max:16", "rules": ["*=lloyd-max:16"]}),
        (64, {"quantizer": "lloyd-max:16"}),
        (52, {"quantizer": "lossless"}),
    )
    for most, options in choices:
        everything, names = overhead(tensors, **options)
        assert everything - names == most <= 64 and everything <= 160, options


def test_entropy_estimate() -> None:
    for num_levels in (2, 7, 256, 3000):
        indices = np.random.default_rng(0).geometric(0.9 / num_levels, 5000) % num_levels
        shares = np.bincount(indices)[np.bincount(indices) > 0] / indices.size
        assert entropy(indices, num_levels) == pytest.approx(-(shares * np.log2(shares)).sum(), abs=1e-4)
    assert entropy(np.zeros(9, np.uint8), 1) == entropy(np.zeros(0, np.uint8), 4) == 0.0


def test_ties_are_found_among_tensors_that_look_alike() -> None:
    """Large tensors are compared by a sample first, which here is the same for all."""
    first = np.zeros(1 << 18, np.uint8)
    second = first.copy()
    second[1 << 17 >> 1] = 1  # between the beginning and the middle
    with hemp_codec.safe_open(
        hemp_codec.encode({"a": first, "b": second, "c": second.copy(), "d": first.copy()})
    ) as reader:
        assert [reader.get_info(name).tied_to for name in "abcd"] == [None, None, "b", "a"]
        assert np.array_equal(reader.get_tensor("c"), second)
