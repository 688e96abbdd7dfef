"""What a stage costs, by the formulas of `deconvcalc.costs`, and costs made of it.

A stage costs parameters and multiply-accumulates, which add up over the stages, and memory: the
bytes of a layer's input and output together, whose largest value is the peak of the whole chain.
"""

from __future__ import annotations

from fractions import Fraction
from math import isfinite
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import QueryError
from deconvcalc.values import Value, integer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NAMES", "Budget", "Cost", "read_budgets", "read_cost"]

NAMES = ("parameters", "macs", "memory")
"""What can be weighed: parameters, multiply-accumulates, bytes of peak activation memory."""


class Cost(Value):
    """What is to be small.

    Attributes:
        weights: for each of `NAMES` its weight; () for a function.
        function: the user's, of a `Stage`, or of a `Plan` where it does not add; or None.
        adds: whether it adds over the stages. Memory does where the peak is a part of the state.
    """

    __slots__ = _fields = ("weights", "function", "adds")
    weights: tuple[Fraction, ...]
    function: Callable[[Any], Any] | None
    adds: bool

    def __init__(
        self,
        weights: tuple[Fraction, ...] = (),
        function: Callable[[Any], Any] | None = None,
        adds: bool = True,
    ) -> None:
        self._set(weights=weights, function=function, adds=adds)

    @property
    def has_peak(self) -> bool:
        """Whether memory is a part of it."""
        return bool(self.weights) and self.weights[2] != 0

    @property
    def name(self) -> str:
        """What it is called."""
        if self.function is not None:
            return getattr(self.function, "__name__", "cost")
        shown = [
            name if weight == 1 else f"{_number(weight)}*{name}"
            for name, weight in zip(NAMES, self.weights, strict=True)
            if weight
        ]
        return " + ".join(shown)


class Budget(Value):
    """The most that a design may cost."""

    __slots__ = _fields = ("cost", "most")
    cost: Cost
    most: Fraction

    def __init__(self, cost: Cost, most: Fraction) -> None:
        self._set(cost=cost, most=most)

    @property
    def is_peak(self) -> bool:
        """Whether it bounds memory alone, stage by stage."""
        return bool(self.cost.weights) and not any(self.cost.weights[:2])

    def __str__(self) -> str:
        return f"{self.cost.name} at most {_number(self.most)}"


def _number(value: Fraction) -> str:
    return f"{value.numerator:,}" if value.denominator == 1 else f"{float(value):g}"


def read_cost(given: Any, *, additive: bool = True) -> Cost:
    """The cost that a user means: a name, a dict of weights, or a function.

    Raises:
        QueryError: an unknown name, a weight below 0, no weight above 0.
        TypeError: something else.
    """
    if isinstance(given, Cost):
        return given
    if isinstance(given, str):
        return Cost(_weights({given: 1}))
    if isinstance(given, dict):
        return Cost(_weights(given))
    if callable(given):
        return Cost(function=given, adds=additive)
    raise TypeError(f"cost must be a name, a dict of weights or a function, not {given!r}")


def _weights(given: dict[Any, Any]) -> tuple[Fraction, ...]:
    for name in given:
        if name not in NAMES:
            raise QueryError(
                f"unknown cost {name!r}", rule="cost", hint=f"Known are: {', '.join(NAMES)}."
            )
    found = tuple([exact(given.get(name, 0), f"the weight of {name}", "cost") for name in NAMES])
    if not any(found):
        raise QueryError(
            "cost has no weight above 0: every design would be the best",
            rule="cost",
            hint='{"parameters": 1, "macs": 0.01} is a weighted sum.',
        )
    return found


def exact(given: Any, what: str, rule: str) -> Fraction:
    """A number of at least 0 as a fraction, so that sums are exact.

    Raises:
        QueryError: it is negative, infinite or no number: the message names `what`.
        TypeError: it is of another type.
    """
    number = integer(given)
    if number is None and isinstance(given, Fraction):
        number = given  # type: ignore[assignment]
    if number is None:
        try:
            as_float = float(given)
        except OverflowError:
            raise QueryError(f"{what} overflows", rule=rule) from None
        except (TypeError, ValueError):
            raise TypeError(f"{what} must be a number, not {given!r}") from None
        if isinstance(given, (str, bytes, bool)):
            raise TypeError(f"{what} must be a number, not {given!r}")
        if not isfinite(as_float):
            said = (
                "overflows: it is infinite"
                if as_float in (float("inf"), -float("inf"))
                else "is NaN"
            )
            raise QueryError(f"{what} {said}", rule=rule, hint="Give finite numbers.")
        number = Fraction(as_float)  # type: ignore[assignment]
    assert number is not None
    if number < 0:
        raise QueryError(
            f"{what} is negative: {given}",
            rule=rule,
            hint="The search needs costs of at least 0: add a constant to each stage.",
        )
    return Fraction(number)


def read_budgets(given: Any) -> tuple[Budget, ...]:
    """The budgets that a user means: a dict from a cost's name, or pairs of a cost and the most.

    Raises:
        QueryError: an unknown cost, a negative or infinite bound.
        TypeError: something else.
    """
    if given is None:
        return ()
    pairs = list(given.items()) if isinstance(given, dict) else given
    if not isinstance(pairs, (list, tuple)) or not all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs
    ):
        raise TypeError(f"budgets must be a dict, or pairs of a cost and its bound, not {given!r}")
    found = []
    for cost, most in pairs:
        read = read_cost(cost)
        found.append(Budget(read, exact(most, f"the budget of {read.name}", "budgets")))
    return tuple(found)
