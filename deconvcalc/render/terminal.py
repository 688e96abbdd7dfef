"""The same for a terminal, by rich."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from deconvcalc.render.sheet import ROWS, reason_lines, sheet
from deconvcalc.render.text import _left
from deconvcalc.solver.answers import Answers

__all__ = ["table"]


def table(answers: Answers, limit: int | None = ROWS) -> Any:
    """The answers as something that rich prints, or the reason why there are none."""
    made = sheet(answers, limit)
    title = Text(made.title, style="bold")
    if not answers:
        return Group(title, _labelled(reason_lines(answers.reason), "yellow"))
    shown = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold cyan")
    for column in made.columns:
        side: Any = "left" if _left(column) else "right"
        shown.add_column(column, justify=side, overflow="fold")
    for number, row in enumerate(made.rows):
        shown.add_row(*map(Text, row), style="green" if number == 0 else "")
    parts = [title, Text(), shown, Text()]
    if made.hints:
        parts += [_labelled(made.hints, "cyan"), Text()]
    return Group(*parts, _labelled(made.legend, "dim"))


def _labelled(pairs: list[tuple[str, str]], style: str) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for label, text in pairs:
        grid.add_row(Text(label, style=style), Text(text, style="dim" if style == "dim" else ""))
    return grid
