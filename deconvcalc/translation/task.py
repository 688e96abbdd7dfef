"""One layer to be written in a framework, and what tells whether a way to write it is right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.dialects import Dialect, Given, Placed
from deconvcalc.errors import ConversionError, DeconvcalcError, DialectError, LayerError
from deconvcalc.formulas import effective_kernel
from deconvcalc.layers import (
    AdaptivePool,
    AvgPool,
    DepthwiseConv,
    Explicit,
    Fold,
    Identity,
    Layer,
    MaxPool,
    Same,
    ToSize,
    Unfold,
    Upsample,
)
from deconvcalc.translation.steps import Step, filled
from deconvcalc.translation.weights import per_axis

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Crops",
    "Pair",
    "Task",
    "crops",
    "fitted",
    "pads_and_cuts",
    "refuse_other_names",
    "slices",
    "unfolding",
]

Pair = tuple[int, int]
"""Before and after, along one axis."""


class Task:
    """A layer, its number of axes, and the input sizes if they are known."""

    def __init__(self, layer: Layer, axes: int, sizes: tuple[int, ...] | None) -> None:
        self.layer = layer
        self.axes = axes
        self.sizes = sizes

    def each(self, name: str) -> tuple[Any, ...]:
        """A field of the layer, for each axis."""
        return per_axis(getattr(self.layer, name), self.axes)

    @property
    def rules(self) -> tuple[Any, ...]:
        """The padding rule of each axis."""
        return self.each("padding")

    @property
    def settled(self) -> bool:
        """Whether no rule depends on n."""
        return not any(isinstance(rule, (Same, ToSize)) for rule in self.rules)

    @property
    def sides(self) -> tuple[Pair, ...]:
        """Padding or crops of each axis, written out for the sizes.

        Raises:
            ConversionError: they depend on a size that is not known.
        """
        layer = self.layer
        if not self.settled:
            layer = layer.at(self.known("the padding depends on it"))
        rules = per_axis(layer.padding, self.axes)  # type: ignore[attr-defined]  # windows have it
        return tuple([(rule.before, rule.after) for rule in rules])

    def known(self, why: str) -> tuple[int, ...]:
        """The input sizes.

        Raises:
            ConversionError: they are not known.
        """
        if self.sizes is None:
            raise ConversionError(
                f"the input size must be known: {why}",
                hint="Name it: size=28 for convert; --from 28 and a number as target for solve.",
            )
        return self.sizes

    @property
    def overhang(self) -> tuple[int, ...]:
        """How far the last window of each axis reaches beyond the padding.

        Negative where elements are left over; from minus the stride on another window would fit.

        Raises:
            ConversionError: the sizes are not known.
        """
        sizes = self.known("where the last window ends depends on it")
        counts: Any = self.layer.output_size(sizes)
        rows = zip(sizes, counts, self.windows(self.sides), strict=True)
        return tuple(
            [
                (m - 1) * s + effective_kernel(k, d) - n - before - after
                for n, m, (k, s, d, before, after) in rows
            ]
        )

    def windows(self, sides: tuple[Pair, ...] | None = None) -> tuple[Placed, ...]:
        """The window of each axis with these sides, by default none, as the dialects spell it."""
        sides = ((0, 0),) * self.axes if sides is None else sides
        rows = zip(self.each("kernel_size"), self.each("stride"), self.dilation, sides, strict=True)
        return tuple([(k, s, d, *pair) for k, s, d, pair in rows])

    @property
    def dilation(self) -> tuple[int, ...]:
        """The dilation of each axis; 1 for layers without one."""
        return per_axis(getattr(self.layer, "dilation", 1), self.axes)

    def fault(self, dialect: Dialect, steps: tuple[Step, ...]) -> str | None:
        """Why steps do not do what the layer does in the framework; None where they do.

        Each step is read back by the dialect's own table. A single step must be the layer, for
        every size or for the known ones; several have the layer's sizes.
        """
        try:
            layers = list(_read(dialect, steps))
        except (DialectError, LayerError) as error:
            return error.message
        changes = {name for step in steps for weight in step.weights for name, _ in weight.changes}
        alone = len(layers) == len(steps) == 1 and type(layers[0]) is type(self.layer)
        if alone and self.sizes is not None and not layers[0].accepts(self.sizes):
            return f"{steps[0].name} refuses this size"
        if alone and changes.isdisjoint(("zero_taps", "spread")):
            same = self._is(layers[0], whole="ungroup" in changes)
            return None if same else f"{steps[0].name} puts its windows elsewhere"
        if self.sizes is None or len(layers) < len(steps):
            return None
        sizes: Any = self.sizes
        try:
            for layer in layers:
                sizes = layer.output_size(sizes)
        except DeconvcalcError as error:
            return error.message
        return None if sizes == self.layer.output_size(self.sizes) else "the sizes differ"

    def _is(self, read: Layer, *, whole: bool) -> bool:
        """Whether a layer that was read back is the one; `whole` if it has the groups in one."""
        wanted = self.layer.replace(groups=1) if whole else self.layer
        mine, other = [_plain(layer, self.axes, self.sizes) for layer in (wanted, read)]
        if mine == other:
            return True
        if self.sizes is None:
            return False
        if isinstance(mine, (MaxPool, AvgPool)):
            return self._pools_alike(mine, other)
        return bool(mine.at(self.sizes) == other.at(self.sizes))

    def _pools_alike(self, mine: Any, other: Any) -> bool:
        """Whether two pools have the same windows for the sizes, and count the same elements."""
        sizes = self.sizes
        views = []
        for pool in (mine, other):
            settled = pool.at(sizes)
            rules = per_axis(settled.padding, self.axes)
            # Behind the last element is nothing to see, but for padding that is counted.
            counts = isinstance(pool, AvgPool) and (pool.count_include_pad or pool.divisor)
            padded = counts and any(rule != Explicit(0, 0) for rule in rules)
            views.append(
                (
                    per_axis(pool.kernel_size, self.axes),
                    per_axis(pool.stride, self.axes),
                    per_axis(pool.dilation, self.axes),
                    pool.output_size(sizes),
                    [rule.before for rule in rules],
                    [rule.after if padded else min(rule.after, 0) for rule in rules],
                    (pool.divisor,) if isinstance(pool, AvgPool) else None,
                )
            )
        return views[0] == views[1]


def _plain(layer: Layer, axes: int, sizes: tuple[int, ...] | None) -> Layer:
    """The layer without what its surroundings say, and its settings in one of equal forms.

    Where the sizes are known, what only says which sizes it takes does not count.
    """
    fields: dict[str, Any] = dict.fromkeys({"in_channels", "out_channels"} & set(layer._fields))
    if isinstance(layer, DepthwiseConv):  # only whether a 1 x 1 convolution follows
        fields["out_channels"] = None if layer.out_channels is None else 1
    if sizes is not None and "must_fit" in layer._fields:
        fields["must_fit"] = False
    if isinstance(layer, Identity):
        fields["name"] = layer.name.lower()
        if sizes is not None:
            fields["least_elements"] = 1
    if sizes is not None and "in_features" in layer._fields:
        fields["in_features"] = None
    if isinstance(layer, AdaptivePool) and sizes is not None:
        targets = per_axis(layer.size, axes)
        rows = zip(sizes, targets, strict=True)
        fields["size"] = tuple([n if m is None else m for n, m in rows])
    if isinstance(layer, Upsample):
        fields |= _resize(layer, axes, sizes)
    if "axes" in layer._fields:
        fields["axes"] = axes
    return layer.replace(**fields)


def _resize(layer: Upsample, axes: int, sizes: tuple[int, ...] | None) -> dict[str, Any]:
    """A resize by whole factors as one to a size; there the nearest pixel is one by any rule."""
    factors = per_axis(layer.factor, axes)
    if layer.factor is None and sizes is not None:
        pairs = [divmod(m, n) for n, m in zip(sizes, per_axis(layer.size, axes), strict=True)]
        factors = tuple([None if rest else whole for whole, rest in pairs])
    if not all(isinstance(factor, int) for factor in factors):
        return {}
    mode = "nearest" if layer.mode in ("nearest-exact", "area") else layer.mode
    if sizes is None:
        return {"mode": mode}
    target = tuple([n * factor for n, factor in zip(sizes, factors, strict=True)])
    return {"factor": None, "size": target, "mode": mode}


def _read(dialect: Dialect, steps: tuple[Step, ...]) -> Iterator[Layer]:
    """The steps as layers; those that the dialect's table cannot read are left out."""
    table = dialect.calls
    for step in steps:
        if step.name not in table or not step.spatial:
            continue
        call = table[step.name]
        groups = step.arguments.get("groups", 1)
        count = groups if isinstance(groups, int) else 1
        values = {name: filled(value, (count, count)) for name, value in step.arguments.items()}
        yield call.make(Given(call, dict(call.parameters) | values))


