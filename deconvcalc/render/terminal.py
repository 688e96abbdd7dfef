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

GAP = 2
"""Spaces between two columns."""

INDENT = 2
"""Spaces before a row."""

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
                    yield _narrow(made, width)
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


def _narrow(made: Sheet, width: int) -> Any:
    """The rows as a table whose cells wrap, between words as long as there is room for them."""
    from rich.padding import Padding
    from rich.table import Table

    width -= INDENT
    shown = Table(box=None, pad_edge=False, padding=(0, 1), header_style=STYLES["head"])
    for column, room in zip(made.columns, _widths(made, width), strict=True):
        justify: Any = "left" if is_left(column) else "right"
        shown.add_column(column, justify=justify, overflow="fold", width=room)
    for number, row in enumerate(made.rows):
        shown.add_row(*map(Text, row), style=STYLES["first"] if number == 0 else "")
    return Padding(shown, (0, 0, 0, INDENT))


def _widths(made: Sheet, width: int) -> list[int | None]:
    """The width of each column: its longest word, and more for those that need least of it.

    None where not even the words fit; rich then folds them.
    """
    columns = list(zip(made.columns, *made.rows, strict=True))
    least = [
        max(len(word) for cell in column for word in cell.split() or [""]) for column in columns
    ]
    most = [max(map(len, column)) for column in columns]
    rest = width - sum(least) - GAP * (len(columns) - 1)
    if rest < 0:
        return [None] * len(columns)
    for place in sorted(range(len(columns)), key=lambda place: most[place] - least[place]):
        more = min(most[place] - least[place], rest)
        least[place] += more
        rest -= more
    return [*least]
