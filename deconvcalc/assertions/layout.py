"""Where pixels lie and what they see: skips, checkerboards, receptive fields and strides."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from deconvcalc.assertions.finding import Case, Finding, undecided, vacuous
from deconvcalc.assertions.outputs import by_nodes, does_not_run, there, ways
from deconvcalc.errors import QueryError
from deconvcalc.layers import ConvTranspose, Layer
from deconvcalc.layers.base import picker
from deconvcalc.model.fields import NOTHING, WHOLE, Field
from deconvcalc.model.operations import Add, Concat, Given, TransposeTo
from deconvcalc.notation import parse
from deconvcalc.placement import tap_counts
from deconvcalc.values import integer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deconvcalc.model.fields import Seen
    from deconvcalc.model.graph import Node
    from deconvcalc.tracing.trace import Trace

__all__ = ["aligned", "checkerboard", "field", "layer_of", "min_field", "nodes", "stride"]


# Layers.


def nodes(case: Case) -> Finding:
    """Nodes that are named are these layers, in every field; channels may be left open."""
    if not isinstance(case.value, dict):
        raise QueryError(f"nodes are said by their names, not as {case.value!r}", rule="nodes")
    found = case.subject.at(case.input) if case.input is not None else case.subject.anywhere()
    wrong, told = [], []
    named = [
        pair
        for model in ([found.model] if case.input is not None else ways(found))
        for pair in by_nodes(model, there(case.value, model, found.model))
    ]
    for node, text in named:
        wanted, got = parse(text), layer_of(node)
        told.append(f"{node.name} {wanted!r}")
        if got is None or not _is_same(wanted, got, node):
            at = f"  ({node.where})" if node.where else ""
            wrong.append(f"{node.name} {got or node.operation!r}{at}")
    expected = "; ".join(told)
    return Finding(not wrong, expected, "; ".join(wrong) or expected)


def layer_of(node: Node) -> Layer | None:
    """The layer of a node, also where it takes its size from another one; None for what is none."""
    operation = node.operation
    if isinstance(operation, (Given, TransposeTo)):
        return operation.layer
    return operation if isinstance(operation, Layer) else None


def _is_same(wanted: Layer, got: Layer, node: Node) -> bool:
    """Whether a node's layer is another; what either leaves open the model tells, or nothing."""
    if type(wanted) is not type(got):
        return False
    source = node.sources[0].shape
    told = {"in_channels": source.channels, "axes": len(source.extents)}
    filled = []
    for one, other in ((wanted, got), (got, wanted)):
        left = {
            name: told.get(name, getattr(other, name))
            for name in ("in_channels", "out_channels", "axes")
            if name in one._fields and getattr(one, name) is None
        }
        filled.append(one.replace(**left))
    return filled[0] == filled[1]


# Skips.


def aligned(case: Case) -> Finding:
    """Every two branches that are merged have their pixel centres at the same places."""
    yes = _yes(case.value, "aligned")
    found = case.subject.at(case.input)
    expected = "every skip aligned" if yes else "a skip that is not aligned"
    if not found.ok:
        return does_not_run(found, expected)
    wrong, not_known, count = [], [], 0
    for node, axis, one, other in _skips(found):
        mine, its = found.fields[one.index][axis], found.fields[other.index][axis]
        if NOTHING in (mine, its) or WHOLE in (mine, its):
            continue
        if not isinstance(mine, Field) or not isinstance(its, Field):
            not_known.append(node.name)
            continue
        count += 1
        told = _apart(mine, its)
        if told:
            wrong.append(f"{node.name}: {other.name} against {one.name} on axis {axis}: {told}")
    if not wrong and not_known:
        raise undecided(f"where the pixels of {not_known[0]} lie is not known")
    if not count:
        raise vacuous(
            "the model has no skip: nothing is merged that comes from two places",
            "Leave aligned out.",
        )
    got = "; ".join(wrong[:3]) + ("; ..." if len(wrong) > 3 else "") if wrong else "all aligned"
    hint = "Pad or crop both sides alike, or as the branch beside it does." if wrong else None
    return Finding(bool(wrong) is not yes, expected, got, wrong, (), hint)


def _skips(found: Trace) -> Iterator[tuple[Node, int, Node, Node]]:
    """Each pair of branches of a merge along each axis, without those whose size 1 is repeated."""
    for node in found.model.nodes:
        if not isinstance(node.operation, (Add, Concat)):
            continue
        first, *others = node.sources
        sizes = found.run.size(node)
        for axis, size in enumerate(sizes):
            if isinstance(node.operation, Concat) and node.operation.axis == axis:
                continue
            for other in others:
                both = [found.run.size(one) for one in (first, other)]
                if all(axis < len(its) and its[axis] == size for its in both):
                    yield node, axis, first, other


def _apart(mine: Field, its: Field) -> str | None:
    """How far the centres lie apart, in words; None where they do not."""
    if mine.rate != its.rate:
        return f"steps of {mine.rate} and {its.rate} input pixels"
    apart = its.offset - mine.offset
    return f"{float(apart):+g} input pixels" if apart else None


# Checkerboards.


