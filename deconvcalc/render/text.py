"""Plain text: for pipes, files and `print`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.render.sheet import ROWS, Sheet, reason_lines, sheet, shown_size
from deconvcalc.solver.answers import Answers

if TYPE_CHECKING:
    from deconvcalc.derivation import Derivation

__all__ = ["derivation", "plain", "size_title", "table"]


def table(answers: Answers, limit: int | None = ROWS) -> str:
    """The answers as a table in plain text of full width, or the reason why there are none."""
    return plain(sheet(answers, limit), answers)


def plain(made: Sheet, answers: Answers) -> str:
    """A sheet as plain text."""
    lines = [made.title]
    if not answers:
        return "\n".join(lines + labelled(reason_lines(answers.reason)))
    widths = [
        max([len(cell) for cell in column])
        for column in zip(made.columns, *made.rows, strict=True)
    ]
    for row in (made.columns, *made.rows):
        cells = [
            cell.ljust(width) if _left(name) else cell.rjust(width)
            for cell, width, name in zip(row, widths, made.columns, strict=True)
        ]
        lines.append(("  " + "  ".join(cells)).rstrip())
        if row is made.columns:
            lines.insert(-1, "")
    lines += ["", *labelled(made.hints), *([""] if made.hints else []), *labelled(made.legend)]
    return "\n".join(lines).rstrip()


def _left(column: str) -> bool:
    """Whether a column is text, not numbers."""
    return column not in ("#", "k", "s", "p", "op", "d", "f", "shift")


def labelled(pairs: list[tuple[str, str]]) -> list[str]:
    """Lines of a label and a text, the texts below each other."""
    width = max([len(label) for label, _ in pairs], default=0)
    return [f"  {label.ljust(width)}  {text}" for label, text in pairs]


def size_title(layer: str, size: Any, result: Any) -> str:
    """What goes in and what comes out, in one line."""
    shown = "one value for each channel" if result == () else shown_size(result)
    return f"{layer}: {shown_size(size)} → {shown}"


def derivation(derivations: tuple[Derivation, ...]) -> str:
    """The arithmetic of a size, axis by axis."""
    blocks = []
    for one in derivations:
        head = [] if one.axis is None else [f"axis {one.axis}: {one.source} → {one.target}"]
        letters = ", ".join([f"{name} = {value}" for name, value in one.letters])
        lines = [f"m = {one.formula}" + (f"    with {letters}" if letters else "")]
        lines += [f"  = {step}" for step in one.steps if step != one.formula]
        lines.append(f"  = {one.target}")
        facts = []
        if one.remark:
            facts.append(("dropped", one.remark))
        if one.in_n is not None:
            facts.append(("in n", f"{one.in_n},  for {one.domain}"))
            facts.append(("same output", f"{one.same_output}"))
        blocks.append("\n".join([*head, *["  " + line for line in lines], *labelled(facts)]))
    return "\n\n".join(blocks)
