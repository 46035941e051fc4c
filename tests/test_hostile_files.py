"""Any bytes as a ``.hemp`` file: every reader in Python refuses them by an error of its own, or gives what they say."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hand_made import make_chunk, make_codebook, make_file, make_front, make_record, make_stream, make_uniform, varint
from hostile_support import CHANCE, SIZES, changed, command, many, memory_below
from hypothesis import given
from hypothesis import strategies as st

import hemp_codec
from hemp_codec.cli.checks import Check
from hemp_codec.sources import open_source
from hemp_spec.errors import ERRORS
from tools.fuzz import damage
from tools.fuzz.changes import KINDS, change_front, change_segment, segments

NAMES = {name for _, name, _ in ERRORS}
VALID = [data for _, data in (*damage.small_files(), *damage.large_files())]
PLACES = [segments(data) for data in VALID]
MEMORY = 64 << 20

short = st.binary(max_size=12)
parameters = (
    st.builds(make_codebook, st.floats(width=32), st.floats(width=32), kind=st.integers(0, 3))
    | st.builds(make_uniform, st.integers(1, 1 << 17), st.integers(0, 1 << 25), st.floats(width=32))
    | st.builds(varint, SIZES)
    | st.just(b"\x00\x00")
    | short
)


@st.composite
def record(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A tensor record and the segments of its stream."""
    payloads = draw(st.lists(short, max_size=3))
    coder = draw(st.sampled_from([0, 0, 1, 2, 3, 4]) | st.integers(0, 255))
    stream = make_stream(*payloads, coder=coder, coded_planes=draw(st.none() | SIZES))
    whole = make_record(
        draw(short),
        *draw(st.lists(SIZES, max_size=7)),
        form=draw(st.sampled_from([0, 8, 16, 24]) | st.integers(0, 255)) & ~7,
        dtype=draw(st.just(b"") | st.binary(min_size=1, max_size=1)),
        parameters=draw(st.just(b"") | parameters),
        stream=draw(st.sampled_from([b"", stream])),
    )
    return whole, b"".join(payloads)


@st.composite
def made(draw: st.DrawFn) -> bytes:
    """A file of records and chunks, whose sizes and checksums are right as far as they go."""
    records = draw(st.lists(record(), max_size=3))
    chunks = b"".join(draw(st.lists(st.builds(make_chunk, st.sampled_from([1, 0x81, 0x82, 0xFF]), short), max_size=2)))
    count = draw(st.none() | SIZES)
    front = make_front(*(one for one, _ in records), chunks=chunks, count=count)
    return make_file(front, b"".join(body for _, body in records))


@st.composite
def repaired(draw: st.DrawFn) -> bytes:
    """A valid file after some changes, each followed by making the checksums right again."""
    number, chance = draw(st.integers(0, len(VALID) - 1)), draw(CHANCE)
    data = change_segment(VALID[number], PLACES[number], chance.choice(KINDS), chance)
    for _ in range(chance.randrange(3)):
        data = change_front(data, chance.choice(KINDS), chance)
    return data


files = (
    st.binary(max_size=200)
    | st.builds(make_file, st.binary(max_size=60), short)
    | made()
    | repaired()
    | st.builds(changed, st.sampled_from(VALID), CHANCE)
)


@many
@given(data=files)
def test_the_readers_agree_on_what_is_valid(data: bytes) -> None:
    with memory_below(MEMORY):
        result = damage.outcome(data)
    if isinstance(result, str):
        assert result in NAMES
    else:
        damage.check_form(data)
    faults = list(itertools.islice(Check(open_source(data), False).faults(), 20))
    assert bool(faults) == isinstance(result, str)
    assert all(fault.code in NAMES and 0 <= fault.offset <= max(len(data), 12) and fault.rule for fault in faults)


@many
@given(data=repaired() | made(), key=st.integers(-3, 3) | st.slices(9))
def test_what_is_asked_of_an_open_file(data: bytes, key: int | slice) -> None:
    try:
        file = hemp_codec.safe_open(data)
    except hemp_codec.HempError:
        return
    with file:
        for name in file.keys():  # noqa: SIM118
            info = file.get_info(name)
            try:
                assert file.get_slice(name).get_shape() == list(info.shape)
                piece = file.get_slice(name)[key]
                assert str(piece.dtype) == info.dtype
            except (hemp_codec.HempError, IndexError):
                continue
            if info.quantizer in ("codebook", "uniform"):
                assert len(file.get_levels(name)) == info.num_levels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@many
@given(data=files, ending=st.sampled_from(["safetensors", "npz", "pt"]))
def test_commands(folder: Path, data: bytes, ending: str) -> None:
    path = folder / "file.hemp"
    path.write_bytes(data)
    command("inspect", path)
    command("validate", path)
    command("decompress", path, folder / f"out.{ending}")
