"""Plain data as JSON and as CSV, as the standard modules write it.

Loading those costs more than finding the answers to most questions. The keys of dicts are text.
What is neither plain nor plain ASCII is left to the standard modules all the same.
"""

from __future__ import annotations

from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["cell_text", "csv_line", "json_indented", "json_line"]


def json_line(value: Any) -> str:
    """JSON on one line: what `json.dumps(value)` gives.

    >>> json_line({"op": "conv", "padding": [[0, 1]], "holes": False, "shift": 0.5, "keras": None})
    '{"op": "conv", "padding": [[0, 1]], "holes": false, "shift": 0.5, "keras": null}'
    """
    return _JSON.get(type(value), _dumped)(value)


def json_indented(value: Any, indent: str = "") -> str:
    """JSON with a line for each member: what `json.dumps(value, indent=2)` gives.

    >>> print(json_indented({"op": "conv", "stride": [1, 2], "facts": {}}))
    {
      "op": "conv",
      "stride": [
        1,
        2
      ],
      "facts": {}
    }
    """
    inner = indent + "  "
    if value and isinstance(value, dict):
        members = [f"{_key(name)}: {json_indented(item, inner)}" for name, item in value.items()]
        opened, closed = "{}"
    elif value and isinstance(value, (list, tuple)):
        members = [json_indented(item, inner) for item in value]
        opened, closed = "[]"
    else:
        return json_line(value)
    lines = f",\n{inner}".join(members)
    return f"{opened}\n{inner}{lines}\n{indent}{closed}"


def _dumped(value: Any) -> str:
    import json

    return json.dumps(value)


def _text(value: str) -> str:
    if value.isascii() and value.isprintable():
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return _dumped(value)


_key = cache(_text)


def _float(value: float) -> str:
    return repr(value) if isfinite(value) else _dumped(value)


def _array(value: Iterable[Any]) -> str:
    return "[" + ", ".join([_JSON.get(type(item), _dumped)(item) for item in value]) + "]"


def _object(value: dict[str, Any]) -> str:
    members = [f"{_key(k)}: {_JSON.get(type(item), _dumped)(item)}" for k, item in value.items()]
    return "{" + ", ".join(members) + "}"


_JSON: dict[type, Callable[[Any], str]] = {
    int: repr,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): {None: "null"}.__getitem__,
    str: _text,
    float: _float,
    list: _array,
    tuple: _array,
    dict: _object,
}
"""How a value of each type is written."""


def csv_line(cells: Iterable[Any]) -> str:
    """One line of CSV without its end, with quotes where `csv.writer` sets them.

    >>> print(csv_line([3, None, True, [2, 3], [[0, 1], [1, 1]], 'padding="same", strides=2']))
    3,,true,2x3,0 1x1 1,"padding=""same"", strides=2"
    """
    line = ",".join([_CSV.get(type(cell), _quoted)(cell) for cell in cells])
    return line or '""'  # else a single empty cell would be a line without cells


def cell_text(value: Any) -> str:
    """A cell: a list has an x between its items, the axes, and a space within them."""
    if not isinstance(value, list):
        return _CSV.get(type(value), str)(value)
    axes = [" ".join(map(str, axis)) if isinstance(axis, list) else str(axis) for axis in value]
    return "x".join(axes)


def _quoted(value: Any) -> str:
    text = cell_text(value)
    if '"' in text or "," in text or "\n" in text or "\r" in text:
        return '"' + text.replace('"', '""') + '"'
    return text


_CSV: dict[type, Callable[[Any], str]] = {
    int: repr,
    float: repr,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): {None: ""}.__getitem__,
}
"""How a cell of each type is written that never needs quotes."""
