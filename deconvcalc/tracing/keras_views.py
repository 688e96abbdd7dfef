"""Tensors of Keras beside nodes of a model: where the channels stand among the axes.

Keras knows axes, and each layer says which of them is that of the channels. A node has channels and
spatial sizes. A view holds both together.
"""

from __future__ import annotations

from math import gcd, prod
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import DeconvcalcError, TraceError
from deconvcalc.layers import Flatten, Layer
from deconvcalc.model import Condition, Given, Model
from deconvcalc.model.extents import Extent, Fixed, extent
from deconvcalc.values import Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deconvcalc.model import Node, Operation

__all__ = ["Build", "View", "broadcast", "refilled"]


class View(Value):
    """A tensor without its batch.

    Args:
        node: the node that gives it.
        channel: the index of the channels among its axes; None where there is no such axis.
    """

    __slots__ = _fields = ("node", "channel")
    node: Node
    channel: int | None

    def __init__(self, node: Node, channel: int | None) -> None:
        self._set(node=node, channel=channel)

    @property
    def axes(self) -> list[Extent]:
        """The sizes of all axes, the channels among them."""
        found = list(self.node.shape.extents)
        if self.channel is not None:
            found.insert(self.channel, Fixed(self.node.channels or 0))
        return found

    @property
    def rank(self) -> int:
        """How many axes it has."""
        return len(self.node.shape.extents) + (self.channel is not None)

    @property
    def constant(self) -> bool:
        """Whether its sizes are the same for every input."""
        return all(one.constant is not None for one in self.node.shape.extents)

    @property
    def known(self) -> tuple[int | None, ...]:
        """The sizes that are the same for every input, None for the others."""
        return tuple([one.constant for one in self.axes])


class Build:
    """A model while it is made from Keras's graph.

    Attributes:
        model: the model.
        assume: what unknown operations do, by name.
        channels_first: whether the channels stand first where nothing says it.
        pinned: the input axes whose sizes the model itself fixes.
        passed: unknown operations that were seen to leave sizes alone.
        warnings: what a reader should know.
        asked: the names of `assume` that were met.
    """

    def __init__(self, assume: Mapping[str, str], *, channels_first: bool = False) -> None:
        self.model = Model()
        self.assume = dict(assume)
        self.channels_first = channels_first
        self.pinned: set[str] = set()
        self.passed: list[str] = []
        self.warnings: list[str] = []
        self.asked: set[str] = set()
        self._counted: set[int] = set()
        self._uses: dict[str, int] = {}

    def name(self, wanted: str) -> str:
        """A name that no node has: a second use of one gets #2."""
        while True:
            count = self._uses[wanted] = self._uses.get(wanted, 0) + 1
            name = wanted if count == 1 else f"{wanted}#{count}"
            if name not in self.model:
                return name

    def put(
        self,
        name: str,
        operation: Layer | Operation,
        views: Sequence[View],
        channel: int | None,
        *,
        remark: str | None = None,
    ) -> View:
        """A node, as a view whose channels stand at an index.

        Raises:
            TraceError: what the layer refuses whatever the input is.
        """
        name = self.name(name)
        try:
            node = self.model.add(operation, *[view.node for view in views], name=name)
        except DeconvcalcError as error:
            raise TraceError(f"{name}: {error.message}", rule=error.rule, hint=error.hint) from None
        node.parameters = 0
        node.remark = remark
        return View(node, channel)

    def count(self, view: View, layer: Any) -> None:
        """Count the weights of a layer at a node: those that no node before has."""
        new = [one for one in getattr(layer, "weights", ()) if id(one) not in self._counted]
        self._counted.update(map(id, new))
        found = sum([prod(weight.shape) for weight in new])
        view.node.parameters = (view.node.parameters or 0) + found

    def given(
        self,
        name: str,
        what: str,
        views: Sequence[View],
        axes: Sequence[Extent | int],
        channel: int | None,
        conditions: Sequence[Condition] = (),
        layer: Layer | None = None,
        *,
        mixes: bool = False,
        counted: bool = True,
    ) -> View:
        """A node whose sizes are computed already, of all axes, the channels among them."""
        sizes = [extent(one) for one in axes]
        asked = list(conditions)
        channels = None
        if channel is not None:
            channels = sizes[channel].constant
        if channels is None:
            channel = None
        else:
            whole = sizes.pop(channel or 0)
            if whole.variables:
                asked.append(Condition(whole, "taken", 0, "every layer accepts its size"))
        made = Given(what, channels, sizes, asked, layer, mixes=mixes, counted=counted)
        return self.put(name, made, views, channel)

    def standing(self, view: View, channel: int, name: str, wanted: int | None = None) -> View:
        """A tensor whose channels stand at an index, for a layer that wants them there.

        Args:
            view: the tensor.
            channel: the index.
            name: the layer's name.
            wanted: how many channels the layer has weights for.
        """
        if view.channel == channel:
            return view
        axes = view.axes
        if not 0 <= channel < len(axes):
            raise TraceError(f"{name}: it gets a tensor of {len(axes)} axes", rule="axes")
        asked = []
        if axes[channel].constant is None:
            if wanted is None:
                raise TraceError(
                    f"{name}: how many channels it gets depends on the size of the input",
                    rule="channels",
                )
            rule = f"the layer takes {wanted} channels"
            asked.append(Condition(axes[channel], "==", wanted, rule))
            axes[channel] = Fixed(wanted)
        what = f"axis {channel + 1} as channels"
        return self.given(f"{name}.channels", what, [view], axes, channel, asked)

    def last(self, rank: int) -> int:
        """Where the channels stand by default, among so many axes."""
        return 0 if self.channels_first else rank - 1

    def flattened(self, name: str, view: View) -> View:
        """All elements along one axis."""
        if view.channel is None:
            total = prod(view.axes[1:], start=view.axes[0])
            return self.given(name, "Flatten()", [view], [total], None)
        channel = None if view.node.shape.extents else 0
        return self.put(name, Flatten(), [view], channel)


