"""Files whose payloads must be refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hemp_spec.coders.mixing import Mixer
from hemp_spec.coders.models import Models
from hemp_spec.coders.neighbors import Header
from hemp_spec.coders.rans import RAW, Strips
from hemp_spec.coders.wide import Slots, cumulative
from hemp_spec.directory import Part
from hemp_spec.fields import encode_varint
from spec.vectors.accepted import grid
from spec.vectors.arithmetic_encoder import (
    BitWriter,
    LanesEncoder,
    RangeEncoder,
    arithmetic,
    encode_mixed_part,
    list_part,
    mixed_header,
    simple_header,
    wide_header,
    write_header,
)
from spec.vectors.encoders import (
    STORED,
    ZSTD,
    Coder,
    lzma,
    lzma_literals,
    rans,
    rans_block,
    rans_classes_block,
    raw,
    zstd_block,
)
from spec.vectors.files import codebook, join, lossless, make_file, with_segment

Case = tuple[str, str, bytes]  # name, what is wrong, file
Cases = Iterator[tuple[str, Sequence[Case]]]  # by section

SIX = [0, 1, 2, 3, 0, 1]
FRAME_HEADER = b"\x20\x06"  # one segment of six bytes
LZMA_HEADER = b"\x5d\x0c"


def indexed(coder: Coder, num_levels: int = 4, count: int = 6) -> bytes:
    """A file of one tensor of ``count`` elements, whose stream is the coder's."""
    indices = [k % num_levels for k in range(count)]
    return make_file([codebook("w", "float32", [count], indices, grid(num_levels), coder)])


def bad_payload() -> Cases:
    """BAD_PAYLOAD."""
    yield from _segments()
    yield from _stored()
    yield from _lzma()
    yield from _zstd()
    yield from _arithmetic_headers()
    yield from _arithmetic()
    yield from _rans()


def bad_index() -> Cases:
    """BAD_INDEX."""
    part, wide = Part(3, (6,), 0, 6), Part(300, (6,), 0, 6)
    cases = []
    for name, coder in (("stored", STORED), ("lzma", lzma()), ("zstd", ZSTD)):
        cases.append((name, "index 3 of 3 levels", _payload(coder, SIX, part)))
    for name, coder in (("stored", STORED), ("lzma", lzma()), ("zstd", ZSTD), ("rans", rans())):
        cases.append((f"{name}-wide", "index 300 of 300 levels", _payload(coder, [*SIX[:5], 300], wide)))
    beside = raw(4, rans_block([0, 1, 3, 2, 0, 1], 4, 0))
    solid = [codebook("a", "float32", [3], [0, 1, 2], grid(3), beside)]
    solid.append(join(codebook("b", "float32", [3], [0, 1, 2], grid(4))))
    cases.append(("rans-solid", "index 3 of 3 levels, beside a part of 4", make_file(solid)))
    bools = lossless("a", "bool", [6], bytes([0, 1] * 3), raw(2, FRAME_HEADER + zstd_block(1, 6, b"\2")))
    cases.append(("bool", "bools of value 2", make_file([bools])))
    yield "coders 1.4", cases


def _payload(coder: Coder, indices: Sequence[int], part: Part) -> bytes:
    return indexed(raw(coder.number, coder.encode([indices], [part])), part.num_levels)


def _segments() -> Cases:
    two = lossless("a", "uint16", [2], b"aaaa", rans())
    mixed = lossless("a", "uint16", [2], b"aaaa", rans(), coded_planes=1)
    unknown = lossless("a", "uint16", [2], b"aaaa", raw(128, b"12", b"34"))
    unknown_mixed = lossless("a", "uint16", [2], b"aaaa", raw(128, b"12"), coded_planes=1)
    yield (
        "6.5",
        [
            (
                "plane-beyond",
                "a plane's payload reaches beyond the segment",
                with_segment(two, lambda old: b"\x7f" + old[1:]),
            ),
            ("plane-size-cut", "the segment ends within a payload's size", with_segment(two, lambda old: b"\x80")),
            ("plane-missing", "the segment ends before its planes", with_segment(two, lambda old: b"")),
            ("stored-beyond", "the segment ends within a stored plane", with_segment(mixed, lambda old: old[:1])),
            (
                "unknown-beyond",
                "a plane's payload reaches beyond the segment; its coder is not known",
                with_segment(unknown, lambda old: b"\x7f" + old[1:]),
            ),
            (
                "unknown-stored-beyond",
                "the segment ends within a stored plane; the coder of the other is not known",
                with_segment(unknown_mixed, lambda old: old[:1]),
            ),
        ],
    )


