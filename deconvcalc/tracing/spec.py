"""Specs: a model written by hand in a TOML file, for people without a framework.

    [[inputs]]
    channels = 3

    [[layers]]
    name = "down"
    layer = "nn.Conv2d(3, 16, 3, stride=2, padding=1)"

The keys stand in `spec.schema.json`, a JSON schema, which is what files are held to.
"""

from __future__ import annotations

import json
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import DeconvcalcError, NotationError, SpecError
from deconvcalc.layers import ConvTranspose, Layer
from deconvcalc.model.graph import Model
from deconvcalc.model.operations import (
    Add,
    Concat,
    CropTo,
    Multiply,
    Operation,
    PadTo,
    ResizeTo,
    TransposeTo,
    Unflatten,
)
from deconvcalc.notation import Pasted, layer_of, nearest, parse_model
from deconvcalc.tracing.pasted import asked, put, same_names, wanted
from deconvcalc.tracing.path import InputSpec, Path, Traced
from deconvcalc.tracing.schema import check
from deconvcalc.tracing.toml import Toml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path as FilePath

    from deconvcalc.model.graph import Node
    from deconvcalc.tracing.lines import Place

__all__ = ["MOST_BYTES", "MOST_NODES", "inputs_of", "schema", "traced"]

LEAVES_CHANNELS_OPEN = True
"""An input without channels is one of which nobody says how many it has."""

MOST_BYTES = 1_000_000
"""A file may be as large."""

MOST_NODES = 100_000
"""A model may have so many inputs and layers, after all repetitions."""


def schema() -> dict[str, Any]:
    """The JSON schema that specs are held to.

    >>> schema()["required"]
    ['layers']
    """
    text = files("deconvcalc.tracing").joinpath("spec.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def traced(
    path: str | FilePath,
    inputs: Sequence[InputSpec] | None = None,
    *,
    assume: Mapping[str, str] | None = None,
    most_ways: int = 64,  # noqa: ARG001 - there is one way
    seconds: float = 60.0,  # noqa: ARG001
) -> Traced:
    """A spec as a model.

    Args:
        path: the file.
        inputs: its inputs; by default what `inputs_of` finds.
        assume: "same" by the name of a call that is not known and leaves sizes as they are.
        most_ways: no code is traced: there is one way.
        seconds: likewise.

    Raises:
        SpecError: a file that cannot be read, or says something that no model can mean.
        QueryError: `assume` says something else than "same".
    """
    same = same_names(assume)
    spec = _Spec(path)
    builder = _Builder(spec, same)
    model = builder.build(inputs or spec.inputs(1, None))
    return Traced("spec", [Path(model)], tuple(builder.passed))


def inputs_of(path: str | FilePath, size: Any, channels: Any = None) -> tuple[InputSpec, ...]:
    """The inputs of a spec, at the sizes that are asked about.

    Args:
        path: the file.
        size: one size, a tuple of one per axis, or a dict of such by the names of inputs.
        channels: how many channels, a dict likewise, or None: what the spec says, or the layers.

    Raises:
        SpecError: a file that cannot be read.
        SizeError: sizes for other axes than an input has.
    """
    return _Spec(path).inputs(size, channels)


class _Spec(Toml):
    """A file that was read and held to the schema."""

    def __init__(self, path: str | FilePath) -> None:
        super().__init__(path, most=MOST_BYTES, too_large="Repeat layers by repeat = N.")
        check(self.data, schema(), self.fail)

    def inputs(self, size: Any, channels: Any) -> tuple[InputSpec, ...]:
        """The inputs, at sizes that are asked about."""
        declared = self.data.get("inputs", [{}])
        names = [one.get("name", _input_name(number)) for number, one in enumerate(declared)]
        for given in (size, channels):
            for name in given if isinstance(given, dict) else ():
                if name not in names:
                    raise self.fail(
                        f"there is no input {name!r}", ("inputs",), nearest(str(name), names)
                    )
        found = []
        for number, (name, one) in enumerate(zip(names, declared, strict=True)):
            own, axes = one.get("channels"), one.get("axes")
            if own is None or axes is None:
                wants, has = self._wanted(name, first=number == 0)
                own = wants if own is None else own
                axes = has if axes is None else axes
            found.append(asked(name, own, axes, size, channels, first=number == 0))
        return tuple(found)

    def _wanted(self, name: str, *, first: bool) -> tuple[int | None, int | None]:
        """The channels and axes that the layers behind an input want, if they say."""
        chain: list[Pasted] = []
        last: str | None = name if first else None
        for item in _once(self.data["layers"]):
            text = item if isinstance(item, str) else item.get("layer")
            source = None if isinstance(item, str) else item.get("from")
            if source == name and not chain:
                last = name
            elif source not in (None, last) or last is None:
                if chain:
                    break
                last = None
                continue
            if not isinstance(text, str):
                break
            try:
                chain += parse_model(text, trusting=True)
            except NotationError:  # it is told with its line when the model is built
                return None, None
            if any(_has_channels(one.layer) for one in chain):
                break
            last = (None if isinstance(item, str) else item.get("name")) or ""
        return wanted(chain)


