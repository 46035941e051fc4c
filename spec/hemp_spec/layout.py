"""Sections 2 to 7: every structure, declared once; a declaration parses, builds and sizes.

Fields bear the names of the tables in the text.  A rule is written where its field is, lowest error number first.
Names with an underscore are not fields of the file.
"""

from __future__ import annotations

import zlib
from typing import Any

from construct import Computed, Construct, Pass, Rebuild, Struct, Switch

from hemp_spec import levels
from hemp_spec.directory import CODEBOOK, EXTENDED, STORED, TIED, UNIFORM, Directory, RecordView, coder_number
from hemp_spec.dtypes import DTYPES, LEVEL_TYPES
from hemp_spec.fields import (
    U8,
    U32,
    Bits,
    Blob,
    Checked,
    Constant,
    Offset,
    Present,
    Repeat,
    Require,
    Rest,
    Rule,
    Text,
    Unsigned,
    Varint,
    Violation,
    Within,
    Zigzag,
    build,
    encode_varint,
    parse,
    pattern,
    shown,
    size,
)

__all__ = [
    "BEYOND_CHUNK",
    "BEYOND_FILE",
    "BEYOND_FRONT",
    "Chunk",
    "CodebookParameters",
    "ExtendedParameters",
    "File",
    "Form",
    "Front",
    "Head",
    "Metadata",
    "Prefix",
    "SegmentRecord",
    "SharedParameters",
    "Source",
    "StreamRecord",
    "TensorRecord",
    "UniformParameters",
    "build",
    "parse",
    "size",
]

SIGNATURE = bytes.fromhex("89 48 4D 50 0D 0A 1A 0A")
MAJOR, MINOR = 0, 1
METADATA, SOURCE = 0x81, 0x82  # tags in section 7
ANCILLARY = 0x80
FRONT_LIMIT = 1 << 28  # section 8.1

BEYOND_FILE = Violation("TRUNCATED", "2.1")
BEYOND_FRONT = Violation("BAD_FRONT", "3.1")
BEYOND_CHUNK = Violation("BAD_CHUNK", "7")


def _view(record: Any) -> RecordView:
    """The tensor record whose context this is."""
    return RecordView(record, record._._directory)


def _record_of(parameters: Any) -> RecordView:
    """The tensor record in which the structure with this context stands."""
    return _view(parameters._)


# Section 5.2 -----------------------------------------------------------------------------------------------------

_dtype_is_float = Require(
    Rule(
        "BAD_QUANTIZER",
        "5.2",
        lambda _, this: _record_of(this).dtype.float_format is not None,
        "a tensor of this dtype cannot be quantized",
        fatal=True,
    ),
    value=lambda this: str(_record_of(this).dtype.name),
)

_Level = Switch(
    lambda this: this.table.type,
    {number: Unsigned(levels.float_format(levels.level_type(number)).size) for number in LEVEL_TYPES},
)


def _level_is_finite(level: int, this: Any) -> bool:
    return levels.is_finite(level, levels.float_format(levels.level_type(this.table.type)))


def _levels_ascend(level: int, this: Any) -> bool:
    fmt = levels.float_format(levels.level_type(this.table.type))
    earlier = this._earlier[-1] if this._earlier else level
    return not levels.is_finite(earlier, fmt) or levels.order(earlier, fmt) <= levels.order(level, fmt)


CodebookParameters = Struct(
    _dtype_is_float,
    "table"
    / Checked(
        Bits(Varint, type=2, last_level=None),
        Rule(
            "BAD_QUANTIZER",
            "5.2",
            lambda table, this: _record_of(this).holds(table.type),
            "levels of this type are not all values of the tensor's dtype",
            fatal=True,
        ),
        Rule("BAD_LEVELS", "5.2", lambda table, _: table.last_level < 65536, "more than 65536 levels", fatal=True),
    ),
    "levels"
    / Repeat(
        lambda this: this.table.last_level + 1,
        Checked(
            _Level,
            Rule("BAD_LEVELS", "5.2", _level_is_finite, "the level is not finite", found=pattern(2)),
            Rule("BAD_LEVELS", "5.2", _levels_ascend, "the level is smaller than the one before", found=pattern(2)),
        ),
    ),
)

