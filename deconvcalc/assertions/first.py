"""A first file of checks for a model: what holds of it today."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deconvcalc.assertions.conditions import condition_of
from deconvcalc.assertions.finding import Case
from deconvcalc.assertions.kinds import KINDS
from deconvcalc.assertions.layout import layer_of
from deconvcalc.assertions.source import SUFFIXES
from deconvcalc.errors import CheckError, DeconvcalcError, QueryError, UndecidedError
from deconvcalc.layers import (
    AvgPool,
    Conv,
    ConvTranspose,
    Crop,
    Identity,
    Layer,
    LpPool,
    MaxPool,
    MaxUnpool,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    Upsample,
)
from deconvcalc.model.fields import Field
from deconvcalc.model.operations import Add, Concat
from deconvcalc.sets import LimitError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deconvcalc.assertions.subject import Subject
    from deconvcalc.model.graph import Node
    from deconvcalc.tracing.trace import Trace

__all__ = ["MOST_NODES", "first_file"]

MOST_NODES = 60
"""So many nodes are told of, besides the outputs."""

_HEAD = """\
# Written by deconvcalc check --init: what holds of the model today. Change it to what must hold.
# Run it with: deconvcalc check {file}
"""


def first_file(
    model: str,
    subject: Subject,
    found: Trace,
    path: Path,
    *,
    channels: Any = None,
    arguments: Mapping[str, Any] | None = None,
    assume: Mapping[str, str] | None = None,
) -> str:
    """The text of a first file of checks.

    It has sizes at inputs near the one that was traced, the inputs that are admissible, strides and
    fields, and what the model costs. What cannot be decided is left out.

    Args:
        model: how the model is named: a file, package.module:attribute, or pasted text.
        subject: the model.
        found: its trace at an input.
        path: where the file will stand.
        channels: those that it was traced with, where the model does not say.
        arguments: what the model was made with.
        assume: what was assumed of unknown operations.

    Raises:
        CheckError: the model runs on no input near this one.
    """
    points = _points(subject, found)
    first, *others = points
    name, subject_lines = _subject(model, path)
    for key, value in (("arguments", arguments), ("channels", channels), ("assume", assume)):
        if value:
            subject_lines.append(f"{key} = {_value(value)}")
    lines = [_HEAD.format(file=path.name), "[[check]]", f"name = {_text(name)}", *subject_lines]
    lines += [f"input = {_value(_input(first))}", f"output = {_value(_sizes(first))}"]
    for key, value in _candidates(subject, points):
        lines.append(f"{key} = {_value(value)}")
    if others:
        lines += [
            "",
            "[[check]]",
            f"name = {_text(f'{name}, nearby')}",
            *subject_lines,
            "sizes = [",
        ]
        for one in others:
            lines.append(f"  {{input = {_value(_input(one))}, output = {_value(_sizes(one))}}},")
        lines.append("]")
    return "\n".join(lines) + "\n"


def _subject(model: str, path: Path) -> tuple[str, list[str]]:
    """What the model is called, and the lines that say what it is."""
    if "(" in model and not model.lower().endswith(SUFFIXES):
        return "model", [f"code = {_text(model)}"]
    stem, sign, attribute = model.rpartition(":")
    name = attribute if sign and stem else Path(model).stem
    return name, [f"model = {_text(_named(model, path))}"]


def _sizes(one: Trace) -> dict[str, list[int]]:
    """The sizes of the nodes that are told of."""
    return {node.name: list(one.run.size(node)) for node in _told(one)}


def _named(model: str, path: Path) -> str:
    """A file from the folder of the checks on; the name of a module as it is."""
    if not model.lower().endswith(SUFFIXES):
        return model
    relative = os.path.relpath(Path(model).absolute(), path.absolute().parent)
    return Path(relative).as_posix()


def _points(subject: Subject, found: Trace) -> list[Trace]:
    """The model at the input that was asked about, and at the nearest ones on both sides."""
    names = found.model.variables
    if not names:
        if not found.ok:
            raise CheckError("the model does not run", rule="undecided")
        return [found]
    near = [tuple(found.point.values())] if found.ok else []
    for apart in (1, -1):
        around = tuple([max(n + apart, 1) for n in found.point.values()])
        try:
            below, above = found.admissible.nearest(around)
        except (UndecidedError, LimitError):
            continue
        near += [one for one in ((above, below) if apart > 0 else (below, above)) if one]
    made: list[Trace] = []
    for sizes in dict.fromkeys(near):
        one = subject.at(dict(zip(names, sizes, strict=True)))
        if one.ok and len(made) < 3:
            made.append(one)
    if not made:
        raise CheckError(
            f"the model runs on no input near this one; admissible: {found.admissible}",
            rule="undecided",
            hint="Name another one by --input.",
        )
    return made


def _input(one: Trace) -> Any:
    """The input of a trace as files have it: a list of sizes, or a table by input."""
    if len(one.model.inputs) > 1:
        return {node.name: list(one.run.size(node)) for node in one.model.inputs}
    return list(one.run.size(one.model.inputs[0])) if one.model.inputs else []


def _told(one: Trace) -> list[Node]:
    """The nodes whose sizes are told: where places are joined or lost track of, and outputs.

    A stride that changes shows at the next of them, if it shows at all.
    """
    outputs = {node.index for node in one.model.outputs}
    edge = {node.index for node in _edge(one)}
    # Where the fields are not known, sizes tell: of what changes a size just before it is lost.
    lost = {
        source.index
        for node in one.model.nodes
        if not isinstance(node.operation, _SHOWING)
        for source in node.sources
    }
    untracked = [
        node.index
        for node in one.model.nodes
        if isinstance(node.operation, Layer)
        and not _is_tracked(one, node)
        and (node.index in lost or one.run.size(node) != one.run.size(node.sources[0]))
    ]
    chosen = [*dict.fromkeys([*sorted(edge), *untracked])][:MOST_NODES]
    return [one.model.nodes[place] for place in sorted({*chosen, *outputs})]


_SHOWING = (
    *(Conv, ConvTranspose, MaxPool, AvgPool, LpPool, MaxUnpool, Identity, Pad, Crop),
    *(PixelShuffle, PixelUnshuffle, Upsample, Add, Concat),
)
"""What has another size, or fails, where its source has another."""


def _edge(one: Trace) -> list[Node]:
    """The nodes whose strides tell of all before them: what follows has none, or nothing does."""
    ends = {node.index for node in one.model.outputs if _is_tracked(one, node)}
    for node in one.model.nodes:
        if node.sources and not _is_tracked(one, node):
            ends |= {source.index for source in node.sources if _is_tracked(one, source)}
    return [one.model.nodes[place] for place in sorted(ends) if one.model.nodes[place].sources]


def _silent(traces: Sequence[Trace]) -> list[Node]:
    """The layers whose strides show neither in a stride of the model nor in a size."""
    found = []
    for node in traces[0].model.nodes:
        layer = layer_of(node)
        if hasattr(layer, "stride") and not _is_tracked(traces[0], node):
            faster = layer.replace(stride=_faster(layer.stride))  # type: ignore[union-attr]  # it has one
            pairs = [
                (one.run.size(one.model.nodes[node.sources[0].index]), one.run.size(node.name))
                for one in traces
            ]
            if all(_size(faster, before) == after for before, after in pairs):
                found.append(node)
    return found


def _faster(stride: Any) -> Any:
    return tuple([one + 1 for one in stride]) if isinstance(stride, tuple) else stride + 1


def _size(layer: Layer, before: tuple[int, ...]) -> Any:
    """What a layer makes of a size; None where it refuses it."""
    try:
        return layer.output_size(before)
    except DeconvcalcError:
        return None


def _is_tracked(one: Trace, node: Node) -> bool:
    seen = one.fields[node.index]
    return bool(seen) and all(isinstance(each, Field) for each in seen)


def _candidates(subject: Subject, traces: Sequence[Trace]) -> Iterator[tuple[str, Any]]:
    """What holds of the model at the first of some inputs, key by key."""
    one = traces[0]
    point = dict(one.point)
    edge = _edge(one)[:MOST_NODES]
    totals = one.totals
    wanted: list[tuple[str, Any]] = [
        *_admissible(one),
        ("stride", {node.name: _axes([_rate(e) for e in one.fields[node.index]]) for node in edge}),
        ("field", {node.name: _axes([e.size for e in one.fields[node.index]]) for node in edge}),  # type: ignore[union-attr]  # the edge has fields
        ("nodes", {node.name: repr(layer_of(node)) for node in _silent(traces)[:MOST_NODES]}),
        ("aligned", True),
        ("checkerboard", False),
        ("max_parameters", totals.parameters),
        ("max_macs", totals.macs),
        ("max_memory", totals.memory),
    ]
    for key, value in wanted:
        if value is None or value == {}:
            continue
        try:
            ok = KINDS[key].decide(Case(subject, value, point)).ok
        except DeconvcalcError:
            continue  # what cannot be decided is not stated
        if ok:
            yield key, value


def _admissible(one: Trace) -> list[tuple[str, Any]]:
    """The admissible inputs as conditions: exactly, or where that is not known, at least."""
    held = one.admissible
    if not held.is_box:
        return []
    sets = list(held.sets.values())
    try:
        texts = [condition_of(each) for each in sets]
    except QueryError:
        return []
    exact = not held.unknown and all(each.horizon is None for each in sets)
    return [("admissible" if exact else "admits", _axes(texts))]


def _rate(seen: Any) -> Any:
    rate = seen.rate
    return rate.numerator if rate.denominator == 1 else str(rate)


def _axes(values: Sequence[Any]) -> Any:
    """One value where all axes agree, else a list."""
    return values[0] if len(set(values)) == 1 else list(values)


# TOML.


def _text(value: str) -> str:
    """Text as TOML has it. JSON has all its escapes, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, dict):
        pairs = [f"{_key(str(name))} = {_value(one)}" for name, one in value.items()]
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        raise QueryError("TOML has no None: such an argument cannot be written", rule="arguments")
    return _text(value) if isinstance(value, str) else repr(value)


def _key(name: str) -> str:
    is_bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if is_bare else _text(name)
