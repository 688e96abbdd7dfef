"""The same for a terminal, by rich."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.segment import Segment
from rich.text import Text

from deconvcalc.render.sheet import ROWS, Sheet, sheet
from deconvcalc.render.text import is_left, lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions

    from deconvcalc.solver.answers import Answers

__all__ = ["shown", "table"]

STYLES = {"title": "bold", "head": "bold cyan", "first": "green", "legend": "dim"}


def table(answers: Answers, limit: int | None = ROWS) -> Any:
    """The answers as something that rich prints, or the reason why there are none."""
    return shown(sheet(answers, limit))


def shown(made: Sheet) -> Any:
    """A sheet as something that rich prints."""
    return _Shown(made)


class _Shown:
    """A sheet that fits itself to the terminal."""

    def __init__(self, made: Sheet) -> None:
        self.made = made

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Any]:
        made, width = self.made, options.max_width
        rows = lines(made)
        wide = any(len(text) > width for role, text in rows if role in ("head", "first", "row"))
        for role, text in rows:
            if wide and role in ("head", "first", "row") and text:
                if role == "head":
                    yield _narrow(made)
                continue
            style = STYLES.get(role, "")
            for line in [text] if len(text) <= width else _wrapped(text, width):
                yield Segment(line, console.get_style(style))
                yield Segment.line()


def _wrapped(text: str, width: int) -> list[str]:
    """A long line as several; what follows a label stays in its column."""
    from textwrap import wrap

    label = text.find("  ", 2) if text.startswith("  ") else -1
    column = len(text) - len(text[label:].lstrip()) if label > 0 else 0
    return wrap(text, max(width, 20), subsequent_indent=" " * min(column, width // 2))


def _narrow(made: Sheet) -> Any:
    """The rows as a table whose cells wrap."""
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, padding=(0, 1), header_style=STYLES["head"])
    for column in made.columns:
        shown.add_column(column, justify="left" if is_left(column) else "right", overflow="fold")
    for number, row in enumerate(made.rows):
        shown.add_row(*map(Text, row), style=STYLES["first"] if number == 0 else "")
    return shown