SharedParameters = Struct(
    _dtype_is_float,
    "source"
    / Checked(
        Varint,
        Rule(
            "BAD_QUANTIZER",
            "5.2",
            lambda source, this: this._._._directory.codebook_owner(source) is not None,
            "record {value} is not an earlier one with a codebook of its own",
            fatal=True,
        ),
        Rule(
            "BAD_QUANTIZER",
            "5.2",
            lambda source, this: _record_of(this).holds(
                this._._._directory.codebook_owner(source).parameters.table.type
            ),
            "levels of the type of record {value} are not all values of this tensor's dtype",
        ),
    ),
)

# Section 5.3 -----------------------------------------------------------------------------------------------------


def _step_is_positive(step: int, this: Any) -> bool:
    fmt = levels.float_format(levels.step_type(_record_of(this).dtype))
    return levels.is_finite(step, fmt) and levels.order(step, fmt) > 0


def _ends_are_finite(step: int, this: Any) -> bool:
    return levels.grid_is_finite(step, this.offset, this.last_level + 1, _record_of(this).dtype)


UniformParameters = Struct(
    _dtype_is_float,
    "last_level"
    / Checked(Varint, Rule("BAD_LEVELS", "5.3", lambda last, _: last < 65536, "more than 65536 levels", fatal=True)),
    "offset"
    / Checked(
        Zigzag,
        Rule("BAD_LEVELS", "5.3", lambda offset, _: abs(offset) <= 1 << 23, "{value} is beyond 2^23", fatal=True),
    ),
    "step"
    / Checked(
        Switch(lambda this: levels.step_type(_record_of(this).dtype).size, {4: Unsigned(4), 8: Unsigned(8)}),
        Rule("BAD_LEVELS", "5.3", _step_is_positive, "the step is not finite and above 0", found=pattern(4)),
        Rule("BAD_LEVELS", "5.3", _ends_are_finite, "the first or the last level is not finite", found=pattern(4)),
    ),
)

# Section 5.4 -----------------------------------------------------------------------------------------------------


def _may_be_tied(number: int, this: Any) -> bool:
    view = _record_of(this)
    source = view.directory.tie_source(number)
    return source is not None and source.dtype == view.dtype and source.elements == view.elements


ExtendedParameters = Struct(
    "extension"
    / Checked(
        U8,
        Rule("UNSUPPORTED_QUANTIZER", "5.4", lambda value, _: value == TIED, "{value} is unknown", fatal=True),
    ),
    "source"
    / Checked(
        Varint,
        Rule(
            "BAD_QUANTIZER",
            "5.4",
            _may_be_tied,
            "record {value} is not an earlier one of this dtype and number of elements that is not tied",
        ),
    ),
)

# Section 6 -------------------------------------------------------------------------------------------------------

SegmentRecord = Struct("size" / Varint, "checksum" / U32)


def _planes_of(this: Any) -> int:
    view = _record_of(this)
    return view.dtype.planes if view.quantizer == "lossless" else 1


StreamRecord = Struct(
    "coder"
    / Checked(
        Bits(U8, number=6, has_planes=1, private=1),
        Rule(
            "BAD_STREAM",
            "6.2",
            lambda coder, this: not coder.has_planes or (_planes_of(this) > 1 and coder_number(coder) != STORED),
            "has_planes must be 0 for one plane and for the coder `stored`",
            fatal=True,
        ),
    ),
    "coded_planes"
    / Present(
        lambda this: this.coder.has_planes == 1,
        Checked(
            Varint,
            Rule("BAD_STREAM", "6.2", lambda value, this: value < 1 << _planes_of(this), "a plane that does not exist"),
            Rule("BAD_STREAM", "6.2", lambda value, this: value > 1, "coded_planes {value} is not written so"),
        ),
    ),
    "segments" / Repeat(lambda this: _record_of(this).segment_count, SegmentRecord),
)

