"""Files and lines as people read them."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["is_own", "is_standard", "raised_at", "short"]

_ELSEWHERE = ("site-packages", "dist-packages", "<frozen")


def short(path: str | Path) -> str:
    """A path from the current directory, or its last two parts.

    >>> short("/a/b/models/unet.py")
    'models/unet.py'
    """
    whole = Path(path)
    try:
        return str(whole.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError, RuntimeError):  # elsewhere, or links that lead round
        return "/".join(whole.parts[-2:])


def raised_at(error: BaseException) -> str | None:
    """The file and line of the user's own code that an error comes from; None where there is none.

    The innermost line counts that belongs to no library and not to this one.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{short(error.filename)}:{error.lineno or 1}"
    found = [f"{short(file)}:{line}" for file, line in _frames(error) if is_own(file)]
    return found[-1] if found else None


def _frames(error: BaseException) -> Iterator[tuple[str, int]]:
    for frame, line in traceback.walk_tb(error.__traceback__):
        yield frame.f_code.co_filename, line


def is_own(file: str) -> bool:
    """Whether a file is the user's: no library's, not Python's, not this package's."""
    if any(part in file for part in _ELSEWHERE) or not Path(file).is_file():
        return False
    return not Path(file).is_relative_to(_HERE) and not is_standard(file)


def is_standard(file: str) -> bool:
    """Whether a file is of Python's own library."""
    return file.startswith(_STANDARD) and not any(part in file for part in _ELSEWHERE)


_HERE = Path(__file__).resolve().parents[1]
_STANDARD = str(Path(traceback.__file__).parent)
