"""Texts of sizes: to print and to log them pins nothing, to decide by them does."""

from __future__ import annotations

import opcode
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

__all__ = ["Text", "formats"]


class Text(str):
    """The text of a size. Code that compares it, or looks it up, reads the size.

    What is put together from it (`f"{h}x{w}"`) is a plain text: where code decides by that, nobody
    sees it.
    """

    __slots__ = ("_read",)
    _read: Callable[[], Any]

    def __new__(cls, made: str, read: Callable[[], Any]) -> Self:
        """A text, and what notes that somebody reads it."""
        text = super().__new__(cls, made)
        text._read = read
        return text

    def __reduce__(self) -> Any:
        return str, (str.__str__(self),)


def _reading(name: str) -> Any:
    plain = getattr(str, name)

    def method(self: Text, *args: Any) -> Any:
        self._read()
        return plain(self, *args)

    method.__name__ = name
    return method


_READINGS = """
    __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __hash__ __len__ __getitem__ __iter__ __contains__
    startswith endswith find index count rfind rindex isdigit isdecimal isnumeric
"""
for _name in _READINGS.split():
    setattr(Text, _name, _reading(_name))
for _name, _kind in (("__int__", int), ("__float__", float)):
    # int(text) and float(text) ask for these first.
    setattr(Text, _name, lambda self, kind=_kind: (self._read(), kind(str.__str__(self)))[1])


def formats(frame: FrameType | None) -> bool:
    """Whether a frame is in the midst of `text % values`, which asks values for their numbers."""
    if frame is None or frame.f_lasti < 0:
        return False
    code = frame.f_code.co_code
    operation, argument = code[frame.f_lasti], code[frame.f_lasti + 1]
    return operation == opcode.opmap["BINARY_OP"] and argument in _REMAINDERS


_REMAINDERS = (6, 19)
"""`%` and `%=`, as arguments of BINARY_OP."""
