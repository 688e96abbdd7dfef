"""Stretches of n that a decision looks at, in chunks, up to a stated limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deconvcalc.errors import UndecidedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

__all__ = ["SAFE", "WORK_LIMIT", "chunks", "roomy"]

WORK_LIMIT = 2**22
"""How many n a decision may look at."""

CHUNK = 2**16
"""How many n are looked at together."""

FIRST = 2**10
"""So many where one of the first may decide: a chain may have thousands of floors."""

SAFE = 2**62
"""Numbers below it are far enough from the end of int64."""


def chunks(low: int, end: int, *, all_of_them: bool = False) -> Iterator[np.ndarray]:
    """The n from low up to end, which is excluded, in arrays.

    Args:
        low: the first n.
        end: the first n that is no longer meant.
        all_of_them: whether a few are of no use, so that too many are refused at once.

    Raises:
        UndecidedError: past the work limit.
    """
    import numpy as np

    most = WORK_LIMIT if end - low <= WORK_LIMIT or not all_of_them else 0
    begun, many = low, CHUNK if all_of_them else FIRST
    while begun < end:
        if begun - low >= most:
            raise UndecidedError(
                f"a decision needs n from {_said(low)} to {_said(end)}: more than {WORK_LIMIT:,}",
                rule="work limit",
                hint="Ask about fewer sizes, or about a part of the layers.",
            )
        stop = min(begun + many, end)
        if stop < SAFE:
            yield np.arange(begun, stop, dtype=np.int64)
        else:
            yield np.array(range(begun, stop), dtype=object)
        begun, many = stop, min(2 * many, CHUNK)


def _said(number: int) -> str:
    """A number, which may be too long to print."""
    return str(number) if number < 10**30 else f"about 2**{number.bit_length() - 1}"


def roomy(values: np.ndarray, factor: int, more: int = 0) -> np.ndarray:
    """Values that may be multiplied by a factor, and moved, without leaving int64."""
    if values.dtype == object or not values.size:
        return values
    most = max(abs(int(values.max())), abs(int(values.min())), 1)
    fits = most * max(abs(factor), 1) + more < SAFE // 2
    return values if fits else values.astype(object)
