"""A design: its stages, their layers, sizes, channels and costs; code, a model, JSON."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from deconvcalc import costs
from deconvcalc.designer.candidates import ENLARGING, POOLS, Option, Part, map_of
from deconvcalc.designer.measures import Cost, exact, read_cost
from deconvcalc.errors import DeconvcalcError, QueryError
from deconvcalc.values import MOST_AXES, Value, integer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from fractions import Fraction

    from deconvcalc.designer.goals import Goal
    from deconvcalc.layers import Layer
    from deconvcalc.model import Model

__all__ = ["Plan", "Stage", "made_plan", "user_cost"]

SCHEMA = "deconvcalc.plan/1"


class Stage(Value):
    """One stage of a design, at its place: what a user's cost function is given.

    Attributes:
        option: what it is made of; equal stages of different alphabets are equal.
        source: the sizes that come in, one per axis.
        target: the sizes that go out.
        channels: how many channels come in, and how many go out.
        parts_of_axes: for each axis the index of its parameters.
        bias: whether its convolution adds one.
    """

    __slots__ = ("bias", "channels", "option", "parts_of_axes", "source", "target")
    _fields = ("option", "source", "target", "channels", "parts_of_axes", "bias")
    option: Option
    source: tuple[int, ...]
    target: tuple[int, ...]
    channels: tuple[int, int]
    parts_of_axes: tuple[int, ...]
    bias: bool

    def __init__(
        self,
        option: Option,
        source: tuple[int, ...],
        target: tuple[int, ...],
        channels: tuple[int, int],
        parts_of_axes: tuple[int, ...],
        bias: bool = True,
    ) -> None:
        self._set(option=option, source=source, target=target, channels=channels)
        self._set(parts_of_axes=parts_of_axes, bias=bias)

    def _key(self) -> Any:
        # The number of an option is that of its alphabet; an axis knows its own parameters.
        parts = tuple([self.option.parts[i] for i in self.parts_of_axes])
        return (self.option.op, parts, self.source, self.target, self.channels, self.bias)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stage) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    @property
    def op(self) -> str:
        """What it is: "conv_transpose", "resize_conv", "pixel_shuffle", "conv" or a pool."""
        return self.option.op

    def _each(self, name: str) -> Any:
        """A parameter: an int, or one per axis where they differ."""
        found = [getattr(self.option.parts[i], name) for i in self.parts_of_axes]
        return found[0] if len(set(found)) == 1 else tuple(found)

    @property
    def kernel_size(self) -> Any:
        """The kernel, an int or one per axis."""
        return self._each("kernel_size")

    @property
    def stride(self) -> Any:
        """The stride, likewise."""
        return self._each("stride")

    @property
    def padding(self) -> Any:
        """The padding as PyTorch names it, likewise."""
        return self._each("padding")

    @property
    def output_padding(self) -> Any:
        """How much less is cropped after than before, likewise."""
        return self._each("output_padding")

    @property
    def dilation(self) -> Any:
        """The dilation, likewise."""
        return self._each("dilation")

    @property
    def factor(self) -> Any:
        """How much a resize or a pixel shuffle enlarges, likewise; 1 for other stages."""
        return self._each("factor")

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Its canonical layers, first to last."""
        return self.option.layers(self.parts_of_axes, self.channels, bias=self.bias)

    def _costs(self) -> tuple[int, int, int]:
        """Parameters, multiply-accumulates, and the bytes held at once."""
        size: Any = self.source
        deep = self.channels[0]
        parameters = macs = peak = 0
        for layer in self.layers:
            after = layer.output_size(size)
            made = getattr(layer, "out_channels", None) or deep
            if type(layer).__name__ == "PixelShuffle":
                made = self.channels[1]
            parameters += costs.parameters(layer, deep, len(size)) or 0
            macs += costs.macs(layer, deep, size, after) or 0
            held = (costs.memory(deep, size) or 0) + (costs.memory(made, after) or 0)
            peak = max(peak, held)
            size, deep = after, made
        return parameters, macs, peak

    @property
    def parameters(self) -> int:
        """How many numbers it learns."""
        return self._costs()[0]

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one input, as PyTorch's flop counter counts them."""
        return self._costs()[1]

    @property
    def memory(self) -> int:
        """The bytes of a layer's input and output together in float32, where that is most."""
        return self._costs()[2]

    def to_record(self) -> dict[str, Any]:
        """The stage as plain data."""
        shown: dict[str, Any] = {"op": self.op}
        for name in parameters_of(self.op):
            value = getattr(self, name)
            shown[name] = list(value) if isinstance(value, tuple) else value
        parameters, macs, memory = self._costs()
        return shown | {
            "source": list(self.source),
            "target": list(self.target),
            "channels": list(self.channels),
            "parameters": parameters,
            "macs": macs,
            "memory": memory,
        }

    def __repr__(self) -> str:
        return f"<Stage: {' x '.join(map(str, self.source))} -> {self.text}>"

    @property
    def text(self) -> str:
        """What it is, in short: "conv transpose k=4 s=2 p=1"."""
        letters = {
            "kernel_size": "k",
            "stride": "s",
            "padding": "p",
            "output_padding": "op",
            "dilation": "d",
            "factor": "×",
        }
        words = []
        for name in parameters_of(self.op):
            value = getattr(self, name)
            if value == PLAIN.get(name):
                continue
            number = "x".join(map(str, value)) if isinstance(value, tuple) else str(value)
            words.append(f"{letters[name]}{'' if name == 'factor' else '='}{number}")
        return " ".join([NAMES[self.op], *words])


