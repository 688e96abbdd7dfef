"""What came of one check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.values import Value

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EXIT_CODES", "FAULTS", "STATES", "Outcome"]

STATES = ("passed", "failed", "error")
"""A check holds, does not hold, or cannot be decided."""

FAULTS = {
    "unreadable": "what the check says cannot be read",
    "forbidden": "it needs something that was forbidden",
    "vacuous": "nothing is left to check, so nothing would be shown",
    "undecided": "deciding it takes more work than the limit, or is beyond what is known",
    "raised": "the model's own code raises",
    "missing": "a framework that it needs is not installed",
    "broken": "a framework that it needs does not load",
}
"""Why a check could not be decided."""

EXIT_CODES = {"undecided": 1, "raised": 1, "missing": 3, "broken": 3}
"""The exit code of each fault; 2, what cannot be used as it stands, for all others."""


class Outcome(Value):
    """What came of one check.

    Args:
        name: what the check is called.
        kind: the kind of assertion, a key of `deconvcalc.assertions.KINDS`.
        state: "passed", "failed" or "error": it could not be decided.
        expected: what must hold, as text.
        got: what there is instead, as text; for an error, what is in the way.
        derivation: how it comes about, line by line.
        nearest: the nearest inputs that would do, as text.
        where: the file and line that say so, as in "deconvcalc.toml:12", or None.
        hint: the way out, or None.
        fault: for an error a key of `FAULTS`, else None.
        seconds: how long it took.

    >>> one = Outcome("up", "output", "failed", expected="60", got="61", where="deconvcalc.toml:3")
    >>> print(one.text())
    FAILED deconvcalc.toml:3: up (output)
      expected  60
      got       61
    """

    __slots__ = _fields = (
        "name",
        "kind",
        "state",
        "expected",
        "got",
        "derivation",
        "nearest",
        "where",
        "hint",
        "fault",
        "seconds",
    )
    name: str
    kind: str
    state: str
    expected: str
    got: str
    derivation: tuple[str, ...]
    nearest: tuple[str, ...]
    where: str | None
    hint: str | None
    fault: str | None
    seconds: float

    def __init__(
        self,
        name: str,
        kind: str,
        state: str,
        *,
        expected: str = "",
        got: str = "",
        derivation: tuple[str, ...] = (),
        nearest: tuple[str, ...] = (),
        where: str | None = None,
        hint: str | None = None,
        fault: str | None = None,
        seconds: float = 0.0,
    ) -> None:
        self._set(name=name, kind=kind, state=state, expected=expected, got=got)
        self._set(derivation=tuple(derivation), nearest=tuple(nearest), where=where, hint=hint)
        self._set(fault=fault, seconds=seconds)

    def __bool__(self) -> bool:
        """Whether it passed."""
        return self.state == "passed"

    @property
    def exit_code(self) -> int:
        """0 if it passed, 1 if it failed; for an error, that of its fault."""
        if self.state == "error":
            return EXIT_CODES.get(self.fault or "", 2)
        return 0 if self.state == "passed" else 1

    @property
    def title(self) -> str:
        """Where it stands, what it is called, and its kind, in a line."""
        at = f"{self.where}: " if self.where else ""
        kind = "" if self.kind in self.name else f" ({self.kind})"
        return f"{at}{self.name}{kind}"

    def text(self) -> str:
        """All of it in plain text: a line where it passed, else several."""
        lines = [_plain(f"{self.state.upper()} {self.title}")]
        if self.state != "passed":
            lines += _labelled("expected", self.expected.splitlines())
            lines += _labelled("error" if self.state == "error" else "got", self.got.splitlines())
            lines += _labelled("because", self.derivation)
            lines += _labelled("nearest", self.nearest)
            lines += _labelled("hint", (self.hint or "").splitlines())
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()

    def to_record(self) -> dict[str, Any]:
        """The outcome as plain data, for JSON."""
        record = dict(zip(self._fields, self._values(), strict=True))
        return record | {name: list(record[name]) for name in ("derivation", "nearest")}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Outcome:
        """The outcome that a record tells."""
        fields = dict(record)
        for name in ("derivation", "nearest"):
            fields[name] = tuple(fields[name])
        return cls(fields.pop("name"), fields.pop("kind"), fields.pop("state"), **fields)


def _plain(line: str) -> str:
    """A line without what would move a terminal's cursor."""
    return "".join([one if one.isprintable() else " " for one in line])


def _labelled(label: str, lines: tuple[str, ...] | list[str]) -> list[str]:
    """Lines, the first behind a label and the others below it."""
    return [
        _plain(f"  {label if number == 0 else '':<9} {line}").rstrip()
        for number, line in enumerate(lines)
    ]
