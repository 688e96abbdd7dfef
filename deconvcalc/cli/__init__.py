"""The command line: one file a verb. A verb reads its arguments, asks the library, and renders."""

from __future__ import annotations

import errno
import sys
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import Any, NoReturn

import click

from deconvcalc import __version__

__all__ = ["main"]

VERBS = {
    "size": "The output size of a layer, and the arithmetic that gives it.",
    "solve": "All layers that turn one size into another, best first.",
    "design": "The best decoder or encoder from one size to another, proved best.",
    "trace": "For which inputs a whole model works, and where it breaks.",
    "verify": "Real layers confirm a size and the values.",
    "check": "The checks of a project: what must hold of its layers and models.",
    "checkers": "Which frameworks are here, their versions, and why one is not.",
}
"""The verbs and what they do; a verb's module is imported when it is used."""


LONGEST = 10_000
"""No argument is longer: what reads layers and targets reads no more."""


_LONGEST_NAME = 40
_UNWRITABLE = (errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EBADF)
"""What the system says of an output that takes no more."""


def _unwritten(why: str) -> NoReturn:
    """End because the answer cannot be written: nobody is to take that for an answer."""
    if sys.stderr is not None:
        with suppress(OSError):
            click.echo(f"Error: the answer cannot be written: {why}", err=True)
    sys.exit(2)


class _Verbs(click.Group):
    """A group whose commands are imported when they are asked for."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        options = args[: args.index("--")] if "--" in args else args
        for argument in args:
            if len(argument) > LONGEST:
                raise click.UsageError(
                    f"the argument {argument[:20]!r}... has {len(argument)} characters, and at "
                    f"most {LONGEST} are read",
                    ctx,
                )
        for option in options:
            if option.startswith("--") and len(option.partition("=")[0]) > _LONGEST_NAME:
                raise click.UsageError(f"no such option: {option[:_LONGEST_NAME]!r}...", ctx)
        return super().parse_args(ctx, args)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command; an output that is full or closed ends it without a traceback."""
        import os

        if sys.stdout is None:  # the shell's >&-
            _unwritten("standard output is closed")
        if sys.stderr is None:
            sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # to the end
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
            # What is left in the buffer would be tried once more at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            _unwritten(error.strerror or str(error))

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(VERBS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002  # click's signature
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"deconvcalc.cli.{cmd_name}").command
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002  # click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in VERBS:
            from difflib import get_close_matches

            near = get_close_matches(name[:_LONGEST_NAME], VERBS, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(VERBS)}."
            shown = repr(name) if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]!r}..."
            raise click.UsageError(f"there is no command {shown}. {hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="deconvcalc", message="%(prog)s %(version)s")
def main() -> None:
    """The arithmetic of spatial sizes in convolutional networks.

    Sizes are spatial only: 28, 28x30 or 8x28x28.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # an arrow never ends a pipe that wants ASCII