def _stored() -> Cases:
    payloads = {
        "stored-padding": ("a bit beyond the last index is set", b"\xe4\x14"),
        "stored-long": ("a byte too many", b"\xe4\x04\x00"),
        "stored-short": ("a byte too few", b"\xe4"),
        "stored-empty": ("no bytes", b""),
    }
    for name, (about, payload) in payloads.items():
        rule = "coders 2" if name == "stored-padding" else "6.5"
        yield rule, [(name, about, indexed(raw(0, payload)))]


def _lzma() -> Cases:
    data = bytes(SIX)
    good = lzma_literals(data)
    payloads = {
        "lzma-empty": ("no bytes", b""),
        "lzma-properties": ("properties 225", b"\xe1\x0c" + good),
        "lzma-lc-lp": ("lc + lp is 5", bytes([(2 * 5 + 2) * 9 + 3, 12]) + good),
        "lzma-small-dictionary": ("a dictionary of 2^11 bytes", b"\x5d\x0b" + good),
        "lzma-large-dictionary": ("a dictionary of 2^29 bytes", b"\x5d\x1d" + good),
        "lzma-damaged": ("a range coder that does not begin with 0", LZMA_HEADER + b"\x01" + good[1:]),
        "lzma-cut": ("the end marker is cut", LZMA_HEADER + good[:-6]),
        "lzma-left": ("a byte after the end marker", LZMA_HEADER + good + b"\0"),
        "lzma-short": ("five bytes where six are due", LZMA_HEADER + lzma_literals(data[:5])),
        "lzma-long": ("seven bytes where six are due", LZMA_HEADER + lzma_literals(data + b"\1")),
    }
    yield "coders 3", [(name, about, indexed(raw(1, payload))) for name, (about, payload) in payloads.items()]


def _zstd() -> Cases:
    data = bytes(SIX)
    block = zstd_block(0, 6, data)
    halves = [b"\x20\x03" + zstd_block(0, 3, half) for half in (data[:3], data[3:])]
    million = b"\x00\x58" + zstd_block(1, 131072, b"\0", 0) * 8 + zstd_block(0, 0, b"")
    payloads = {
        "zstd-empty": ("no bytes", b""),
        "zstd-checksum": ("a frame with a checksum", b"\x24\x06" + block + bytes(4)),
        "zstd-dictionary": ("a frame with a dictionary", b"\x21\x01\x06" + block),
        "zstd-window": ("a window of 2^28 bytes", b"\x00\x90" + block),
        "zstd-window-fraction": ("a window of 2^27 + 2^24 bytes", b"\x00\x89" + block),
        "zstd-window-single": ("one segment of 2^27 + 1 bytes", b"\xa0\x01\x00\x00\x08" + block),
        "zstd-reserved-bit": ("the reserved bit of the descriptor", b"\x28\x06" + block),
        "zstd-magic": ("a frame with its magic number", b"\x28\xb5\x2f\xfd" + FRAME_HEADER + block),
        "zstd-cut": ("the block is cut", FRAME_HEADER + block[:-1]),
        "zstd-header-cut": ("the frame header is cut", FRAME_HEADER[:1]),
        "zstd-left": ("a byte after the frame", FRAME_HEADER + block + b"\0"),
        "zstd-two": ("two frames", b"".join(halves)),
        "zstd-short": ("five bytes where six are due", b"\x20\x05" + zstd_block(0, 5, data[:5])),
        "zstd-long": ("a million bytes where six are due", million),
        "zstd-reserved": ("a block of the reserved type", FRAME_HEADER + zstd_block(3, 6, data)),
    }
    yield "coders 4", [(name, about, indexed(raw(2, payload))) for name, (about, payload) in payloads.items()]


def _fields(*fields: tuple[int, int]) -> bytes:
    """A payload that begins with these integers of so many bits, and goes on with bytes that are not 0."""
    writer = BitWriter()
    for value, bits in fields:
        writer.bits(value, bits)
    writer.bits(0, -writer.size % 8)
    return writer.finish() + b"\x55" * 40


