"""Sizes and bounds as they are typed, and what happens when they cannot be read."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from deconvcalc.errors import DeconvcalcError
from deconvcalc.values import LARGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType  # a class takes four times as long to make from a generic alias

__all__ = [
    "BOUND",
    "CHANNELS",
    "CHECKERS",
    "FORMAT",
    "SIZE",
    "TARGET",
    "BoundType",
    "CountType",
    "SizeType",
    "Verb",
    "debugs",
    "exit_2",
    "wants_rich",
    "working",
]

# Patterns are compiled where they are used: most questions need none of them.


def _number(text: str, fail: Callable[[str], Any]) -> int:
    """A number: 12, 10**12 or 1e12."""
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    found = re.fullmatch(r"(\d{1,30})(?:(\*\*|e)(\d{1,3}))?", text.lower(), re.ASCII)
    if found is None:
        if re.fullmatch(r"-\s*\d+", text):
            fail(f"{text[:40]} is negative")
        if re.fullmatch(r"\d*\.\d+", text):
            fail(f"{text[:40]} is not a whole number")
        if re.fullmatch(r"[0-9]+", text):
            fail(f"a number of {len(text)} digits is larger than 10**18")
        shown = repr(text) if len(text) <= 40 else f"{text[:40]!r}..."
        fail(f"{shown} is not a number" if text else "a number is missing")
        raise AssertionError  # fail raises
    base, sign, power = found[1], found[2], int(found[3] or 0)
    number = int(base)
    if sign:
        number = number**power if sign == "**" else number * 10**power
    if number > LARGEST:
        fail(f"{text} is larger than 10**18")
    return number


def _split(text: str) -> list[str]:
    """The axes of a size or a bound: what stands between x, X or ×."""
    return text.replace("X", "x").replace("×", "x").split("x")


class SizeType(_ParamType):
    """A spatial size: 28, 28x30 or 8x28x28."""

    name = "size"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | tuple[int, ...]:
        """Read a size: an int, or a tuple of one per axis."""
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]  # read already

        def fail(message: str) -> Any:
            self.fail(f"{value[:40]!r}: {message}. Write 28, 28x30 or 8x28x28.", param, ctx)

        axes = _split(value)
        if len(axes) > 3:
            fail(f"{len(axes)} axes, and 1 to 3 are possible")
        sizes = tuple([_number(axis.strip(), fail) for axis in axes])
        if min(sizes) < 1:
            fail("a size is at least 1")
        return sizes if len(sizes) > 1 else sizes[0]


class BoundType(_ParamType):
    """What a parameter may be: 3, 2..5 (both included), 2,4, or 3x5 for one per axis."""

    name = "bound"

    def __init__(self, *words: str) -> None:
        self.words = words

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a bound: an int, a range, a list, or a tuple of one of them per axis."""
        if not isinstance(value, str):
            return value

        def fail(message: str) -> Any:
            words = "".join([f", {word}" for word in self.words])
            ways = f"Write 3, 2..5, 2,4{words}, or 3x5 for one per axis"
            self.fail(f"{value[:40]!r}: {message}. {ways}.", param, ctx)

        axes = [self._axis(axis.strip(), fail) for axis in _split(value)]
        if len(axes) > 3:
            fail(f"{len(axes)} axes, and 1 to 3 are possible")
        return tuple(axes) if len(axes) > 1 else axes[0]

    def _axis(self, text: str, fail: Callable[[str], Any]) -> Any:
        parts = [self._part(part.strip(), fail) for part in text.split(",")]
        if len(parts) == 1:
            return parts[0]
        spans = [part for part in parts if isinstance(part, range)]
        if sum([len(span) for span in spans]) > 10_000:
            fail("a range inside a list may have 10,000 members; give the range alone")
        members: list[Any] = []
        for part in parts:
            members += part if isinstance(part, range) else [part]
        return members

    def _part(self, text: str, fail: Callable[[str], Any]) -> Any:
        if text.lower() in self.words:
            return text.lower()
        if "..." in text:
            fail("a range has two dots")
        ends = text.split("..")
        if len(ends) > 2:
            fail("a range has two ends")
        low = _number(ends[0].strip(), fail)
        if len(ends) == 1:
            return low
        high = _number(ends[1].strip(), fail)
        if high < low:
            fail(f"the range {text} is empty: it goes from the smaller to the larger end")
        return range(low, high + 1)


