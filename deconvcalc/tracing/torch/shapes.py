"""Dimensions after reshaping, slicing and broadcasting, as functions of the inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.errors import DeconvcalcError
from deconvcalc.model.conditions import Condition
from deconvcalc.model.extents import Extent, Joint, extent
from deconvcalc.model.operations import simpler
from deconvcalc.sets import accepted
from deconvcalc.tracing.torch.arguments import Dim, dim_of, size_of, symbolic
from deconvcalc.tracing.torch.sizes import Size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from deconvcalc.tracing.torch.guards import Guards

__all__ = ["always", "broadcast", "positive", "product", "reshaped", "sliced"]


def product(dims: Iterable[Dim]) -> Dim:
    """How many elements."""
    number, factors = _factors(dims)
    return _joined(number, factors)


def _factors(dims: Iterable[Dim]) -> tuple[int, list[Extent]]:
    """The plain number and the other factors of a product."""
    number = 1
    factors: list[Extent] = []
    todo: list[Any] = list(dims)[::-1]
    while todo:
        one = todo.pop()
        if isinstance(one, int):
            number *= one
        elif isinstance(one, Joint) and one.sign == "*":
            todo += one.parts[::-1]
        elif one.constant is not None and not one.variables:
            number *= one.constant
        else:
            factors.append(one)
    return number, factors


def _joined(number: int, factors: Sequence[Extent]) -> Dim:
    if not factors:
        return number
    total = factors[0]
    for one in factors[1:]:
        total = total * one
    return total if number == 1 else total * number


def always(condition: Condition) -> bool:
    """Whether a condition is known to hold for every input whose sizes are accepted."""
    if not condition.variables:
        return condition.holds({})
    try:
        held = condition.sizes()
    except DeconvcalcError:
        return False
    if held is None:
        return False
    for side in (condition.left, condition.right):
        for one in side.apart():
            held |= ~accepted(one.map)
    return not ~held


def positive(one: Extent, held: Sequence[Dim]) -> bool:
    """Whether a size is known to be at least 1: it is a product of such."""
    number, factors = _factors([dim_of(one)])
    known = {id(dim) for dim in held}
    return number >= 1 and all(
        id(part) in known or part in held or always(Condition(part, ">=", 1)) for part in factors
    )


def reshaped(
    dims: tuple[Dim, ...], wanted: Sequence[Any]
) -> tuple[tuple[Dim, ...], list[Condition]]:
    """The dimensions after a reshape, and what it asks for.

    Args:
        dims: those of the tensor.
        wanted: ints, functions of the inputs, and at most one -1.
    """
    rule = f"the elements fill ({', '.join(map(str, wanted))})"
    open_ = [place for place, one in enumerate(wanted) if isinstance(one, int) and one == -1]
    if not open_:
        return tuple(wanted), list(_equal(dims, tuple(wanted), rule))
    (place,) = open_
    rest = tuple([one for one in wanted if not (isinstance(one, int) and one == -1)])
    value, conditions = _left(dims, rest, place, rule)
    return (*wanted[:place], value, *wanted[place + 1 :]), conditions


def _left(
    dims: tuple[Dim, ...], rest: tuple[Dim, ...], place: int, rule: str
) -> tuple[Dim, list[Condition]]:
    """What is left for the one dimension that is not said."""
    (number, factors), (known, taken) = _factors(dims), _factors(rest)
    for one in list(taken):
        if one in factors:
            factors.remove(one)
            taken.remove(one)
    if not taken and factors and number % known and place == 0 and dims[0] == 1:
        # The batch would take up what is left: it has to stay 1.
        return 1, list(_equal(dims, rest, rule))
    if not taken and not number % known:
        if place == 0 and dims[0] == 1 and factors and not _ends(dims, rest):
            return 1, list(_equal(dims, rest, rule))
        return _joined(number // known, factors), []
    total, part = extent(_joined(number, factors)), extent(_joined(known, taken))
    return total // part, [Condition(part, "divides", total, rule)]


def _ends(dims: tuple[Dim, ...], rest: tuple[Dim, ...]) -> bool:
    """Whether some last dimensions have exactly the elements of others."""
    number, factors = _factors(rest)
    for start in range(1, len(dims) + 1):
        mine, its = _factors(dims[start:])
        if mine == number and len(its) == len(factors) and all(one in its for one in factors):
            return True
    return False


def _equal(one: tuple[Dim, ...], other: tuple[Dim, ...], rule: str) -> Iterable[Condition]:
    """What makes two products equal: for each input axis apart, where that is the same."""
    (number, factors), (count, others) = _factors(one), _factors(other)
    for factor in list(factors):
        if factor in others:
            factors.remove(factor)
            others.remove(factor)
    if not factors and not others:
        if number != count:
            yield Condition(number, "==", count, rule)
        return
    pairs = _apart(factors, others)
    if pairs is not None and number == count:
        for less, more in pairs:
            yield Condition(more, "==", less, rule)
        return
    left, right = extent(_joined(number, factors)), extent(_joined(count, others))
    yield Condition(left, "==", right, rule)


def _apart(one: list[Extent], other: list[Extent]) -> list[tuple[Extent, Extent]] | None:
    """Products by input axis, where each of one side is nowhere above that of the other.

    Then both products are equal where those of each axis are.
    """
    names = {name for factor in (*one, *other) for name in factor.variables}
    if any(len(factor.variables) != 1 for factor in (*one, *other)):
        return None
    pairs = []
    for name in sorted(names):
        sides = [
            extent(_joined(1, [factor for factor in side if name in factor.variables]))
            for side in (one, other)
        ]
        pairs.append((sides[0], sides[1]))
    if all(always(Condition(more, ">=", less)) for more, less in pairs):
        return [(less, more) for more, less in pairs]
    if all(always(Condition(more, ">=", less)) for less, more in pairs):
        return pairs
    return None


def sliced(guards: Guards, dim: Dim, value: int, cut: slice) -> Dim:
    """How many elements a slice takes of a dimension, as Python counts them.

    Args:
        guards: where the signs of its ends are asked, if they are not plain.
        dim: the dimension.
        value: its size at the traced input.
        cut: the slice, of ints, sizes or None.
    """
    step = 1 if cut.step is None else int(cut.step)
    if cut.stop is None and step == 1 and (cut.start is None or _is_zero(cut.start)):
        return dim
    whole = size_of(guards, dim, value)
    if not isinstance(dim, int) and type(whole) is int:
        whole = dim.constant
    start = _end(whole, 0 if cut.start is None else cut.start)
    stop = whole if cut.stop is None else _end(whole, cut.stop)
    taken = stop - start
    if isinstance(taken, int) and type(taken) is not Size:
        return max(-(-taken // step), 0)
    count = taken if step == 1 else -(-taken // step)
    made = symbolic(count)
    return dim if made == dim else made


def _is_zero(value: Any) -> bool:
    return type(value) is not Size and int(value) == 0


def _end(whole: Any, end: Any) -> Any:
    """One end of a slice, from the start and within the dimension."""
    if _below(end):
        return _larger(whole + end, 0)
    if type(whole) is not Size and type(end) is not Size:
        return min(whole, end)
    if end is whole or not _exceeds(end, whole):
        return end
    return whole if not _exceeds(whole, end) else _either(whole, end, "min")


def _below(end: Any) -> bool:
    """Whether an end counts from the back; asked of the code's way where it depends."""
    if type(end) is not Size:
        return bool(end < 0)
    if always(Condition(end.extent, ">=", 0)):
        return False
    return bool(end < 0)


