"""Text for people, and the parsing of options."""

from __future__ import annotations

import pytest

from hemp_codec.cli import options, text
from hemp_codec.cli.failures import Failure


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("conv1.weight", "conv1.weight"),
        ("gewölbe/権", "gewölbe/権"),
        ("a\x1b[31mred\nb", r"a\x1b[31mred\nb"),
        ("a\\nb", r"a\\nb"),
        ("\u202etxt", r"\u202etxt"),
        ("\x9b\x7f\u2028", r"\x9b\x7f\u2028"),
        ("\U000e0001", r"\U000e0001"),
    ],
)
def test_names_from_strangers_cannot_reach_the_terminal(name: str, shown: str) -> None:
    assert text.escape(name) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (9_999, "9,999 B"),
        (10_000, "10 kB"),
        (999_499, "999 kB"),
        (999_999, "1 MB"),
        (1_724_920, "1.72 MB"),
        (10**11, "100 GB"),
        (2**63, "9.22 EB"),
    ],
)
def test_sizes(count: int, shown: str) -> None:
    assert text.size(count) == shown


def test_table_aligns_columns() -> None:
    assert text.table(("a", "b"), [("xyz", "1"), ("", "22")]) == "a     b\nxyz   1\n     22"


@pytest.mark.parametrize(
    ("rule", "parsed"),
    [
        ("*.bias=lossless", ("*.bias", "lossless")),
        ("a=b=lloyd-max:4@rans", ("a=b", "lloyd-max:4@rans")),
        ("*=uniform", ("*", "uniform")),
    ],
)
def test_rules(rule: str, parsed: tuple[str, str]) -> None:
    assert options.rule(rule) == parsed


@pytest.mark.parametrize(
    "rule",
    ["", "*", "=lossless", "*=", "*=kmeans", "*=lossless:4", "*=uniform:0", "*=uniform:65537", "*=uniform:x",
     "*=uniform:", "*=uniform@gzip", "*=uniform@"],
)  # fmt: skip
def test_malformed_rules_are_refused(rule: str) -> None:
    with pytest.raises(Failure) as caught:
        options.rule(rule)
    assert caught.value.exit_code == 2


def test_a_rule_that_others_leave_nothing_to_is_refused() -> None:
    options.check_rules([("a*", "lossless"), ("*", "uniform")], ["ab", "b"])
    for rules in ([("x*", "lossless")], [("*", "lossless"), ("a*", "uniform")]):
        with pytest.raises(Failure, match="no tensor"):
            options.check_rules(rules, ["ab", "b"])
