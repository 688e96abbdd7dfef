"""Whether the user's code catches what a call of torch raises: `try: ... except RuntimeError: ...`.

An operation that fails is repaired, so that one trace tells all faults. But where the code has a
handler around it, the failure is a way of its own. So the handlers around a call are looked up in
the exception tables of the code that runs.
"""

from __future__ import annotations

import dis
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType

__all__ = ["catches"]

_QUIET = ("NOP", "RESUME", "CACHE", "COPY", "NOT_TAKEN")


def catches(
    frame: FrameType | None, kinds: tuple[type, ...], users: Callable[[FrameType], bool], end: Any
) -> bool:
    """Whether some code catches errors of these kinds, between a frame and the one that ends it.

    Args:
        frame: the frame of the call.
        kinds: classes of errors.
        users: whether a frame is of the user's code.
        end: the code at which the search ends.
    """
    while frame is not None and frame.f_code is not end:
        code = frame.f_code
        if code.co_exceptiontable and users(frame):
            for start in _handlers(code, frame.f_lasti):
                if _takes(code, start, frame, kinds):
                    return True
        frame = frame.f_back
    return False


@lru_cache(4_096)
def _handlers(code: CodeType, place: int) -> tuple[int, ...]:
    """The handlers around a place in the code, the innermost first."""
    table = list(_entries(code.co_exceptiontable))
    found: list[int] = []
    while True:
        here = [target for start, end, target in table if start <= place < end]
        if not here or here[0] in found:
            return tuple(found)
        found.append(here[0])
        place = here[0]


def _entries(table: bytes) -> Iterator[tuple[int, int, int]]:
    """The starts, ends and targets of an exception table, as CPython writes it."""
    numbers = _numbers(table)
    for start in numbers:
        length, target = next(numbers), next(numbers)
        next(numbers)  # the depth of the stack
        yield 2 * start, 2 * (start + length), 2 * target


def _numbers(table: bytes) -> Iterator[int]:
    """Numbers of six bits a byte, the highest first; a further bit says that more follow."""
    number = 0
    for byte in table:
        number = number << 6 | byte & 63
        if not byte & 64:
            yield number
            number = 0


@lru_cache(1_024)
def _steps(code: CodeType) -> tuple[dict[int, int], list[dis.Instruction]]:
    steps = list(dis.get_instructions(code))
    return {step.offset: place for place, step in enumerate(steps)}, steps


def _takes(code: CodeType, start: int, frame: FrameType, kinds: tuple[type, ...]) -> bool:
    """Whether a handler takes an error: all of its clauses are asked in turn."""
    places, steps = _steps(code)
    if steps[places[start]].opname != "PUSH_EXC_INFO":
        return False  # it tidies up behind another handler
    place = places[start] + 1
    if steps[place].opname == "WITH_EXCEPT_START":
        return "suppress" in code.co_names  # other contexts do not swallow errors
    while True:
        if steps[place].opname == "POP_TOP":
            return True  # except: without a class
        held: list[Any] = []
        while steps[place].opname not in ("CHECK_EXC_MATCH", "CHECK_EG_MATCH"):
            if steps[place].opname in ("RERAISE", "RETURN_VALUE") or place + 1 == len(steps):
                return False  # finally
            _evaluate(steps[place], frame, held)
            place += 1
        if _matches(held[-1] if held else None, kinds):
            return True
        place += 1
        while "JUMP" not in steps[place].opname:
            place += 1
        place = places[steps[place].argval]


def _evaluate(step: dis.Instruction, frame: FrameType, held: list[Any]) -> None:
    """Follow the loading of names, so far as it is known what they are."""
    if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
        spaces = frame.f_globals, frame.f_builtins
        held.append(next((one[step.argval] for one in spaces if step.argval in one), None))
    elif step.opname == "LOAD_ATTR" and held:
        held.append(getattr(held.pop(), str(step.argval).partition(" ")[0], None))
    elif step.opname == "BUILD_TUPLE" and len(held) >= step.argval:
        held[len(held) - step.argval :] = [tuple(held[len(held) - step.argval :])]
    elif step.opname not in _QUIET:
        held.append(None)


def _matches(wanted: Any, kinds: tuple[type, ...]) -> bool:
    """Whether a clause takes errors of some kinds; it may, where its class is not known."""
    several = wanted if isinstance(wanted, tuple) else (wanted,)
    if not all(isinstance(one, type) for one in several):
        return True
    return any(issubclass(kind, several) for kind in kinds)