def unfolding(layer: Fold) -> Layer:
    """The unfold of the size of a fold: it has the same windows, and knows their padding."""
    fields = ("kernel_size", "stride", "padding", "dilation")
    return Unfold(**{field: getattr(layer, field) for field in fields}, axes=len(layer.size))


def pads_and_cuts(sides: tuple[Pair, ...]) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Padding apart from crops: both as pairs of at least 0."""
    pads = tuple([(max(before, 0), max(after, 0)) for before, after in sides])
    cuts = tuple([(max(-before, 0), max(-after, 0)) for before, after in sides])
    return pads, cuts


class Crops:
    """How a transposed window gets its crops: zero taps, what the layer crops, and the rest.

    Args:
        crop: what the layer itself crops on both sides, by axis.
        extra: how much less it crops after (output_padding).
        taps: zero taps before and after, by axis.
        rest: what is cropped behind the layer.
    """

    def __init__(self, columns: list[tuple[int, int, Pair, Pair]]) -> None:
        self.crop = tuple([column[0] for column in columns])
        self.extra = tuple([column[1] for column in columns])
        self.taps = tuple([column[2] for column in columns])
        self.rest = tuple([column[3] for column in columns])


def crops(task: Task, dilation: tuple[int, ...], most_extra: tuple[int, ...], both: bool) -> Crops:
    """Crops of any kind, from a layer that crops both sides alike and has an output_padding.

    A side that is to be extended takes zero taps on that side, as far as output_padding does not
    reach: so the bias is added there too. The rest is cropped behind the layer.

    Args:
        task: the transposed convolution.
        dilation: of the layer that is written.
        most_extra: the largest output_padding, by axis.
        both: whether the layer itself can crop both sides alike (its padding).
    """
    columns = []
    for (before, after), d, most in zip(task.sides, dilation, most_extra, strict=True):
        first = -(min(before, 0) // d)
        extra = -after if 0 < -after <= most else 0
        last = 0 if extra else -(min(after, 0) // d)
        left, right = before + first * d, after + last * d + extra
        crop = min(left, right) if both and not extra else 0
        columns.append((crop, extra, (first, last), (left - crop, right - crop)))
    return Crops(columns)


def fitted(task: Task, *, fill: bool = False) -> tuple[Pair, ...]:
    """The sides of a pool, cut behind the last window: what is left over could hold another.

    With `fill` they also reach as far as that window, so that it does not hang over.
    """
    if not task.layer.ceil_mode:  # type: ignore[attr-defined]  # pools have it
        return task.sides
    rows = zip(task.sides, task.overhang, strict=True)
    return tuple(
        [(before, after + (over if fill else min(over, 0))) for (before, after), over in rows]
    )


def slices(task: Task) -> tuple[tuple[Pair, ...], tuple[int, ...]]:
    """A slice as what is cropped on both sides of each axis, and the step between the rest."""
    starts, stops, steps = task.each("start"), task.each("stop"), task.each("step")
    sides = []
    for axis, (start, stop, step) in enumerate(zip(starts, stops, steps, strict=True)):
        if start >= 0 and (stop is None or stop < 0):
            sides.append((start, -(stop or 0)))
            continue
        n = task.known("where the slice ends depends on it")[axis]
        taken = range(n)[start:stop:step]
        sides.append((taken[0], n - 1 - taken[-1]))
    return tuple(sides), steps


def refuse_other_names(task: Task) -> None:
    """Refuse an identity that stands for another layer: only its sizes are known.

    Raises:
        ConversionError: it does.
    """
    name = task.layer.name  # type: ignore[attr-defined]  # it is an Identity
    if name.lower() != "identity":
        raise ConversionError(
            f"only the sizes of {name} are known here, not its values",
            hint="It leaves sizes alone: write it as it is in the other framework.",
        )
