"""The checkers by name. Nothing is loaded to know them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deconvcalc.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CHECKERS", "TITLES", "read_names"]

CHECKERS: dict[str, str | None] = {
    "numpy": None,
    "torch": "torch",
    "keras": "keras",
    "keras[torch]": "keras",
    "onnx": "onnx",
}
"""By the name of a checker, the dialect of its layers; the reference has none."""

TITLES = {
    "numpy": "the reference, by loops",
    "torch": "PyTorch",
    "keras": "Keras on TensorFlow",
    "keras[torch]": "Keras on PyTorch",
    "onnx": "ONNX Runtime",
}
"""What each is, for people."""


def read_names(checkers: str | Sequence[str]) -> tuple[str, ...]:
    """The names of checkers, from a sequence or a text such as "torch,keras".

    Raises:
        QueryError: an unknown name, or none at all.
        TypeError: something else.
    """
    if not isinstance(checkers, (str, list, tuple, dict)):
        raise TypeError(f"checkers must be names, not {checkers!r}")
    names = checkers.split(",") if isinstance(checkers, str) else list(checkers)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"checkers must be names, not {checkers!r}")
    names = [name.strip() for name in names]
    known = f"Known are: {', '.join(CHECKERS)}."
    for name in names:
        if name not in CHECKERS:
            raise QueryError(f"unknown checker {name!r}", rule="checkers", hint=known)
    if not names:
        raise QueryError("no checker is named", rule="checkers", hint=known)
    return tuple(dict.fromkeys(names))
