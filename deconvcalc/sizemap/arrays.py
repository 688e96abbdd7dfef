"""Arrays of sizes, for maps and layers: exact integers, and one error for all that is refused."""

from __future__ import annotations

from typing import Any

from deconvcalc.errors import SizeError

__all__ = ["exact_array", "narrow", "refuse_some", "whole_array"]

SAFE = 2**20
"""Sizes and parameters below this cannot leave int64 in any formula: three factors at most."""


def whole_array(sizes: Any) -> Any:
    """An array of sizes, as it is.

    Raises:
        TypeError: it holds something else than integers.
    """
    if sizes.dtype.kind not in "iu":
        raise TypeError(f"an array of sizes has integers, not {sizes.dtype}")
    return sizes


def exact_array(sizes: Any, parameters: list[Any]) -> Any:
    """The sizes in int64, or as Python's ints where a formula of these parameters might wrap."""
    numbers = [value for value in parameters if type(value) in (int, float)]
    if sizes.size:
        numbers += [int(sizes.max()), int(sizes.min())]
    small = all(abs(number) < SAFE for number in numbers)
    return sizes.astype("int64" if small else object)


def narrow(owner: Any, sizes: Any, results: Any, layer: Any = None) -> Any:
    """The results in int64.

    Raises:
        SizeError: one of them does not fit.
    """
    if results.dtype == object:
        wide = (results >= 2**63) | (results < -(2**63))
        refuse_some(owner, sizes, wide, "the output size fits into int64", layer=layer)
    return results.astype("int64")


def refuse_some(
    owner: Any,
    sizes: Any,
    refused: Any,
    rule: str,
    layer: Any = None,
    accepts: str = "accepts(sizes)",
) -> None:
    """Raise for the sizes of an array that are refused, if any are.

    Raises:
        SizeError: it names the count, the first index, its size and the rule.
    """
    refused = refused.astype(bool)
    if not refused.any():
        return
    first = tuple([int(places[0]) for places in refused.nonzero()])
    index = first[0] if len(first) == 1 else first
    raise SizeError(
        f"{owner} refuses {int(refused.sum())} of {sizes.size} sizes, the first at index {index}: "
        f"{int(sizes[first])}: it needs that {rule}",
        layer=layer,
        size=int(sizes[first]),
        rule=rule,
        hint=f"{accepts} gives the mask of those that are taken.",
    )