# Section 4 -------------------------------------------------------------------------------------------------------

Form = Checked(
    Bits(U8, rank=3, quantizer=2, has_dtype=1, joined=1, shared=1),
    Rule(
        "BAD_FORM",
        "4.2",
        lambda form, _: not form.shared or form.quantizer == CODEBOOK,
        "only a codebook can be shared",
    ),
)


def _product(values: list[int]) -> int:
    product = 1
    for value in values:
        product *= value or 1
    return product


def _kind(this: Any) -> Any:
    return "shared" if this.form.quantizer == CODEBOOK and this.form.shared else this.form.quantizer


Parameters = Switch(
    _kind,
    {
        CODEBOOK: CodebookParameters,
        "shared": SharedParameters,
        UNIFORM: UniformParameters,
        EXTENDED: ExtendedParameters,
    },
    default=Pass,  # lossless
)

TensorRecord = Struct(
    "name_size"
    / Checked(
        Rebuild(Varint, lambda this: len(this.name.encode("utf-8", "surrogatepass"))),
        Rule("LIMIT_EXCEEDED", "4", lambda value, _: value < 65536, "a name of {value} bytes", fatal=True),
    ),
    "name"
    / Checked(
        Text(lambda this: this.name_size, Violation("BAD_NAME", "4.1")),
        Rule("DUPLICATE_NAME", "4.1", lambda name, this: not this._._directory.has_name(name), "name occurs twice"),
    ),
    "_form_offset" / Offset(),
    "form" / Form,
    "rank_extra"
    / Present(
        lambda this: this.form.rank == 7,
        Checked(Varint, Rule("LIMIT_EXCEEDED", "4.3", lambda value, _: value <= 25, "rank above 32", fatal=True)),
    ),
    "dtype"
    / Present(
        lambda this: this.form.has_dtype == 1,
        Checked(
            U8,
            Rule(
                "BAD_DTYPE",
                "4.2",
                lambda value, this: value != this._._directory.implied_dtype().number,
                "dtype {value} is what has_dtype 0 would mean",
            ),
            Rule("UNSUPPORTED_DTYPE", "4.4", lambda value, _: value in DTYPES, "dtype {value} is unknown", fatal=True),
        ),
    ),
    "dimensions"
    / Repeat(
        lambda this: _view(this).rank,
        Checked(
            Varint,
            Rule(
                "BAD_SHAPE",
                "4.3",
                lambda value, this: _product([*this._earlier, value]) * _view(this).dtype.size < 1 << 62,
                "the tensor has 2^62 bytes or more",
                fatal=True,
            ),
        ),
    ),
    "parameters" / Parameters,
    Require(
        Rule(
            "BAD_FORM",
            "4.2",
            lambda _, this: not this.form.joined or _view(this).has_stream,
            "the tensor is joined and has no stream",
        ),
        Rule(
            "BAD_STREAM",
            "6.3",
            lambda _, this: not (this.form.joined and _view(this).has_stream) or _view(this).joins_rightly,
            "there is no stream of one segment with room that the tensor could continue",
            fatal=True,
        ),
        field="form",
        offset="_form_offset",
        value=lambda this: shown(this.form),
    ),
    "stream" / Present(lambda this: _view(this).opens_stream, StreamRecord),
)

# Section 7 -------------------------------------------------------------------------------------------------------

MetadataPair = Struct(
    "key_size" / Rebuild(Varint, lambda this: len(this.key.encode())),
    "key"
    / Checked(
        Text(lambda this: this.key_size, Violation("BAD_METADATA", "7.1")),
        Rule(
            "BAD_METADATA",
            "7.1",
            lambda key, this: not this._._earlier or this._._earlier[-1].key.encode() < key.encode(),
            "the key {value!r} is not above the one before",
        ),
    ),
    "value_size" / Rebuild(Varint, lambda this: len(this.value.encode())),
    "value" / Text(lambda this: this.value_size, Violation("BAD_METADATA", "7.1")),
)

