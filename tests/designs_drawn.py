"""Random goals of designs, and random designs of them, for the tests that build and run them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from deconvcalc.designer.goals import Goal, read_goal
from deconvcalc.designer.lattice import Lattice
from deconvcalc.designer.plans import Plan, made_plan

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 20261123


def drawn(count: int, *, dilated: bool = False) -> Iterator[tuple[Goal, Plan]]:
    """So many goals that have designs, each with one of its designs, drawn from any of them."""
    rng = random.Random(SEED)
    while count:
        goal = read_goal(**_question(rng, dilated=dilated))
        lattice = Lattice(goal)
        if not lattice.empty:
            yield goal, any_plan(lattice, rng)
            count -= 1


def any_plan(lattice: Lattice, rng: random.Random) -> Plan:
    """A design that is come to by any way on at each stage."""
    state: Any = lattice.start
    path: list[tuple[int, int]] = []
    while not lattice.final(len(path), state):
        arc = rng.choice(lattice.arcs(len(path), state))
        path.append((arc.option, arc.choice))
        state = arc.state
    return made_plan(lattice.goal, lattice.options, path)


def _question(rng: random.Random, *, dilated: bool) -> dict[str, Any]:
    up = rng.random() < 0.65
    axes = rng.choice([1, 2, 2, 2, 3])
    small = [rng.randint(1, 6) for _ in range(axes)]
    large = [n * rng.choice([1, 2, 3, 4]) + rng.randint(0, 2) for n in small]
    if rng.random() < 0.5:
        small, large = [small[0]] * axes, [large[0]] * axes
    asked: dict[str, Any] = {
        "stages": range(1, rng.choice([2, 3, 4])),
        "op": "any" if rng.random() < 0.6 else None,
        "kernel_size": range(1, rng.choice([4, 5])),
        "padding": [0, 1, 2],
        "growth": rng.choice([None, "any"]),
        "checkerboard": rng.random() < 0.6,
        "aligned": rng.random() < 0.2,
        "overlap": rng.random() < 0.2,
        "shared": axes != 2 or rng.random() < 0.8,
        "bias": rng.random() < 0.7,
    }
    if not asked["shared"]:  # each axis has its own, which makes many options
        asked |= {"kernel_size": range(1, 4), "stages": range(1, 3), "padding": [0, 1]}
    elif dilated:
        asked["dilation"] = [1, 2]
    first, last = rng.randint(1, 9), rng.randint(1, 9)
    asked["channels"] = rng.choice([None, (first, last), (first, [2, 3], last)])
    if rng.random() < 0.15:
        text = rng.choice(["2*n", "4*n", "2*n + 1", "3*n"] if up else ["n//2", "ceil(n/2)", "n//4"])
        return asked | {"target": text, "source": rng.randint(4, 9), "axes": axes}
    ends = (small, large) if up else (large, small)
    return asked | {"source": tuple(ends[0]), "target": tuple(ends[1])}
