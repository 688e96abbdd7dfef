"""deconvcalc trace: for which inputs a whole model works, and where it breaks."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, nullcontext, redirect_stdout
from typing import TYPE_CHECKING, Any

import click

from deconvcalc.cli.arguments import (
    FORMAT,
    SIZE,
    CountType,
    Verb,
    debugs,
    exit_2,
    wants_rich,
    working,
)
from deconvcalc.cli.quiet import quiet_tensorflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deconvcalc.tracing.trace import Trace

PATIENCE = 2.0
"""After so many seconds, a terminal shows that the trace goes on."""

SUFFIXES = (".toml", ".onnx", ".keras")


class NamedType(click.ParamType[Any]):
    """A value, or `name=value` for one input of several."""

    name = "[name=]value"

    def __init__(self, kind: click.ParamType[Any], shown: str) -> None:
        self.kind, self.name = kind, f"[name=]{shown}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a pair of a name, or None, and a value."""
        if not isinstance(value, str):
            return value
        name, sign, rest = value.rpartition("=")
        if sign and not name.strip():
            self.fail(f"{value[:40]!r}: the name of an input stands before the =", param, ctx)
        return (name.strip() if sign else None), self.kind.convert(rest, param, ctx)


class PairType(click.ParamType[Any]):
    """`NAME=VALUE`."""

    name = "name=value"

    def __init__(self, shown: str) -> None:
        self.name = shown

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a name and a text."""
        if not isinstance(value, str):
            return value
        name, sign, rest = value.partition("=")
        if not sign or not name.strip():
            self.fail(f"{value[:40]!r}: write {self.name}", param, ctx)
        return name.strip(), rest.strip()


@click.command("trace", cls=Verb)
@click.argument("model")
@click.option(
    "--input",
    "inputs",
    type=NamedType(SIZE, "size"),
    multiple=True,
    help="The spatial size, such as 127x127; it need not be one that works. For several inputs, "
    "repeat name=127x127.",
)
@click.option(
    "--channels",
    type=NamedType(CountType(1), "number"),
    multiple=True,
    help="Channels of the input. Default: what the model says, else 3.",
)
@click.option(
    "--arg",
    "arguments",
    type=PairType("name=value"),
    multiple=True,
    help="For a class or a function that makes the model: a number, true, false, text or a tuple.",
)
@click.option(
    "--assume",
    type=PairType("name=same"),
    multiple=True,
    help="An operation that is not known leaves sizes as they are.",
)
@click.option("--limit", type=CountType(1), help="How many layers to show. Default: all.")
@click.option("--format", "form", type=FORMAT, default="table", show_default=True)
def command(
    model: str,
    inputs: tuple[tuple[str | None, Any], ...],
    channels: tuple[tuple[str | None, int], ...],
    arguments: tuple[tuple[str, str], ...],
    assume: tuple[tuple[str, str], ...],
    limit: int | None,
    form: str,
) -> None:
    r"""For which inputs a whole model works, and where it breaks.

    MODEL is a spec (.toml), an ONNX file (.onnx), a Keras file (.keras), the name of a module and
    its attribute (package.module:attribute, where the attribute is a model, or a class or a
    function that makes one), or the text of nn.Sequential(...) or keras.Sequential([...]).

    \b
    deconvcalc trace unet.toml --input 127x127
    deconvcalc trace nets.unet:UNet --arg depth=4 --input 572
    deconvcalc trace decoder.onnx --input 97x161 --format json
    deconvcalc trace "nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(3, 8, 3))" --input 28

    Exit code: 0 if the model runs on this input, 1 if it does not or its own code fails, 2 if
    something cannot be read, 3 if a framework is missing or broken.
    """
    size = by_name(inputs, "--input")
    given = {"channels": by_name(channels, "--channels"), "assume": dict(assume)}
    quiet = nullcontext() if debugs() else quiet_tensorflow()
    with (
        stdout_to_stderr(),
        exit_2(),
        faults(),
        quiet,
        working(f"tracing {model[:40]}", PATIENCE),
    ):
        from deconvcalc.tracing.loading import here_first
        from deconvcalc.tracing.trace import trace

        with here_first():
            found = trace(model_of(model, arguments), size, **given)
    with exit_2(), writable():
        _show(found, model, limit, form)
    if not found.ok:
        sys.exit(1)


def by_name(given: tuple[tuple[str | None, Any], ...], option: str) -> Any:
    """One value for all inputs, or a dict of them by name; None without any."""
    names = [name for name, _ in given]
    if not given or names == [None]:
        return given[0][1] if given else None
    for name in names:
        if name is None:
            raise click.UsageError(f"{option} is given more than once: name each input.")
        if names.count(name) > 1:
            raise click.UsageError(f"{option} is given twice for {name}.")
    return dict(given)


def model_of(text: str, arguments: tuple[tuple[str, str], ...]) -> Any:
    """What the argument means: a path or a text as it is, or a model of a module."""
    from deconvcalc.errors import QueryError

    is_file = text.lower().endswith(SUFFIXES)
    is_named = ":" in text.partition("(")[0] and not is_file
    if is_named and "(" in text:
        head = text.partition("(")[0]
        raise QueryError(
            f"{text!r} cannot be called here: nothing is evaluated",
            rule="model",
            hint=f"Write {head} --arg NAME=VALUE.",
        )
    if not is_named:
        if arguments:
            raise QueryError(
                "--arg is for a class or a function, as package.module:attribute", rule="arg"
            )
        if is_file or "(" in text:
            return text
        raise QueryError(
            f"{text!r} is no model that can be read",
            rule="model",
            hint="Give a .toml, .onnx or .keras file, package.module:attribute, or the text of "
            "nn.Sequential(...).",
        )
    from deconvcalc.tracing.loading import literal, load

    return load(text, {name: literal(value) for name, value in arguments})


@contextmanager
def faults() -> Iterator[None]:
    """End with a message where a framework is missing (3) or the model's own code fails (1)."""
    from deconvcalc.errors import DeconvcalcError
    from deconvcalc.tracing.loading import FRAMEWORKS, RAISED

    try:
        yield
    except click.ClickException:
        raise
    except DeconvcalcError as error:
        if error.rule == RAISED:
            _end(str(error), 1)
        if error.rule in FRAMEWORKS:
            _end(str(error), 3)
        raise
    except ImportError as error:
        name = (error.name or "").partition(".")[0]
        if name not in FRAMEWORKS:
            _end(_raised(error), 1)
        if isinstance(error, ModuleNotFoundError):
            _end(f"{name} is not installed, and this model needs it\n  pip install {name}", 3)
        _end(f"{name} is broken: {error}", 3)
    except TypeError as error:
        if "is no model" in str(error):
            raise click.UsageError(str(error)) from None
        _end(_raised(error), 1)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a model may raise whatever it likes
        _end(_raised(error), 1)


