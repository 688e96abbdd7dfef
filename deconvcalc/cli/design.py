"""deconvcalc design: the best decoder or encoder from one size to another, proved best."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import click

from deconvcalc.cli.arguments import (
    BOUND,
    CHECKERS,
    FORMAT,
    SIZE,
    TARGET,
    CountType,
    Verb,
    exit_2,
    wants_rich,
    working,
)

if TYPE_CHECKING:
    from deconvcalc.designer import Designs, Plan

    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType

OPS = ("conv-transpose", "resize-conv", "pixel-shuffle", "conv", "max-pool", "avg-pool", "any")
COSTS = ("parameters", "macs", "memory")


class DesignChannelsType(_ParamType):
    """Channels of a design: 512:3, 512,256,3, or 512:256|128:3 to choose between."""

    name = "channels"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a pair, a list, or a list to choose from."""
        if not isinstance(value, str):
            return value
        if re.fullmatch(r"\d{1,10}:\d{1,10}", value):
            first, last = value.split(":")
            return int(first), int(last)
        if re.fullmatch(r"\d{1,10}:\d{1,10}(\|\d{1,10})*:\d{1,10}", value):
            first, between, last = value.split(":")
            return int(first), [int(one) for one in between.split("|")], int(last)
        if re.fullmatch(r"\d{1,10}(\|\d{1,10})*(,\d{1,10}(\|\d{1,10})*)+", value):
            places = [[int(one) for one in place.split("|")] for place in value.split(",")]
            return [place[0] if len(place) == 1 else place for place in places]
        self.fail(
            f"{value[:40]!r}: no channels. Write 512:3 to halve, 512,256,128,3 for each stage, "
            "512,256|128,3 or 512:256|128|64:3 to choose.",
            param,
            ctx,
        )
        return None


class CostType(_ParamType):
    """A cost: parameters, macs, memory, or a weighted sum such as parameters+0.01*macs."""

    name = "cost"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a name or a sum; several with commas between them make a front."""
        if not isinstance(value, str):
            return value
        read = [self._one(part.strip(), param, ctx) for part in value.split(",")]
        return read[0] if len(read) == 1 else read

    def _one(self, text: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if text in COSTS:
            return text
        weights: dict[str, Any] = {}
        for part in text.split("+"):
            number, _, name = part.strip().rpartition("*")
            fits = not number or re.fullmatch(r"\d{1,15}(\.\d{1,15})?(e-?\d{1,2})?", number.strip())
            if name.strip() not in COSTS or not fits or name.strip() in weights:
                self.fail(
                    f"{text[:40]!r}: no cost. Write parameters, macs or memory, a sum such as "
                    "parameters+0.01*macs, or several with commas for a Pareto front.",
                    param,
                    ctx,
                )
            from fractions import Fraction

            weights[name.strip()] = Fraction(number.strip() or "1")
        return weights


class PairType(_ParamType):
    """NAME=VALUE, of names that are known."""

    name = "name=value"

    def __init__(self, what: str, example: str) -> None:
        self.what = what
        self.example = example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a pair."""
        if not isinstance(value, str):
            return value
        name, sign, text = value.partition("=")
        if not (sign and name.strip() and text.strip()):
            self.fail(f"{value[:40]!r}: no {self.what}. Write {self.example}.", param, ctx)
        return name.strip(), text.strip()


