"""A traced model: its table, the inputs that it takes, and every clash."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from deconvcalc.model.graph import AXIS_NAMES
from deconvcalc.render.sheet import Sheet, shown_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deconvcalc.model.run import Branch, Fault
    from deconvcalc.tracing.trace import Row, Trace

__all__ = ["document", "fault_lines", "records", "table"]

MOST_FAULTS = 50
"""How many clashes a table tells of; JSON has all."""

MOST_TITLE = 60
"""How much of a model's text the title shows."""

_UNITS = ("", "k", "M", "G", "T", "P")
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB")
_DULL = re.compile(r"(?:, )?\b(?:in_channels|out_channels|axes)=\d+(?=[,)])")
_MEANINGS = {
    "in n": "the size as a function of the input's size n along the same axis",
    "params": "how many numbers it learns",
    "MACs": "multiply-accumulates for one input",
    "memory": "of its result in float32, for one input",
    "field": "how many input pixels a place sees along an axis, at most",
    "stride": "input pixels for a step",
}


def table(found: Trace, model: str, limit: int | None = None, width: int | None = None) -> Sheet:
    """The table of a model, and what there is to say about it.

    Args:
        found: the traced model.
        model: what it was called in the question.
        limit: how many rows are shown; None for all.
        width: how wide the rows may be; columns that find no room are left out.
    """
    rows = found.rows
    shown = rows if limit is None else rows[:limit]
    made = Sheet(_title(found, model))
    columns = _columns(found, shown)
    left_out = [] if width is None else _narrowed(columns, width)
    made.columns = list(columns)
    made.rows = [list(cells) for cells in zip(*columns.values(), strict=True)]
    if len(shown) < len(rows):
        made.hints.append(("more", f"{len(rows) - len(shown):,} further layers: --limit N"))
    made.hints += _summary(found)
    if left_out:
        text = f"{', '.join(left_out)}: in a wider terminal, or by --format csv"
        made.hints.append(("columns", text))
    made.legend = [(name, _MEANINGS[name]) for name in columns if name in _MEANINGS]
    return made


def document(found: Trace, model: str, limit: int | None, schema: int) -> dict[str, Any]:
    """The same as one JSON document."""
    record = found.to_record()
    query = {"model": model, "input": record.pop("input")}
    record["count"] = len(record["rows"])
    if limit is not None:
        record["rows"] = record["rows"][:limit]
    return {"schema": schema, "query": query, **record}


def records(found: Trace, limit: int | None) -> list[dict[str, Any]]:
    """The rows for CSV, axes joined as sizes are typed."""
    made = []
    for row in found.rows if limit is None else found.rows[:limit]:
        record = row.to_record()
        for name in ("size", "function", "field", "stride"):
            sign = "x" if name == "size" else " x "
            known = [one for one in record[name] if one is not None]
            told = ["-" if one is None else str(one) for one in record[name]] if known else []
            record[name] = sign.join(told)
        made.append(record)
    return made


def _title(found: Trace, model: str) -> str:
    size = _inputs(found)
    called = _clean(" ".join(model.split()))
    if len(called) > MOST_TITLE:  # of a text the start counts, of a path the end
        is_text = "(" in called
        called = f"{called[:MOST_TITLE]}..." if is_text else f"...{called[-MOST_TITLE:]}"
    head = f"{called} at {size}"
    if found.ok:
        return f"{head}: runs"
    faults = found.clashes
    if not faults:
        return f"{head}: does not run"
    kind = "clash" if all(fault.kind == "clash" for fault in faults) else "fault"
    return f"{head}: does not run, {_several(len(faults), kind)}"


def _inputs(found: Trace) -> str:
    """The sizes of the inputs, with their names where there are several."""
    sizes = [
        shown_size(tuple([one.at(found.point) for one in node.shape.extents])) or "its only size"
        for node in found.model.inputs
    ]
    if len(sizes) == 1:
        return sizes[0]
    names = [_clean(node.name) for node in found.model.inputs]
    return ", ".join([f"{name} {size}" for name, size in zip(names, sizes, strict=True)])