def _raised(error: BaseException) -> str:
    from deconvcalc.tracing.loading import raised

    return f"{raised(error, 'the model').message}\n  --debug shows all of it"


def _end(message: str, code: int) -> None:
    """Say what is wrong, and end; with --debug, let the error itself do both."""
    if debugs():
        raise  # noqa: PLE0704 - it is called where an error is handled
    click.echo(f"Error: {message}", err=True)
    sys.exit(code)


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """What a model prints goes to stderr: stdout is for the answer."""
    sys.stdout.flush()
    is_real = sys.stdout is sys.__stdout__ and _number(sys.stdout) == 1
    kept = os.dup(1) if is_real else None
    try:
        if kept is not None:
            os.dup2(2, 1)  # what is printed by C and by other processes, too
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)


@contextmanager
def writable() -> Iterator[None]:
    """Refuse numbers that Python does not write: thousands of layers, each of which halves."""
    try:
        yield
    except ValueError as error:
        if debugs() or "integer string conversion" not in str(error):
            raise
        raise click.UsageError(
            "a size of this model has a factor of more than 4,300 digits, which is not written out"
        ) from None


def _number(stream: Any) -> int | None:
    try:
        return int(stream.fileno())
    except (OSError, ValueError):  # it stands in for a file
        return None


def _show(found: Trace, model: str, limit: int | None, form: str) -> None:
    from deconvcalc.render import records, trace

    if form == "json":
        document = trace.document(found, model, limit, records.SCHEMA)
        click.echo(records.json_text(document, "rows"))
    elif form == "csv":
        click.echo(records.rows_text(trace.records(found, limit)))
        for label, text in trace.fault_lines(found):
            click.echo(f"{label}: {text}" if label else text, err=True)
    elif form == "markdown":
        click.echo(records.markdown(trace.table(found, model, limit)))
    elif wants_rich():
        from rich.console import Console

        from deconvcalc.render import terminal

        console = Console()
        console.print(terminal.shown(trace.table(found, model, limit, console.width)))
    else:
        from deconvcalc.render.text import plain

        click.echo(plain(trace.table(found, model, limit)))
