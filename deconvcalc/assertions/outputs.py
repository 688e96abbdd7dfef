"""What comes out: sizes at an input, sizes for all inputs, and channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.assertions.because import admissible_near, derivation, faults, inputs_giving
from deconvcalc.assertions.finding import Case, Finding, undecided
from deconvcalc.assertions.inputs import box_of, box_text, known, least, left_of, points, sets_of
from deconvcalc.assertions.subject import read_size, size_text
from deconvcalc.errors import QueryError
from deconvcalc.expressions import Expression, parse_target
from deconvcalc.model.admissible import Region, region
from deconvcalc.model.extents import Along
from deconvcalc.notation import nearest
from deconvcalc.sets import Sizes, agreement
from deconvcalc.sizemap import SizeMap
from deconvcalc.sizemap.exact import exact
from deconvcalc.values import integer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deconvcalc.model.graph import Model, Node
    from deconvcalc.tracing.path import Path
    from deconvcalc.tracing.trace import Trace

__all__ = [
    "by_nodes",
    "does_not_run",
    "output",
    "output_channels",
    "output_for_all",
    "taken_by",
    "there",
    "ways",
]


def output(case: Case) -> Finding:
    """The output, or nodes that are named, have a size at an input."""
    wanted = read_size(case.value, "output")
    found = case.subject.at(case.input)
    named = by_nodes(found.model, wanted)
    expected = size_text(wanted)
    if not found.ok:
        return does_not_run(found, expected)
    wrong = []
    for node, size in named:
        got = found.run.size(node)
        held = (size,) * len(got) if isinstance(size, int) else size
        if got != held or (isinstance(size, int) and not got):
            wrong.append((node, held, got))
    if not wrong:
        return Finding(True, expected, expected)
    node, held, got = wrong[0]
    texts = [
        size_text(got if isinstance(wanted, (tuple, dict)) or len(set(got)) != 1 else got[0])
        for _, _, got in wrong
    ]
    if isinstance(wanted, dict):
        texts = [f"{one.name} {text}" for (one, _, _), text in zip(wrong, texts, strict=True)]
    hint = _solved(found, case.input, wanted)
    if len(got) != len(held):
        hint = f"{node.name} has {len(got)} spatial axes; give sizes without batch and channels."
    return Finding(
        False,
        expected,
        ", ".join(texts),
        derivation(found, node),
        inputs_giving(found, node, held),
        hint,
    )


_OPS = {"ConvTranspose": "", "Conv": " --op conv", "MaxPool": " --op max-pool"}
_OPS["AvgPool"] = " --op avg-pool"


def _solved(found: Trace, size: Any, wanted: Any) -> str | None:
    """The question that lists the layers that would do, for a single layer; None for others."""
    layers = [node.operation for node in found.model.nodes if node.sources]
    op = _OPS.get(type(layers[0]).__name__) if len(layers) == 1 else None
    if op is None or isinstance(wanted, dict) or isinstance(size, dict):
        return None
    target, source = size_text(wanted), size_text(size)
    return f"deconvcalc solve {target} --from {source}{op} lists the layers that do."


def does_not_run(found: Trace, expected: str) -> Finding:
    """The finding where a model does not run at the input that was asked about."""
    count = len(found.clashes) or 1
    text = f"it does not run at {size_text(_point(found))}: {count} fault{'s' * (count > 1)}"
    hint = "; ".join(found.remedies) or None
    return Finding(False, expected, text, faults(found), admissible_near(found), hint)


def _point(found: Trace) -> Any:
    sizes = tuple(found.point.values())
    return found.point if len(found.model.inputs) > 1 else sizes


def by_nodes(model: Model, value: Any) -> list[tuple[Node, Any]]:
    """What is said of the output, or of nodes by their names.

    Raises:
        QueryError: no such node; several outputs, and no name.
    """
    if isinstance(value, dict):
        names = [node.name for node in model.nodes]
        for name in value:
            if name not in names:
                raise QueryError(
                    f"there is no node {name!r} in this model",
                    rule="output",
                    hint=nearest(name, names),
                )
        if not value:
            raise QueryError("no node is named", rule="output")
        return [(model[name], one) for name, one in value.items()]
    outputs = [*dict.fromkeys(model.outputs)]
    if len(outputs) != 1:
        raise QueryError(
            f"the model has {len(outputs)} outputs: name the one that is meant",
            rule="output",
            hint=f"They are: {', '.join([node.name for node in outputs][:20])}.",
        )
    return [(outputs[0], value)]


def output_channels(case: Case) -> Finding:
    """The output, or nodes that are named, have so many channels."""
    wrong, lines = [], []
    for node, count, got in _channels(case):
        if integer(count) is None:
            raise QueryError(f"channels are a whole number, not {count!r}", rule="output_channels")
        if got is None:
            raise undecided(
                f"the channels of {node.name} are not known",
                "Say how many the input has, channels = 3, and name the layer's own.",
            )
        if got != count:
            wrong.append(f"{node.name} {got}" if isinstance(case.value, dict) else str(got))
            lines += [
                f"{one.name}: {one.operation!r}" for one in (*node.sources, node) if one.sources
            ]
    expected = size_text(case.value)
    return Finding(not wrong, expected, ", ".join(wrong) or expected, lines)


def _channels(case: Case) -> Iterator[tuple[Node, int, int | None]]:
    """Nodes with the channels that they are said to have, and those that they have."""
    if case.input is not None:
        found = case.subject.at(case.input)
        for node, count in by_nodes(found.model, case.value):
            yield node, count, found.run.shapes[node.index].channels
        return
    found = case.subject.anywhere()
    for model in ways(found):
        for node, count in by_nodes(model, there(case.value, model, found.model)):
            is_first = model is found.model
            yield node, count, (found.run.shapes[node.index] if is_first else node.shape).channels


def ways(found: Trace) -> list[Model]:
    """The model on the way that it was traced on, and on all others that its code may take."""
    others = [path.model for path in found.traced.paths if path.failed is None]
    return [found.model, *[model for model in others if model is not found.model]]


def there(value: Any, model: Model, first: Model) -> Any:
    """What is said of nodes by their names, without those that another way does not have."""
    if not isinstance(value, dict) or model is first:
        return value
    names = {node.name for node in model.nodes}
    elsewhere = {node.name for node in first.nodes}
    return {name: one for name, one in value.items() if name in names or name not in elsewhere}


# For all inputs.


def output_for_all(case: Case) -> Finding:
    """The output is a function of n, at every input that meets some conditions."""
    sets = sets_of(case.inputs)
    found = case.subject.anywhere(sets[0] if isinstance(sets, list) else sets)
    box = box_of(case.inputs, found.model.variables)
    for node, one in by_nodes(found.model, case.value):
        _targets(found.model, node, one)
    expected = f"{_said(case.value)} for {box_text(box)}"
    if not box:
        raise QueryError(
            "the model has no spatial axis, so nothing depends on n",
            rule="inputs",
            hint="Name sizes by input and output.",
        )
    wrong, decided = None, []
    for path in found.traced.paths:
        if path.failed is not None:
            continue
        taken = taken_by(path, found.model.variables)
        decided.append(taken)
        wrong = wrong or _counterexample(path, taken, box, case.value)
    left = left_of(box, decided)
    if wrong is None and left:
        depends = any(one.conditions for one in decided)
        wrong = _by_points(case, left) if depends else least(left[0])
    if wrong is None:
        return Finding(True, expected, expected)
    return _wrong_at(case, wrong, expected)


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join([f"{name} {_said(one)}" for name, one in value.items()])
    return " x ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _targets(model: Model, node: Node, said: Any) -> list[tuple[str, Expression]]:
    """For each axis of a node, the input axis that n is there, and the function."""
    axes = len(node.shape.extents)
    several = list(said) if isinstance(said, (list, tuple)) else [said] * axes
    names = model.variables
    if len(several) != axes or axes > len(names) or not axes:
        raise QueryError(
            f"{node.name} has {axes} axes, and the input has {len(names)}: {len(several)} "
            "functions of n are given",
            rule="output",
            hint="Give one for each axis, in a list; or sizes, by input and output.",
        )
    return [
        (name, one if isinstance(one, Expression) else parse_target(str(one)))
        for name, one in zip(names, several, strict=False)
    ]


def taken_by(path: Path, variables: Sequence[str]) -> Region:
    """The inputs that go through a model on one way, to its end."""
    conditions = [condition for _, condition in path.model.conditions()]
    return region(variables, [*path.guards, *conditions])


def _counterexample(
    path: Path, taken: Region, box: dict[str, Sizes], value: Any
) -> dict[str, int] | None:
    """An input of the box on this way whose output is another.

    The nodes are looked up on this very way: another one may have others, or an order of its own.
    """
    inside = {name: held & taken.sets[name] for name, held in box.items()}
    if not all(inside.values()) or taken.conditions:
        return None
    known(box, taken.sets.values())
    for node, said in by_nodes(path.model, value):
        targets = _targets(path.model, node, said)
        for (name, target), extent in zip(targets, node.shape.extents, strict=True):
            wanted = exact(target.evaluate(exact(SizeMap.identity())))
            if isinstance(extent, Along) and extent.variable == name:
                alike = agreement(extent.map, wanted)
            elif extent.constant is not None:
                alike = agreement(exact(extent.constant), wanted)
            else:
                raise undecided(
                    f"the size of {node.name} depends on {', '.join(sorted(extent.variables))}",
                    "Name sizes by input and output.",
                )
            known(box, [alike])
            bad = inside[name] - alike
            if bad:
                return least(inside, {name: bad.first(1)[0]})
    return None


def _by_points(case: Case, boxes: Sequence[dict[str, Sizes]]) -> dict[str, int] | None:
    """The first input of some boxes whose output is another, one by one."""
    for point in points(boxes):
        found = case.subject.at(point)
        if not found.ok:
            return point
        for node, said in by_nodes(found.model, case.value):
            targets = _targets(found.model, node, said)
            if found.run.size(node) != tuple([one.evaluate(point[name]) for name, one in targets]):
                return point
    return None


def _wrong_at(case: Case, point: dict[str, int], expected: str) -> Finding:
    """The finding at an input that shows that a function is wrong."""
    found = case.subject.at(point)
    shown = size_text(_flat(point))
    if not found.ok:
        made = does_not_run(found, expected)
        return Finding(False, expected, made.got, made.derivation, made.nearest, made.hint)
    for node, said in by_nodes(found.model, case.value):
        wanted = [one.evaluate(point[name]) for name, one in _targets(found.model, node, said)]
        got = found.run.size(node)
        if list(got) != wanted:
            text = f"{size_text(_flat(dict(enumerate(got))))} at {shown}"
            what = " x ".join(dict.fromkeys(map(str, node.shape.extents)))
            lines = (f"{node.name} = {what}", *derivation(found, node))
            head = f"{expected}; {size_text(_flat(dict(enumerate(wanted))))} at {shown}"
            return Finding(False, head, text, lines, inputs_giving(found, node, tuple(wanted)))
    if found.warnings:
        raise undecided(
            f"it is not admissible at {shown}: {found.warnings[0]}",
            "Leave such inputs out of the condition, or name them by input and output.",
        )
    raise undecided(f"the map and the run differ at {shown}")


def _flat(point: dict[Any, int]) -> Any:
    sizes = tuple(point.values())
    return sizes[0] if len(set(sizes)) == 1 else sizes