def _header(bins: int, *, center: int = 0, order: int = 0, last_class: int = 0) -> list[tuple[int, int]]:
    """The fields of a header up to `limit`, with as many bins as levels."""
    return [*_plain(0), (bins - 1, 4), (center, 4), (order, 2), (last_class, 4), (0, 3), (0, 2)]


def _plain(constant: int) -> list[tuple[int, int]]:
    """The plain mode with one lane, and `constant`."""
    return [(0, 2), (0, 1), (constant, 1)]


_MIXED = [(1, 2), (0, 1)]


def _arithmetic_headers() -> Cases:
    neighborhood = [(0, 4), (0, 3), (0, 3), (0, 8)]
    classes = [*_header(4, last_class=2), *[(1, 8)] * 4, *neighborhood]
    zeros = [(0, 1)] * 16
    payloads = {
        "arithmetic-symbol": ("a constant symbol of 6 with 5 levels", 5, [*_plain(1), (6, 3)]),
        "arithmetic-one-bin": ("one bin", 4, _header(1)),
        "arithmetic-bins": ("five bins of four levels", 4, _header(5)),
        "arithmetic-center": ("a center that is not a bin", 4, _header(4, center=4)),
        "arithmetic-mixed-center": ("a center that is not a bin", 4, [*_MIXED, (3, 4), (4, 4)]),
        "arithmetic-contexts": ("320 contexts", 4, _header(4, order=3, last_class=4)),
        "arithmetic-threshold-zero": ("the first threshold is 0", 4, [*classes, (0, 8), (5, 8)]),
        "arithmetic-thresholds": ("two equal thresholds", 4, [*classes, (5, 8), (5, 8)]),
        "arithmetic-weights": (
            "weights of 260 in all",
            4,
            [*_header(4, last_class=1), *[(65, 8)] * 4, *neighborhood, (5, 8)],
        ),
        "arithmetic-mixed-weights": (
            "weights of 257 in all",
            4,
            [*_MIXED, (3, 4), (1, 4), (255, 8), (2, 8), (0, 8), (0, 8), *neighborhood],
        ),
        "arithmetic-wide-weights": (
            "weights of 257 in all",
            4,
            [(2, 2), (1, 1), (0, 1), (3, 4), (1, 4), (255, 8), (2, 8), (0, 8), (0, 8), *neighborhood],
        ),
        "arithmetic-sizes": (
            "a bin of 4 levels and one of none",
            4,
            [*_plain(0), (1, 4), (0, 1), (0, 1), (1, 1), (0, 2)],
        ),
        "arithmetic-zeros": ("a bin of 2^16 levels", 300, [*_plain(0), (1, 4), *zeros, (1, 1)]),
    }
    yield (
        "coders 5.2",
        [
            (name, about, indexed(raw(3, _fields(*fields)), num_levels))
            for name, (about, num_levels, fields) in payloads.items()
        ],
    )
    good = arithmetic().encode([SIX], [Part(4, (6,), 0, 6)])
    yield (
        "coders 5.1",
        [
            ("arithmetic-empty", "no bytes", indexed(raw(3, b""))),
            ("arithmetic-header-cut", "half a header", indexed(raw(3, good[:1]))),
            ("arithmetic-mode", "mode 3", indexed(raw(3, b"\x03" + good[1:]))),
            ("arithmetic-padding", "a bit after the headers that is not 0", indexed(raw(3, _padded()))),
            ("arithmetic-constant-left", "a byte after a constant part", indexed(raw(3, b"\x18\x00"))),
        ],
    )


def _padded() -> bytes:
    """A constant part, 6 bits, and one more."""
    return bytes([0b0101_1000])


