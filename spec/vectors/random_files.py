"""Random valid files, each the same for the same seed."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from hemp_spec.coders.rans import RAW
from hemp_spec.dtypes import DTYPES, HOLDERS, LEVEL_TYPES
from hemp_spec.levels import float_format, is_finite, order
from spec.vectors.accepted import Vector, vector
from spec.vectors.arithmetic_encoder import arithmetic, mixed_header, simple_header, wide_header, with_classes
from spec.vectors.encoders import STORED, ZSTD, Coder, lzma, rans
from spec.vectors.files import Plan, codebook, lossless, metadata_chunk, source_chunk, tied, uniform

FLOATS = tuple(HOLDERS)


def random_file(seed: int) -> Vector:
    """A file of up to eight small tensors and what it holds."""
    return _Author(seed).file()


class _Author:
    """Makes choices; what was chosen so far decides what later tensors may refer to."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.plans: list[Plan] = []
        self.segment_code = self.random.choice([0, 0, 5, 7])

    def file(self) -> Vector:
        for number in range(self.random.randrange(9)):
            plan = self._tensor(f"{number}." + "xыλ"[: self.random.randrange(4)])
            self.plans.append(self._maybe_joined(plan))
        return vector(f"random-{self.seed}", "", self.plans, self.segment_code, self._chunks())

    def _tensor(self, name: str) -> Plan:
        makers = [self._lossless, self._codebook, self._uniform, self._shared, self._tied]
        return self.random.choices(makers, [4, 4, 3, 1, 1])[0](name)

    def _chunks(self) -> list[dict[str, Any]]:
        chunks = []
        if self.random.random() < 0.5:
            chunks.append(metadata_chunk({str(k): "v" * self.random.randrange(200) for k in range(1, 4)}))
        if self.random.random() < 0.3:
            chunks.append(source_chunk(self._bytes(32)))
        if self.random.random() < 0.3:
            chunks.append({"tag": self.random.randrange(0x83, 0x100), "content": self._bytes(self.random.randrange(9))})
        return chunks

    def _bytes(self, count: int) -> bytes:
        return bytes(self._indices(count, 256))

    def _indices(self, count: int, num_levels: int) -> list[int]:
        skew = self.random.choice([1, 1, 4, 50])
        return [int(num_levels * self.random.random() ** skew) for _ in range(count)]

    def _shape(self) -> list[int]:
        rank = self.random.choice([0, 1, 1, 2, 2, 2, 3, 4, 4, 7, 9])
        shape = [self.random.choice([0, 1, 1, 2, 3, 5]) if self.random.random() < 0.3 else 2 for _ in range(rank)]
        if rank in (1, 2) and self.random.random() < 0.2:
            shape[-1] = self.random.randrange(300, 1300)
        return shape

    def _coder(self) -> Coder:
        headers = [simple_header, lambda levels: simple_header(levels, 0), mixed_header, wide_header]
        header = self.random.choice([*headers, lambda levels: with_classes(simple_header(levels))])
        mode = self.random.choice([*range(6), RAW])
        same, lanes = self.random.random() < 0.5, self.random.choice([1, 8])
        coders = [STORED, lzma(), ZSTD, rans(mode), arithmetic(header, same, lanes)]
        return self.random.choice(coders)

    def _num_levels(self) -> int:
        return self.random.choice([1, 2, 3, 16, 17, 255, 256, 257, 1000])

    def _lossless(self, name: str) -> Plan:
        dtype, shape, coder = self.random.choice(list(DTYPES.values())), self._shape(), self._coder()
        count = _product(shape)
        data = bytes(self._indices(count, 2)) if dtype.name == "bool" else self._bytes(count * dtype.size)
        plan = lossless(name, dtype.name, shape, data, coder)
        if coder.number and dtype.planes > 1 and self.random.random() < 0.5:
            return replace(plan, coded_planes=self.random.randrange(1, 1 << dtype.planes))
        return plan

    def _codebook(self, name: str) -> Plan:
        level_type = self.random.choice(FLOATS)
        dtype = self.random.choice(HOLDERS[level_type])
        shape, num_levels = self._shape(), self._num_levels()
        patterns = self._levels(level_type, num_levels)
        indices = self._indices(_product(shape), num_levels)
        return codebook(name, dtype, shape, indices, patterns, self._coder(), level_type=level_type)

    def _levels(self, dtype: str, count: int) -> list[int]:
        kind = next(kind for kind in DTYPES.values() if kind.name == dtype)
        fmt = float_format(kind)
        patterns: list[int] = []
        while len(patterns) < count:
            pattern = self.random.getrandbits(8 * kind.size)
            if is_finite(pattern, fmt):
                patterns.append(pattern)
        return sorted(patterns, key=lambda pattern: order(pattern, fmt))

    def _uniform(self, name: str) -> Plan:
        dtype = self.random.choice(FLOATS)
        shape, num_levels = self._shape(), self._num_levels()
        offset = self.random.choice([-num_levels // 2, 0, -(1 << 23), 7])
        # An exponent near that of 2^-10, so that no level of float16 overflows.
        step = self.random.getrandbits(23) | 100 << 23
        if dtype == "float64":
            step = self.random.getrandbits(52) | 1000 << 52
        indices = self._indices(_product(shape), num_levels)
        return uniform(name, dtype, shape, indices, num_levels, offset, step, self._coder())

    def _shared(self, name: str) -> Plan:
        owners = [k for k, plan in enumerate(self.plans) if plan.quantizer == 1 and not plan.shared]
        if not owners:
            return self._codebook(name)
        number = self.random.choice(owners)
        owner, shape = self.plans[number], self._shape()
        assert owner.parameters is not None
        level_type = LEVEL_TYPES[owner.parameters["table"]["type"]]
        dtype = self.random.choice(HOLDERS[level_type])
        indices = self._indices(_product(shape), owner.num_levels)
        patterns = owner.parameters["levels"]
        return codebook(name, dtype, shape, indices, patterns, self._coder(), level_type=level_type, source=number)

    def _tied(self, name: str) -> Plan:
        sources = [k for k, plan in enumerate(self.plans) if plan.quantizer != 3]
        if not sources:
            return self._lossless(name)
        number = self.random.choice(sources)
        return tied(name, [*self.plans[number].shape, 1], number, self.plans[number])

    def _maybe_joined(self, plan: Plan) -> Plan:
        """Let a tensor continue the open stream of its class where the rules allow it."""
        if not plan.has_stream or self.random.random() < 0.5:
            return plan
        stream: list[Plan] = []
        for other in self.plans:
            if other.has_stream and other.stream_class == plan.stream_class:
                stream = [*stream, other] if other.joined else [other]
        sizes = [len(member.planes[0]) for member in [*stream, plan]]
        if not stream or sum(sizes) > 1 << (10 + 2 * self.segment_code):
            return plan
        return replace(plan, joined=1)


def _product(shape: list[int]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product
