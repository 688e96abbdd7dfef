"""On which line of a TOML text each of its values stands: `tomllib` does not tell."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["Place", "places"]

Place = tuple[str | int, ...]
"""The keys and indices that lead to a value."""

_GAP = re.compile(r"(?:[ \t\r\n,]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r'"((?:[^"\\\n]|\\.)*)"|\'([^\'\n]*)\'|([\w-]+)')
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")|\'\'\'.*?\'{3,5}(?!\')|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_PLAIN = re.compile(r"[^,\]}#\n]*")


def places(text: str) -> dict[Place, int]:
    r"""The line of each table, key and element, by the keys and indices that lead to it.

    Args:
        text: TOML that `tomllib` takes.

    >>> places("layers = [\n  'nn.ReLU()',\n  {name = 'a'},\n]")[("layers", 1, "name")]
    3
    """
    return _Reader(text).read()


class _Reader:
    """Goes through a text once, from its start to its end."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.found: dict[Place, int] = {}
        self.line, self.counted = 1, 0
        self.lengths: dict[Place, int] = {}

    def read(self) -> dict[Place, int]:
        """The lines of everything."""
        table: Place = ()
        self.over(_GAP)
        while self.at < len(self.text):
            if self.text.startswith("[[", self.at):
                table = self.header(2)
            elif self.text[self.at] == "[":
                table = self.header(1)
            else:
                self.pair(table)
            self.over(_GAP)
        return self.found

    def over(self, what: re.Pattern[str]) -> Any:
        """Go over what a pattern takes, which may be nothing."""
        found = what.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def note(self, place: Place) -> None:
        """Remember the line where a value stands first."""
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = self.at
        self.found.setdefault(place, self.line)

    def key(self) -> list[str]:
        """A key, with what its dots join."""
        parts = []
        while True:
            self.over(_SPACE)
            found = self.over(_KEY)
            parts.append(next((part for part in found.groups() if part is not None), ""))
            self.over(_SPACE)
            if not self.text.startswith(".", self.at):
                return parts
            self.at += 1

    def header(self, brackets: int) -> Place:
        """The place of the table that a header opens."""
        self.at += brackets
        place: Place = ()
        parts = self.key()
        for number, part in enumerate(parts, 1):
            place = (*place, part)
            if brackets == 2 and number == len(parts):
                self.lengths[place] = self.lengths.get(place, 0) + 1
                self.note(place)
            if place in self.lengths:
                place = (*place, self.lengths[place] - 1)
        self.note(place)
        self.at += brackets
        return place

    def pair(self, table: Place) -> None:
        """A key and its value."""
        self.note(table)
        place = table
        for part in self.key():
            place = (*place, part)
            self.note(place)
        self.at += 1  # the equals sign
        self.over(_SPACE)
        self.value(place)

    def value(self, place: Place) -> None:
        """Go over a value, and note what it is made of."""
        opening = self.text[self.at : self.at + 1]
        if opening not in ("[", "{"):
            if self.over(_STRING) is None:
                self.over(_PLAIN)
            return
        self.at += 1
        closing = "]" if opening == "[" else "}"
        index = 0
        self.over(_GAP)
        while not self.text.startswith(closing, self.at):
            if opening == "{":
                self.pair(place)
            else:
                self.note((*place, index))
                self.value((*place, index))
                index += 1
            self.over(_GAP)
        self.at += 1
