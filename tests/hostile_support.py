"""What the tests with hostile files share: how many examples, and how a command must end.

``HEMP_EXAMPLES=20000 pytest tests/test_hostile_*.py`` tries more, and others each time.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import tracemalloc
from collections.abc import Iterator

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from hemp_codec.cli import main
from tools.fuzz.changes import KINDS, change

_EXAMPLES = os.environ.get("HEMP_EXAMPLES")
many = settings(
    max_examples=int(_EXAMPLES or 40),
    derandomize=_EXAMPLES is None,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

CHANCE = st.randoms(use_true_random=False)
# Numbers that a size or a count may be: small, and around those that some width cannot hold.
SIZES = st.integers(0, 9) | st.sampled_from(
    [2**bits + more for bits in (8, 16, 31, 32, 62, 63, 64) for more in (-1, 0)]
)


def changed(data: bytes, chance: random.Random, *, most: int = 3) -> bytes:
    """``data`` after up to ``most`` changes."""
    for _ in range(chance.randrange(most + 1)):
        data = change(data, chance.choice(KINDS), chance, data) if data else data
    return data


def command(*arguments: object) -> str:
    """Run ``hemp``; what it printed to stderr.  AssertionError unless it is done, or says in a line what is wrong."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    lines = err.getvalue().splitlines()
    assert code in (0, 1), lines
    assert all(line.startswith("hemp: ") and "defect of hemp" not in line for line in lines), lines
    return err.getvalue()


@contextlib.contextmanager
def memory_below(most: int) -> Iterator[None]:
    """AssertionError if more bytes than that are taken at any time within."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most