def _larger(one: Any, least: int) -> Any:
    if type(one) is not Size:
        return max(one, least)
    if always(Condition(one.extent, ">=", least)):
        return one
    return _either(one, least, "max")


def _exceeds(one: Any, other: Any) -> bool:
    """Whether a size may be larger than another."""
    return not always(Condition(symbolic(other), ">=", symbolic(one)))


def _either(one: Any, other: Any, which: str) -> Any:
    """The smaller or the larger of two sizes, as one function of the inputs."""
    sides = [extent(symbolic(side)) for side in (one, other)]
    pick = min if which == "min" else max
    made = sides[0].minimum(sides[1]) if which == "min" else sides[0].maximum(sides[1])
    size = one if type(one) is Size else other
    values = [side.value if type(side) is Size else side for side in (one, other)]
    return size_of(size.guards, made, pick(values))


def broadcast(
    shapes: Sequence[tuple[Dim, ...]], rule: str
) -> tuple[tuple[Dim, ...], list[tuple[int, Condition]]]:
    """The dimensions of what is combined element by element, aligned at their ends.

    Returns:
        The dimensions, and conditions, each with the index of its dimension from the end, from 1.
    """
    rank = max(map(len, shapes))
    made: list[Dim] = []
    conditions: list[tuple[int, Condition]] = []
    for back in range(rank, 0, -1):
        present = [(place, one[-back]) for place, one in enumerate(shapes) if len(one) >= back]
        first, dim = present[0]
        for place, other in present[1:]:
            if dim is other or other == 1 or (isinstance(dim, int) and dim == other):
                continue
            if isinstance(dim, int) and dim == 1:
                first, dim = place, other
                continue
            held = Condition(dim, "matches", other, rule, None, (first, place))
            conditions.append((back, held))
            dim = _common(dim, other)
        made.append(dim)
    return tuple(made), conditions


def _common(one: Dim, other: Dim) -> Dim:
    if isinstance(one, int) or isinstance(other, int):
        return one if isinstance(one, int) else other
    return simpler(one, other)
