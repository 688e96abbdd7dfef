"""A model by the name of its module and attribute: `package.module:attribute`."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import QueryError, TraceError
from deconvcalc.notation import nearest
from deconvcalc.tracing.where import raised_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["FRAMEWORKS", "RAISED", "here_first", "literal", "load", "raised"]

FRAMEWORKS = ("torch", "keras", "tensorflow", "jax", "onnx", "onnxruntime")
"""What may be missing without a fault of the model."""

RAISED = "raised"
"""The rule of an error that the user's own code raised."""

_TARGET = re.compile(
    r"(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*):(?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)"
)
_WORD = re.compile(r"[\w./+-]+")
_MOST_SHOWN = 200


@contextmanager
def here_first(folder: str | Path | None = None) -> Iterator[None]:
    """A folder, by default the current one, is where modules are looked for first."""
    before = list(sys.path)
    sys.path.insert(0, str(folder or Path.cwd()))
    try:
        yield
    finally:
        sys.path[:] = before


def load(target: str, arguments: Mapping[str, Any]) -> Any:
    """A model from its module: an object as it is, or what a class or a function makes.

    Args:
        target: `package.module:attribute`; the attribute may have dots too.
        arguments: for the class or the function, by name.

    Raises:
        QueryError: no such module or attribute, or arguments that it does not take.
        TraceError: the module or the class raises.
        ImportError: a framework that the module needs is missing or broken.
    """
    found = _TARGET.fullmatch(target)
    if found is None:
        hint = "Write package.module:attribute, such as nets.unet:UNet."
        if ".py:" in target:
            name = target.replace(".py:", ":").removeprefix("./").replace("/", ".")
            hint = f"A module has dots and no suffix: {name}"
        raise QueryError(f"{target!r} names no model", rule="model", hint=hint)
    made = _attribute(_module(found["module"]), found["name"], found["module"])
    if not (inspect.isclass(made) or inspect.isroutine(made)):
        if arguments:
            raise QueryError(
                f"{target} is a model already, and takes no arguments",
                rule="arg",
                hint="Leave --arg out, or name the class.",
            )
        return made
    _check_arguments(made, found["name"], arguments)
    try:
        return made(**arguments)
    except ImportError as error:
        _let_pass(error)
        raise raised(error, f"{found['name']}(...)") from error
    except (Exception, SystemExit) as error:  # it is the model's own code: whatever it raises
        raise raised(error, f"{found['name']}(...)") from error


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing and f"{name}.".startswith(f"{missing}."):
            hint = "Modules are looked for in the current directory, and among what is installed."
            raise QueryError(f"there is no module {missing!r}", rule="model", hint=hint) from None
        _let_pass(error)
        raise raised(error, f"the module {name}") from error
    except ImportError as error:
        _let_pass(error)
        raise raised(error, f"the module {name}") from error
    except (Exception, SystemExit) as error:  # it is the user's own code: whatever it raises
        raise raised(error, f"the module {name}") from error


def _let_pass(error: ImportError) -> None:
    """Raise an error again that tells of a framework."""
    if (error.name or "").partition(".")[0] in FRAMEWORKS:
        raise error


def _attribute(module: Any, path: str, name: str) -> Any:
    made = module
    for part in path.split("."):
        if not hasattr(made, part):
            known = [one for one in vars(made) if not one.startswith("_")]
            raise QueryError(
                f"{name} has no attribute {path!r}", rule="model", hint=nearest(part, known)
            )
        made = getattr(made, part)
    return made


def _check_arguments(made: Any, name: str, arguments: Mapping[str, Any]) -> None:
    try:
        signature = inspect.signature(made)
    except (TypeError, ValueError):  # one written in C may have none
        return
    try:
        signature.bind(**arguments)
    except TypeError as error:
        shown = str(signature).partition(" ->")[0]
        shown = shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}..."
        raise QueryError(
            f"{name}: {error}",
            rule="arg",
            hint=f"Give arguments by --arg NAME=VALUE; it takes {shown}",
        ) from None


def raised(error: BaseException, what: str) -> TraceError:
    """The error that says what the user's own code raised, and where."""
    at = raised_at(error)
    where = f"{at}: " if at else ""
    text = " ".join(str(error).split()) or "without a message"
    text = text if len(text) <= 2 * _MOST_SHOWN else f"{text[: 2 * _MOST_SHOWN]}..."
    return TraceError(f"{where}{what} raises {type(error).__name__}: {text}", rule=RAISED)


def literal(text: str) -> Any:
    """A value as it is typed: a number, true, text, None, or a tuple or list of them.

    Nothing is evaluated. A word without quotes is text.

    Raises:
        QueryError: text that is no value.

    >>> literal("3"), literal("(8, 16)"), literal("bilinear"), literal("true")
    (3, (8, 16), 'bilinear', True)
    """
    words: dict[str, Any] = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        value = text if _WORD.fullmatch(text) else ...
    if not _is_plain(value):
        raise QueryError(
            f"{text!r} is no value that can be read",
            rule="arg",
            hint="Write a number, true, false, none, text in quotes, or a tuple of them.",
        )
    return value


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))
