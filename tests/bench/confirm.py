"""Confirming: many configurations by the functions of a framework, against building its layers.

Both ways run in a worker process of the framework, on configurations that it accepts: sizes and
values are compared with the library's by the same code. Ours also builds one of 1,000 as layers.
"""

from __future__ import annotations

import random
from importlib.util import find_spec
from math import nan
from typing import TYPE_CHECKING

import deconvcalc as dc
from deconvcalc.checkers.sweeping import draw, sweep
from tests.bench import Row, medians

if TYPE_CHECKING:
    from deconvcalc.checkers.sweeping import Configuration, Sweep
    from deconvcalc.layers import Layer

NAME = "confirm"
SEED = 20261122
FRACTION = 0.001
CASES = {
    "torch": ("torch.nn.functional", 10_000, 40, 10_000, 3, 1 / 15),
    "keras": ("keras.ops", 3_000, 10, 300, 3, 1 / 10),
}
"""By framework its functions, how many configurations ours takes and with how many sizes a call
comes (as when a range of sizes is checked), how many the rival takes, rounds and limit."""


def run() -> list[Row]:
    """PyTorch, and Keras on TensorFlow with fewer layers: they take long."""
    return [_row(framework) for framework in CASES]


def _row(framework: str) -> Row:
    functions, count, sizes, few, rounds, limit = CASES[framework]
    case = f"{count:,} accepted configurations of {framework}, each"
    if not find_spec(framework):
        missing = f"layers ({framework} is not installed)"
        return Row(case=case, ours=functions, rival=missing, ours_seconds=nan, rival_seconds=nan)
    configurations = accepted(framework, count, sizes)
    built = random.Random(SEED).sample(configurations, few)
    check(framework, configurations, built)
    taken = medians(
        {
            "functions": lambda: sweep(configurations, framework, fraction=FRACTION, seed=SEED),
            "layers": lambda: by_layers(framework, built),
        },
        rounds,
    )
    return Row(
        case=case,
        ours=functions,
        rival="layers",
        ours_seconds=taken["functions"] / count,
        rival_seconds=taken["layers"] / len(built),
        limit=limit,
    )


def accepted(framework: str, count: int, sizes: int) -> list[Configuration]:
    """Drawn configurations that the library accepts."""
    drawn = draw(framework, 2 * count, SEED, sizes=sizes)
    layers: dict[str, Layer | None] = {}
    found = []
    for one in drawn:
        call = one.call(framework)
        if call not in layers:
            try:
                layers[call] = dc.parse(call)
            except dc.DeconvcalcError:
                layers[call] = None
        layer = layers[call]
        if layer is not None and layer.accepts((one.size,) * one.axes):
            found.append(one)
    return found[:count]


def by_layers(framework: str, configurations: list[Configuration]) -> Sweep:
    """The other way: build and run every layer, and compare as ours does."""
    return sweep(configurations, framework, fraction=0, seed=SEED, functional=False)


def check(framework: str, configurations: list[Configuration], built: list[Configuration]) -> None:
    """All agree or are in the ledger, and layers find the same."""
    whole = sweep(configurations, framework, fraction=FRACTION, seed=SEED)
    assert whole, whole
    ours = sweep(built, framework, fraction=0, seed=SEED)
    theirs = by_layers(framework, built)
    assert theirs.functional == 0
    assert (ours.agreed, ours.refused, ours.known) == (theirs.agreed, theirs.refused, theirs.known)
    assert ours, ours
    assert theirs, theirs