def _arithmetic() -> Cases:
    part = Part(4, (6,), 0, 6)
    good = arithmetic().encode([SIX], [part])
    states = len(good) - len(_lanes_of(SIX).finish())
    low = good[:states] + b"\xff\xff\xff\x00\x00" + good[states + 5 :]
    many = [k % 4 for k in range(60)]
    cut = arithmetic().encode([many], [Part(4, (60,), 0, 60)])[:-2]
    yield (
        "coders 5.4",
        [
            ("arithmetic-states-cut", "no room for the state", indexed(raw(3, good[: states + 4]))),
            ("arithmetic-lanes-cut", "room for one state of eight", indexed(raw(3, bytes([good[0] | 4]) + good[1:]))),
            ("arithmetic-state-low", "a state below 2^24", indexed(raw(3, low))),
            ("arithmetic-state-low-last", "the last of eight states is below 2^24", indexed(raw(3, _low_last_state()))),
            ("arithmetic-odd", "half a word", indexed(raw(3, good + b"\0"))),
            ("arithmetic-word-left", "a word is left over", indexed(raw(3, good + b"\0\0"))),
            ("arithmetic-word-missing", "a word is missing", indexed(raw(3, cut), count=60)),
            ("arithmetic-final-state", "another final state", indexed(raw(3, good[:states] + _other_end()))),
            ("arithmetic-residual", "level 17 of a bin of 17", indexed(raw(3, _beyond_bin()), 18)),
        ],
    )
    wide = arithmetic(wide_header, lanes=8).encode([many], [Part(4, (60,), 0, 60)])
    yield (
        "coders 5.4",
        [
            ("arithmetic-wide-word-left", "a word is left over", indexed(raw(3, wide + b"\0\0"), count=60)),
            ("arithmetic-wide-word-missing", "a word is missing", indexed(raw(3, wide[:-2]), count=60)),
            ("arithmetic-wide-last-word", "the last word is another", indexed(raw(3, _turned(wide)), count=60)),
            ("arithmetic-wide-residual", "level 17 of a bin of 17", indexed(raw(3, _wide_beyond_bin()), 18)),
        ],
    )
    yield (
        "coders 5.6",
        [("arithmetic-mixed-bin", "bin 3 of three", indexed(raw(3, _mixed_beyond_bin()), 3))],
    )
    yield (
        "coders 5.4",
        [("arithmetic-mixed-residual", "level 17 of a bin of 17", indexed(raw(3, _mixed_residual(8, 1)), 18))],
    )
    yield (
        "coders 5.7",
        [
            ("arithmetic-symbol-beyond", "a symbol that does not exist", indexed(raw(3, _mixed_residual(None)), 18)),
            ("arithmetic-integer-beyond", "an integer that does not exist", indexed(raw(3, _mixed_residual(0)), 18)),
        ],
    )
    mixed = arithmetic(mixed_header).encode([SIX], [part])
    front = len(mixed) - len(_range_of(SIX).finish())
    beyond = mixed[:front] + b"\xff" * 8
    yield (
        "coders 5.7",
        [
            ("arithmetic-range", "a decision that does not exist", indexed(raw(3, beyond))),
            ("arithmetic-mixed-zero-left", "a zero byte at the end", indexed(raw(3, mixed + b"\0"))),
            ("arithmetic-mixed-byte-left", "a byte after the end", indexed(raw(3, mixed + b"\1"))),
            ("arithmetic-mixed-bytes-left", "many bytes after the end", indexed(raw(3, mixed + b"\1" * 20))),
            (
                "arithmetic-mixed-other-end",
                "the first bit of the last byte is turned over",
                indexed(raw(3, _turned(mixed))),
            ),
            ("arithmetic-mixed-long-end", "an end that is longer than it need be", indexed(raw(3, _long_end(mixed)))),
        ],
    )


def _turned(payload: bytes) -> bytes:
    return payload[:-1] + bytes([payload[-1] ^ 128])


def _lanes_of(values: Sequence[int]) -> LanesEncoder:
    encoder = LanesEncoder(1)
    header, part = simple_header(4), Part(4, (len(values),), 0, len(values))
    list_part(encoder, header, Models(header), part, values)
    return encoder


def _range_of(values: Sequence[int]) -> RangeEncoder:
    encoder = RangeEncoder()
    header, part = mixed_header(4), Part(4, (len(values),), 0, len(values))
    encode_mixed_part(encoder, header, Models(header), Mixer(), part, values)
    return encoder


def _other_end() -> bytes:
    return _lanes_of(SIX).finish((1 << 24) + 1)


def _beyond_bin() -> bytes:
    """Two bins, the first of 17 levels: residual symbols of two levels, the last of which has one."""
    writer = BitWriter()
    for value, bits in (*_plain(0), (1, 4), (0, 4), (1, 1), (1, 4), (0, 4), (0, 2), (0, 4), (0, 3), (0, 2)):
        writer.bits(value, bits)
    models = Models(Header(0, 0, 0, (17, 1)))
    encoder = LanesEncoder(1)
    encoder.symbol(0, 0, models.prepare([0])[0])
    encoder.symbol(0, 8, models.residuals[0].prepare())
    encoder.integer(0, 1, 1)
    return writer.finish() + encoder.finish()