class ChannelsType(_ParamType):
    """Channels in and out: 64:32."""

    name = "in:out"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Read two counts of at least 1."""
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]  # read already

        def fail(message: str) -> Any:
            self.fail(f"{value[:40]!r}: {message}. Write 64:32 for 64 in and 32 out.", param, ctx)

        parts = value.split(":")
        if len(parts) != 2:
            fail("two counts are needed")
        counts = [_number(part.strip(), fail) for part in parts]
        if min(counts) < 1:
            fail("a count is at least 1")
        return counts[0], counts[1]


class CountType(_ParamType):
    """A whole number between two ends, in plain digits."""

    name = "number"

    def __init__(self, low: int, high: int = LARGEST) -> None:
        self.low = low
        self.high = high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a number."""
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]  # read already

        def fail(message: str) -> Any:
            ends = f"Give a number from {self.low} to {self.high}"
            ends = f"Give a number of at least {self.low}" if self.high == LARGEST else ends
            self.fail(f"{value[:40]!r}: {message}. {ends}.", param, ctx)

        if not re.fullmatch(r"-?[0-9]{1,30}", value.strip()):
            fail("this is no number in digits")
        number = int(value)
        if not self.low <= number <= self.high:
            fail("it is out of range")
        return number


class CheckersType(_ParamType):
    """Names of checkers: torch,keras."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Read names that are known."""
        from deconvcalc.checkers.names import read_names

        try:
            return read_names(value)
        except DeconvcalcError as error:
            self.fail(f"{error.message}. {error.hint}", param, ctx)


class Verb(click.Command):
    r"""A command that takes -7 for a negative size, not for an option.

    Its help may come from a raw docstring, whose `\b` is two characters.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.help:
            self.help = self.help.replace("\\b\n", "\b\n")
        text = "Show where in the code an error comes from."
        self.params.append(click.Option(["--debug"], is_flag=True, help=text))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; --debug is for all of them."""
        ctx.meta[_DEBUG] = ctx.params.pop("debug")
        return super().invoke(ctx)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if not re.match(r"-\d", error.option_name):
                raise
            message = f"{error.option_name} is no option, and a size is at least 1."
            raise click.UsageError(f"{message} Write 28, 28x30 or 8x28x28.", ctx) from None


class TargetType(SizeType):
    """A spatial size, or one in n: 28, 28x30, 2n, ceil(n/2)."""

    name = "target"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a size; text in n is left to the library."""
        if isinstance(value, str) and ("n" in value or "(" in value):
            return value
        return super().convert(value, param, ctx)


SIZE = SizeType()
TARGET = TargetType()
BOUND = BoundType()
CHANNELS = ChannelsType()
CHECKERS = CheckersType()
FORMAT = click.Choice(["table", "json", "csv", "markdown"])


@contextmanager
def exit_2(*, typed: bool = False) -> Iterator[None]:
    """Turn the library's errors into a message on stderr and exit code 2.

    `typed` says that the names of parameters are options here, and are spelled like them.
    """
    try:
        yield
    except DeconvcalcError as error:
        if debugs():
            raise
        raise click.UsageError(_typed(str(error)) if typed else str(error)) from None
    except TypeError as error:
        if debugs() or error.__traceback__ is None or "must be" not in str(error):
            raise
        raise click.UsageError(_typed(str(error)) if typed else str(error)) from None


_DEBUG = "deconvcalc.debug"


def debugs() -> bool:
    """Whether --debug asks for tracebacks."""
    ctx = click.get_current_context(silent=True)
    return ctx is not None and bool(ctx.meta.get(_DEBUG))


_NAMES = (
    r"\b(?:conv_transpose|resize_conv|pixel_shuffle|max_pool|avg_pool"
    r"|kernel_size|output_padding|ceil_mode)\b"
)


def _typed(text: str) -> str:
    """Names of operations and parameters as they are typed."""
    return re.sub(_NAMES, lambda found: found[0].replace("_", "-"), text)


def wants_rich() -> bool:
    """Whether stdout is a terminal that shows more than plain text."""
    import os
    import sys

    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def working(what: str, after: float = 0.0) -> Iterator[None]:
    """Say on stderr that something takes its time, if that is a terminal.

    Args:
        what: what is done.
        after: it is said after so many seconds.
    """
    import sys

    if not sys.stderr.isatty():
        yield
        return
    from threading import Timer

    from rich.console import Console
    from rich.text import Text

    status = Console(file=sys.stderr).status(Text(f"{what} ..."))
    timer = Timer(after, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        status.stop()
