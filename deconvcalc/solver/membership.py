"""Whether a layer is among the answers, decided from the runs: no answer is made."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import DeconvcalcError
from deconvcalc.layers import (
    AvgPool,
    Conv,
    ConvTranspose,
    Explicit,
    Layer,
    MaxPool,
    PixelShuffle,
    Same,
    Upsample,
)
from deconvcalc.solver.modes import BITS
from deconvcalc.solver.ranking import Ranked, one_layer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deconvcalc.solver.query import Query
    from deconvcalc.solver.runs import Run

__all__ = ["contains", "located"]

_KINDS: dict[tuple[type[Layer], ...], str] = {
    (ConvTranspose,): "conv_transpose",
    (Conv,): "conv",
    (MaxPool,): "max_pool",
    (AvgPool,): "avg_pool",
    (Upsample, Conv): "resize_conv",
    (PixelShuffle,): "pixel_shuffle",
}


def contains(query: Query, ranked: Ranked, layers: Sequence[Layer]) -> bool:
    """Whether these layers, at the source size, are an answer."""
    return located(query, ranked, layers) is not None


def located(query: Query, ranked: Ranked, layers: Sequence[Layer]) -> tuple[Run, ...] | None:
    """The runs that these layers are in, one for each group of axes; None where they are no answer.

    Channels, groups and bias are not compared: the question does not say them.
    """
    op = _KINDS.get(tuple([type(layer) for layer in layers]))
    if op is None or op not in query.ops or not _plain(layers):
        return None
    windows = [_window(query, op, layers, axis) for axis in range(len(query.targets))]
    found = []
    for place, group in enumerate(query.groups):
        runs = _in_group(ranked.runs(op, place), [windows[axis] for axis in group])
        found.append([run for run in runs if op != "avg_pool" or _counts(run, layers[0])])
    return next((runs for runs in product(*found) if one_layer(list(runs))[1]), None)


def _plain(layers: Sequence[Layer]) -> bool:
    """Whether the layers have no field that an answer never has."""
    last = layers[-1]
    if isinstance(last, Conv) and last.padding_mode != "zeros":
        return False
    if isinstance(last, AvgPool) and last.divisor is not None:
        return False
    first = layers[0]
    return not isinstance(first, Upsample) or (first.mode == "nearest" and first.size is None)


def _window(query: Query, op: str, layers: Sequence[Layer], axis: int) -> Any:
    """(factor, k, s, d, sides, ceil_mode) of one axis at the source size.

    The sides are (before, after), or the rule `Same` for a target in n.
    """
    first, last = layers[0], layers[-1]
    factor = _on(getattr(first, "factor", 1), axis)
    if op == "pixel_shuffle":
        return factor, 1, 1, 1, (0, 0), False
    sources = query.sources
    if sources is not None and all(isinstance(n, int) for n in sources):  # not a target in n
        try:
            sizes = [n * _on(getattr(first, "factor", 1), i) for i, n in enumerate(sources)]
            last = last.at(tuple(sizes) if query.axes else sizes[0])
        except DeconvcalcError:
            return None
    window: Any = last
    rule = _on(window.padding, axis)
    if not isinstance(rule, (Explicit, Same)):
        return None
    sides = rule if isinstance(rule, Same) else (rule.before, rule.after)
    steps = [_on(value, axis) for value in (window.kernel_size, window.stride, window.dilation)]
    return factor, *steps, sides, getattr(window, "ceil_mode", False)


def _on(value: Any, axis: int) -> Any:
    return value[axis] if isinstance(value, tuple) else value


def _in_group(runs: Iterator[Run], windows: list[Any]) -> Iterator[Run]:
    """The runs that have the window which all axes of the group share."""
    window = windows[0]
    if window is None or any(other != window for other in windows):
        return
    factor, k, s, d, sides, ceil_mode = window
    for run in runs:
        same = (run.factor, run.s, run.d, run.ceil_mode) == (factor, s, d, ceil_mode)
        if same and k in run and (run.rule or run.sides(k)) == sides:
            yield run


def _counts(run: Run, layer: Any) -> bool:
    """Whether a padded mean counts the padding as the layer does."""
    if run.sides(run.kernels[0]) == (0, 0):
        return True
    return bool(run.allowed & BITS["torch"]) is bool(layer.count_include_pad)