Metadata = Struct(
    "pair_count"
    / Checked(
        Rebuild(Varint, lambda this: len(this.pairs)),
        Rule("BAD_METADATA", "7.1", lambda value, _: value > 0, "no pairs"),
    ),
    "pairs" / Repeat(lambda this: this.pair_count, MetadataPair),
)

Source = Struct(
    "hash_type" / Checked(U8, Rule("BAD_CHUNK", "7.2", lambda value, _: value == 1, "hash type {value} is unknown")),
    "hash" / Blob(32),
)

_CONTENTS: dict[int, Construct] = {METADATA: Metadata, SOURCE: Source}


def _content(this: Any) -> Construct:
    return _CONTENTS.get(this.tag, Rest())


Chunk = Struct(
    "tag"
    / Checked(
        U8,
        Rule(
            "BAD_CHUNK",
            "7",
            lambda tag, this: not this._._earlier or this._._earlier[-1].tag < tag,
            "tag {value:#04x} is not above the one before",
        ),
        Rule("UNKNOWN_CRITICAL_CHUNK", "7", lambda tag, _: tag >= ANCILLARY, "critical chunk {value:#x} is unknown"),
    ),
    "size" / Rebuild(Varint, lambda this: size(_content(this), this.content)),
    "content"
    / Within(lambda this: this.size, Switch(lambda this: this.tag, _CONTENTS, default=Rest()), end=BEYOND_CHUNK),
)

# Section 3 -------------------------------------------------------------------------------------------------------

Front = Struct(
    "layout"
    / Checked(
        Rebuild(
            Bits(Varint, segment_code=3, tensor_count=None),
            lambda this: {"segment_code": this.layout["segment_code"], "tensor_count": len(this.tensors)},
        ),
        Rule(
            "LIMIT_EXCEEDED",
            "3",
            lambda layout, _: layout.tensor_count <= 1 << 24,
            "{value.tensor_count} tensors",
            fatal=True,
        ),
    ),
    "_directory" / Computed(lambda this: Directory(this.layout.segment_code)),
    "tensors"
    / Repeat(
        lambda this: this.layout.tensor_count, TensorRecord, each=lambda this, record: this._directory.add(record)
    ),
    "chunks" / Repeat(None, Chunk),
)

# Section 2 -------------------------------------------------------------------------------------------------------


def _front_checksum(this: Any) -> int:
    before = SIGNATURE + bytes([this.major, this.minor]) + encode_varint(this.front_size) + this.front
    return zlib.crc32(before)


def _version_rule(expected: int) -> Rule:
    message = "version part {value} is unknown; this specification is that of version 0.1"
    return Rule("BAD_VERSION", "2.3", lambda value, _: value == expected, message, fatal=True)


_prefix = (
    "signature" / Constant(SIGNATURE, Violation("BAD_SIGNATURE", "2")),
    "major" / Checked(U8, _version_rule(MAJOR)),
    "minor" / Checked(U8, _version_rule(MINOR)),
    "front_size"
    / Checked(
        Rebuild(Varint, lambda this: len(this.front)),
        Rule(
            "LIMIT_EXCEEDED",
            "2.1",
            lambda value, this: value <= this._params.get("front_limit", FRONT_LIMIT),
            "a front of {value} bytes is above the limit",
            fatal=True,
        ),
    ),
)
_front = (
    "front" / Blob(lambda this: this.front_size),
    "front_checksum"
    / Checked(
        Rebuild(U32, _front_checksum),
        Rule(
            "FRONT_CHECKSUM",
            "2.1",
            lambda value, this: value == _front_checksum(this),
            "not the checksum of the bytes before it: the file is damaged",
            fatal=True,
            found=pattern(4),
        ),
    ),
)

Prefix = Struct(*_prefix)  # what says how long the head is
PREFIX_SIZE = 19  # bytes that it takes at most
Head = Struct(*_prefix, *_front)  # what stands before the body
File = Struct(*_prefix, *_front, "body" / Rest())