def _several(count: int, kind: str) -> str:
    ending = "" if count == 1 else "es" if kind.endswith("sh") else "s"
    return f"{count:,} {kind}{ending}"


# The table.


def _columns(found: Trace, rows: list[Row]) -> dict[str, list[str]]:
    """The columns that say something here."""
    names = found.model.variables
    faulty = _marks(found)
    columns = {
        "name": [_clean(row.name) for row in rows],
        "layer": [_layer(row.layer) for row in rows],
        "size": [_size(row.size) for row in rows],
        "in n": [_function(row.function, names) for row in rows],
        "channels": [_count(row.channels) for row in rows],
        "params": [_count(row.parameters) for row in rows],
        "MACs": [_short(row.macs) for row in rows],
        "memory": [_bytes(row.memory) for row in rows],
        "field": [_each(row.field) for row in rows],
        "stride": [_each(row.stride) for row in rows],
        "": [faulty.get(row.name, "") for row in rows],
    }
    if not any(columns[""]):
        del columns[""]
    for name in ("channels", "params", "MACs", "memory", "field", "stride"):
        if not any(cell.strip("-0") for cell in columns[name]):
            del columns[name]
    return columns


_FIRST_OUT = ("memory", "MACs", "stride", "field", "params", "channels")
"""Which columns go first where there is no room for all."""


def _narrowed(columns: dict[str, list[str]], width: int) -> list[str]:
    """Leave columns out until the rest has room; what was left out."""
    left_out = []
    for name in _FIRST_OUT:
        widths = [max(map(len, [head, *cells])) for head, cells in columns.items()]
        if 2 * len(widths) + sum(widths) <= width:
            break
        if columns.pop(name, None) is not None:
            left_out.append(name)
    return left_out


def _marks(found: Trace) -> dict[str, str]:
    """What is wrong with a node, by its name."""
    marks = {fault.node: "repeats a size of 1" for fault in found.run.repeated}
    return marks | {
        fault.node: "clash" if fault.kind == "clash" else "refuses" for fault in found.clashes
    }


def _layer(text: str) -> str:
    """A layer as it reads beside its channels: without them."""
    named = re.fullmatch(r"Identity\(name='(\w+)'.*\)", text)
    if named:
        return named[1]
    if text.startswith("Input("):
        return "Input"
    return _clean(_DULL.sub("", text).replace("(, ", "("))


def _clean(text: str) -> str:
    """Text without what a terminal would take for a command."""
    return "".join([one if one.isprintable() else " " for one in text])


def _size(size: tuple[int, ...]) -> str:
    return shown_size(size) or "-"


def _function(function: tuple[str, ...], names: tuple[str, ...]) -> str:
    """Sizes as functions; once, where all axes have the same of their own letter."""
    if not function:
        return "-"
    plain = set()
    for text in function:
        used = [name for name in names if re.search(_word(name), text)]
        plain.add(re.sub(_word(used[0]), "n", text) if len(used) == 1 else text)
    used_all = [name for name in names if any(re.search(_word(name), one) for one in function)]
    if len(plain) == 1 and len(used_all) in (0, len(function)):
        return plain.pop()
    return " x ".join(function)


def _word(name: str) -> str:
    return rf"(?<![\w.]){re.escape(name)}(?![\w.])"


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _short(number: int | None) -> str:
    """A count in three digits: 28.9 M."""
    return "-" if number is None else _scaled(number, 1000, _UNITS)


def _bytes(number: int | None) -> str:
    return "-" if number is None else _scaled(number, 1024, _BYTES)


def _scaled(number: int, step: int, units: tuple[str, ...]) -> str:
    value, unit = float(number), 0
    while value >= 999.5 and unit < len(units) - 1:
        value, unit = value / step, unit + 1
    digits = 0 if unit == 0 or value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f} {units[unit]}".rstrip()


def _each(values: tuple[Any, ...]) -> str:
    """One value where all axes have the same."""
    shown = ["-" if value is None else str(value) for value in values]
    if len(set(shown)) == 1:
        return shown[0]
    return "x".join(shown) or "-"


# What there is to say.


