"""Files of checks: `deconvcalc.toml`, or `[tool.deconvcalc]` of `pyproject.toml`.

    [[check]]
    name = "up"
    layer = "nn.ConvTranspose2d(64, 32, 6, stride=2)"
    input = 28
    output = 60

A table makes a check for each thing that it says, and for each input that it says it of.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deconvcalc.assertions.finding import Case, Kind, Options
from deconvcalc.assertions.kinds import KINDS, outcome_of
from deconvcalc.assertions.schema import MOST_CHECKS, SUBJECTS, schema
from deconvcalc.assertions.source import Source, project_of, within
from deconvcalc.assertions.subject import read_size, size_text
from deconvcalc.errors import QueryError, SpecError
from deconvcalc.tracing.loading import here_first
from deconvcalc.tracing.schema import check as hold
from deconvcalc.tracing.toml import Toml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deconvcalc.assertions.outcome import Outcome
    from deconvcalc.tracing.lines import Place

__all__ = ["MOST_BYTES", "NAME", "Check", "Spec", "found_in", "read"]

MOST_BYTES = 500_000
"""A file of checks may be as large."""

NAME = "deconvcalc.toml"
_PYPROJECT = "pyproject.toml"
_MOST_NAMED = 60


class Check:
    """One thing that must hold, of one model, and at one input where it is asked at one.

    Attributes:
        name: what it is called; no other check of the file has this name.
        kind: its kind, one of `KINDS`.
        where: the file and line that say so, as in "deconvcalc.toml:12".
        source: what it is about.
        file: the file.
        number: its place in the file.
        value: what must hold, as the file has it.
        input: the input as the file has it, or None.
        inputs: the conditions as the file has them, or None.
    """

    def __init__(
        self,
        name: str,
        kind: Kind,
        where: str,
        source: Source,
        value: Any,
        *,
        input: Any = None,  # noqa: A002 - what it is called in files
        inputs: Any = None,
    ) -> None:
        self.name, self.kind, self.where, self.source = name, kind, where, source
        self.value, self.input, self.inputs = value, input, inputs
        self.file, self.number = Path(), 0

    def run(self, options: Options | None = None) -> Outcome:
        """Decide it. What is in the way becomes an outcome too, with the state "error"."""
        chosen = options or Options()

        def ready() -> Case:
            if self.kind.key == self.source.kind:  # the file itself is what is checked
                return Case(None, self.source.text(chosen))
            subject = self.source.subject(chosen)
            size = None if self.input is None else read_size(self.input)
            return Case(subject, self.value, size, self.inputs)

        if not self.source.is_imported or chosen.no_import:
            return outcome_of(self.kind, ready, self.name, self.where)
        with here_first(self.source.folder):
            return outcome_of(self.kind, ready, self.name, self.where)

    def __repr__(self) -> str:
        return f"<check {self.name!r}: {self.kind.name}, {self.where}>"


class Spec:
    """A file of checks.

    Attributes:
        path: the file.
        checks: what it asks for, in order.
    """

    def __init__(self, path: Path, checks: tuple[Check, ...]) -> None:
        self.path, self.checks = path, checks

    def __repr__(self) -> str:
        return f"<{self.path.name}: {len(self.checks)} checks>"


def found_in(folder: str | Path = ".") -> tuple[Path, ...]:
    """The files of checks of a folder: `deconvcalc.toml`, and a `pyproject.toml` with checks.

    Raises:
        SpecError: a `pyproject.toml` that cannot be read.
    """
    home = Path(folder)
    found = [home / NAME] if (home / NAME).exists() else []
    project = home / _PYPROJECT
    if project.exists() and _table(Toml(project, most=MOST_BYTES)) is not None:
        found.append(project)
    return tuple(found)


def _table(file: Toml) -> dict[str, Any] | None:
    """[tool.deconvcalc], or None.

    Raises:
        SpecError: it is there and no table, so that its checks would go unread.
    """
    tools = file.data.get("tool")
    found = tools.get("deconvcalc") if isinstance(tools, dict) else None
    if found is not None and not isinstance(found, dict):
        raise file.fail(
            "tool.deconvcalc is no table",
            ("tool", "deconvcalc"),
            "Write [[tool.deconvcalc.check]].",
        )
    return found


def read(path: str | Path, options: Options | None = None) -> Spec:
    """Read a file of checks. Nothing of it runs yet.

    Args:
        path: the file; of one called `pyproject.toml`, the table `[tool.deconvcalc]` counts.
        options: how it will be run; `verify` and `outside` count here.

    Raises:
        SpecError: a file that cannot be read, says something unknown, or has no check.
    """
    chosen = options or Options()
    file = Path(path)
    root = project_of(file)
    if not chosen.outside:
        try:
            within(file, root)
        except QueryError as error:
            raise SpecError(error.message, where=file.name, hint=error.hint) from None
    reader = _Reader(file, root, chosen)
    return Spec(file, tuple(reader.checks()))


class _Reader(Toml):
    """Makes the checks of a file."""

    def __init__(self, path: Path, root: Path, options: Options) -> None:
        super().__init__(path, most=MOST_BYTES, too_large="Write several files.")
        self.root, self.options = root, options
        self.table = self.data
        if path.name == _PYPROJECT:
            found = _table(self)
            if found is None:
                raise self.fail("there is no [tool.deconvcalc] in it", None, _HOW)
            self.base, self.table = ("tool", "deconvcalc"), found
        if not self.table.get("check"):
            raise self.fail("there is no check in it: nothing would be shown", None, _HOW)
        hold(self.table, schema(), self.fail, "the file")
        self.sources: dict[str, Source] = {}
        self.names: dict[str, str] = {}

    def checks(self) -> list[Check]:
        """All checks, in order.

        Raises:
            SpecError: a table that says too little, or too much.
        """
        found: list[Check] = []
        for number, table in enumerate(self.table["check"]):
            made = self.of_table(table, ("check", number), number)
            found += made
            if len(found) > MOST_CHECKS:
                raise self.fail(
                    f"it makes more than {MOST_CHECKS:,} checks", ("check", number), "Split it."
                )
        is_asked = self.options.verify or "verify" in self.table
        names: set[str] = set()
        for place, check in enumerate(found):
            check.file, check.number = self.path.absolute(), place
            check.name = _free(check.name, names)
            names.add(check.name)
        if is_asked and self.options.verify != () and not any(one.input for one in found):
            raise self.fail(
                "no check names an input, so there is nothing to verify",
                ("verify",),
                "Write input = 28 in a check.",
            )
        return found

    def of_table(self, table: dict[str, Any], place: Place, number: int) -> list[Check]:
        """The checks of one table."""
        source = self.source(table, place)
        name = table.get("name") or f"{number + 1}: {_short(source.said)}"
        if name in self.names:
            raise self.fail(f"the name {name!r} is taken, at {self.names[name]}", (*place, "name"))
        self.names[name] = self.where(place)
        made = [*self.asserted(table, place, name, source)]
        verifies = "verify" in table or ("verify" in self.table and self.points(table, place))
        if not made and not (verifies and self.options.verify == ()):
            keys = ", ".join(dict.fromkeys([kind.key for kind in KINDS.values()]))
            raise self.fail(
                "this check says nothing that must hold", place, f"It needs one of {keys}."
            )
        self.check_used(table, place, made)
        if len(made) > 1:
            _name_apart(made, name)
        return made

    def source(self, table: dict[str, Any], place: Place) -> Source:
        """What a table is about; two that say the same share one model."""
        said = [key for key in SUBJECTS if key in table]
        if len(said) != 1:
            what = "does not say what it is about" if not said else f"has {' and '.join(said)}"
            raise self.fail(
                f"this check {what}",
                (*place, *said[1:2]),
                f"It needs one of {', '.join(SUBJECTS)}.",
            )
        keys = (*said, "arguments", "channels", "assume")
        key = json.dumps([table.get(name) for name in keys], sort_keys=True, default=str)
        key = f"{said[0]} {key}"
        if key not in self.sources:
            self.sources[key] = Source(
                said[0],
                table[said[0]],
                self.path.absolute().parent,
                self.root,
                arguments=table.get("arguments"),
                channels=table.get("channels"),
                assume=table.get("assume"),
            )
        return self.sources[key]

    def points(self, table: dict[str, Any], place: Place) -> list[tuple[Any, Any, Place]]:
        """The inputs of a table, each with its output, and the place of that."""
        if "input" in table and "sizes" in table:
            raise self.fail(
                "input does not go with sizes", (*place, "input"), "Write it as one of sizes."
            )
        if "sizes" in table and "output" in table and "inputs" not in table:
            raise self.fail("output stands beside each input of sizes", (*place, "output"))
        if "input" in table:
            output = None if "inputs" in table else table.get("output")
            return [(table["input"], output, (*place, "output"))]
        return [
            (one["input"], one.get("output"), (*place, "sizes", number))
            for number, one in enumerate(table.get("sizes", ()))
        ]

    def checkers(self, table: dict[str, Any]) -> list[str]:
        """The checkers of a table: those that are asked for, its own, or those of the file."""
        if self.options.verify is not None:
            return list(self.options.verify)
        return list(table.get("verify", self.table.get("verify", ())))

    def asserted(
        self, table: dict[str, Any], place: Place, name: str, source: Source
    ) -> Iterator[Check]:
        """A check for each thing that a table says, and each input that it says it of."""
        points = self.points(table, place)
        self.check_needs(table, place, points)

        def made(kind: Kind, at: Place, value: Any, size: Any = None, inputs: Any = None) -> Check:
            return Check(name, kind, self.where(at), source, value, input=size, inputs=inputs)

        for size, output, at in points:
            if output is not None:
                yield made(KINDS["output"], at, output, size)
        if "inputs" in table:
            at = (*place, "output")
            yield made(KINDS["output_for_all"], at, table["output"], None, table["inputs"])
        for kind in KINDS.values():
            if kind.key not in table or kind.key in ("output", "verify"):
                continue
            at = (*place, kind.key)
            asked = points[:1] if kind.asks == "near" else points
            if not asked and kind.asks != "input":
                asked = [(None, None, at)]
            for size, _, _ in asked:
                yield made(kind, at, table[kind.key], size)
        checkers = self.checkers(table)
        for size, _, near in points if checkers else ():
            at = (*place, "verify") if "verify" in table else near
            yield made(KINDS["verify"], at, checkers, size)

    def check_used(self, table: dict[str, Any], place: Place, made: Sequence[Check]) -> None:
        """Refuse an input that nothing is said of: it would never be asked about."""
        if self.options.verify == ():  # what is left out may be what it is for
            return
        for size, _, at in self.points(table, place):
            if not any(check.input == size for check in made):
                raise self.fail(
                    f"nothing is said of the input {size_text(size)}",
                    (*place, "input") if "input" in table else at,
                    "Write the output that must come out of it, or leave it out.",
                )

    def check_needs(self, table: dict[str, Any], place: Place, points: Sequence[Any]) -> None:
        """Refuse what needs an input, or conditions, and has none."""
        if "output" in table and not points and "inputs" not in table:
            raise self.fail(
                "output needs an input",
                (*place, "output"),
                'Write input = 28, or inputs = "n % 32 == 0" for all of those.',
            )
        if "inputs" in table and "output" not in table:
            raise self.fail(
                "inputs needs an output in n",
                (*place, "inputs"),
                'Write output = "n", or admits = "..." for inputs that must run.',
            )
        for kind in KINDS.values():
            if kind.key in table and kind.key != "output" and kind.asks == "input" and not points:
                raise self.fail(
                    f"{kind.key} needs an input", (*place, kind.key), "Write input = 28."
                )


_HOW = "Write [[check]] tables, or let deconvcalc check --init MODEL write a first file."


def _short(said: Any) -> str:
    text = " ".join(str(said if isinstance(said, str) else ", ".join(said)).split())
    return text if len(text) <= _MOST_NAMED else f"{text[:_MOST_NAMED]}..."


def _name_apart(checks: list[Check], name: str) -> None:
    """Name the checks of a table by their kind, and by their input where that is not enough."""
    kinds = [check.kind.name for check in checks]
    for check in checks:
        check.name = f"{name}: {check.kind.name}"
        if kinds.count(check.kind.name) > 1:
            check.name += f" at {size_text(check.input)}"


def _free(name: str, taken: set[str]) -> str:
    """A name, with a number where it is taken."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free
