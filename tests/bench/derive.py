"""Deriving: a stack of 40 layers against one of 10; the work may grow with the layers, not faster.

No two floors of the stacks merge, so that every one of them stays in the form in n.
"""

from __future__ import annotations

from functools import partial

import deconvcalc as dc
from tests.bench import Row, medians

NAME = "derive"
ROUNDS = 15
LIMIT = 6.0
SIZE = 10**6


def run() -> list[Row]:
    """The steps of a derivation at a size and in n, with all that is lazy."""
    short, tall = stack(10), stack(40)
    rows = []
    for case, size in (("at a size", SIZE), ("in n", None)):
        for layers in (short, tall):
            check(layers, size)
        taken = medians(
            {"40": partial(derive, tall, size), "10": partial(derive, short, size)}, ROUNDS
        )
        rows.append(
            Row(
                case=f"a derivation {case}, with text, LaTeX, record and sympy",
                ours="40 layers",
                rival="10 layers",
                ours_seconds=taken["40"],
                rival_seconds=taken["10"],
                limit=LIMIT,
            )
        )
    return rows


def stack(count: int) -> list[dc.Layer]:
    """Layers that enlarge by 3/2 and shrink by 2/3 in turn."""
    up, down = dc.ConvTranspose(5, stride=3, padding=1), dc.Conv(3, stride=2, padding=1)
    wide, narrow = dc.ConvTranspose(4, stride=2, padding=1), dc.Conv(5, stride=3, padding=2)
    return [(up, down, wide, narrow)[place % 4] for place in range(count)]


def derive(layers: list[dc.Layer], size: int | None) -> tuple[str, str, str]:
    """A derivation, all of it read."""
    made = dc.derive(layers, size)
    record = made.to_record()
    return made.text + str(record), made.latex, str(made.to_sympy())


def check(layers: list[dc.Layer], size: int | None) -> None:
    """The derivation ends where the layers do."""
    made = dc.derive(layers, size)
    expected = SIZE
    for layer in layers:
        expected = layer.output_size(expected)
    assert size is None or made.target == expected
    (axis,) = made.axes
    assert len(axis.links) == len(layers)
    assert axis.map is not None
    assert axis.map(SIZE) == _put_in(made, SIZE) == expected


def _put_in(made: dc.Derivation, size: int) -> int:
    import sympy

    n = sympy.Symbol("n", integer=True, positive=True)
    return int(made.to_sympy(n).subs(n, size))