def _wide_beyond_bin() -> bytes:
    """The same bins in the wide mode."""
    header = Header(0, 2, 0, (17, 1))
    writer = BitWriter()
    writer.bits(2, 3)
    write_header(writer, header, 18)
    models = Models(header)
    slots = Slots(models.root)
    encoder = LanesEncoder(1)
    encoder.symbol(0, 0, cumulative(slots.mix([[0, 0, 0, 0]])[0]))
    encoder.symbol(0, 8, models.residuals[0].prepare())
    encoder.integer(0, 1, 1)
    return writer.finish() + encoder.finish()


def _mixed_beyond_bin() -> bytes:
    writer = BitWriter()
    for value, bits in (*_MIXED, (2, 4), (1, 4), *[(0, 8)] * 4, (0, 4), (0, 3), (0, 3), (0, 8)):
        writer.bits(value, bits)
    encoder = RangeEncoder()
    for decision in (0, 1, 1):
        encoder.decision(decision, 32768)
    return writer.finish() + encoder.finish()


def _mixed_residual(symbol: int | None, integer: int | None = None) -> bytes:
    """The bins of `_beyond_bin` in the mixed mode, and the first of them: a residual symbol and an integer.

    Where one of them is None, the code is the last of its range, which belongs to no value.
    """
    header = Header(0, 1, 0, (17, 1))
    writer = BitWriter()
    writer.bits(1, 2)
    write_header(writer, header, 18)
    encoder = RangeEncoder()
    encoder.decision(1, 32768)
    if symbol is not None:
        encoder.symbol(symbol, Models(header).residuals[0].prepare())
    if integer is not None:
        encoder.uniform(integer, 1)
        return writer.finish() + encoder.finish()
    assert symbol is None or encoder.range % 2 == 1
    return writer.finish() + (encoder.low + encoder.range - 1).to_bytes(8, "big")


def _low_last_state() -> bytes:
    payload = arithmetic(lanes=8).encode([SIX], [Part(4, (6,), 0, 6)])
    assert payload[-5:] == (1 << 24).to_bytes(5, "little")  # of a lane that is not used
    return payload[:-5] + b"\xff\xff\xff\x00\x00"


def _long_end(payload: bytes) -> bytes:
    """Ends with a number inside the last range, but not the one with the fewest bytes."""
    encoder = _range_of(SIX)
    front = payload[: len(payload) - len(encoder.finish())]
    end = encoder.low + encoder.range // 2 + 1
    return front + end.to_bytes(4 * encoder.words + 8, "big")


