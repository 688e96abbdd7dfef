"""Benchmarks: `python -m tests.bench [NAME]` runs all of them, or one.

A benchmark is a module in this folder with a NAME and a `run()`. It first checks that the rivals
give equal answers, then times them in turn, and returns one Row for each comparison.
"""

from __future__ import annotations

import importlib
import pkgutil
import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Benchmark", "Row", "benchmarks", "medians", "names"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One comparison.

    Attributes:
        case: what was done.
        ours: the name of our way.
        rival: the name of the other way.
        ours_seconds: the median time of our way.
        rival_seconds: the median time of the other way.
        limit: the largest ratio of ours to the rival's; None where the rival only stands beside.
        unit: what is compared where it is not time.
    """

    case: str
    ours: str
    rival: str
    ours_seconds: float
    rival_seconds: float
    limit: float | None = None
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """Our time in units of the rival's."""
        return self.ours_seconds / self.rival_seconds

    @property
    def passed(self) -> bool:
        """Whether the ratio is within its limit."""
        return self.limit is None or self.ratio <= self.limit


class Benchmark(Protocol):
    """What a module of this folder offers."""

    NAME: str

    def run(self) -> list[Row]:
        """Check that the answers are equal, then time the rivals."""


def benchmarks() -> dict[str, Benchmark]:
    """Every benchmark, by its name."""
    modules = [
        importlib.import_module(f"{__name__}.{found.name}")
        for found in pkgutil.iter_modules(__path__)
        if not found.name.startswith("_")
    ]
    return {module.NAME: cast("Benchmark", module) for module in modules}


def names() -> list[str]:
    """The names of the benchmarks."""
    return sorted(benchmarks())


def medians(rivals: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median time of each rival in seconds.

    The rivals run in turn, so that a slow moment of the machine meets all of them, and every other
    round runs backwards, so that none always follows the same neighbour.
    """
    times: dict[str, list[float]] = {name: [] for name in rivals}
    order = list(rivals)
    for _ in range(rounds):
        for name in order:
            start = time.perf_counter()
            rivals[name]()
            times[name].append(time.perf_counter() - start)
        order.reverse()
    return {name: median(taken) for name, taken in times.items()}
