"""Targets and conditions in n: `2n`, `ceil(n/2)`. Read by a grammar, never evaluated."""

from deconvcalc.expressions.program import MOST_DIGITS, Condition, Expression
from deconvcalc.expressions.reader import (
    DEEPEST,
    LONGEST,
    MOST_EXTREMES,
    MOST_STEPS,
    MOST_TOKENS,
    parse_condition,
    parse_target,
)

__all__ = [
    "DEEPEST",
    "LONGEST",
    "MOST_DIGITS",
    "MOST_EXTREMES",
    "MOST_STEPS",
    "MOST_TOKENS",
    "Condition",
    "Expression",
    "parse_condition",
    "parse_target",
]
