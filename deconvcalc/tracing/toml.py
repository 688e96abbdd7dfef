"""TOML files from anywhere: bounded before they are read, with the line of every value."""

from __future__ import annotations

import re
import tomllib
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import DeconvcalcError, SpecError
from deconvcalc.tracing.lines import places
from deconvcalc.tracing.where import short

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deconvcalc.tracing.lines import Place

__all__ = ["DEEPEST", "Toml"]

DEEPEST = 200
"""So many brackets may be open at once."""

_DOTTED = re.compile(r"""(?<![\w-])(?:(?:"[^"\n]*+"|'[^'\n]*+'|[\w-]++)[ \t]*+\.[ \t]*+){16}""")
"""A key of more parts than any here has; tomllib takes long for a very long one."""

_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+"{3,5}|\'\'\'(?:[^\']|\'(?!\'\'))*+\'{3,5}'
    r'|"(?:[^"\\\n]|\\.)*+"|\'[^\'\n]*+\'|#[^\n]*+|(?P<open>[\[{])|(?P<close>[\]}])|(?P<rest>["\'])',
    re.DOTALL,
)
_LONGEST_RULE = 60
_HINT = "A key stands before each value, and text stands in quotes."


class Toml:
    """A TOML file that was read.

    Args:
        path: the file.
        most: how many bytes it may have.
        too_large: the way out where it has more.

    Attributes:
        file: its name, for people.
        text: what stands in it.
        data: the same, read.
        base: the keys that lead to the table that places are counted from.

    Raises:
        SpecError: a file that cannot be read, is too large, nested too deeply, or no TOML.
    """

    def __init__(self, path: str | FilePath, *, most: int, too_large: str | None = None) -> None:
        self.path = FilePath(path)
        self.file = short(self.path)
        self.base: Place = ()
        self.text = self._text(most, too_large)
        self._places: dict[Place, int] | None = None
        self.data = self._data()

    def _text(self, most: int, too_large: str | None) -> str:
        try:
            with self.path.open("rb") as file:
                content = file.read(most + 1)
        except OSError as error:
            raise self.fail(f"cannot be read: {error.strerror or error}", None) from None
        if len(content) > most:
            raise self.fail(f"it is larger than {most:,} bytes", None, too_large)
        try:
            return content.decode().removeprefix("\ufeff").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            raise self.fail(f"it is no text: {error.reason} at byte {error.start}", None) from None

    def _data(self) -> dict[str, Any]:
        found = _DOTTED.search(self.text)
        if found:
            raise SpecError("a key has too many parts", where=self._at(found.start()))
        self._check_depth()
        try:
            return tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise self.fail(f"this is no TOML: {error}", None, _HINT) from None
        except ValueError as error:  # a number of many digits
            raise self.fail(f"this is no TOML: {error}", None) from None

    def _at(self, position: int) -> str:
        return f"{self.file}:{self.text.count(chr(10), 0, position) + 1}"

    def _check_depth(self) -> None:
        """Refuse brackets inside brackets, before anything that calls itself reads them."""
        depth = 0
        for found in _TOKEN.finditer(self.text):
            if found["open"]:
                depth += 1
                if depth > DEEPEST:
                    raise SpecError("it is nested too deeply", where=self._at(found.start()))
            elif found["close"]:
                depth -= 1
            elif found["rest"]:  # text without an end: tomllib says where
                return

    def where(self, place: Place) -> str:
        """The file and the line of a place, or of what is around it."""
        if self._places is None:
            self._places = places(self.text)
        place = (*self.base, *place)
        while place and place not in self._places:
            place = place[:-1]
        return f"{self.file}:{self._places.get(place, 1)}"

    def fail(self, message: str, place: Place | None, hint: str | None = None) -> SpecError:
        """The error that says where something is wrong; None for the whole file."""
        where = self.file if place is None else self.where(place)
        rule = next((step for step in reversed(place or ()) if isinstance(step, str)), None)
        return SpecError(message, where=where, rule=rule and rule[:_LONGEST_RULE], hint=hint)

    @contextmanager
    def told(self, place: Place) -> Iterator[None]:
        """Errors of layers come with their line."""
        try:
            yield
        except SpecError:
            raise
        except DeconvcalcError as error:
            raise self.fail(error.message, place, error.hint) from None
