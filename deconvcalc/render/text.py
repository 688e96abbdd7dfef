"""Plain text: for pipes, files and `print`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.render.sheet import ROWS, Sheet, sheet, shown_size

if TYPE_CHECKING:
    from deconvcalc.derivation import Proof
    from deconvcalc.solver.answers import Answers

__all__ = [
    "is_left",
    "labelled",
    "lines",
    "plain",
    "proof_title",
    "size_title",
    "table",
]


NUMBERS = frozenset(
    (
        *("#", "k", "s", "p", "op", "d", "f", "shift", "layers"),
        *("channels", "params", "MACs", "memory", "field", "stride"),
    )
)
"""The columns that are numbers, and so end at the right."""


def table(answers: Answers, limit: int | None = ROWS) -> str:
    """The answers as a table in plain text of full width, or the reason why there are none."""
    return plain(sheet(answers, limit))


def plain(made: Sheet) -> str:
    """A sheet in plain text of full width."""
    return "\n".join([text for _, text in lines(made)])


def lines(made: Sheet) -> list[tuple[str, str]]:
    """A sheet as lines, each with its role: title, head, first, row, hint or legend."""
    result = [("title", made.title), *[("hint", line) for line in labelled(made.below)]]
    result.append(("row", ""))
    if made.rows:
        cells = [made.columns, *made.rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        left = [is_left(name) for name in made.columns]
        for number, row in enumerate(cells):
            padded = [
                cell.ljust(width) if side else cell.rjust(width)
                for cell, width, side in zip(row, widths, left, strict=True)
            ]
            role = ("head", "first")[number] if number < 2 else "row"
            result.append((role, ("  " + "  ".join(padded)).rstrip()))
        if made.hints or made.legend:
            result.append(("row", ""))
    result += [("hint", line) for line in labelled(made.hints)]
    if made.hints and made.legend:
        result.append(("row", ""))
    return result + [("legend", line) for line in labelled(made.legend)]


def is_left(column: str) -> bool:
    """Whether a column is text, and so starts at the left."""
    return column not in NUMBERS


def labelled(pairs: list[tuple[str, str]]) -> list[str]:
    """Lines of a label and a text, the texts below each other."""
    width = max([len(label) for label, _ in pairs], default=0)
    return [f"  {label.ljust(width)}  {text}" for label, text in pairs]


def size_title(layer: str, size: Any, result: Any) -> str:
    """What goes in and what comes out, in one line."""
    shown = "one value for each channel" if result == () else shown_size(result)
    return f"{layer}: {shown_size(size)} → {shown}"


def proof_title(proof: Proof) -> str:
    """What a proof is about: the layers and sizes of a derivation, or that there is none."""
    from deconvcalc.derivation import Derivation

    if not isinstance(proof, Derivation):
        return "why there is none:"
    sizes = "for every n" if proof.source is None else _size_pair(proof.source, proof.target)
    return f"#1  {', then '.join(map(str, proof.layers))}: {sizes}"


def _size_pair(source: Any, target: Any) -> str:
    """An input and an output size: 28 → 60."""
    return f"{shown_size(source)} → {shown_size(target)}"
