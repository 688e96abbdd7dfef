"""What checkers say, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.checkers.names import CHECKERS, TITLES
from deconvcalc.render.sheet import Sheet, shown_size
from deconvcalc.render.text import size_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deconvcalc.checkers.confirming import Status
    from deconvcalc.checkers.verdict import Verdict

__all__ = [
    "all_reasons",
    "checkers_table",
    "column",
    "mark",
    "meaning",
    "reasons",
    "table",
    "versions",
    "way_round",
]

MOST_NAMED = 5
"""How many answers a reason names by their numbers."""

_MEANINGS = {
    "error": "the largest difference of a value from the reference, as a part of the largest value",
    "adjoint": "how far <Lx, y> and <x, L*y> lie apart, for the transpose L* of the same weights",
    "built": "what was built",
}


def mark(verdict: Verdict | None) -> str:
    """A verdict in a word or two."""
    if verdict is None:
        return "not asked"
    return "ok" if verdict.ok else f"not ok: {verdict.fault}"


def column(name: str) -> str:
    """The head of the column that has a checker's verdicts."""
    return f"run: {name}"


def meaning(name: str) -> str:
    """What that column says."""
    if CHECKERS[name] is None:
        return "whether the loops and the arithmetic agree"
    return "what real layers said of size and values"


def table(layer: str, size: Any, result: Any, verdicts: Sequence[Verdict]) -> Sheet:
    """The verdicts on one layer, a row each."""
    made = Sheet(size_title(layer, size, result))
    made.columns = ["checker", "verdict", "size", "error", "adjoint", "built"]
    for verdict in verdicts:
        found = "-" if verdict.found is None else shown_size(verdict.found) or "no axis"
        relative = None
        if verdict.error is not None and verdict.scale:
            relative = verdict.error / verdict.scale
        elif verdict.error is not None:
            relative = verdict.error
        made.rows.append(
            [
                verdict.checker,
                mark(verdict),
                found,
                _small(relative),
                _small(verdict.adjoint),
                ", then ".join(verdict.built) or ("the loops" if verdict.how == "loops" else "-"),
            ]
        )
    if all(verdict.adjoint is None for verdict in verdicts):
        place = made.columns.index("adjoint")
        for row in (made.columns, *made.rows):
            del row[place]
    made.hints = [*reasons(verdicts), *way_round(verdicts, "--with"), *versions(verdicts)]
    made.legend = [(name, _MEANINGS[name]) for name in made.columns if name in _MEANINGS]
    return made


def _small(value: float | None) -> str:
    return "-" if value is None else "0" if value == 0 else f"{value:.1e}"


def reasons(verdicts: Sequence[Verdict]) -> list[tuple[str, str]]:
    """Why verdicts are not ok, each line of a reason below the other."""
    return [
        (verdict.checker if number == 0 else "", line.strip())
        for verdict in verdicts
        if not verdict.ok
        for number, line in enumerate(str(verdict.reason).splitlines())
    ]


def all_reasons(groups: Sequence[Sequence[Verdict]]) -> list[tuple[str, str]]:
    """Why verdicts on several answers are not ok, each reason once.

    Numbers tell of which answers, unless it is the same for all.
    """
    found: dict[tuple[str, str], tuple[Verdict, list[int]]] = {}
    for number, group in enumerate(groups, 1):
        for one in group:
            if not one.ok:
                found.setdefault((one.checker, str(one.reason)), (one, []))[1].append(number)
    lines = []
    for verdict, numbers in found.values():
        (label, first), *others = reasons([verdict])
        if len(numbers) < len(groups):
            named = ", ".join([f"#{number}" for number in numbers[:MOST_NAMED]])
            more = f" and {len(numbers) - MOST_NAMED:,} more" if len(numbers) > MOST_NAMED else ""
            first = f"{named}{more}: {first}"
        lines += [(label, first), *others]
    return lines


def way_round(verdicts: Sequence[Verdict], option: str) -> list[tuple[str, str]]:
    """What can be asked where no framework answers."""
    asked = {verdict.checker for verdict in verdicts}
    if "numpy" in asked or not all(one.fault in ("missing", "broken") for one in verdicts):
        return []
    return [("numpy", f"{option} numpy needs no framework: it runs loops instead")]


def versions(verdicts: Sequence[Verdict]) -> list[tuple[str, str]]:
    """By checker, the versions that said so."""
    return [(one.checker, _versions(one.versions)) for one in verdicts if one.versions]


def _versions(found: dict[str, str]) -> str:
    return ", ".join([f"{name} {version}" for name, version in found.items()])


def checkers_table(found: Sequence[Status]) -> Sheet:
    """Every checker and whether it can be used, a row each."""
    ready = sum(one.state == "ready" for one in found)
    verb = "is" if ready == 1 else "are"
    made = Sheet(f"{ready} of {len(found)} checkers {verb} ready")
    made.columns = ["checker", "is", "state", "versions"]
    made.rows = [
        [one.name, TITLES[one.name], one.state, _versions(one.versions) or "-"] for one in found
    ]
    for one in found:
        if one.reason:
            made.hints.append((one.name, one.reason.splitlines()[0]))
        if one.hint:
            made.hints.append(("", one.hint))
    return made
