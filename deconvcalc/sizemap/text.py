"""Maps as text: one put in for the n of another."""

from __future__ import annotations

import re

__all__ = ["LONG", "put_in"]

LONG = 2_000
"""Longer text is not put into other text."""

_N = re.compile(r"\bn\b")
_CALL = re.compile(r"(floor|min|max)\(")


def put_in(outer: str, inner: str) -> str:
    """The text of a map with the text of another put in for n."""
    if inner == "n" or outer == "n":
        return inner if outer == "n" else outer
    if len(_N.findall(outer)) > 1 or len(inner) > LONG:
        return f"({outer} after {inner})"
    bare = _CALL.match(inner) and _closes_last(inner)
    return _N.sub(inner if bare else f"({inner})", outer)


def _closes_last(text: str) -> bool:
    """Whether the first bracket of a text is closed by its last character."""
    depth = 0
    for place, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == ")" and depth == 0:
            return place == len(text) - 1
    return False