def checkerboard(case: Case) -> Finding:
    """No transposed convolution gives neighbouring outputs different numbers of taps."""
    yes = _yes(case.value, "checkerboard")
    found = case.subject.at(case.input) if case.input is not None else case.subject.anywhere()
    models = [found.model] if case.input is not None else ways(found)
    nodes = [node for model in models for node in model.nodes]
    wrong = [*dict.fromkeys(text for node in nodes for text in _uneven(node, case, found))]
    expected = "a checkerboard" if yes else "no checkerboard"
    hint = "Take a kernel that is a multiple of the stride, or resize and convolve."
    got = "; ".join(wrong[:3]) + ("; ..." if len(wrong) > 3 else "") if wrong else "none"
    return Finding(
        bool(wrong) is yes, expected, got, wrong, (), hint if wrong and not yes else None
    )


def _uneven(node: Node, case: Case, found: Trace) -> Iterator[str]:
    """The axes along which a transposed convolution gives outputs different numbers of taps."""
    layer = _transposed(node)
    if layer is None:
        return
    for axis in range(len(node.sources[0].shape.extents)):
        pick = picker(axis)
        k, s, d = pick(layer.kernel_size), pick(layer.stride), pick(layer.dilation)
        counts = tap_counts(k, s, d)
        if len(counts) < 2:
            continue
        if case.input is not None and found.run.size(node.sources[0])[axis] == 1:
            continue  # one input: no two of its outputs lie beside each other by another one's
        taps = " and ".join(map(str, counts))
        at = f"  ({node.where})" if node.where else ""
        yield f"{node.name}: {taps} taps, for kernel {k}, stride {s}, dilation {d}{at}"


def _yes(value: Any, key: str) -> bool:
    """Whether something must hold or must not.

    Raises:
        QueryError: neither true nor false.
    """
    if not isinstance(value, bool):
        raise QueryError(f"{key} is true or false, not {value!r}", rule=key)
    return value


def _transposed(node: Node) -> Any:
    layer = layer_of(node)
    return layer if isinstance(layer, ConvTranspose) else None


# Fields and strides.


def field(case: Case) -> Finding:
    """A place of the output, or of nodes that are named, sees so many input pixels."""
    return _seen(case, "field", _field_size, _whole, _same)


def min_field(case: Case) -> Finding:
    """A place of the output, or of nodes that are named, sees at least so many input pixels."""
    return _seen(case, "field of at least", _field_size, _whole, _enough)


def stride(case: Case) -> Finding:
    """A step of the output, or of nodes that are named, is so many input pixels."""
    return _seen(case, "stride", _rate, _fraction, _same)


def _seen(
    case: Case,
    what: str,
    measure: Callable[[Seen], Any],
    read: Callable[[Any], Any],
    holds: Callable[[Any, Any], bool],
) -> Finding:
    found = case.subject.at(case.input)
    wanted = case.value
    expected = f"{what} {_written(wanted)}"
    if not found.ok:
        return does_not_run(found, expected)
    wrong, lines = [], []
    for node, said in by_nodes(found.model, wanted):
        seen = found.fields[node.index]
        several = list(said) if isinstance(said, (list, tuple)) else [said] * len(seen)
        if len(several) != len(seen) or not seen:
            raise QueryError(
                f"{node.name} has {len(seen)} spatial axes, and {len(several)} numbers are given",
                rule=case_rule(what),
                hint="Give one number, or one for each axis in a list.",
            )
        got = [measure(one) for one in seen]
        if None in got:
            raise undecided(
                f"what {node.name} sees of the input is not known",
                "Name a node before it, as {node = number}.",
            )
        if not all(holds(read(one), its) for one, its in zip(several, got, strict=True)):
            shown = str(got[0]) if len(set(got)) == 1 else " x ".join(map(str, got))
            wrong.append(f"{node.name} {shown}" if isinstance(wanted, dict) else shown)
            lines += _growth(found, node, measure)
    return Finding(not wrong, expected, ", ".join(wrong) or _written(wanted), lines)


def case_rule(what: str) -> str:
    """The key that a measure is asked for by."""
    return what.partition(" ")[0]


def _growth(found: Trace, node: Node, measure: Callable[[Seen], Any]) -> list[str]:
    """What each layer on the way to a node makes of it."""
    lines, last = [], None
    path = [node]
    while path[-1].sources:
        path.append(path[-1].sources[0])
    for one in reversed(path):
        values = [measure(seen) for seen in found.fields[one.index]]
        shown = " x ".join(map(str, dict.fromkeys(values)))
        if shown != last:
            lines.append(f"{one.name}: {shown}" + (f"  ({one.where})" if one.where else ""))
        last = shown
    return lines[-40:]


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join([f"{name} {_written(one)}" for name, one in value.items()])
    return " x ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _field_size(one: Seen) -> Any:
    if isinstance(one, Field):
        return one.size
    return 0 if one is NOTHING else "all" if one is WHOLE else None


def _rate(one: Seen) -> Any:
    return one.rate if isinstance(one, Field) else None


def _whole(said: Any) -> Any:
    number = integer(said)
    if number is None and said != "all":
        raise QueryError(
            f'a field is a number of input pixels, or "all", not {said!r}', rule="field"
        )
    return said if number is None else number


def _fraction(said: Any) -> Fraction:
    if isinstance(said, bool) or not _RATE.fullmatch(str(said)):
        raise QueryError(
            f'a stride is a number of input pixels, or text such as "1/2", not {said!r}',
            rule="stride",
        )
    return Fraction(str(said))


_RATE = re.compile(r"\d{1,18}(/0*[1-9]\d{0,17})?", re.ASCII)


def _same(wanted: Any, got: Any) -> bool:
    return bool(wanted == got)


def _enough(wanted: Any, got: Any) -> bool:
    if got == "all" or wanted == "all":
        return bool(got == "all")
    return bool(got >= wanted)
