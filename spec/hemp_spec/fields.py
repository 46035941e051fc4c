"""Building blocks of the declarations: strict counterparts of what ``construct`` offers.

All of them parse and build, and check the same rules in both directions.  Parsing reads from a `Window`, which knows
where in the file it lies and which error it is to read beyond its end.  Three values may stand in the context:

    report  a function that takes a `SpecError`: faults after which parsing can go on are handed to it, not raised
    trace   a function that takes path, first and last offset (exclusive) of each elementary field that is parsed
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from construct import Adapter, Construct, Container, SizeofError, Subconstruct

from hemp_spec.errors import SpecError, Value

Predicate = Callable[[Any, Any], bool]


def shown(value: Any) -> Value:
    """A field's value as an error tells of it."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {inner}" for name, inner in value.items())
    return value if isinstance(value, int | str) or value is None else repr(value)


def pattern(width: int) -> Callable[[Any], Value]:
    """`shown` for bit patterns of so many bytes."""
    return lambda value: f"{value:#0{2 + 2 * width}x}"


class Violation(NamedTuple):
    """Error name and section of a rule."""

    code: str
    rule: str


class Rule(NamedTuple):
    """What must hold of a field.

    Attributes:
        code: error if it does not.
        rule: section that says so.
        holds: from the field's value and the context of the structure it stands in.
        message: what is wrong if it does not hold.
        fatal: what follows the field cannot be understood if the rule is broken.
        found: the value as the error tells of it.
    """

    code: str
    rule: str
    holds: Predicate
    message: str
    fatal: bool = False
    found: Callable[[Any], Value] = shown


class Window(io.BytesIO):
    """Some bytes of a file.

    Attributes:
        base: their offset in the file.
        end: violation of reading beyond them.
    """

    def __init__(self, data: bytes, base: int, end: Violation) -> None:
        super().__init__(data)
        self.base = base
        self.end = end


def parse(declaration: Construct, data: bytes, *, base: int = 0, end: Violation, **context: Any) -> Any:
    """The value of ``declaration`` that begins with the first byte of ``data`` and ends with the last.

    Args:
        base: offset of ``data`` in the file, for errors.
        end: violation if the value reaches beyond ``data`` or leaves bytes.
        context: values the declaration refers to, beside ``report`` and ``trace``.

    Raises:
        SpecError: a rule is broken.
    """
    window = Window(data, base, end)
    value = declaration.parse_stream(window, **context)
    _check_finished(window, "")
    return value


def build(declaration: Construct, value: Any, **context: Any) -> bytes:
    """The bytes of ``value``; SpecError if a rule is broken."""
    return bytes(declaration.build(value, **context))


def size(declaration: Construct, value: Any, **context: Any) -> int:
    """Number of bytes of ``value``, found without keeping them."""
    counter = _Counter()
    declaration.build_stream(value, counter, **context)
    return counter.tell()


class _Counter(io.RawIOBase):
    """A stream that only counts."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def write(self, data: Any) -> int:
        self._count += len(data)
        return len(data)

    def tell(self) -> int:
        return self._count


def _offset(stream: Any) -> int:
    return int(stream.tell()) + int(getattr(stream, "base", 0))


def _field(path: str) -> str:
    return ".".join(path.split(" -> ")[1:])


def _take(stream: Any, count: int, path: str, start: int | None = None) -> bytes:
    """The next ``count`` bytes; the window's violation if there are not so many."""
    begin = _offset(stream) if start is None else start
    data = bytes(stream.read(count))
    if len(data) != count:
        missing = f"bytes needed here: {count}; bytes left: {len(data)}"
        raise SpecError(stream.end.code, begin, _field(path), missing, stream.end.rule, len(data))
    return data


def _check_finished(window: Window, path: str) -> None:
    left = len(window.getvalue()) - window.tell()
    if left:
        message = f"bytes left over: {left}"
        raise SpecError(window.end.code, _offset(window), _field(path), message, window.end.rule, left)


def _fail(context: Any, error: SpecError, fatal: bool) -> None:
    report = context._params.get("report")
    if report is None or fatal:
        raise error
    report(error)


