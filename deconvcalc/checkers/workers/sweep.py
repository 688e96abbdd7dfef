"""Thousands of configurations in one request, by the functions behind the layers.

    {"do": "sweep", "errors": false}

with the arrays "rows" (one configuration each, as `Configuration.row` writes it), "x" and "w"
(the input and the kernel of a configuration are their first numbers), "layers" (the places of the
rows that are built as real layers as well) and "screened" (those that are not run at all) is
answered by

    {"ok": true, "errors": []}

and the arrays "sizes" (per axis, -1 where it is refused, -2 where it is not run), "by" (1 where a
layer decided, because the functions leave one of its rules out), "values" (all outputs, one after
another), and "layer sizes" and "layer values" for the rows of "layers".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    import numpy as np

    from deconvcalc.checkers.wire import Message

    Row = Sequence[int]

__all__ = ["REFUSED", "SKIPPED", "Sweeper", "spread", "sweep"]

REFUSED = -1
"""The size of what the framework refuses."""

SKIPPED = -2
"""The size of what is not run."""


class Sweeper(Protocol):
    """The functions of a framework. Whatever they raise is a refusal."""

    def hidden(self, row: Row) -> bool:
        """Whether a layer has a rule for this row that the function does not check."""

    def function(self, row: Row) -> Any:
        """What the function makes of the row."""

    def layer(self, row: Row) -> Any:
        """What a real layer makes of the row."""

    def quick(self) -> AbstractContextManager[Any]:
        """What makes the functions of one axis quick."""

    def size(self, output: Any) -> int:
        """The size of an output along its last axis."""

    def join(self, outputs: list[Any]) -> np.ndarray:
        """All numbers of some outputs, one output after another."""


def spread(numbers: np.ndarray, axes: int, pools: bool) -> np.ndarray:
    """Numbers along each of some axes: products of them, or sums for a max pool.

    A layer that has the same arguments on each axis gives the products, or sums, of what it gives
    along one.
    """
    import numpy as np

    outer = np.add.outer if pools else np.multiply.outer
    spread = numbers
    for _ in range(axes - 1):
        spread = outer(spread, numbers)
    return spread


def sweep(sweeper: Sweeper, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> Message:
    """Run every row by its function, or its layer where that sees more, and some by both."""
    import numpy as np

    rows = arrays["rows"].tolist()
    screened = set(arrays["screened"].tolist())
    hidden = [sweeper.hidden(row) for row in rows]
    outputs: list[Any] = [None] * len(rows)
    errors: list[str] = [""] * len(rows)
    places = [place for place in range(len(rows)) if place not in screened]
    one = [place for place in places if not hidden[place] and rows[place][1] == 1]
    many = [place for place in places if not hidden[place] and rows[place][1] > 1]
    with sweeper.quick():
        _run(sweeper.function, rows, one, outputs, errors)
    _run(sweeper.function, rows, many, outputs, errors)
    unseen = {place for place in places if hidden[place]}
    unseen |= {place for place in one + many if _empty(outputs[place], sweeper)}
    _run(sweeper.layer, rows, sorted(unseen), outputs, errors)
    both = arrays["layers"].tolist()
    built: list[Any] = [None] * len(rows)
    _run(sweeper.layer, rows, both, built, [""] * len(rows))
    sizes = [REFUSED if output is None else sweeper.size(output) for output in outputs]
    for place in screened:
        sizes[place] = SKIPPED
    double = [built[place] for place in both]
    answer = {
        "sizes": np.array(sizes, np.int64),
        "by": np.array([place in unseen for place in range(len(rows))], np.int8),
        "values": sweeper.join([output for output in outputs if output is not None]),
        "layer sizes": np.array(
            [REFUSED if output is None else sweeper.size(output) for output in double], np.int64
        ),
        "layer values": sweeper.join([output for output in double if output is not None]),
    }
    return {"ok": True, "errors": errors if header.get("errors") else []}, answer


def _run(
    way: Callable[[Row], Any],
    rows: list[Row],
    places: Sequence[int],
    outputs: list[Any],
    errors: list[str],
) -> None:
    for place in places:
        try:
            outputs[place] = way(rows[place])
        except Exception as error:  # noqa: BLE001 - whatever a framework raises is a refusal
            outputs[place] = None
            errors[place] = f"{type(error).__name__}: {error}"


def _empty(output: Any, sweeper: Sweeper) -> bool:
    """Whether nothing came out: the layer says whether it means that."""
    return output is not None and sweeper.size(output) == 0
