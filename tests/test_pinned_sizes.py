"""No coder may get worse unnoticed, nor the table slack: it is changed with the code and reviewed with it."""

from __future__ import annotations

import pytest
from pinned_sizes import Key, measured, pinned

GROWTH = 1.001
SLACK = 0.995


@pytest.fixture(scope="module")
def sizes() -> dict[Key, int]:
    return measured()


def test_the_table_has_all_data_and_coders(sizes: dict[Key, int]) -> None:
    assert sizes.keys() == pinned().keys()


@pytest.mark.parametrize("key", sorted(pinned()), ids=": ".join)
def test_size_is_the_pinned_one(sizes: dict[Key, int], key: Key) -> None:
    size, expected = sizes[key], pinned()[key]
    assert size <= expected * GROWTH, f"grew from {expected} to {size} bytes"
    assert size >= expected * SLACK, (
        f"shrank from {expected} to {size} bytes: pin it with python tests/pinned_sizes.py and commit the table"
    )