def _trace(context: Any, path: str, start: int, stream: Any) -> None:
    trace = context._params.get("trace")
    if trace is not None:
        trace(_field(path), start, _offset(stream))


class _Primitive(Construct):  # type: ignore[misc]
    """An elementary field: subclasses say how it is read and which bytes it is."""

    def _read(self, stream: Any, context: Any, path: str) -> Any:
        raise NotImplementedError

    def _bytes(self, value: Any, context: Any, path: str) -> bytes:
        raise NotImplementedError

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        start = _offset(stream)
        value = self._read(stream, context, path)
        _trace(context, path, start, stream)
        return value

    def _build(self, value: Any, stream: Any, context: Any, path: str) -> Any:
        stream.write(self._bytes(value, context, path))
        return value


class Unsigned(_Primitive):
    """``u8``, ``u32``, ...: an unsigned little-endian integer of fixed size (1.3)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def _read(self, stream: Any, context: Any, path: str) -> int:
        return int.from_bytes(_take(stream, self.width, path), "little")

    def _bytes(self, value: Any, context: Any, path: str) -> bytes:
        return int(value).to_bytes(self.width, "little")

    def _sizeof(self, context: Any, path: str) -> int:
        return self.width


def encode_varint(value: int) -> bytes:
    """Base 128, least significant first, minimal (1.4)."""
    if not 0 <= value < 2**63:
        raise SpecError("BAD_VARINT", 0, "", f"{value} is not below 2^63", "1.4")
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes(encoded) + bytes([value])


class _VarintField(_Primitive):
    """``varint``: below 2^63, minimal, at most 9 bytes (1.4)."""

    def _read(self, stream: Any, context: Any, path: str) -> int:
        start = _offset(stream)
        value = 0
        for position in range(9):
            byte = _take(stream, 1, path, start)[0]
            value |= (byte & 127) << (7 * position)
            if byte < 128:
                if byte == 0 and position:
                    message = f"the varint {value} takes more bytes than it needs"
                    fault = SpecError("BAD_VARINT", start, _field(path), message, "1.4", value)
                    _fail(context, fault, fatal=False)
                return value
        raise SpecError("BAD_VARINT", start, _field(path), "a varint does not end within 9 bytes", "1.4", value)

    def _bytes(self, value: Any, context: Any, path: str) -> bytes:
        return encode_varint(int(value))

    def _sizeof(self, context: Any, path: str) -> int:
        raise SizeofError("a varint has no fixed size", path=path)


class _ZigzagField(Adapter):  # type: ignore[misc]
    """``zigzag``: a signed integer as a varint (1.5)."""

    def _decode(self, value: int, context: Any, path: str) -> int:
        return -(value + 1) // 2 if value % 2 else value // 2

    def _encode(self, value: int, context: Any, path: str) -> int:
        return 2 * value if value >= 0 else -2 * value - 1


class Blob(_Primitive):
    """``bytes[n]``; ``count`` gives n from the context."""

    def __init__(self, count: int | Callable[[Any], int]) -> None:
        super().__init__()
        self.count = count

    def _expected(self, context: Any) -> int:
        return self.count(context) if callable(self.count) else self.count

    def _read(self, stream: Any, context: Any, path: str) -> bytes:
        return _take(stream, self._expected(context), path)

    def _bytes(self, value: Any, context: Any, path: str) -> bytes:
        if len(value) != self._expected(context):
            raise ValueError(f"{_field(path)}: {len(value)} bytes are given and {self._expected(context)} expected")
        return bytes(value)

    def _sizeof(self, context: Any, path: str) -> int:
        if callable(self.count):
            raise SizeofError("the size is that of another field", path=path)
        return self.count


class Rest(_Primitive):
    """All bytes up to the end."""

    def _read(self, stream: Any, context: Any, path: str) -> bytes:
        return bytes(stream.read())

    def _bytes(self, value: Any, context: Any, path: str) -> bytes:
        return bytes(value)


class Text(Adapter):  # type: ignore[misc]
    """UTF-8, with neither overlong forms nor surrogates; ``violation`` otherwise."""

    def __init__(self, count: Callable[[Any], int], violation: Violation) -> None:
        super().__init__(Blob(count))
        self.violation = violation

    def _parse(self, stream: Any, context: Any, path: str) -> str:
        start = _offset(stream)
        data = self.subcon._parse(stream, context, path)
        try:
            return str(data, "utf-8")
        except UnicodeDecodeError as error:
            place = start + error.start
            message, found = f"not UTF-8: {error.reason}", data[error.start : error.start + 4].hex(" ")
            failure = SpecError(self.violation.code, place, _field(path), message, self.violation.rule, found)
        _fail(context, failure, fatal=False)
        return str(data, "utf-8", "backslashreplace")

    def _encode(self, value: str, context: Any, path: str) -> bytes:
        try:
            return value.encode()
        except UnicodeEncodeError as error:
            raise SpecError(self.violation.code, 0, _field(path), error.reason, self.violation.rule) from None


class Constant(_Primitive):
    """Fixed bytes; ``violation`` if others stand there, even if the file ends within them."""

    def __init__(self, value: bytes, violation: Violation) -> None:
        super().__init__()
        self.value = value
        self.violation = violation
        self.flagbuildnone = True

    def _read(self, stream: Any, context: Any, path: str) -> bytes:
        start = _offset(stream)
        found = bytes(stream.read(len(self.value)))
        if not self.value.startswith(found):
            expected = f"{self.value.hex(' ')} must stand here"
            violation = self.violation
            raise SpecError(violation.code, start, _field(path), expected, violation.rule, found.hex(" "))
        if len(found) < len(self.value):
            message = f"the file ends after {len(found)} bytes"
            raise SpecError(stream.end.code, start, _field(path), message, stream.end.rule, len(found))
        return found

    def _bytes(self, value: Any, context: Any, path: str) -> bytes:
        return self.value

    def _sizeof(self, context: Any, path: str) -> int:
        return len(self.value)


class Bits(Adapter):  # type: ignore[misc]
    """An integer cut into named fields, the first in the least significant bits.

    Args:
        subcon: the integer.
        widths: bits of each field; None for the last: all that are left.
    """

    def __init__(self, subcon: Construct, **widths: int | None) -> None:
        super().__init__(subcon)
        self.widths = widths

    def _decode(self, value: int, context: Any, path: str) -> Container:
        fields = Container()
        for name, width in self.widths.items():
            fields[name] = value if width is None else value & ((1 << width) - 1)
            value = 0 if width is None else value >> width
        return fields

    def _encode(self, fields: Any, context: Any, path: str) -> int:
        value, shift = 0, 0
        for name, width in self.widths.items():
            if width is not None and not 0 <= fields[name] < 1 << width:
                raise ValueError(f"{_field(path)}: {name} = {fields[name]} does not fit {width} bits")
            value |= fields[name] << shift
            shift += width or 0
        return value

    def _build(self, fields: Any, stream: Any, context: Any, path: str) -> Container:
        super()._build(fields, stream, context, path)
        return Container(fields)


class Checked(Subconstruct):  # type: ignore[misc]
    """A field and the rules it must obey, tested in the order given."""

    def __init__(self, subcon: Construct, *rules: Rule) -> None:
        super().__init__(subcon)
        self.rules = rules

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        start = _offset(stream)
        value = self.subcon._parse(stream, context, path)
        self._check(value, start, context, path)
        return value

    def _build(self, value: Any, stream: Any, context: Any, path: str) -> Any:
        start = _offset(stream)
        built = self.subcon._build(value, stream, context, path)
        self._check(built, start, context, path)
        return built

    def _check(self, value: Any, start: int, context: Any, path: str) -> None:
        for rule in self.rules:
            if not rule.holds(value, context):
                message = rule.message.format(value=value)
                found = rule.found(value)
                _fail(context, SpecError(rule.code, start, _field(path), message, rule.rule, found), rule.fatal)
                return


class Offset(_Primitive):
    """Takes no bytes; its value is its own offset in the file."""

    def __init__(self) -> None:
        super().__init__()
        self.flagbuildnone = True

    def _parse(self, stream: Any, context: Any, path: str) -> int:
        return _offset(stream)

    def _build(self, value: Any, stream: Any, context: Any, path: str) -> int:
        return _offset(stream)

    def _sizeof(self, context: Any, path: str) -> int:
        return 0


class Require(_Primitive):
    """Rules about fields that were read before; takes no bytes.

    Args:
        field: the field to name in an error; empty for the structure itself.
        offset: name of the `Offset` at which it stands; None for here.
        value: what an error says was found, from the context.
    """

    def __init__(
        self,
        *rules: Rule,
        field: str = "",
        offset: str | None = None,
        value: Callable[[Any], Value] = lambda context: None,
    ) -> None:
        super().__init__()
        self.rules = rules
        self.field = field
        self.offset = offset
        self.value = value
        self.flagbuildnone = True

    def _parse(self, stream: Any, context: Any, path: str) -> None:
        place = _offset(stream) if self.offset is None else context[self.offset]
        field = ".".join(name for name in (_field(path), self.field) if name)
        for rule in self.rules:
            if not rule.holds(None, context):
                found = self.value(context)
                _fail(context, SpecError(rule.code, place, field, rule.message, rule.rule, found), rule.fatal)
                return

    def _build(self, value: Any, stream: Any, context: Any, path: str) -> None:
        self._parse(stream, context, path)

    def _sizeof(self, context: Any, path: str) -> int:
        return 0


class Present(Subconstruct):  # type: ignore[misc]
    """A field that is there only if ``condition`` holds of the context; None otherwise."""

    def __init__(self, condition: Callable[[Any], bool], subcon: Construct) -> None:
        super().__init__(subcon)
        self.condition = condition
        self.flagbuildnone = True

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        return self.subcon._parse(stream, context, path) if self.condition(context) else None

    def _build(self, value: Any, stream: Any, context: Any, path: str) -> Any:
        if self.condition(context) != (value is not None):
            raise ValueError(f"{_field(path)} must be given exactly if the text says that it is present")
        return value if value is None else self.subcon._build(value, stream, context, path)


class Repeat(Subconstruct):  # type: ignore[misc]
    """Several values; ``count`` gives their number from the context, or None: up to the end.

    While it is at work the context holds the values so far as ``_earlier``.  ``each`` is called with the context and
    each value.
    """

    def __init__(
        self,
        count: Callable[[Any], int] | None,
        subcon: Construct,
        each: Callable[[Any, Any], None] = lambda context, value: None,
    ) -> None:
        super().__init__(subcon)
        self.count = count
        self.each = each

    def _parse(self, stream: Any, context: Any, path: str) -> list[Any]:
        values: list[Any] = []
        context["_earlier"] = values
        for number in self._numbers(stream, context):
            value = self.subcon._parse(stream, context, f"{path}[{number}]")
            self.each(context, value)
            values.append(value)
        return values

    def _numbers(self, stream: Any, context: Any) -> Iterator[int]:
        if self.count is not None:
            yield from range(self.count(context))
            return
        number, length = 0, len(stream.getvalue())
        while stream.tell() < length:
            yield number
            number += 1

    def _build(self, values: Sequence[Any], stream: Any, context: Any, path: str) -> Any:
        if self.count is not None and len(values) != self.count(context):
            raise ValueError(f"{_field(path)}: {len(values)} are given and {self.count(context)} expected")
        all_built: list[Any] = []
        context["_earlier"] = all_built
        for number, value in enumerate(values):
            built = self.subcon._build(value, stream, context, f"{path}[{number}]")
            self.each(context, built)
            all_built.append(built)
        return all_built


class Within(Subconstruct):  # type: ignore[misc]
    """A value that fills exactly as many bytes as ``count`` says; ``end`` if it takes more or fewer."""

    def __init__(self, count: Callable[[Any], int], subcon: Construct, end: Violation) -> None:
        super().__init__(subcon)
        self.count = count
        self.end = end

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        base = _offset(stream)
        window = Window(_take(stream, self.count(context), path), base, self.end)
        value = self.subcon._parse(window, context, path)
        _check_finished(window, path)
        return value


U8 = Unsigned(1)
U32 = Unsigned(4)
Varint = _VarintField()
Zigzag = _ZigzagField(Varint)