def _rans() -> Cases:
    good = rans_block(SIX, 4, 0)
    quarters = b"\x00" + encode_varint(1024) * 4

    def table(*frequencies: int) -> bytes:
        return b"\x00" + b"".join(map(encode_varint, frequencies)) + bytes(8)

    payloads = {
        "rans-empty": ("no bytes", b""),
        "rans-mode": ("mode 6", b"\x06" + good[1:]),
        "rans-mode-253": ("mode 253", b"\xfd\x00"),
        "rans-raw-few": ("a raw block of four symbols", bytes([RAW, *SIX])),
        "rans-nine-classes": ("nine classes", b"\x40" + good[1:]),
        "rans-zeros-beyond": ("four symbols of frequency 0 behind the first of four", table(0, 4, 4095, 1)),
        "rans-zeros-all": ("frequencies that are all 0", table(0, 3)),
        "rans-symbol": ("a constant symbol of 4", b"\xff\x04"),
        "rans-constant-left": ("a byte after a constant block", b"\xff\x01\x00"),
        "rans-constant-cut": ("a constant block without symbol", b"\xff"),
        "rans-sum-low": ("frequencies of sum 4095", table(1024, 1024, 1024, 1023)),
        "rans-sum-high": ("frequencies of sum 4097", table(1024, 1024, 1024, 1025)),
        "rans-frequency-4096": ("a frequency of 4096", b"\x00\x80\x20" + (1 << 16).to_bytes(4, "little")),
        "rans-frequency-huge": ("a frequency of 2^62", table(1 << 62)),
        "rans-frequencies-cut": ("the block ends within the frequencies", quarters[:5]),
        "rans-states-cut": ("the block ends within the states", quarters + b"\x00\x00\x01"),
        "rans-state-low": ("a state below 2^16", quarters + b"\xff\xff\x00\x00"),
        "rans-odd": ("half a word", good + b"\0"),
    }
    yield "coders 6.2", [(name, about, indexed(raw(4, payload))) for name, (about, payload) in payloads.items()]
    for name, about, data in (
        ("cut", "a raw block of five symbols instead of six", SIX[:5]),
        ("left", "a byte behind a raw block", [*SIX, 0]),
    ):
        yield "coders 6.2", [(f"rans-raw-{name}", about, indexed(raw(4, bytes([RAW, *data])), 256))]
    twenty = [k % 4 for k in range(20)]
    missing = indexed(raw(4, rans_block(twenty, 4, 0)[:-2]), count=20)
    yield "coders 6.3", [("rans-word-missing", "a word is missing", missing)]
    yield "coders 6.4", _rans_classes()
    yield "coders 6.2", _rans_class_symbols()
    yield (
        "coders 6.5",
        [
            ("rans-word-left", "a word is left over", indexed(raw(4, good + b"\0\0"))),
            ("rans-final-state", "another final state", indexed(raw(4, rans_block([*SIX, 2], 4, 0)))),
        ],
    )
    split = rans().encode([[0, 1, 2, 3, 299, 5]], [Part(300, (6,), 0, 6)])
    beyond = indexed(raw(4, b"\x7f" + split[1:]), 300)
    yield "coders 6.1", [("rans-block-beyond", "the first block reaches beyond the payload", beyond)]
    first = split[: 1 + split[0]]
    yield (
        "coders 6.2",
        [
            ("rans-blocks-missing", "no bytes where two blocks are due", indexed(raw(4, b""), 300)),
            ("rans-low-missing", "the block of low bytes is missing", indexed(raw(4, first), 300)),
        ],
    )


def _rans_class_symbols() -> Sequence[Case]:
    symbols = [k % 4 for k in range(128)]
    head, classes, rest = _rans_two_classes(symbols)
    left = head[:-1] + encode_varint(len(classes) + 1) + classes + b"\0" + rest
    return [
        ("rans-classes-symbol", "class 2 of two", indexed(raw(4, head[:-1] + b"\x02\xff\x02" + rest), count=128)),
        ("rans-classes-raw", "raw classes", indexed(raw(4, head[:-1] + b"\x03\xfe\x00\x01" + rest), count=128)),
        ("rans-classes-left", "a byte behind the classes", indexed(raw(4, left), count=128)),
    ]


def _rans_two_classes(symbols: Sequence[int]) -> tuple[bytes, bytes, bytes]:
    """A block of two classes of 64 symbols each: up to the size of its block of classes, that block, and the rest."""
    good = rans_classes_block(symbols, 4, 0, Strips(64, 64), [0, 1])
    classes = rans_block([0, 1], 2, 0)
    head = b"\x08\x40\x40" + encode_varint(len(classes))
    assert good.startswith(head + classes)
    return head, classes, good[len(head) + len(classes) :]


def _rans_classes() -> Sequence[Case]:
    symbols = [k % 4 for k in range(128)]
    head, classes, rest = _rans_two_classes(symbols)
    sized = encode_varint(len(classes)) + classes + rest
    nested = rans_classes_block([0, 1] * 64, 2, 0, Strips(64, 64), [0, 1])
    payloads = {
        "rans-strip-63": ("strips of 63 symbols", b"\x08\x3f\x3f" + sized),
        "rans-first-0": ("an empty first strip", b"\x08\x40\x00" + sized),
        "rans-first-long": ("a first strip that is longer than the others", b"\x08\x40\x41" + sized),
        "rans-first-all": ("one strip", b"\x08\x80\x01\x80\x01" + sized),
        "rans-classes-beyond": ("classes that reach beyond their block", head[:-1] + b"\x7f" + classes + rest),
        "rans-classes-nested": ("classes of classes", head[:-1] + encode_varint(len(nested)) + nested + rest),
    }
    cases = [(name, about, indexed(raw(4, payload), count=128)) for name, (about, payload) in payloads.items()]
    solid = [
        codebook("a", "float32", [64], symbols[:64], grid(4), raw(4, head + classes + rest)),
        join(codebook("b", "float32", [64], symbols[64:], grid(4))),
    ]
    return [*cases, ("rans-classes-solid", "classes in a solid stream", make_file(solid))]
