"""`int(h / 2)` and `float(h)` in the user's code, as functions of sizes.

Python's own `int` gives a plain number, whatever it is asked for. So while a model is traced, the
modules that its code stands in have an `int` and a `float` of their own, which let sizes pass and
do all else as Python's. A module that has its own already is left alone. So is one that does more
with the name than to call it or to ask `isinstance`, such as `type(x) is int`: there it is read.
"""

from __future__ import annotations

import dis
import math
from contextlib import contextmanager
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from deconvcalc.tracing.torch.sizes import Ratio, Size
from deconvcalc.tracing.where import is_own

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["follow_numbers"]

MOST_MODULES = 256
"""In so many modules of the user's, at most, numbers are followed."""


class _Kind(type):
    """What stands in for `int` or `float`, and passes for it."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        plain: Any = cls.__base__
        if len(args) == 1 and not kwargs:
            kind = type(args[0])
            if kind is Ratio:
                return math.trunc(args[0]) if plain is int else args[0]
            if kind is Size:
                return args[0] if plain is int else Ratio.of(args[0])
        return plain(*args, **kwargs)

    def __instancecheck__(cls, one: Any) -> bool:
        return isinstance(one, cls.__base__ or object)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, cls.__base__ or object)

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is cls.__base__

    def __hash__(cls) -> int:
        return hash(cls.__base__)


_STANDING_IN: dict[str, Any] = {
    kind.__name__: _Kind(kind.__name__, (kind,), {}) for kind in (int, float)
}


@contextmanager
def follow_numbers(model: Any) -> Iterator[None]:
    """Let `int` and `float` pass sizes on in the modules of a model's code."""
    changed: list[tuple[dict[str, Any], str]] = []
    try:
        for space, codes in _spaces(model):
            for name, kind in _STANDING_IN.items():
                if name not in space and all(_only_asks(code, name) for code in codes):
                    space[name] = kind
                    changed.append((space, name))
        yield
    finally:
        for space, name in changed:
            if space.get(name) is _STANDING_IN[name]:
                del space[name]


def _only_asks(code: CodeType, name: str) -> bool:
    """Whether code does no more with a name than to call it, or to ask whether something is one."""
    if name in code.co_names:
        called = ""
        for step in dis.get_instructions(code):
            if step.opname != "LOAD_GLOBAL":
                continue
            if (step.arg or 0) & 1:  # what is loaded is called
                called = str(step.argval)
            elif step.argval == name and called not in ("isinstance", "map"):
                return False
    return all(_only_asks(one, name) for one in code.co_consts if isinstance(one, CodeType))


def _spaces(model: Any) -> list[tuple[dict[str, Any], list[CodeType]]]:
    """The modules that a model's code stands in, as their globals, and the code in each."""
    found: dict[int, tuple[dict[str, Any], dict[CodeType, None]]] = {}
    todo = [function for one in _parts(model) for function in _functions(one)]
    seen: set[int] = set()
    while todo and len(found) < MOST_MODULES:
        function = todo.pop()
        space = function.__globals__
        if id(function) in seen or str(space.get("__name__")).partition(".")[0] in _OTHERS:
            continue
        seen.add(id(function))
        todo += [each for one in _enclosed(function) for each in _functions(one)]
        if id(space) not in found:
            found[id(space)] = space, {}
            held = [one for one in space.values() if _is_users(one)]
            todo += [each for one in held for each in _functions(one)]
        found[id(space)][1][function.__code__] = None
    return [(space, list(codes)) for space, codes in found.values()]


_OTHERS = frozenset(("torch", "builtins", "deconvcalc", "typing", "collections", "contextlib"))


def _parts(model: Any) -> Iterable[Any]:
    """A model, its modules, their classes, and the functions that they hold."""
    modules = list(model.modules()) if hasattr(model, "modules") else [model]
    for one in modules:
        yield one
        yield from getattr(one, "__dict__", {}).values()
    yield from {base: None for one in modules for base in type(one).__mro__}


def _functions(one: Any) -> Iterator[FunctionType]:
    """A function, the functions of a class, and those of a module of the user's."""
    if isinstance(one, (staticmethod, classmethod, MethodType)):
        one = one.__func__
    if isinstance(one, property):
        one = one.fget
    if isinstance(one, FunctionType):
        yield one
        inner = getattr(one, "__wrapped__", None)
        if isinstance(inner, FunctionType):
            yield inner
    elif isinstance(one, type):
        for held in vars(one).values():
            if not isinstance(held, type):
                yield from _functions(held)
    elif isinstance(one, ModuleType):
        for held in list(vars(one).values()):
            if not isinstance(held, ModuleType) and _is_users(held):
                yield from _functions(held)


def _enclosed(function: FunctionType) -> Iterator[Any]:
    """The functions and objects that a function keeps from where it was made."""
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # nothing is in it yet
            continue


def _is_users(one: Any) -> bool:
    """Whether a function, a class or a module stands in a file of the user's."""
    if isinstance(one, ModuleType):
        file = getattr(one, "__file__", None)
    elif isinstance(one, FunctionType):
        file = one.__code__.co_filename
    elif isinstance(one, type):
        first = next(_functions(one), None)
        file = None if first is None else first.__code__.co_filename
    else:
        return False
    return file is not None and is_own(file)
