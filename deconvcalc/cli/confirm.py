"""What `solve` adds to its answers when asked: verdicts of real layers, and lines to paste."""

from __future__ import annotations

import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from deconvcalc.cli.arguments import wants_rich, working
from deconvcalc.cli.verify import exit_code
from deconvcalc.errors import CheckError, ConversionError, QueryError

if TYPE_CHECKING:
    from deconvcalc.checkers.verdict import Verdict
    from deconvcalc.solver import Answer, Answers

    Groups = list[tuple[Verdict, ...]]
    """The verdicts on each answer; none where it could not be checked."""

__all__ = ["show"]


def show(
    answers: Answers,
    limit: int | None,
    form: str,
    checkers: tuple[str, ...] | None,
    framework: str | None,
    channels: tuple[int, int] | None,
) -> int:
    """Print answers with their verdicts or code; the exit code."""
    shown = answers if limit is None else answers[:limit]
    if channels:
        _check_channels(shown, channels)
    verdicts: Groups = []
    skipped: list[str] = []
    interrupted = False
    if checkers:
        try:
            _verify(shown, checkers, channels, (verdicts, skipped))
        except KeyboardInterrupt:
            interrupted = True
    codes = [_code(answer, framework, channels) for answer in shown] if framework else []
    if form == "table" and codes:
        click.echo("\n\n".join(_blocks(shown, codes)))
    elif form in ("table", "markdown"):
        _print_table(answers, shown, form, (checkers, verdicts), codes)
    else:
        _print_records(answers, shown, form, verdicts, codes)
    if form == "csv" or (form == "table" and codes):
        _print_reasons(verdicts, every=form == "table")
    for line in skipped:
        click.echo(line, err=True)
    if interrupted:
        click.echo(f"interrupted: {len(verdicts)} of {len(shown)} answers were checked", err=True)
    found = exit_code([one for group in verdicts for one in group])
    if interrupted:
        return 1
    return found or int(bool(skipped) or any(one["code"] is None for one in codes))


def _check_channels(shown: Answers, channels: tuple[int, int]) -> None:
    """Refuse counts that one of the answers cannot have.

    Raises:
        QueryError: they are.
    """
    from deconvcalc.translation import AXES
    from deconvcalc.translation.weights import check_channels

    for number, answer in enumerate(shown, 1):
        try:
            check_channels(answer.layers, channels, answer.axes or AXES)
        except QueryError as error:
            where = f"#{number}: " if len(shown) > 1 else ""
            raise QueryError(
                f"--channels: {where}{error.message}", rule=error.rule, hint=error.hint
            ) from None


def _verify(
    shown: Answers,
    checkers: tuple[str, ...],
    channels: tuple[int, int] | None,
    found: tuple[Groups, list[str]],
) -> None:
    """Fill in the verdicts, answer by answer; those that are there when it is broken off count.

    Raises:
        CheckError: there is too much to compute for the first.
    """
    from deconvcalc.checkers.confirming import verify

    verdicts, skipped = found
    # While the frameworks load, the first question tells whether it can be asked at all.
    with working(f"loading {', '.join(checkers)}"):
        verdicts.append(verify(shown[0], checkers=checkers, channels=channels))
    with click.progressbar(
        length=len(shown), label="confirming", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        bar.update(1)
        for number, answer in enumerate(islice(shown, 1, None), 2):
            try:
                verdicts.append(verify(answer, checkers=checkers, channels=channels))
            except CheckError as error:
                verdicts.append(())
                skipped.append(f"#{number} was not checked: {error}")
            bar.update(1)


def _code(
    answer: Answer, framework: str | None, channels: tuple[int, int] | None
) -> dict[str, str | None]:
    """The lines of an answer; where there are none, why."""
    try:
        return {"code": answer.code(str(framework), channels)}
    except ConversionError as error:
        hint = {"hint": error.hint} if error.hint else {}
        return {"code": None, "no_code": error.message, **hint}


def _blocks(shown: Answers, codes: list[dict[str, str | None]]) -> list[str]:
    """The lines of each answer below a comment that names its sizes."""
    from deconvcalc.render.sheet import shown_size

    blocks = []
    for answer, one in zip(shown, codes, strict=True):
        code = one["code"] or "# " + str(one["no_code"]).replace("\n", "\n# ")
        blocks.append(f"# {shown_size(answer.source)} -> {shown_size(answer.target)}\n{code}")
    hints = dict.fromkeys([one["hint"] for one in codes if one.get("hint")])
    return [*blocks, *[f"# {hint}" for hint in hints]]


def _print_reasons(verdicts: Groups, *, every: bool) -> None:
    """Below what has no room for them, the verdicts go to stderr: all, or why some are not ok."""
    from deconvcalc.render.verdicts import all_reasons, mark

    for number, group in enumerate(verdicts if every else (), 1):
        for verdict in group:
            click.echo(f"#{number} {verdict.checker}: {mark(verdict)}", err=True)
    for label, text in all_reasons(verdicts):
        click.echo(f"{label}: {text}" if label else f"  {text}", err=True)


def _print_table(
    answers: Answers,
    shown: Answers,
    form: str,
    checked: tuple[tuple[str, ...] | None, Groups],
    codes: list[dict[str, str | None]],
) -> None:
    from deconvcalc.render.sheet import sheet
    from deconvcalc.render.verdicts import (
        all_reasons,
        column,
        mark,
        meaning,
        versions,
        way_round,
    )

    checkers, verdicts = checked
    limit = len(shown)
    columns = []
    for place, name in enumerate(checkers or ()):
        cells = [mark(group[place] if group else None) for group in verdicts]
        columns.append((column(name), cells + [mark(None)] * (limit - len(cells))))
    made = sheet(answers, limit, columns)
    said = [*way_round(verdicts[0], "--verify"), *versions(verdicts[0])] if verdicts else []
    done = {"confirm"} if checkers else set()
    done |= {"code"} if codes else set()
    rest = [hint for hint in made.hints if hint[0] not in done]
    made.hints = [*all_reasons(verdicts), *said, *rest]
    made.legend += [(column(name), meaning(name)) for name in checkers or ()]
    if form == "markdown":
        from deconvcalc.render import records

        blocks = [f"```python\n{block}\n```" for block in _blocks(shown, codes)] if codes else []
        click.echo("\n\n".join([records.markdown(made), *blocks]))
    elif wants_rich():
        from rich.console import Console

        from deconvcalc.render import terminal

        Console().print(terminal.shown(made))
    else:
        from deconvcalc.render.text import plain

        click.echo(plain(made))


def _print_records(
    answers: Answers,
    shown: Answers,
    form: str,
    verdicts: Groups,
    codes: list[dict[str, str | None]],
) -> None:
    from deconvcalc.render import records

    more: list[dict[str, Any]] = [dict(one) for one in codes] or [{} for _ in shown]
    for fields, group in zip(more, verdicts, strict=False):
        if form == "json":
            fields["verdicts"] = [verdict.to_record() for verdict in group]
        else:
            fields |= {f"verify_{verdict.checker}": verdict.ok for verdict in group}
    if form == "json":
        click.echo(records.json_text(records.document(answers, len(shown), more)))
    else:
        click.echo("\n".join(records.csv_lines(answers, len(shown), more)))
