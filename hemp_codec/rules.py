"""Rules: which quantizer and coder a tensor gets, by a pattern for its name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hemp_codec import coders, quantizers
from hemp_codec.coders import Coder
from hemp_codec.quantizers import Quantizer

RuleLike = str | tuple[str, str | Quantizer]


@dataclass(frozen=True)
class Rule:
    """What tensors of matching names get.

    Attributes:
        pattern: as in a shell: ``*``, ``?`` and ``[...]``; case matters.
        quantizer: for these tensors, of whatever rank.
        coder: for these tensors; None: the coder of the whole file.
    """

    pattern: str
    quantizer: Quantizer
    coder: Coder | None = None


def parse_rule(rule: RuleLike) -> Rule:
    """A rule from ``'GLOB=quantizer[:levels][@coder]'`` or from a pair of a pattern and a quantizer.

    The quantizer of a pair is an object or a text such as ``'lloyd-max:16@zstd'``.

    Raises:
        ValueError: the rule has another form.
        UnsupportedError: there is no quantizer or coder of that name.
    """
    if isinstance(rule, str):
        pattern, equals, choice = rule.rpartition("=")
        if not equals or not pattern:
            raise ValueError(f"rule {rule!r} has another form than GLOB=quantizer[:levels][@coder]")
        return _from_text(pattern, choice)
    pattern, quantizer = rule
    if not isinstance(pattern, str):
        raise ValueError(f"a rule is a pair of a name pattern and a quantizer, not {rule!r}")
    return _from_text(pattern, quantizer) if isinstance(quantizer, str) else Rule(pattern, quantizer)


def parse_rules(rules: Iterable[RuleLike]) -> tuple[Rule, ...]:
    """All rules, in order; a single text is refused, since its characters would be taken for rules."""
    if isinstance(rules, str):
        raise ValueError(f"rules are a sequence: write rules=[{rules!r}]")
    return tuple(parse_rule(rule) for rule in rules)


def first_match(rules: Iterable[Rule], name: str) -> Rule | None:
    """The first rule whose pattern matches ``name``, or None."""
    return next((rule for rule in rules if fnmatchcase(name, rule.pattern)), None)


def _from_text(pattern: str, choice: str) -> Rule:
    quantizer, at, coder = choice.partition("@")
    return Rule(pattern, quantizers.get(quantizer), coders.get(coder) if at else None)