def _summary(found: Trace) -> list[tuple[str, str]]:
    """Clashes, inputs, costs: lines of a label and a text."""
    lines: list[tuple[str, str]] = []
    if found.path.failed is not None:
        lines.append(("fails", _clean(found.path.failed)))
    lines += fault_lines(found)
    inputs = _clean(str(found.admissible))
    lines.append(("inputs", inputs))
    lines += _nearest(found)
    for name, held in found.broadcast.items():
        sizes = re.sub(_word("n"), name, str(held))
        lines.append(("broadcast", f"{sizes}: runs, but only by repeating a size of 1"))
    lines.append(("sizes", _pinned(found)))
    totals = found.totals
    parts = [
        f"{_count(totals.parameters)} parameters",
        f"{_count(totals.macs)} multiply-accumulates",
        f"{_bytes(totals.memory)} of activations",
    ]
    lines.append(("in all", ", ".join([part for part in parts if not part.startswith("-")])))
    if found.passed:
        lines.append(("passed", f"not known, and sizes stay: {_listed(found.passed)}"))
    lines += [("note", _clean(text)) for text in found.warnings]
    if found.versions:
        text = ", ".join([f"{name} {version}" for name, version in found.versions.items()])
        lines.append(("versions", _clean(text)))
    return [line for line in lines if line[1]]


def fault_lines(found: Trace) -> list[tuple[str, str]]:
    """Everything that fails, each with its branches and what the framework says."""
    lines = []
    faults = found.clashes
    for fault in faults[:MOST_FAULTS]:
        lines += [(label, _clean(text)) for label, text in _fault(found, fault)]
    if len(faults) > MOST_FAULTS:
        lines.append(("", f"and {len(faults) - MOST_FAULTS:,} more: --format json has all"))
    return lines


def _fault(found: Trace, fault: Fault) -> Iterator[tuple[str, str]]:
    where = f" ({fault.where})" if fault.where else ""
    axis = fault.axis
    if isinstance(axis, int):
        names = AXIS_NAMES.get(len(found.run.shapes[found.model[fault.node].index].extents), ())
        axis = f"axis {names[axis] if axis < len(names) else axis}"
    about = f", {axis}" if axis is not None else ""
    label = "clash" if fault.kind == "clash" else "refuses"
    yield label, f"{fault.node}{about}{where}: {fault.message}"
    width = max([len(branch.node) for branch in fault.branches], default=0)
    for branch in fault.branches:
        yield "", f"  {branch.node.ljust(width)}  {_branch(branch)}"
    if fault.said:
        yield "", f"  {found.kind} says: {fault.said}"


def _branch(branch: Branch) -> str:
    loss = branch.loss
    is_plain = branch.function == str(branch.size)
    text = str(branch.size) if is_plain else f"{branch.size} = {branch.function}"
    if loss is None:
        return f"{text}, nothing rounded"
    what = "drops" if loss.rounds == "down" else "fills up"
    return f"{text}, {loss.node} {what} {loss.remainder} of {loss.size}: {_layer(loss.layer)}"


def _nearest(found: Trace) -> Iterator[tuple[str, str]]:
    if found.ok:
        return
    below, above = found.nearest
    several = len(found.model.inputs) > 1
    names = found.model.variables
    ends = [
        f"{_by_name(names, size) if several else shown_size(size)} {word}"
        for size, word in ((below, "below"), (above, "above"))
        if size is not None
    ]
    yield "nearest", " and ".join(ends) if ends else "no input that it takes is near"
    for line in found.remedies:
        yield "", f"  {line}"


def _by_name(names: tuple[str, ...], size: tuple[int, ...]) -> str:
    return ", ".join([f"{name} = {n}" for name, n in zip(names, size, strict=True)])


def _pinned(found: Trace) -> str:
    if found.is_fully_convolutional:
        return "fully convolutional: no layer fixes the size of the input"
    fixing = _listed(found.pinned)
    return f"{fixing} {'fixes' if len(found.pinned) == 1 else 'fix'} the size of the input"


def _listed(names: tuple[str, ...], most: int = 8) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return _clean(", ".join(names[:most]) + more)