def _once(items: list[Any]) -> Iterator[Any]:
    """The items of a list of layers, those that are repeated once."""
    for item in items:
        if isinstance(item, dict) and "repeat" in item:
            yield from _once(item["layers"])
        else:
            yield item


def _has_channels(layer: Any) -> bool:
    """Whether a layer says how many channels it takes or gives."""
    return any(getattr(layer, key, None) for key in ("in_channels", "out_channels", "in_features"))


class _Builder:
    """Makes the model that a spec says."""

    def __init__(self, spec: _Spec, same: frozenset[str]) -> None:
        self.spec, self.same = spec, same
        self.model = Model()
        self.scopes: list[dict[str, Node]] = [{}]
        self.parsed: dict[str, tuple[Pasted, ...]] = {}
        self.passed: dict[str, None] = {}

    def build(self, inputs: Sequence[InputSpec]) -> Model:
        """The model."""
        for number, one in enumerate(inputs):
            place: Place = ("inputs", number)
            with self.spec.told(place):
                node = self.model.input(one.name, channels=one.channels, axes=one.axes)
            node.where = self.spec.where(place)
            self.scopes[0][one.name] = node
        self.check_amount()
        last = self.items(self.spec.data["layers"], ("layers",), self.model.inputs[0], "")
        outputs = self.spec.data.get("outputs")
        if outputs is None:
            self.model.output(last)
        for number, name in enumerate(outputs or ()):
            self.model.output(self.find(name, ("outputs", number), ()))
        return self.model

    def check_amount(self) -> None:
        """Refuse more layers than are built, before any is."""
        if _amount(self.spec.data["layers"]) > MOST_NODES:
            raise self.spec.fail(f"the model has more than {MOST_NODES:,} layers", ("layers",))

    def items(self, items: list[Any], place: Place, before: Node, prefix: str) -> Node:
        """Layers one after the other, behind a node."""
        for number, item in enumerate(items):
            before = self.item(
                {"layer": item} if isinstance(item, str) else item,
                (*place, number),
                before,
                (prefix, items[number:]),
            )
        return before

    def item(
        self, item: dict[str, Any], place: Place, before: Node, around: tuple[str, list[Any]]
    ) -> Node:
        """One layer, or what stands for several."""
        prefix, later = around
        name = item.get("name")
        if name is not None and name in self.scopes[-1]:
            other = self.scopes[-1][name].where
            raise self.spec.fail(f"the name {name!r} is taken, at {other}", (*place, "name"))
        if "from" in item:
            before = self.find(item["from"], (*place, "from"), later)
        label = None if name is None else f"{prefix}{name}"
        if "repeat" in item:
            made = self.repeat(item, place, before, label or f"{prefix}{place[-1]}")
        elif "layer" in item and "transpose_to" not in item:
            made = self.layers(item["layer"], place, before, (label, f"{prefix}{place[-1]}"))
        else:
            made = self.merge(item, place, before, later, label)
        if name is not None:
            self.scopes[-1][name] = made
        return made

    def repeat(self, item: dict[str, Any], place: Place, before: Node, label: str) -> Node:
        """Layers several times; each copy has names of its own."""
        for copy in range(item["repeat"]):
            self.scopes.append({})
            before = self.items(item["layers"], (*place, "layers"), before, f"{label}.{copy}.")
            inner = self.scopes.pop()
            if "name" in item:
                for name, node in inner.items():
                    self.scopes[-1][f"{item['name']}.{copy}.{name}"] = node
        return before

    def layers(
        self,
        given: str | dict[str, Any],
        place: Place,
        before: Node,
        names: tuple[str | None, str],
    ) -> Node:
        """A layer by its call or its fields, or a chain of calls.

        `names` are that of a single layer, if it has one, and that of a chain without one.
        """
        label, chain_label = names
        if isinstance(given, dict):
            layer = self.fields(given, place)
            return self.put(place, partial(self.model.add, layer, before, name=label))
        chain = self.chain(given, (*place, "layer"))
        if not chain:
            raise self.spec.fail("there is no layer in this chain", (*place, "layer"))
        for one in chain:
            name = label
            if len(chain) > 1:
                name = f"{label or chain_label}.{one.name}"
            before = self.put(place, partial(put, self.model, one, before, name))
        return before

    def merge(
        self, item: dict[str, Any], place: Place, before: Node, later: list[Any], label: str | None
    ) -> Node:
        """An operation on one node or several."""
        kind = next(kind for kind in _OPERATIONS if kind in item)
        sources = [before]
        value = item[kind]
        if kind != "unflatten":
            several = isinstance(value, list)
            if several and "from" in item:
                raise self.spec.fail(
                    f"from does not go with a list of all that {kind} takes",
                    (*place, "from"),
                    f"Name one more in {kind} = ..., or leave from out.",
                )
            sources = [] if several else [before]
            for number, name in enumerate(value if several else [value]):
                at = (*place, kind, number) if several else (*place, kind)
                sources.append(self.find(name, at, later))
        with self.spec.told(place):
            operation = _OPERATIONS[kind](self._read(item, place))
        return self.put(place, partial(self.model.add, operation, *sources, name=label))

    def _read(self, item: dict[str, Any], place: Place) -> dict[str, Any]:
        """An operation's keys, where its layer is read."""
        if "layer" not in item:
            return item
        given = item["layer"]
        found: Any
        if isinstance(given, dict):
            found = self.fields(given, place)
        else:
            chain = self.chain(given, (*place, "layer"))
            found = chain[0].layer if len(chain) == 1 else None
        if not isinstance(found, ConvTranspose):
            raise self.spec.fail(
                "transpose_to needs one transposed convolution as its layer", (*place, "layer")
            )
        return item | {"layer": found}

    def fields(self, given: dict[str, Any], place: Place) -> Layer:
        """A layer of the library by its fields."""
        fields = {name: _plain(value) for name, value in given.items() if name != "kind"}
        try:
            return layer_of(given["kind"], fields)
        except (DeconvcalcError, TypeError) as error:
            rule = getattr(error, "rule", None) or ""
            named = [name for name in given if name == rule or f"{name} must be" in str(error)]
            at = (*place, "layer", named[0] if named else "kind")
            text = getattr(error, "message", str(error))
            raise self.spec.fail(text, at, getattr(error, "hint", None)) from None

    def chain(self, text: str, place: Place) -> tuple[Pasted, ...]:
        """The layers that a text calls; each text is read once."""
        if text not in self.parsed:
            try:
                self.parsed[text] = parse_model(text, same=self.same)
            except NotationError as error:
                where = self.spec.where(place)
                raise SpecError(str(error), where=where, rule=error.rule or "layer") from None
            found = [one.call for one in self.parsed[text] if one.call in self.same]
            self.passed |= dict.fromkeys(found)
        return self.parsed[text]

    def put(self, place: Place, add: Callable[[], Node]) -> Node:
        """A new node, with its line."""
        if len(self.model) >= MOST_NODES:
            raise self.spec.fail(f"the model has more than {MOST_NODES:,} layers", place)
        with self.spec.told(place):
            node = add()
        if node.where is None:
            node.where = self.spec.where(place)
        return node

    def find(self, name: str, place: Place, later: Sequence[Any]) -> Node:
        """The node of that name, before this place."""
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        if any(isinstance(item, dict) and item.get("name") == name for item in later):
            raise self.spec.fail(
                f"{name!r} comes later: a layer works on what is before it",
                place,
                "A model has no cycles. Put the layers in the order in which they run.",
            )
        known = list(dict.fromkeys([one for scope in self.scopes for one in scope]))
        raise self.spec.fail(f"there is no {name!r} before this place", place, nearest(name, known))


_OPERATIONS: dict[str, Callable[[dict[str, Any]], Operation]] = {
    "add": lambda _item: Add(),
    "multiply": lambda _item: Multiply(),
    "concat": lambda item: Concat(item.get("axis")),
    "crop_to": lambda item: CropTo(item.get("where", "center")),
    "pad_to": lambda item: PadTo(item.get("where", "center"), crops=item.get("crops", True)),
    "resize_to": lambda item: ResizeTo(item.get("mode", "nearest")),
    "transpose_to": lambda item: TransposeTo(item["layer"]),
    "unflatten": lambda item: Unflatten(item["unflatten"][0], item["unflatten"][1:]),
}
"""What each key makes of its table."""


def _amount(items: list[Any]) -> int:
    """How many layers there are at least, with all repetitions."""
    return sum(
        [
            item["repeat"] * _amount(item["layers"])
            if isinstance(item, dict) and "repeat" in item
            else 1
            for item in items
        ]
    )


def _input_name(number: int) -> str:
    return "input" if number == 0 else f"input_{number + 1}"


def _plain(value: Any) -> Any:
    """Lists as tuples: layers take those."""
    return tuple(map(_plain, value)) if isinstance(value, list) else value
