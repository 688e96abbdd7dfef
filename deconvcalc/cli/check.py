"""deconvcalc check: the checks of a project."""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deconvcalc.cli.arguments import CHECKERS, SIZE, CountType, Verb, debugs, exit_2, wants_rich
from deconvcalc.cli.quiet import quiet_tensorflow
from deconvcalc.cli.trace import (
    NamedType,
    PairType,
    by_name,
    faults,
    model_of,
    stdout_to_stderr,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from deconvcalc.assertions import Check, Options, Outcome, Report

FORMS = click.Choice(["text", "json", "junit", "github", "markdown"])


@click.command("check", cls=Verb)
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--init", "model", help="Write a first file of checks for a model, and run it.")
@click.option(
    "--select",
    multiple=True,
    help="Only checks whose name contains this, or fits it with *; or of this kind. Repeatable.",
)
@click.option("--fail-fast", is_flag=True, help="End with the first check that does not pass.")
@click.option("--jobs", type=CountType(1, 64), default=1, help="So many processes. Default: 1.")
@click.option(
    "--no-import",
    is_flag=True,
    help="Import no model by its module: nothing of the project runs.",
)
@click.option(
    "--allow-outside", is_flag=True, help="Models may lie outside of the project's folder."
)
@click.option(
    "--verify",
    type=CHECKERS,
    help="Build and run every check that names an input. Default: what the files say.",
)
@click.option("--no-verify", is_flag=True, help="Build nothing, whatever the files say.")
@click.option("--format", "form", type=FORMS, default="text", show_default=True)
@click.option(
    "--output",
    "outputs",
    multiple=True,
    help="Write the report there, too: .json, .xml (JUnit), .md or .txt; else as --format says. "
    "Repeatable.",
)
@click.option(
    "--input",
    "inputs",
    type=NamedType(SIZE, "size"),
    multiple=True,
    help="With --init: the spatial size, such as 127x127. For several inputs, repeat name=127x127.",
)
@click.option(
    "--channels",
    type=NamedType(CountType(1), "number"),
    multiple=True,
    help="With --init: channels of the input. Default: what the model says, else 3.",
)
@click.option(
    "--arg",
    "arguments",
    type=PairType("name=value"),
    multiple=True,
    help="With --init: for a class or a function that makes the model.",
)
@click.option(
    "--assume",
    type=PairType("name=same"),
    multiple=True,
    help="With --init: an operation that is not known leaves sizes as they are.",
)
def command(
    files: tuple[str, ...],
    model: str | None,
    form: str,
    outputs: tuple[str, ...],
    no_verify: bool,
    verify: tuple[str, ...] | None,
    no_import: bool,
    allow_outside: bool,
    **rest: Any,
) -> None:
    r"""The checks of a project: what must hold of its layers and models.

    FILE is a file of checks, or a pyproject.toml with [tool.deconvcalc]. By default it is
    deconvcalc.toml, and pyproject.toml if it has checks, in the current directory.

    \b
    deconvcalc check
    deconvcalc check deconvcalc.toml --select up --fail-fast
    deconvcalc check --format github --output report.xml
    deconvcalc check --init nets.unet:UNet --input 128

    Exit code: 0 if all checks hold, 1 if one does not, 2 if something cannot be read or there is
    nothing to check, 3 if a framework is missing or broken.
    """
    from deconvcalc.assertions.finding import Options

    if no_verify and verify:
        raise click.UsageError("--no-verify does not go with --verify.")
    asked = () if no_verify else verify
    options = Options(asked, no_import=no_import, outside=allow_outside)
    paths = [Path(one) for one in files]
    _check_init(model, paths, rest)
    if model is not None:
        paths = [_first(model, paths, options, rest)]
    with exit_2():
        checks = _checks(paths, options)
        _spare(checks, outputs)
        report = _run(checks, options, rest)
    _write(report, form, outputs)
    sys.exit(report.exit_code)


def quiet() -> AbstractContextManager[None]:
    """Without what TensorFlow says of its start, unless somebody debugs."""
    return nullcontext() if debugs() else quiet_tensorflow()


def _check_init(model: str | None, paths: list[Path], rest: dict[str, Any]) -> None:
    """Refuse what makes no sense together."""
    if model is not None:
        if len(paths) > 1:
            raise click.UsageError("--init writes one file: name one.")
        return
    for name, option in (("inputs", "input"), ("channels", "channels"), ("arguments", "arg")):
        if rest[name]:
            raise click.UsageError(f"--{option} is for --init; in files it is a key of a check.")
    if rest["assume"]:
        raise click.UsageError("--assume is for --init; in files it is a key of a check.")


def _checks(paths: list[Path], options: Options) -> list[Check]:
    """The checks of all files."""
    from deconvcalc.assertions.spec import NAME, found_in, read
    from deconvcalc.errors import SpecError

    paths = paths or list(found_in())
    if not paths:
        raise SpecError(
            "there is none, and no pyproject.toml with [tool.deconvcalc]",
            where=NAME,
            hint="deconvcalc check --init MODEL writes a first one.",
        )
    return [check for path in paths for check in read(path, options).checks]


def _run(checks: list[Check], options: Options, rest: dict[str, Any]) -> Report:
    from deconvcalc.assertions.running import run

    with stdout_to_stderr(), quiet(), _progress(len(checks)) as told:
        return run(
            checks,
            select=rest["select"],
            fail_fast=rest["fail_fast"],
            jobs=rest["jobs"],
            options=options,
            told=told,
        )


@contextmanager
def _progress(count: int) -> Iterator[Callable[[Outcome], None] | None]:
    """A bar on stderr, if that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=count, label="checking", file=sys.stderr) as bar:
        yield lambda _outcome: bar.update(1)


def _first(model: str, paths: list[Path], options: Options, rest: dict[str, Any]) -> Path:
    """Write a first file, and give its path."""
    from deconvcalc.assertions.first import first_file
    from deconvcalc.assertions.source import SUFFIXES
    from deconvcalc.assertions.spec import NAME
    from deconvcalc.assertions.subject import Subject
    from deconvcalc.errors import QueryError
    from deconvcalc.tracing.loading import here_first, literal

    path = paths[0] if paths else Path(NAME)
    size, channels = by_name(rest["inputs"], "--input"), by_name(rest["channels"], "--channels")
    assume = dict(rest["assume"])
    with stdout_to_stderr(), exit_2(), faults(), quiet():
        if path.exists():
            raise QueryError(
                f"{path} is there already, and is not written over",
                rule="init",
                hint="Name another file: deconvcalc check other.toml --init MODEL.",
            )
        is_imported = not model.lower().endswith(SUFFIXES) and "(" not in model
        if is_imported and options.no_import:
            raise QueryError(f"{model} would be imported, which --no-import forbids", rule="init")
        with here_first():
            what = model_of(model, rest["arguments"])
            subject = Subject(what, channels=channels, assume=assume)
            text = first_file(
                model,
                subject,
                subject.at(size),
                path,
                channels=channels,
                arguments={name: literal(value) for name, value in rest["arguments"]},
                assume=assume,
            )
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror or error}") from None
    click.echo(f"written: {path}", err=True)
    return path


def _write(report: Report, form: str, outputs: tuple[str, ...]) -> None:
    """Print the report, and then write it where it was asked for."""
    from deconvcalc.assertions.reports import FORMATS, SUFFIXES

    try:
        if form == "text" and wants_rich():
            _print(report)
        else:
            click.echo(FORMATS[form](report))
    finally:  # the files are written also where nobody reads the terminal any more
        for name in outputs:
            chosen = SUFFIXES.get(Path(name).suffix.lower(), form)
            try:
                Path(name).write_text(
                    FORMATS[chosen](report) + "\n", encoding="utf-8", errors="replace"
                )
            except OSError as error:
                raise click.UsageError(
                    f"{name} cannot be written: {error.strerror or error}"
                ) from None


def _spare(checks: list[Check], outputs: tuple[str, ...]) -> None:
    """Refuse to write a report over a file of checks."""
    files = {check.file.resolve() for check in checks}
    for name in outputs:
        if Path(name).resolve() in files:
            raise click.UsageError(f"{name} has the checks: --output would write over it.")


def _print(report: Report) -> None:
    """The report in plain text, in colour."""
    from rich.console import Console

    from deconvcalc.assertions.reports import total

    console = Console(highlight=False)
    for one in report.outcomes:
        if not one:
            head, *lines = one.text().splitlines()
            console.print(head, style="bold red", markup=False)
            for line in lines:
                console.print(line, markup=False)
    console.print(total(report), style="green" if report else "bold red", markup=False)
