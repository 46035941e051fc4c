"""Native against reference: for every input the same tensors, or an error of the same class."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import hemp_codec
from hemp_codec.tensors import Part as NativePart
from hemp_spec import SpecError, coders, reference
from hemp_spec.directory import Part as SpecPart
from hemp_spec.errors import ERRORS
from tools.fuzz.changes import KINDS, change, change_front, change_segment, segments
from tools.fuzz.corpus import unpack
from tools.fuzz.seeds import seeds
from tools.fuzz.targets import CODERS, TARGETS, Target

CLASSES = {name: kind for _, name, kind in ERRORS}
MAX_ELEMENTS = 20_000  # the reference takes some microseconds for each
MAX_PAYLOAD_ELEMENTS = 1500
HEAD_SIZE = 8
_DUPLICATE = "DUPLICATE_NAME"


def of_file(data: bytes) -> tuple[object, object]:
    """What the native and the reference decoder make of a file; equal unless one of them is wrong."""
    native, expected = _native_file(data), _reference_file(data)
    if expected == _DUPLICATE:  # another error may be met before that one (spec/format.md, 9)
        expected = native if isinstance(native, str) else CLASSES[_DUPLICATE]
    return native, expected


def _native_file(data: bytes) -> object:
    try:
        with hemp_codec.safe_open(data) as file:
            metadata, source_hash = file.metadata(), file.source_hash
        tensors = hemp_codec.decode(data, threads=1)
    except hemp_codec.HempError as error:
        return CLASSES[str(error.code)]
    return {name: (array.shape, array.tobytes()) for name, array in tensors.items()}, metadata, source_hash


def _reference_file(data: bytes) -> object:
    try:
        file = reference.read(data)
    except SpecError as error:
        return error.code if error.code == _DUPLICATE else CLASSES[error.code]
    tensors = {name: (values.shape, values.data) for name, values in file.tensors.items()}
    return tensors, file.metadata, file.source_hash


def of_payload(coder: str, data: bytes) -> tuple[object, object]:
    """The same of an input of the target ``payload``, of whose parts the first is taken."""
    levels, columns, _, size = struct.unpack_from("<HHBH", data, 1)
    levels, size = levels + 1, size % MAX_PAYLOAD_ELEMENTS
    shape = (-(-size // (columns + 1)), columns + 1) if size > columns else (size,)
    payload = data[HEAD_SIZE:]
    try:
        array = hemp_codec.coders.get(coder).decode_parts(payload, [NativePart(levels, shape, 0, size)])[0]
        native: object = array.tolist()
    except hemp_codec.HempError as error:
        native = CLASSES[str(error.code)]
    try:
        expected: object = coders.decode(CODERS[coder], payload, [SpecPart(levels, shape, 0, size)])[0]
    except SpecError as error:
        expected = CLASSES[error.code]
    return native, expected


def is_small(data: bytes) -> bool:
    """Whether the reference can decode the file within a second or so."""
    try:
        with hemp_codec.safe_open(data) as file:
            infos = [file.get_info(name) for name in file.keys()]  # noqa: SIM118
    except hemp_codec.HempError:
        return True
    return sum(int(np.prod(info.shape, dtype=object)) for info in infos) <= MAX_ELEMENTS


def inputs(target: Target, work: Path) -> list[bytes]:
    """Everything that is known of a target: seeds, the corpus in the repository and that of the last runs."""
    folder = work / "corpus" / target.name
    paths = [*unpack(target, work / "unpacked" / target.name), *(folder.iterdir() if folder.exists() else ())]
    return sorted({data for _, data in seeds(target)} | {path.read_bytes() for path in paths})


def cases(work: Path, seed: int) -> Iterator[tuple[str, bytes]]:
    """Target and input: all inputs of each target once, then changed ones without end."""
    known = {target.name: inputs(target, work) for target in TARGETS if target.is_file or target.source == "payload.c"}
    for name, all_inputs in known.items():
        for data in all_inputs:
            yield name, data
    chance = random.Random(seed)
    files = [data for name in ("decode", "open") for data in known[name] if 16 < len(data) < 8192]
    places = {data: segments(data) for data in files}
    while True:
        data = chance.choice(files)
        kind = chance.choice(KINDS)
        changed = change_segment(data, places[data], kind, chance) if places[data] and chance.random() < 0.6 else None
        yield "decode", changed if changed is not None else change_front(data, kind, chance)
        name = chance.choice(list(CODERS))
        payload = chance.choice([found for found in known[name] if len(found) > HEAD_SIZE] or [bytes(HEAD_SIZE + 1)])
        yield name, payload[:HEAD_SIZE] + change(payload[HEAD_SIZE:], kind, chance, payload[HEAD_SIZE:])


def run(work: Path, seconds: int, seed: int) -> int:
    """Compare for so many seconds; the exit status.  Inputs that differ are kept in ``work``."""
    end = time.monotonic() + seconds
    started = time.process_time()
    count = accepted = differences = 0
    for name, data in cases(work, seed):
        if time.monotonic() > end:
            break
        if name in CODERS and len(data) <= HEAD_SIZE:
            continue
        if name not in CODERS and not is_small(data):
            continue
        native, expected = of_payload(name, data) if name in CODERS else of_file(data)
        count += 1
        accepted += not isinstance(native, str)
        if native != expected:
            differences += 1
            folder = work / "differences"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}-{differences}").write_bytes(data)
            print(name, _brief(native), "where the reference says", _brief(expected), folder, flush=True)
    cpu = time.process_time() - started
    print(f"differential {cpu:.0f} CPU seconds, {count} inputs, {accepted} accepted, {differences} differences")
    return 1 if differences else 0


def _brief(outcome: object) -> str:
    return outcome if isinstance(outcome, str) else "accepted"
