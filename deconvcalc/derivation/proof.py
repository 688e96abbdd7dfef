"""Proofs as data: steps in order, and how they read as text and as LaTeX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from deconvcalc.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Proof", "Step", "in_words"]


class Step(Value):
    """One step of a proof.

    Args:
        kind: what it does: "axis" and "layer" are headings, "formula", "letters", "numbers" (put
            in), "work" and "result" are the arithmetic, "dropped", "in n", "lossless" and "same
            output" are what follows from it; "bounds" and "hence" end a proof that there is no
            layer.
        text: the step in plain text. What starts with "=" goes on with the step before.
        latex: the step in LaTeX, for math mode.
        source: where it comes from, of a formula.
    """

    __slots__ = _fields = ("kind", "text", "latex", "source")
    kind: str
    text: str
    latex: str
    source: str | None

    def __init__(self, kind: str, text: str, latex: str, source: str | None = None) -> None:
        self._set(kind=kind, text=text, latex=latex, source=source)

    def to_record(self) -> dict[str, str | None]:
        """The step as plain data."""
        return dict(zip(self._fields, self._values(), strict=True))


class Proof(Value):
    """Steps that show something, in order.

    Args:
        steps: the steps.
    """

    __slots__: tuple[str, ...] = ("steps",)
    _fields: ClassVar[tuple[str, ...]] = ("steps",)
    steps: tuple[Step, ...]

    def __init__(self, steps: Iterable[Step]) -> None:
        self._set(steps=tuple(steps))

    @property
    def text(self) -> str:
        """The proof in plain text."""
        return "\n".join(_laid_out(self.steps))

    @property
    def latex(self) -> str:
        r"""The proof in LaTeX: an `align*` of the package amsmath, a line a step."""
        lines = [_aligned(step) for step in self.steps]
        return "\n".join(["\\begin{align*}", " \\\\\n".join(lines), "\\end{align*}"])

    def to_record(self) -> Any:
        """The proof as plain data."""
        return {"steps": [step.to_record() for step in self.steps]}

    def __str__(self) -> str:
        return self.text


_LABELS = {
    "formula": "source",
    "dropped": "dropped",
    "in n": "in n",
    "lossless": "no loss",
    "same output": "same output",
}


def _laid_out(steps: Sequence[Step]) -> list[str]:
    """The lines of a text: the arithmetic, and below it a label and a text for each fact."""
    lines: list[str] = []
    facts: list[tuple[str, str]] = []

    def flush() -> None:
        width = max([len(label) for label, _ in facts], default=0)
        lines.extend([f"  {label.ljust(width)}  {text}" for label, text in facts])
        facts.clear()

    short = any(step.kind == "hence" for step in steps)
    for step in steps:
        if short:
            source = f"    ({step.source})" if step.source else ""
            lines.append(f"  {step.text}{source}")
        elif step.kind in ("axis", "layer"):
            flush()
            lines += ["", step.text] if lines else [step.text]
        elif step.kind == "letters":
            lines[-1] += f"    with {step.text}"
        elif step.kind in ("formula", "numbers", "work", "result"):
            lines.append(f"    {step.text}" if step.text.startswith("=") else f"  {step.text}")
            if step.source:
                facts.append((_LABELS[step.kind], step.source))
        else:
            facts.append((_LABELS[step.kind], step.text))
    flush()
    return lines


def _aligned(step: Step) -> str:
    if step.kind in ("axis", "layer"):
        return f"&{step.latex}"
    if step.latex.startswith("="):
        return f"&{step.latex}"
    left, equals, right = step.latex.partition(" = ")
    plain = equals and step.kind == "formula"
    return f"{left} &= {right}" if plain else f"&{step.latex}"


_ESCAPES = str.maketrans(
    {
        "_": "\\_",
        "%": "\\%",
        "&": "\\&",
        "#": "\\#",
        "<": "$<$",
        ">": "$>$",
        "→": "$\\to$",
        "≡": "$\\equiv$",
        "≥": "$\\ge$",
        "≤": "$\\le$",
        "{": "\\{",
        "}": "\\}",
        "…": "\\dots",
    }
)


def in_words(text: str) -> str:
    """Plain text in LaTeX's math mode."""
    escaped = text.replace(">=", "≥").replace("<=", "≤").translate(_ESCAPES)
    return f"\\text{{{escaped}}}"
