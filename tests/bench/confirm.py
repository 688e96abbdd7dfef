"""Confirming: many configurations by the functions of a framework, against building its layers.

Both ways run in worker processes of the framework, and sizes and values are compared with the
library's by the same code; no configuration is asked twice. Ours also builds one of 1,000 as
layers. It takes as many processes as `sweep` does by itself, up to three where there are as many
processors; layers are built in one, as a person's loop builds them. A framework takes longer to
refuse than to run: the first row of each takes configurations that the framework accepts, the
second takes them as they are drawn, one of five refused.
"""

from __future__ import annotations

import random
from importlib.util import find_spec
from math import nan
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import deconvcalc as dc
from deconvcalc.checkers.sweeping import draw, sweep
from tests.bench import Row

if TYPE_CHECKING:
    from deconvcalc.checkers.sweeping import Configuration, Sweep
    from deconvcalc.layers import Layer

NAME = "confirm"
SEED = 20261122
FRACTION = 0.001
CASES = {
    "torch": ("torch.nn.functional", 10_000, 40, 2_000, 5, 1 / 15),
    "keras": ("keras.ops", 3_000, 10, 300, 3, 1 / 10),
}
"""By framework its functions, how many configurations ours takes and with how many sizes a call
comes (as when a range of sizes is checked), how many the rival takes, rounds and limit."""


def run() -> list[Row]:
    """PyTorch, and Keras on TensorFlow with fewer layers: they take long."""
    return [row for framework in CASES for row in _rows(framework)]


def _rows(framework: str) -> list[Row]:
    functions, count, _, few, rounds, limit = CASES[framework]
    case = f"{count:,} configurations of {framework}, {{}}, each"
    if not find_spec(framework):
        missing = f"layers ({framework} is not installed)"
        return [Row(case=case, ours=functions, rival=missing, ours_seconds=nan, rival_seconds=nan)]
    check(framework, *fresh(framework, count, few, SEED))  # which starts all processes
    return [
        Row(
            case=case.format("accepted" if accepts else "as drawn"),
            ours=functions,
            rival="layers",
            ours_seconds=ours / count,
            rival_seconds=theirs / few,
            limit=limit,
        )
        for accepts in (True, False)
        for ours, theirs in [_timed(framework, rounds, accepts)]
    ]


def _timed(framework: str, rounds: int, accepts: bool) -> tuple[float, float]:
    """The median seconds of both ways; other configurations in each round."""
    _, count, _, few, *_ = CASES[framework]
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(1, rounds + 1):
        many, some = fresh(framework, count, few, SEED + turn, accepts)
        for ours in (turn % 2 == 0, turn % 2 == 1):
            start = perf_counter()
            found = (
                sweep(many, framework, fraction=FRACTION) if ours else by_layers(framework, some)
            )
            taken[not ours].append(perf_counter() - start)
            assert found, found
    return median(taken[0]), median(taken[1])


def fresh(
    framework: str, count: int, few: int, seed: int, accepts: bool = True
) -> tuple[list[Configuration], list[Configuration]]:
    """Configurations for ours and others, drawn alike, for the rival."""
    sizes = CASES[framework][2]
    drawn = draw(framework, 2 * (count + few), seed, sizes=sizes)
    chosen = (accepted(framework, drawn) if accepts else drawn)[: count + few]
    theirs = set(random.Random(seed).sample(range(count + few), few))
    ours = [one for place, one in enumerate(chosen) if place not in theirs]
    return ours, [chosen[place] for place in sorted(theirs)]


def accepted(framework: str, drawn: list[Configuration]) -> list[Configuration]:
    """Those that the library accepts."""
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
    return found


def by_layers(framework: str, configurations: list[Configuration]) -> Sweep:
    """The other way: build and run every layer, and compare as ours does."""
    return sweep(configurations, framework, fraction=0, seed=SEED, functional=False)


def check(framework: str, many: list[Configuration], some: list[Configuration]) -> None:
    """All agree or are in the ledger, and layers find the same as functions."""
    whole = sweep(many, framework, fraction=FRACTION, seed=SEED)
    assert whole, whole
    ours = sweep(some, framework, fraction=0, seed=SEED)
    theirs = by_layers(framework, some)
    assert theirs.functional == 0
    assert (ours.agreed, ours.refused, ours.known) == (theirs.agreed, theirs.refused, theirs.known)
    assert ours, ours
    assert theirs, theirs
