"""What coders say of what they pay for: ``rate_model`` and ``estimate``."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemp_codec import coders
from hemp_codec.coders import Coder, RateModel
from hemp_codec.tensors import Part, index_dtype

CODERS = [coder.name for coder in coders.FORMAT_CODERS]
ARITHMETIC = {"arithmetic", "arithmetic-max", "arithmetic-plain"}
EXACT = set(CODERS) - ARITHMETIC - {"rans"}


@pytest.mark.parametrize("name", CODERS)
def test_rate_models(name: str) -> None:
    model = coders.get(name).rate_model()
    contexts = ("row",) if name == "rans" else ("row", "column", "above", "previous") if name in ARITHMETIC else ()
    order = {"lzma": 3, "zstd": 3}.get(name, 1)
    assert model == RateModel(name, order, contexts, conditional=bool(contexts))


@st.composite
def index_tensors(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    """Indices from tiny to some thousands: even, skewed, smooth along rows, constant, in rows of different spread."""
    num_levels = draw(st.sampled_from([1, 2, 3, 5, 16, 100, 256, 257, 1000]))
    rows, columns = draw(st.sampled_from([(0, 3), (1, 1), (1, 7), (3, 5), (40, 30), (64, 128), (300, 90)]))
    kind = draw(st.sampled_from(["even", "skewed", "smooth", "constant", "one", "rows"]))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    shape = (rows, columns)
    spread = np.exp(rng.normal(size=(rows, 1))) if kind == "rows" else np.full((rows, 1), num_levels / 6)
    values = {
        "even": lambda: rng.integers(0, num_levels, shape),
        "skewed": lambda: rng.geometric(0.9, shape) - 1,
        "smooth": lambda: np.cumsum(rng.integers(-1, 2, shape), axis=1) + num_levels // 2,
        "constant": lambda: np.full(shape, num_levels - 1),
        "one": lambda: np.where(np.arange(rows * columns).reshape(shape) == rows * columns // 3, num_levels - 1, 0),
        "rows": lambda: np.rint(rng.normal(size=shape) * spread) + num_levels // 2,
    }[kind]()
    return np.clip(values, 0, num_levels - 1).astype(index_dtype(num_levels)), num_levels


def assert_close(estimate: float, payload: bytes, name: str) -> None:
    bits = 8 * len(payload)
    if name in EXACT:
        assert estimate == bits
    assert abs(estimate - bits) <= max(0.01 * bits, 16)


@pytest.mark.parametrize("name", CODERS)
@settings(max_examples=40, deadline=None)
@given(tensor=index_tensors())
def test_estimates_of_one_tensor(name: str, tensor: tuple[np.ndarray, int]) -> None:
    indices, num_levels = tensor
    coder = coders.get(name)
    assert_close(coder.estimate(indices, num_levels), coder.encode(indices, num_levels), name)


@pytest.mark.parametrize("name", CODERS)
@settings(max_examples=15, deadline=None)
@given(tensors=st.lists(index_tensors(), min_size=0, max_size=4))
def test_estimates_of_several_parts(name: str, tensors: list[tuple[np.ndarray, int]]) -> None:
    coder = coders.get(name)
    parts = [Part(num_levels, indices.shape, 0, indices.size) for indices, num_levels in tensors]
    flat = [indices.reshape(-1) for indices, _ in tensors]
    assert_close(coder.estimate_parts(flat, parts), coder.encode_parts(flat, parts), name)


@pytest.mark.parametrize("name", ["arithmetic", "arithmetic-plain"])
def test_estimates_of_several_lanes(name: str) -> None:
    """Each ends with a whole state, in which there may be a word or next to nothing."""
    coder = coders.get(name)
    rng = np.random.default_rng(0)
    pairs = [[np.full((64, 128), 1, np.uint8), np.zeros((300, 90), np.uint8)]]
    pairs += [[(rng.random((350, 100)) < 0.01).astype(np.uint8)] for _ in range(12)]
    for indices in pairs:
        parts = [Part(2, array.shape, 0, array.size) for array in indices]
        flat = [array.reshape(-1) for array in indices]
        assert abs(coder.estimate_parts(flat, parts) - 8 * len(coder.encode_parts(flat, parts))) <= 16


@pytest.mark.parametrize("name", CODERS)
@pytest.mark.parametrize("levels", [2, 16, 300])
def test_estimates_of_long_tensors(name: str, levels: int) -> None:
    rng = np.random.default_rng(levels)
    scale = np.exp(rng.normal(size=(500, 1))) * levels / 12
    values = np.rint(rng.normal(size=(500, 200)) * scale) + levels // 2
    indices = np.clip(values, 0, levels - 1).astype(index_dtype(levels))
    coder = coders.get(name)
    assert_close(coder.estimate(indices, levels), coder.encode(indices, levels), name)


@pytest.mark.parametrize("name", CODERS)
def test_estimates_check_indices(name: str) -> None:
    with pytest.raises(ValueError):
        coders.get(name).estimate(np.array([0, 3]), 3)


def test_a_coder_of_another_package_has_both() -> None:
    class Plain(Coder):
        name = "plain"
        number = 150

        def encode_parts(self, indices, parts):  # type: ignore[no-untyped-def]
            return b"".join(array.tobytes() for array in indices)

        def decode_parts(self, payload, parts):  # type: ignore[no-untyped-def]
            return [np.frombuffer(payload, np.uint8)]

    assert Plain().rate_model() == RateModel("plain")
    assert Plain().estimate(np.zeros((3, 4), np.uint8), 2) == 96.0


def test_estimates_of_rans_near_the_ends_of_its_probabilities() -> None:
    rng = np.random.default_rng(5)
    rans = coders.get("rans")
    for rare in (1e-4, 3e-4, 1e-3, 0.3):
        indices = (rng.random((3000, 1000)) < rare).astype(np.uint8)
        assert_close(rans.estimate(indices, 2), rans.encode(indices, 2), "rans")