def broadcast(lists: Sequence[Sequence[Extent]], rule: str) -> tuple[list[Extent], list[Condition]]:
    """Axes that are put together element by element, by the rules of numpy.

    Args:
        lists: the axes of each tensor; the shorter are filled up with 1 in front.
        rule: why they have to be equal.

    Returns:
        The axes of the result, and what is asked.
    """
    rank = max(map(len, lists))
    whole = [[*[Fixed(1)] * (rank - len(axes)), *axes] for axes in lists]
    made: list[Extent] = list(whole[0])
    asked = []
    for axes in whole[1:]:
        for axis, (mine, its) in enumerate(zip(made, axes, strict=True)):
            if mine.constant == 1:
                made[axis] = its
            elif its.constant != 1:
                # The axis is left open: it counts the channels too, which a node counts apart.
                asked.append(Condition(mine, "matches", its, rule, None))
    return made, asked


def refilled(axes: Sequence[Extent], target: Sequence[int]) -> tuple[list[Extent], list[Condition]]:
    """The same elements in other axes, one of which may be -1.

    Constants are cancelled first, so that a size that only has to be a product stays one.
    """
    fixed = prod([one.constant or 1 for one in axes])
    varying = [one for one in axes if one.constant is None]
    known = prod([one for one in target if one != -1])
    rule = f"the elements of the input fill {tuple(target)}"
    common = gcd(fixed, known)
    held = prod(varying, start=extent(fixed // common))
    rest = known // common
    if -1 not in target:
        asked = [] if held == Fixed(rest) else [Condition(held, "==", rest, rule)]
        return [Fixed(one) for one in target], asked
    asked = [] if rest == 1 else [Condition(rest, "divides", held, rule)]
    free = held if rest == 1 else held // rest
    return [free if one == -1 else Fixed(one) for one in target], asked
