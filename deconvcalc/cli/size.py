"""deconvcalc size: the output size of a layer, and the arithmetic that gives it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from deconvcalc.cli.arguments import FORMAT, SIZE, Verb, exit_2, wants_rich

if TYPE_CHECKING:
    from deconvcalc.derivation import Derivation


@click.command("size", cls=Verb)
@click.argument("layer")
@click.argument("size", type=SIZE)
@click.option(
    "--dialect",
    type=click.Choice(["torch", "keras"]),
    help="Whose names and rules count. By default the name tells.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice([*FORMAT.choices, "latex"]),
    default="table",
    show_default=True,
)
def command(layer: str, size: Any, dialect: str | None, form: str) -> None:
    r"""The output size of a layer, and the arithmetic that gives it.

    LAYER is one call of PyTorch, Keras or this library; SIZE is the input: 28 or 28x30.

    \b
    deconvcalc size "nn.Conv2d(3, 8, 3, stride=2, padding=1)" 28
    deconvcalc size "Conv2DTranspose(8, 3, strides=2, padding='same')" 14x14
    deconvcalc size "ConvTranspose(6, stride=2)" 28

    Exit code: 0, 1 if the layer refuses the size, 2 if something cannot be read.
    """
    from deconvcalc.derivation import derive
    from deconvcalc.errors import SizeError
    from deconvcalc.notation import parse

    with exit_2():
        read = parse(layer, dialect=dialect)
        try:
            result = read.output_size(size)
        except SizeError as error:
            if error.rule == "axes":
                raise
            click.echo(f"Error: {error}", err=True)
            sys.exit(1)
        # Layers that couple their axes have no arithmetic of one axis.
        derivation = None if read.couples else derive(read, size)
    _show(repr(read), size, result, derivation, form)


def _show(layer: str, size: Any, result: Any, derivation: Derivation | None, form: str) -> None:
    from deconvcalc.render.text import size_title

    if form == "table":
        title = size_title(layer, size, result)
        if wants_rich():
            from rich.console import Console

            console = Console(highlight=False)
            console.print(title, style="bold", markup=False)
            if derivation is not None:
                console.print(derivation.text, markup=False)
        else:
            click.echo("\n".join([title, *([derivation.text] if derivation else [])]))
        return
    if form == "latex":
        if derivation is None:
            raise click.UsageError("a layer that couples its axes has no derivation of one axis.")
        click.echo(derivation.latex)
        return
    from deconvcalc.render import records

    click.echo(records.size_text(records.size_document(layer, size, result, derivation), form))
