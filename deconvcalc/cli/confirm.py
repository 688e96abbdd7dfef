"""What `solve` adds to its answers when asked: verdicts of real layers, and lines to paste."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from deconvcalc.cli.arguments import wants_rich, working
from deconvcalc.cli.verify import exit_code
from deconvcalc.errors import ConversionError

if TYPE_CHECKING:
    from deconvcalc.checkers.verdict import Verdict
    from deconvcalc.solver import Answers

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
    verdicts: list[tuple[Verdict, ...]] = []
    interrupted = False
    if checkers:
        try:
            _verify(shown, checkers, channels, verdicts)
        except KeyboardInterrupt:
            interrupted = True
    if framework and form == "table":
        missing = _print_code(shown, framework, channels)
        _print_reasons(verdicts)
    else:
        missing = False
        _print_answers(answers, shown, form, (checkers, verdicts), (framework, channels))
    if interrupted:
        click.echo(f"interrupted: {len(verdicts)} of {len(shown)} answers were checked", err=True)
        return 1
    return exit_code([one for group in verdicts for one in group]) or int(missing)


def _verify(
    shown: Answers,
    checkers: tuple[str, ...],
    channels: tuple[int, int] | None,
    verdicts: list[tuple[Verdict, ...]],
) -> None:
    """Fill in the verdicts, answer by answer; those that are there when it is broken off count."""
    from deconvcalc.checkers.confirming import start, status, verify

    with working(f"loading {', '.join(checkers)}"):
        start(checkers)
        for name in checkers:
            status(name)
    with click.progressbar(
        shown, label="confirming", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        verdicts.extend(verify(answer, checkers=checkers, channels=channels) for answer in bar)


def _print_code(shown: Answers, framework: str, channels: tuple[int, int] | None) -> bool:
    """The lines of each answer, as one text; whether one of them has none."""
    missing = False
    blocks = []
    for answer in shown:
        try:
            code = answer.code(framework, channels)
        except ConversionError as error:
            missing = True
            code = f"# {error.message}"
        blocks.append(f"# {answer.source} -> {answer.target}\n{code}")
    click.echo("\n\n".join(blocks))
    return missing


def _print_reasons(verdicts: list[tuple[Verdict, ...]]) -> None:
    """Below code, which stays alone on stdout, the verdicts go to stderr."""
    for number, group in enumerate(verdicts, 1):
        for verdict in group:
            said = "ok" if verdict.ok else f"not ok: {verdict.reason}"
            click.echo(f"#{number} {verdict.checker}: {said}", err=True)


def _print_answers(
    answers: Answers,
    shown: Answers,
    form: str,
    checked: tuple[tuple[str, ...] | None, list[tuple[Verdict, ...]]],
    written: tuple[str | None, tuple[int, int] | None],
) -> None:
    checkers, verdicts = checked
    limit = len(shown)
    if form in ("table", "markdown"):
        from deconvcalc.render.sheet import sheet
        from deconvcalc.render.verdicts import column, mark, reasons, versions

        columns = []
        for place, name in enumerate(checkers or ()):
            cells = [mark(group[place]) for group in verdicts]
            columns.append((column(name), cells + [mark(None)] * (limit - len(cells))))
        made = sheet(answers, limit, columns)
        failed = [one for group in verdicts for one in group if not one.ok]
        said = versions(verdicts[0]) if verdicts else []
        rest = [hint for hint in made.hints if not (checkers and hint[0] == "confirm")]
        made.hints = [*dict.fromkeys(reasons(failed)), *said, *rest]
        made.legend += [(name, "what real layers said of size and values") for name, _ in columns]
        _print_sheet(made, form)
        return
    from deconvcalc.render import records

    more = [_fields(answer, *written) for answer in shown]
    for fields, group in zip(more, verdicts, strict=False):
        if form == "json":
            fields["verdicts"] = [verdict.to_record() for verdict in group]
        else:
            fields |= {f"verify_{verdict.checker}": verdict.ok for verdict in group}
    if form == "json":
        click.echo(records.json_text(records.document(answers, limit, more)))
    else:
        click.echo("\n".join(records.csv_lines(answers, limit, more)))


def _fields(answer: Any, framework: str | None, channels: tuple[int, int] | None) -> dict[str, Any]:
    if framework is None:
        return {}
    try:
        return {"code": answer.code(framework, channels)}
    except ConversionError as error:
        return {"code": None, "no_code": error.message}


def _print_sheet(made: Any, form: str) -> None:
    if form == "markdown":
        from deconvcalc.render import records

        click.echo(records.markdown(made))
    elif wants_rich():
        from rich.console import Console

        from deconvcalc.render import terminal

        Console().print(terminal.shown(made))
    else:
        from deconvcalc.render.text import plain

        click.echo(plain(made))
