"""LeNet-5 on a Cortex-M3 with 256 kB of flash and 64 kB of RAM, decoded from flash segment by segment."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest
from embedded_support import HERE, ROOT, SEMIHOSTING, amalgamate, need, run_checked, zig
from safetensors.numpy import load_file

import hemp_codec

RAM = 64 * 1024
SCRATCH = 25600


def build(folder: Path, model: bytes) -> None:
    """The image for the device, with the model in it."""
    decoder = amalgamate(folder)
    for name in ("cortex_m.c", "cortex_m.h", "device.c", "freestanding.c", "cortex_m.ld", "lm3s6965.ld"):
        shutil.copy(HERE / name, folder)
    (folder / "model.hemp").write_bytes(model)
    sources = ["device.c", "cortex_m.c", "freestanding.c", decoder / "hemp_decoder.c"]
    options = ["-mcpu=cortex_m3", "-Os", "-static", f"-DDEVICE_SCRATCH={SCRATCH}", "-ffunction-sections"]
    options += ["-Wl,--gc-sections", "-Wl,-T,lm3s6965.ld"]
    zig(folder, "thumb-freestanding-eabi", [*options, *sources, "-o", "device.elf"])


@pytest.mark.parametrize("coder", ["rans", "arithmetic-plain"])
def test_lenet5_in_64_kb(coder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    emulator = need("qemu-system-arm", "qemu-system-arm")
    tensors = load_file(ROOT / "examples" / "lenet5-mnist.safetensors")
    model = hemp_codec.encode(tensors, quantizer="lloyd-max:16", coder=coder, segment_bits=12)
    build(tmp_path, model)
    lines = (
        run_checked([emulator, "-M", "lm3s6965evb", *SEMIHOSTING, "device.elf"], tmp_path).stdout.decode().splitlines()
    )
    opened, *decoded, ram = [line.split() for line in lines]
    assert opened[:2] == ["open", "OK"]
    expected = hemp_codec.decode(model)
    assert [words[0] for words in decoded] == list(expected)
    for name, status, crc, scratch in decoded:
        assert (status, int(crc)) == ("OK", zlib.crc32(np.ascontiguousarray(expected[name]).tobytes())), name
        assert int(scratch) <= SCRATCH
    static, stack = map(int, ram[1:])
    with capsys.disabled():
        print(f"\nLeNet-5, {coder}, {len(model)} bytes, on a Cortex-M3: {static} bytes of data, {stack} of stack")
    assert static + stack <= RAM
