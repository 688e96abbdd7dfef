"""Thousands of configurations in one request, by the functions behind the layers.

    {"do": "sweep", "functional": true, "errors": false}

with the arrays "rows" (one configuration each, as `Configuration.row` writes it), "x" and "w"
(the input and the kernel of a configuration are their first numbers; a max pool gets -x), "layers"
(the places of the rows that are built as real layers as well) and "screened" (those that are not
run at all) is answered by

    {"ok": true, "errors": []}

and the arrays "sizes" (per axis, -1 where it is refused, -2 where it is not run), "by" (1 where a
layer decided, because the functions leave one of its rules out), "values" (all outputs, one after
another), and "layer sizes" and "layer values" for the rows of "layers".
"""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import numpy as np

    from deconvcalc.checkers.wire import Message

    Row = Sequence[int]

__all__ = ["REFUSED", "SKIPPED", "Made", "Sweeper", "spread", "sweep", "uncollected"]

REFUSED = -1
"""The size of what the framework refuses."""

SKIPPED = -2
"""The size of what is not run."""


class Sweeper(Protocol):
    """The functions of a framework. Whatever they raise is a refusal."""

    @property
    def functions(self) -> Sequence[Callable[[Row], Any]]:
        """By the place of an operation, what its function makes of a row."""

    def hidden(self, rows: np.ndarray) -> np.ndarray:
        """For each row, whether a layer has a rule for it that the function does not check."""

    def layer(self, row: Row) -> Any:
        """What a real layer makes of the row."""

    def quick(self) -> AbstractContextManager[Any]:
        """What makes the functions quick."""

    def sizes(self, outputs: list[Any]) -> list[int]:
        """The size of each output along its last axis; what is None was refused."""

    def join(self, outputs: list[Any]) -> np.ndarray:
        """All numbers of some outputs, one output after another."""


class Made(dict[Any, Any]):
    """What is made at the first look, from its key."""

    def __init__(self, make: Callable[..., Any]) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, key: tuple[Any, ...]) -> Any:
        self[key] = value = self.make(*key)
        return value


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

    table = arrays["rows"]
    rows = table.tolist()
    outputs: list[Any] = [None] * len(rows)
    errors = [""] * len(rows) if header.get("errors") else []
    run = np.ones(len(rows), bool)
    run[arrays["screened"]] = False
    by = run & sweeper.hidden(table) if header.get("functional", True) else run.copy()
    quick = np.flatnonzero(run & ~by).tolist()
    both = arrays["layers"].tolist()
    # Layers are built as a person builds them: that is what the functions stand beside.
    with uncollected() if header.get("functional", True) else contextlib.nullcontext():
        with sweeper.quick():
            _run(sweeper.functions, rows, quick, outputs, errors)
        # Where nothing came out, the layer says whether it means that.
        sizes = np.array(sweeper.sizes(outputs), np.int64)
        by |= run & (sizes == 0)
        layers = [sweeper.layer] * len(sweeper.functions)
        decided = np.flatnonzero(by).tolist()
        _run(layers, rows, decided, outputs, errors)
        sizes[decided] = sweeper.sizes([outputs[place] for place in decided])
        built: list[Any] = [None] * len(rows)
        _run(layers, rows, both, built, [])
        double = [built[place] for place in both]
        sizes[~run] = SKIPPED
        answer = {
            "sizes": sizes,
            "by": by.astype(np.int8),
            "values": sweeper.join([output for output in outputs if output is not None]),
            "layer sizes": np.array(sweeper.sizes(double), np.int64),
            "layer values": sweeper.join([output for output in double if output is not None]),
        }
    return {"ok": True, "errors": errors}, answer


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Without the garbage collector, which would look through everything again and again."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _run(
    ways: Sequence[Callable[[Row], Any]],
    rows: list[Row],
    places: Sequence[int],
    outputs: list[Any],
    errors: list[str],
) -> None:
    for place in places:
        row = rows[place]
        try:
            outputs[place] = ways[row[0]](row)
        except Exception as error:  # noqa: BLE001 - whatever a framework raises is a refusal
            outputs[place] = None
            if errors:
                errors[place] = f"{type(error).__name__}: {error}"