@click.command("design", cls=Verb)
@click.argument("target", type=TARGET)
@click.option(
    "--from", "source", type=SIZE, help="The input size; for a target in n, where costs count."
)
@click.option("--stages", type=BOUND, help="How many stages. Default: 1..6.")
@click.option("--channels", type=DesignChannelsType(), help="512:3 halves; 512,256,3 lists them.")
@click.option(
    "--op",
    "ops",
    multiple=True,
    type=click.Choice(OPS),
    help="What a stage may be; several times for several. Default: conv-transpose, or conv down.",
)
@click.option(
    "--cost",
    type=CostType(),
    default="parameters",
    show_default=True,
    help="Or macs, memory, a sum parameters+0.01*macs; with commas, the Pareto front.",
)
@click.option(
    "--budget",
    "budgets",
    multiple=True,
    type=PairType("budget", "macs=1e9"),
    help="The most that it may cost, as macs=1e9.",
)
@click.option("-k", "--kernel-size", type=BOUND, help="Default: 1..8, or up to twice the stride.")
@click.option("-s", "--stride", type=BOUND, help="Default: up to the growth.")
@click.option(
    "-p", "--padding", type=BOUND, help="Default: 0 to d(k-1), half the kernel for pools."
)
@click.option("-o", "--output-padding", type=BOUND, help="Default: all that PyTorch takes.")
@click.option("-d", "--dilation", type=BOUND, help="Default: 1.")
@click.option(
    "-f", "--factor", type=BOUND, help="Of a resize or a shuffle. Default: 2 to the growth."
)
@click.option(
    "--divisor",
    "divisors",
    multiple=True,
    type=PairType("divisor", "kernel-size=stride or size=4"),
    help="What must divide what, as kernel-size=stride or size=4.",
)
@click.option(
    "--growth", help="The most that a stage enlarges. Default: 2, or what the target needs."
)
@click.option("--no-checkerboard", is_flag=True, help="All outputs mix equally many inputs.")
@click.option("--aligned", is_flag=True, help="Pixel centres stay within 1/2 input pixel.")
@click.option("--overlap", is_flag=True, help="Every window is longer than its stride.")
@click.option("--holes", is_flag=True, help="Allow outputs without a tap, and inputs not read.")
@click.option(
    "--through", multiple=True, type=TARGET, help="A size to pass through; several times."
)
@click.option(
    "--receptive-field", type=SIZE, help="So many inputs, at least, span an output's taps."
)
@click.option("--shared/--per-axis", default=True, help="One value for all axes, or one for each.")
@click.option(
    "--axes", type=CountType(1, 3), help="How many axes a single size stands for. Default: 2."
)
@click.option("--bias/--no-bias", default=True, help="Whether convolutions add one.")
@click.option(
    "--top", type=CountType(1, 10_000), help="How many. Default: 10; 1 with --code; a front: all."
)
@click.option(
    "--code",
    "framework",
    type=click.Choice(["torch", "keras"]),
    help="Print a module or a model to paste, by default of the first design alone.",
)
@click.option(
    "--verify", "checkers", type=CHECKERS, help="Let real layers confirm the first design."
)
@click.option("--format", "form", type=FORMAT, default="table", show_default=True)
def command(
    target: Any,
    ops: tuple[str, ...],
    budgets: tuple[tuple[str, str], ...],
    divisors: tuple[tuple[str, str], ...],
    no_checkerboard: bool,
    through: tuple[Any, ...],
    top: int | None,
    framework: str | None,
    checkers: tuple[str, ...] | None,
    form: str,
    **question: Any,
) -> None:
    r"""The best decoder or encoder from one size to another, proved best.

    TARGET is the size wanted, 224 or 224x288, or a size in n, the input: 32n, "ceil(n/32)". A
    bound is 3, 2..5 (both ends included) or 2,4.

    \b
    deconvcalc design 224 --from 7 --stages 1..6 --channels 512:3
    deconvcalc design 224x288 --from 7x9 -k 4 --cost macs
    deconvcalc design 7 --from 224 --channels 3:512 --op conv --op max-pool
    deconvcalc design 32n --no-checkerboard --aligned
    deconvcalc design 224 --from 7 --through 28 --through 56 --budget macs=1e9
    deconvcalc design 224 --from 7 --channels 512:3 --cost parameters,memory
    deconvcalc design 224 --from 7 --channels 512:3 --overlap --code torch

    Ctrl-C ends a long search with the best so far. Exit code: 0 with a design, 1 without or if a
    check fails, 2 for a question that makes no sense, 3 if a framework is missing or broken.
    """
    from deconvcalc.designer import design

    code = 0
    with exit_2(typed=True):
        if framework and top is None:
            top = 1
        question["op"] = [op.replace("-", "_") for op in ops] or None
        question["growth"] = _growth(question["growth"])
        with working("designing"):
            found = design(
                target,
                top=top,
                checkerboard=not no_checkerboard,
                through=list(through),
                budgets=[_budget(*one) for one in budgets] or None,
                divisors=dict([_divisor(*one) for one in divisors]) or None,
                **question,
            )
            _ = found.reason  # worked out here, as it may take seconds
        if found and framework:
            click.echo(_code(found, framework))
        else:
            _show(found, {"target": target} | question, form)
        best = found.best
        if checkers and best is not None:
            code = _verified(best, checkers, form)
    if not found or code:
        sys.exit(code or 1)


def _number(text: str, what: str) -> Any:
    from fractions import Fraction

    if not re.fullmatch(r"\d{1,18}(\.\d{1,15})?(e\d{1,2})?", text):
        raise click.UsageError(f"{what} {text[:40]!r} is no number: write 1000000 or 1e6.")
    value = Fraction(text)
    return int(value) if value.denominator == 1 else value


def _growth(text: str | None) -> Any:
    return text if text in (None, "any") else _number(str(text), "--growth")


def _budget(name: str, text: str) -> tuple[Any, Any]:
    cost = CostType().convert(name, None, click.get_current_context())
    if isinstance(cost, list):
        raise click.UsageError("a budget bounds one cost: give --budget several times.")
    return cost, _number(text, "--budget")


def _divisor(name: str, text: str) -> tuple[str, Any]:
    by = text.replace("-", "_")
    return name.replace("-", "_"), int(text) if re.fullmatch(r"\d{1,18}", text) else by


def _code(found: Designs, framework: str) -> str:
    made = [
        plan.code(framework, _name(framework, i, len(found))) for i, plan in enumerate(found, 1)
    ]
    return "\n\n\n".join(made)


def _name(framework: str, number: int, count: int) -> str | None:
    """Several designs in one text have names of their own."""
    if count == 1:
        return None
    return f"Design{number}" if framework == "torch" else f"make_design_{number}"


def _verified(plan: Plan, checkers: tuple[str, ...], form: str) -> int:
    """Build and run the first design; the verdicts go where they do not disturb a document."""
    from deconvcalc.checkers.confirming import verify
    from deconvcalc.render.text import plain
    from deconvcalc.render.verdicts import table

    verdicts = verify(plan, checkers=checkers)
    made = table("#1", plan.smallest_source, plan.stages[-1].target, verdicts)
    lines = plain(made)
    click.echo(f"\n{lines}" if form == "table" else lines, err=form != "table")
    if any(one.fault in ("missing", "broken") for one in verdicts):
        return 3
    return 0 if all(one.ok for one in verdicts) else 1


def _show(found: Designs, query: dict[str, Any], form: str) -> None:
    from deconvcalc.render import plans

    if form == "json":
        from deconvcalc.render import records

        asked = {name: plans.simple(value) for name, value in query.items() if value is not None}
        document = plans.document(found, records.SCHEMA, asked)
        click.echo(records.json_text(document, "designs"))
        return
    if form == "csv":
        from deconvcalc.render import records

        if found:
            click.echo(records.rows_text(plans.rows(found)))
        elif found.reason is not None:
            click.echo(f"no design: {found.reason.text}", err=True)
        return
    made = plans.designs_sheet(found)
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
