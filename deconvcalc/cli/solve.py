"""deconvcalc solve: all layers that turn one size into another, best first."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from deconvcalc.cli.arguments import (
    BOUND,
    CHANNELS,
    CHECKERS,
    FORMAT,
    SIZE,
    TARGET,
    BoundType,
    CountType,
    Verb,
    exit_2,
    wants_rich,
)

if TYPE_CHECKING:
    from deconvcalc.derivation import Proof
    from deconvcalc.solver import Answers

MOST_PRINTED = 1_000_000
"""More answers than this are printed only if the reader says how many."""

OPS = ["conv-transpose", "conv", "max-pool", "avg-pool", "resize-conv", "pixel-shuffle", "any"]


@click.command("solve", cls=Verb)
@click.argument("target", type=TARGET)
@click.option("--from", "source", type=SIZE, help="The input size. Without it, the input is found.")
@click.option("--where", help='For a target in n, which n are meant, as in "n % 2 == 0".')
@click.option("-k", "--kernel-size", type=BOUND, help="Default: 1..11, or up to twice the stride.")
@click.option("-s", "--stride", type=BOUND, help="Default: 1..8.")
@click.option(
    "-p",
    "--padding",
    type=BoundType("same", "valid"),
    help="Default: 0 to d(k-1), half the kernel for pools. Keras takes same and valid.",
)
@click.option(
    "-o",
    "--output-padding",
    type=BoundType("none"),
    help="Default: all that the framework takes. Keras takes none too.",
)
@click.option("-d", "--dilation", type=BOUND, help="Default: 1.")
@click.option("-f", "--factor", type=BOUND, help="Of a resize or a pixel shuffle. Default: 1..8.")
@click.option("--op", type=click.Choice(OPS), default="conv-transpose", show_default=True)
@click.option(
    "--dialect", type=click.Choice(["torch", "keras", "any"]), default="torch", show_default=True
)
@click.option("--ceil-mode", is_flag=True, help="A last window of a pool may hang over the end.")
@click.option(
    "--shared/--per-axis",
    default=None,
    help="One value for all axes, or one for each. By default equal axes share.",
)
@click.option(
    "--limit",
    type=CountType(1),
    help="How many to show. Default: 10 in a table, 1 with --code, else all.",
)
@click.option("--all", "everything", is_flag=True, help="Show all answers.")
@click.option(
    "--verify",
    "checkers",
    type=CHECKERS,
    help="Let real layers confirm each answer that is shown: torch,keras.",
)
@click.option(
    "--code",
    "framework",
    type=click.Choice(["torch", "keras"]),
    help="Print lines to paste instead, by default of the first answer alone.",
)
@click.option(
    "--families",
    "closed_forms",
    is_flag=True,
    help="Print closed forms: how the parameters depend on each other.",
)
@click.option(
    "--derive",
    is_flag=True,
    help="Derive the size of the first answer, or prove that there is none.",
)
@click.option("--channels", type=CHANNELS, help="For --code and --verify, as the layers can have.")
@click.option("--format", "form", type=FORMAT, default="table", show_default=True)
def command(
    target: Any,
    source: Any,
    limit: int | None,
    everything: bool,
    checkers: tuple[str, ...] | None,
    framework: str | None,
    closed_forms: bool,
    derive: bool,
    channels: tuple[int, int] | None,
    form: str,
    **question: Any,
) -> None:
    r"""All layers that turn one size into another, best first.

    TARGET is the size wanted: 7, 7x14 or 8x28x28; or a size in n, the input: 2n, "ceil(n/2)". A
    bound is 3, 2..5 (both ends included), 2,4 or, one per axis, 3x5.

    \b
    deconvcalc solve 7 --from 4
    deconvcalc solve 60 -k 6 -s 2               finds the input
    deconvcalc solve 7x14 --from 4x7
    deconvcalc solve 2n                         for every n
    deconvcalc solve 7 --from 4 --families      in closed form
    deconvcalc solve "n//2" --where "n % 2 == 0" --op conv
    deconvcalc solve 14 --from 28 --op conv --dialect keras
    deconvcalc solve 7 --from 4 --code keras --channels 64:32
    deconvcalc solve 60 --from 28 -k 6 -s 2 --verify torch,keras
    deconvcalc solve 100 --from 4 --derive      the proof that there is none

    Exit code: 0 with an answer, 1 without or if a check fails, 2 for a question that makes no
    sense, 3 if a framework that was asked for is missing or broken.
    """
    from deconvcalc.solver import solve

    if everything and limit is not None:
        raise click.UsageError("--all and --limit contradict each other: give one of them.")
    if closed_forms and (checkers or framework):
        raise click.UsageError("--families has no layer of its own for --code or --verify.")
    if closed_forms and (everything or limit is not None):
        raise click.UsageError("--families shows all: leave --all and --limit out.")
    if channels and not (checkers or framework):
        raise click.UsageError("--channels is for --code and --verify: give one of them.")
    if derive:
        _check_alone(checkers=checkers, framework=framework, closed_forms=closed_forms, form=form)
    question["op"] = question["op"].replace("-", "_")
    code = 0
    with exit_2(typed=True):
        answers = solve(target, source=source, **question)
        if limit is None and not everything and form in ("table", "markdown"):
            limit = 1 if framework else 10
        if not closed_forms:
            _check_amount(answers, limit)
        if closed_forms:
            _show_families(answers, form)
        elif answers and (checkers or framework):
            from deconvcalc.cli.confirm import show

            code = show(answers, limit, form, checkers, framework, channels)
        else:
            proof = _proof(answers) if derive else None
            _show(answers, limit, form, proof, comment=bool(framework))
    if not answers or code:
        sys.exit(code or 1)


def _check_alone(*, checkers: Any, framework: Any, closed_forms: bool, form: str) -> None:
    """--derive shows the answers as a list, and then one of them."""
    others = {"--verify": checkers, "--code": framework, "--families": closed_forms}
    others["--format csv"] = form == "csv"
    for other, given in others.items():
        if given:
            raise click.UsageError(f"--derive does not go with {other}: give one of them.")


def _check_amount(answers: Answers, limit: int | None) -> None:
    if (answers.total if limit is None else min(limit, answers.total)) > MOST_PRINTED:
        raise click.UsageError(
            f"there are {answers.total:,} answers: say how many to show by --limit N."
        )


def _proof(answers: Answers) -> Proof:
    """How the size of the first answer comes about, or why there is none."""
    best = answers.best
    proof: Proof | None = answers.proof if best is None else best.derivation
    assert proof is not None
    return proof


def _show(
    answers: Answers, limit: int | None, form: str, proof: Proof | None, *, comment: bool
) -> None:
    """Print the answers; as a comment where code was asked for and there are none."""
    if form == "table" and comment:
        from deconvcalc.render.text import table

        lines = table(answers, limit).splitlines()
        click.echo("\n".join([f"# {line}".rstrip() for line in lines]))
    elif form == "table" and wants_rich():
        from rich.console import Console

        from deconvcalc.render import terminal

        Console().print(terminal.table(answers, limit))
    elif form == "table":
        from deconvcalc.render.text import table

        click.echo(table(answers, limit))
    else:
        from deconvcalc.render import records

        if form == "json":
            click.echo(records.json_text(records.document(answers, limit, proof=proof)))
        elif form == "csv":
            click.echo("\n".join(records.csv_lines(answers, limit)))
        else:
            from deconvcalc.render.sheet import sheet

            click.echo(records.markdown(sheet(answers, limit)))
        if form == "csv" and not answers:
            click.echo(f"no answer: {answers.reason.text}", err=True)
    if proof is not None and form in ("table", "markdown"):
        from deconvcalc.render.text import proof_title

        fence = ["```"] if form == "markdown" else []
        click.echo("\n".join(["", proof_title(proof), *fence, proof.text, *fence]))


def _show_families(answers: Answers, form: str) -> None:
    """Print the answers in closed form."""
    families = answers.families()
    if form in ("json", "csv"):
        from deconvcalc.render import records

        click.echo(records.families_text(answers, families, form))
        if form == "csv" and not answers:
            click.echo(f"no answer: {answers.reason.text}", err=True)
        return
    from deconvcalc.render.sheet import families_sheet

    made = families_sheet(answers, families)
    if form == "markdown":
        from deconvcalc.render.records import markdown

        click.echo(markdown(made))
    elif wants_rich():
        from rich.console import Console

        from deconvcalc.render import terminal

        Console().print(terminal.shown(made))
    else:
        from deconvcalc.render.text import plain

        click.echo(plain(made))
