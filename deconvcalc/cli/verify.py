"""deconvcalc verify: real layers confirm a size and the values."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from deconvcalc.cli.arguments import (
    CHANNELS,
    CHECKERS,
    FORMAT,
    SIZE,
    CountType,
    Verb,
    exit_2,
    wants_rich,
    working,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deconvcalc.checkers.verdict import Verdict
    from deconvcalc.layers import Layer


@click.command("verify", cls=Verb)
@click.argument("layer")
@click.argument("size", type=SIZE)
@click.option(
    "--with",
    "checkers",
    type=CHECKERS,
    default="torch,keras",
    show_default=True,
    help="Which checkers; `deconvcalc checkers` lists them.",
)
@click.option(
    "--channels",
    type=CHANNELS,
    help="Of a layer that leaves them open, times its groups. Default: 2:3.",
)
@click.option(
    "--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True
)
@click.option(
    "--seed", type=CountType(0, 2**32 - 1), default=0, help="Of weights and input. Default: 0."
)
@click.option(
    "--dialect",
    type=click.Choice(["torch", "keras"]),
    help="Whose names and rules count. By default the name tells.",
)
@click.option("--format", "form", type=FORMAT, default="table", show_default=True)
def command(
    layer: str, size: Any, checkers: tuple[str, ...], dialect: str | None, form: str, **numbers: Any
) -> None:
    r"""Real layers confirm a size and the values.

    LAYER is one call of PyTorch, Keras or this library; SIZE is the input: 28 or 28x30. The layer
    is built in each framework, with the same random weights and input, run on a CPU, and compared
    with a reference that is computed by loops.

    \b
    deconvcalc verify "ConvTranspose(6, stride=2)" 28
    deconvcalc verify "Conv2DTranspose(8, 3, strides=2)" 14x14 --with torch
    deconvcalc verify "nn.MaxPool2d(3, 2, 1)" 28 --with numpy,torch --format json

    Exit code: 0 if all confirm it, 1 if one does not or the layer refuses the size, 2 if something
    cannot be read, 3 if a framework is missing or broken.
    """
    from deconvcalc.errors import SizeError
    from deconvcalc.notation import parse

    with exit_2():
        read = parse(layer, dialect=dialect)
        try:
            read.output_size(size)
        except SizeError as error:
            if error.rule == "axes":
                raise
            click.echo(f"Error: {error}", err=True)
            sys.exit(1)
        from deconvcalc.translation import AXES

        axes = len(size) if isinstance(size, tuple) else read.axes or AXES
        _check_channels(read, numbers["channels"], axes)
        from deconvcalc.checkers.confirming import verify

        with working(f"asking {', '.join(checkers)}"):
            verdicts = verify(read, size, checkers, **numbers)
    _show(repr(read), *_sizes(read, size, verdicts[0]), verdicts, form)
    sys.exit(exit_code(verdicts))


def _check_channels(layer: Any, channels: tuple[int, int] | None, axes: int) -> None:
    """Refuse channels that contradict those of the layer, which would be passed over.

    Raises:
        QueryError: they do.
    """
    from deconvcalc.errors import QueryError

    if channels is not None:
        from deconvcalc.translation.weights import check_channels

        check_channels((layer,), channels, axes)
    groups = getattr(layer, "groups", 1)
    for name, given in zip(("in_channels", "out_channels"), channels or (), strict=False):
        own = getattr(layer, name, None)
        if own is not None and own not in (given, given * groups):
            raise QueryError(
                f"channels: the layer has {name} {own}, not {given}",
                rule="channels",
                hint="Leave --channels out, or leave them out of the layer.",
            )


def _sizes(layer: Layer, size: Any, verdict: Verdict) -> tuple[Any, Any]:
    """The input and the output as they were asked for, or by axis where axes do not stay apart."""
    result = layer.output_size(size)
    if isinstance(size, int) and verdict.expected != (result,) * len(verdict.size):
        return verdict.size, verdict.expected
    return size, result


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """0 if all are ok, 3 if a framework is missing or broken, else 1."""
    faults = [verdict.fault for verdict in verdicts if not verdict.ok]
    if not faults:
        return 0
    return 3 if {"missing", "broken"} & set(faults) else 1


def _show(layer: str, size: Any, result: Any, verdicts: tuple[Verdict, ...], form: str) -> None:
    if form == "table":
        from deconvcalc.render.verdicts import table

        if wants_rich():
            from rich.console import Console

            from deconvcalc.render import terminal

            Console().print(terminal.shown(table(layer, size, result, verdicts)))
        else:
            from deconvcalc.render.text import plain

            click.echo(plain(table(layer, size, result, verdicts)))
        return
    from deconvcalc.render import records

    click.echo(records.verdicts_text(layer, size, result, verdicts, form))