PLAIN = {"output_padding": 0, "dilation": 1}
"""What need not be said."""

NAMES = {
    "conv_transpose": "transposed convolution",
    "resize_conv": "resize, convolution",
    "pixel_shuffle": "convolution, pixel shuffle",
    "conv": "convolution",
    "max_pool": "max pool",
    "avg_pool": "average pool",
}


def parameters_of(op: str) -> tuple[str, ...]:
    """The parameters that a stage has."""
    if op == "conv_transpose":
        return ("kernel_size", "stride", "padding", "output_padding", "dilation")
    if op in ENLARGING:
        return ("factor", "kernel_size", "padding", "dilation")
    if op == "avg_pool":
        return ("kernel_size", "stride", "padding")
    return ("kernel_size", "stride", "padding", "dilation")


class Plan(Value):
    """A design: stages that turn one size into another.

    Plans are values: equal ones have equal stages. They are made by `dc.design` and by spaces, and
    read from JSON.

    Attributes:
        stages: the stages, first to last.
        plain: whether a size is shown as one int for all axes.
        in_n: the target in n that it has for every n that is meant, as text; or None.

    >>> from deconvcalc import design
    >>> plan = design(28, source=7, stages=2, kernel_size=4)[0]
    >>> [stage.target for stage in plan.stages], plan.output_size(7)
    ([(14, 14), (28, 28)], 28)
    """

    __slots__ = _fields = ("stages", "plain", "in_n")
    stages: tuple[Stage, ...]
    plain: bool
    in_n: str | None

    def __init__(
        self, stages: Sequence[Stage], plain: bool = False, in_n: str | None = None
    ) -> None:
        self._set(stages=tuple(stages), plain=plain, in_n=in_n)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and self.stages == other.stages

    def __hash__(self) -> int:
        return hash(self.stages)

    def __len__(self) -> int:
        return len(self.stages)

    # Sizes and channels.

    @property
    def axes(self) -> int:
        """How many spatial axes it has."""
        return len(self.stages[0].source)

    @property
    def source(self) -> Any:
        """The input size: an int where it was asked so, or one per axis."""
        return self._shown(self.stages[0].source)

    @property
    def target(self) -> Any:
        """The output size, likewise."""
        return self._shown(self.stages[-1].target)

    @property
    def sizes(self) -> tuple[Any, ...]:
        """The size before the first stage, and after each."""
        return (self.source, *[self._shown(stage.target) for stage in self.stages])

    def _shown(self, sizes: tuple[int, ...]) -> Any:
        return sizes[0] if self.plain and len(set(sizes)) == 1 else sizes

    @property
    def channels(self) -> tuple[int, ...]:
        """The channels of the input, and those after each stage."""
        first = self.stages[0].channels[0]
        return (first, *[stage.channels[1] for stage in self.stages])

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The canonical layers, first to last."""
        return tuple([layer for stage in self.stages for layer in stage.layers])

    def output_size(self, size: Any) -> Any:
        """The output size of the layers, one after the other.

        Raises:
            SizeError: a layer refuses its size.
        """
        for layer in self.layers:
            size = layer.output_size(size)
        return size

    # Costs.

    @property
    def parameters(self) -> int:
        """How many numbers it learns."""
        return sum([stage.parameters for stage in self.stages])

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one input, as PyTorch's flop counter counts them."""
        return sum([stage.macs for stage in self.stages])

    @property
    def memory(self) -> int:
        """Peak activation memory: the most bytes of a layer's input and output, in float32."""
        return max([stage.memory for stage in self.stages])

    def cost(self, cost: Any = "parameters", *, additive: bool = True) -> int | float:
        """What it costs: an int where that is one.

        Args:
            cost: as for `dc.design`: a name, a dict of weights, or a function of a `Stage`.
            additive: False for a function of the whole plan.

        Raises:
            QueryError: a cost that raises, is negative or no finite number.
        """
        return number(self.exact_cost(read_cost(cost, additive=additive)))

    def exact_cost(self, cost: Cost) -> Fraction:
        """The same as a fraction, without rounding."""
        from fractions import Fraction

        if cost.function is not None:
            parts: Sequence[Any] = self.stages if cost.adds else [self]
            return sum([user_cost(cost.function, part) for part in parts], Fraction(0))
        measured = (self.parameters, self.macs, self.memory)
        return sum(
            [weight * one for weight, one in zip(cost.weights, measured, strict=True)], Fraction(0)
        )

    # Elsewhere.

    def model(self) -> Model:
        """The plan as a `deconvcalc.Model`, a node a layer, with exact sizes for every input."""
        from deconvcalc.model import Model

        made = Model()
        node = made.input(channels=self.channels[0], axes=self.axes)
        for i, stage in enumerate(self.stages, 1):
            for layer in stage.layers:
                kind = type(layer).__name__.lower()
                node = made.add(layer, node, name=f"stage_{i}.{kind}")
        made.output(node)
        return made

    def code(self, framework: str = "torch", name: str | None = None) -> str:
        """Lines that define it: a `torch.nn.Module`, or a function that makes a Keras model.

        Args:
            framework: "torch" or "keras". A Keras model of a target in n takes every n, unless a
                layer needs to know its size (a pixel shuffle does): then it is for the source.
            name: of the class or of the function; by default Decoder or Encoder, and
                make_decoder or make_encoder.

        Raises:
            ConversionError: the framework has no layers with these numbers.
            QueryError: an unknown framework, a name that is none in Python.
        """
        from deconvcalc.designer.code import written

        return written(self, framework, name)

    # What `dc.verify` asks of an answer.

    @property
    def smallest_source(self) -> tuple[int, ...]:
        """The input size, one per axis."""
        return self.stages[0].source

    @property
    def largest_source(self) -> tuple[int, ...]:
        """The same: it is one size."""
        return self.stages[0].source

    @property
    def only_source(self) -> tuple[int, ...]:
        """The same."""
        return self.stages[0].source

    # JSON.

    def to_record(self) -> dict[str, Any]:
        """The plan as plain data."""
        return {
            "source": list(self.stages[0].source),
            "target": list(self.stages[-1].target),
            "in_n": self.in_n,
            "plain": self.plain,
            "bias": self.stages[0].bias,
            "channels": list(self.channels),
            "stages": [stage.to_record() for stage in self.stages],
            "parameters": self.parameters,
            "macs": self.macs,
            "memory": self.memory,
        }

    def to_json(self) -> str:
        """The plan as JSON, which `from_json` reads back."""
        import json

        return json.dumps({"schema": SCHEMA} | self.to_record(), indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        """The plan that a text of `to_json` means. Nothing in it is evaluated, all is checked.

        Raises:
            QueryError: it is no such text, or its sizes and costs are not those of its stages.
            TypeError: `text` is no text.
        """
        return read_plan(text)

    # Printing.

    @property
    def text(self) -> str:
        """The plan as a table."""
        from deconvcalc.render.plans import plan_sheet
        from deconvcalc.render.text import plain

        return plain(plan_sheet(self))

    def __str__(self) -> str:
        return self.text

    def __rich__(self) -> Any:
        from deconvcalc.render.plans import plan_sheet
        from deconvcalc.render.terminal import shown

        return shown(plan_sheet(self))

    def __repr__(self) -> str:
        sizes = " -> ".join(["x".join(map(str, s)) for s in self._all_sizes()])
        return f"<Plan: {sizes}, {self.parameters:,} parameters>"

    def _all_sizes(self) -> list[tuple[int, ...]]:
        return [self.stages[0].source, *[stage.target for stage in self.stages]]


def number(value: Fraction) -> int | float:
    """A fraction as an int where it is one, else as the nearest float.

    Raises:
        QueryError: it is too large for a float.
    """
    if value.denominator == 1:
        return value.numerator
    try:
        return value.numerator / value.denominator
    except OverflowError:
        raise QueryError(
            "the cost is too large for a float", rule="cost", hint="Scale the cost down."
        ) from None


def user_cost(function: Callable[[Any], Any], part: Any) -> Fraction:
    """What a user's function says of a stage or of a plan.

    Raises:
        QueryError: it raises, or gives what is negative, infinite or no number.
    """
    from fractions import Fraction

    name = getattr(function, "__name__", "the cost function")
    try:
        given = function(part)
    except DeconvcalcError:
        raise
    except Exception as error:
        raise QueryError(
            f"the cost {name} raised {type(error).__name__}: {error}, for {part!r}",
            rule="cost",
            hint="It gets a Stage (a Plan with additive=False) and gives a number of at least 0.",
        ) from error
    if type(given) in (int, float) and 0 <= given < inf:  # most are: what it says is for faults
        return Fraction(given)
    try:
        return exact(given, f"the cost {name} of {part!r}", "cost")
    except TypeError as error:
        raise QueryError(str(error), rule="cost", hint="It must give a number.") from error


def made_plan(goal: Goal, alphabet: Sequence[Option], chosen: Sequence[tuple[int, int]]) -> Plan:
    """The plan of a path: the option and the channels chosen at each stage."""
    stages = []
    size: Any = goal.numbers(goal.sources)
    source = goal.sizes(size)
    deep = goal.channels.count(goal.channels.start)
    for (option, _), made in zip(chosen, channels_of(goal, chosen), strict=True):
        one = alphabet[option]
        stage_source = source
        layers = one.layers(goal.parts_of_axes, (deep, made), bias=goal.bias)
        target: Any = source
        for layer in layers:
            target = layer.output_size(target)
        stages.append(
            Stage(one, stage_source, tuple(target), (deep, made), goal.parts_of_axes, goal.bias)
        )
        source, deep = tuple(target), made
    return Plan(stages, goal.plain, goal.in_n)


def channels_of(goal: Goal, chosen: Sequence[tuple[int, int]]) -> list[int]:
    """The channels after each stage of a path."""
    total = len(chosen)
    state, made = goal.channels.start, []
    for depth, (_, choice) in enumerate(chosen):
        for turn in goal.channels.steps(depth, state, (total,)):
            if turn[0] == choice:
                made.append(turn[1])
                state = turn[2]
                break
    return made


# Reading.


def read_plan(text: Any) -> Plan:
    """See `Plan.from_json`."""
    import json

    if not isinstance(text, (str, bytes)):
        raise TypeError(f"a plan is read from text, not from {type(text).__name__}")
    if len(text) > 10_000_000:
        raise _unreadable("it has more than 10,000,000 characters")
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable(f"it is no JSON: {error}") from None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise _unreadable(f'it has no "schema": "{SCHEMA}"')
    return plan_of(record)


def plan_of(record: dict[str, Any]) -> Plan:
    """The plan of a record; what it says of sizes and costs is worked out again and compared.

    Raises:
        QueryError: a field that is missing, wrong, or not what the stages give.
    """
    source = _ints(record.get("source"), "source", 1)
    if not 1 <= len(source) <= MOST_AXES:
        raise _unreadable(f"source has {len(source)} axes")
    listed = record.get("stages")
    if not isinstance(listed, list) or not listed or len(listed) > 10_000:
        raise _unreadable("stages is no list of stages")
    deep = _ints(record.get("channels"), "channels", 1)
    if len(deep) != len(listed) + 1:
        raise _unreadable("channels must have one count more than there are stages")
    flags = {name: record.get(name) for name in ("bias", "plain")}
    if not all(isinstance(flag, bool) for flag in flags.values()):
        raise _unreadable("bias and plain must be true or false")
    in_n = record.get("in_n")
    if in_n is not None and not isinstance(in_n, str):
        raise _unreadable("in_n must be text or null")
    stages = []
    size = source
    for i, one in enumerate(listed):
        stage = _stage(one, f"stages[{i}]", size, (deep[i], deep[i + 1]), bool(flags["bias"]))
        stages.append(stage)
        size = stage.target
    plan = Plan(stages, bool(flags["plain"]), in_n)
    if in_n is not None:
        _agree_in_n(plan, in_n)
    _agree(plan.to_record(), record, "")
    return plan


def _stage(
    record: Any, where: str, size: tuple[int, ...], channels: tuple[int, int], bias: bool
) -> Stage:
    if not isinstance(record, dict):
        raise _unreadable(f"{where} is no object")
    op = record.get("op")
    if op not in NAMES:
        raise _unreadable(f"{where}.op is {op!r}, and known are {', '.join(NAMES)}")
    axes = len(size)
    values: dict[str, list[int]] = {}
    for name in parameters_of(op):
        least = 0 if name in ("padding", "output_padding") else 1
        given = record.get(name)
        each = [given] * axes if not isinstance(given, list) else given
        if len(each) != axes:
            raise _unreadable(f"{where}.{name} has {len(each)} values for {axes} axes")
        values[name] = list(_ints(each, f"{where}.{name}", least))
    parts = [Part(**{name: found[i] for name, found in values.items()}) for i in range(axes)]
    alike = list(dict.fromkeys(parts))
    if op == "pixel_shuffle" and len({part.factor for part in parts}) > 1:
        raise _unreadable(f"{where}: a pixel shuffle has one factor")
    if op in POOLS and channels[0] != channels[1]:
        raise _unreadable(f"{where}: a pool gives as many channels as it takes")
    option = Option(0, op, tuple(alike))
    where_parts = tuple([alike.index(part) for part in parts])
    try:
        target: Any = size
        for layer in option.layers(where_parts, channels, bias=bias):
            target = layer.output_size(target)
    except DeconvcalcError as error:
        raise _unreadable(f"{where}: {error.message}") from None
    return Stage(option, size, tuple(target), channels, where_parts, bias)


def _agree_in_n(plan: Plan, said: str) -> None:
    """Refuse a target in n that is not what the stages give for every n."""
    from deconvcalc.designer.goals import in_n

    texts = said.split(" x ") if " x " in said else [said] * plan.axes
    try:
        read = [in_n("in_n", text) for text in texts]
    except DeconvcalcError as error:
        raise _unreadable(f"in_n: {error.message}") from None
    if read != [_map_along(plan, axis) for axis in range(plan.axes)]:
        raise _unreadable(f"in_n says {said!r}, which is not what the stages give for every n")


def _map_along(plan: Plan, axis: int) -> tuple[int, int, int] | None:
    """(a, b, c) for floor((a*n + b)/c), what all stages do along an axis; None for another form."""
    a, b, c = 1, 0, 1
    for stage in plan.stages:
        part = stage.option.parts[stage.parts_of_axes[axis]]
        slope, offset, divisor, _ = map_of(stage.option.op, part)
        if slope != 1 and c != 1:
            return None
        a, b, c = slope * a, slope * b + offset * c, divisor * c
    return a, b, c


def _agree(true: Any, said: Any, where: str) -> None:
    """Refuse a record that says other sizes or costs than its stages have."""
    if isinstance(true, dict):
        for name, value in true.items():
            if not isinstance(said, dict) or name not in said:
                raise _unreadable(f"{where}{name} is missing")
            _agree(value, said[name], f"{where}{name}.")
    elif isinstance(true, list) and true and isinstance(true[0], dict):
        for i, value in enumerate(true):
            _agree(value, said[i], f"{where}{i}.")
    elif true != said or type(true) is not type(said):
        raise _unreadable(f"{where.rstrip('.')} says {said!r}, and the stages give {true!r}")


def _ints(value: Any, name: str, least: int) -> tuple[int, ...]:
    if not isinstance(value, list) or not value:
        raise _unreadable(f"{name} must be a list of ints")
    found = []
    for one in value:
        whole = integer(one)
        if whole is None or not least <= whole <= 10**18:
            raise _unreadable(f"{name} must be ints from {least} upwards, not {one!r}")
        found.append(whole)
    return tuple(found)


def _unreadable(why: str) -> QueryError:
    return QueryError(
        f"this is no plan: {why}", rule="json", hint="Give what Plan.to_json() wrote."
    )
