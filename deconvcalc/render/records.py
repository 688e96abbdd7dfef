"""Answers as JSON, CSV and Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deconvcalc.checkers.confirming import Status
    from deconvcalc.checkers.verdict import Verdict
    from deconvcalc.derivation import Derivation, Proof
    from deconvcalc.render.sheet import Sheet
    from deconvcalc.solver.answers import Answers
    from deconvcalc.solver.families import Family

__all__ = [
    "checkers_text",
    "csv_lines",
    "document",
    "families_text",
    "json_text",
    "markdown",
    "rows_text",
    "size_document",
    "size_text",
    "verdicts_text",
]

SCHEMA = 1
"""The version of the JSON documents; it grows when a field changes its meaning or goes."""


def document(
    answers: Answers,
    limit: int | None = None,
    more: Sequence[dict[str, Any]] = (),
    proof: Proof | None = None,
) -> dict[str, Any]:
    """The question, whether all answers are known, how many there are, and the answers.

    `more` has further fields for each of them; `proof` is the derivation of the first one, or the
    proof that there is none.
    """
    result = _head(answers) | {"answers": _records(answers, limit, more)}
    if (partly := getattr(answers, "partly", None)) is not None:
        result["partly"] = [one.to_record() | {"domain": domain} for one, domain in partly]
    if not answers:
        result["reason"] = answers.reason.to_record()
    if proof is not None:
        result["derivation"] = proof.to_record()
    return result


def families_text(answers: Answers, families: Sequence[Family], form: str) -> str:
    """Families as JSON, or as CSV with a line for each. The answers themselves are left out."""
    rows = [family.to_record() for family in families]
    if form == "csv":
        for row in rows:
            row["fixed"] = " ".join([f"{name}={value}" for name, value in row["fixed"].items()])
            row["letters"] = " ".join(row["letters"])
            row["conditions"] = "; ".join(row["conditions"])
        return rows_text(rows) if rows else "op"
    result = _head(answers) | {"families": rows}
    if not answers:
        result["reason"] = answers.reason.to_record()
    return json_text(result)


def _head(answers: Answers) -> dict[str, Any]:
    """The question, whether all answers are known, and how many there are."""
    query = answers.query
    asked: dict[str, Any] = {
        "target": list(query.targets) if query.axes else query.targets[0],
        "source": _source(answers),
        "op": query.ops[0] if len(query.ops) == 1 else "any",
        "dialect": query.dialect,
        "shared": query.shared,
        "ceil_mode": any(spaces[0].ceil_mode for spaces in query.spaces.values()),
        "bounds": answers.bounds if len(query.ops) > 1 else next(iter(answers.bounds.values())),
    }
    if hasattr(answers, "asked"):  # a target in n has it
        where = answers.asked.where
        asked["where"] = None if where is None else str(where)
    return {
        "schema": SCHEMA,
        "query": asked,
        "complete": answers.complete,
        "count": answers.total,
    }


def _records(
    answers: Answers, limit: int | None, more: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    records = (answers if limit is None else answers[:limit]).to_records()
    if more:
        records = [one | other for one, other in zip(records, more, strict=True)]
    return records


def _source(answers: Answers) -> Any:
    sources = answers.query.sources
    if sources is None:
        return None
    return list(sources) if answers.query.axes else sources[0]


def size_document(
    layer: str, size: Any, result: Any, derivation: Derivation | None
) -> dict[str, Any]:
    """A size and its derivation."""
    return {
        "schema": SCHEMA,
        "layer": layer,
        "input_size": list(size) if isinstance(size, tuple) else size,
        "output_size": list(result) if isinstance(result, tuple) else result,
        "derivation": derivation.to_record()["axes"] if derivation is not None else [],
    }


def size_text(record: dict[str, Any], form: str) -> str:
    """A size as JSON, CSV (a line an axis) or Markdown."""
    if form == "json":
        return json_text(record)
    names = ["axis", "source", "target", "formula", "in_n", "dropped", "lossless", "same_output"]
    axes = [axis["layers"][0] | axis for axis in record["derivation"]]
    axes = axes or [{"source": record["input_size"], "target": record["output_size"]}]
    rows = [[_text(axis.get(name)) for name in names] for axis in axes]
    if form == "csv":
        import csv
        from io import StringIO

        buffer = StringIO()
        csv.writer(buffer, lineterminator="\n").writerows([names, *rows])
        return buffer.getvalue().rstrip("\n")
    lines = [f"| {' | '.join(cells)} |" for cells in (names, ["---"] * len(names), *rows)]
    return "\n".join([f"**{record['layer']}**", "", *lines])


def _text(value: Any) -> str:
    return "" if value is None else str(_cell(value))


def json_text(value: dict[str, Any], name: str = "answers") -> str:
    """One document; a line for each answer, so that it can be read and compared.

    `name` is the field that has a line for each of its elements.
    """
    import json

    rows = value.get(name)
    if not rows:
        return json.dumps(value, indent=2)
    head = json.dumps(value | {name: []}, indent=2)
    lines = ",\n".join(["    " + json.dumps(row) for row in rows])
    return head.replace(f'\n  "{name}": []', f'\n  "{name}": [\n{lines}\n  ]', 1)


def csv_lines(
    answers: Answers, limit: int | None = None, more: Sequence[dict[str, Any]] = ()
) -> Iterator[str]:
    """A line of names, and a line for each answer, with further fields from `more`."""
    import csv
    from io import StringIO

    records = _records(answers, limit, more)
    names = list(dict.fromkeys([name for record in records for name in record]))
    buffer = StringIO()
    writer = csv.DictWriter(buffer, names or ["op"], lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({name: _cell(value, name) for name, value in record.items()})
    yield from buffer.getvalue().splitlines()


def _cell(value: Any, name: str = "") -> Any:
    """A cell of CSV: axes have an x between them, sides and counts of one axis a space."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, list):
        return value
    if any(isinstance(item, list) for item in value):
        return "x".join([" ".join(map(str, item)) for item in value])
    return (" " if name == "taps" else "x").join(map(str, value))


def markdown(made: Sheet) -> str:
    """A table as Markdown."""
    lines = [f"**{made.title}**", ""]
    lines += [f"- {label}: {text}" for label, text in made.below]
    lines += [""] if made.below else []
    for row in (made.columns, ["---"] * len(made.columns), *made.rows) if made.rows else ():
        cells = [cell.replace("|", "\\|") for cell in row]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [""] if made.rows else []
    items: list[str] = []
    for label, text in [*made.hints, *made.legend]:
        if label:
            items.append(f"- {label}: {text}")
        else:  # it goes on with the one above
            items[-1] += f"; {text}"
    return "\n".join(lines + items).rstrip()


def verdicts_text(
    layer: str, size: Any, result: Any, verdicts: Sequence[Verdict], form: str
) -> str:
    """The verdicts on one layer as JSON, CSV (a line a checker) or Markdown."""
    if form == "markdown":
        from deconvcalc.render.verdicts import table

        return markdown(table(layer, size, result, verdicts))
    rows = [verdict.to_record() for verdict in verdicts]
    if form == "csv":
        return rows_text(rows)
    return json_text(
        {
            "schema": SCHEMA,
            "layer": layer,
            "input_size": list(size) if isinstance(size, tuple) else size,
            "output_size": list(result) if isinstance(result, tuple) else result,
            "ok": all(verdict.ok for verdict in verdicts),
            "verdicts": rows,
        }
    )


def checkers_text(found: Sequence[Status], form: str) -> str:
    """The checkers as JSON, CSV (a line a checker) or Markdown."""
    if form == "markdown":
        from deconvcalc.render.verdicts import checkers_table

        return markdown(checkers_table(found))
    names = ("name", "state", "versions", "reason", "hint")
    rows = [{name: getattr(one, name) for name in names} for one in found]
    return rows_text(rows) if form == "csv" else json_text({"schema": SCHEMA, "checkers": rows})


def rows_text(rows: Sequence[dict[str, Any]]) -> str:
    """CSV of rows with the same names; what has parts of its own is written as JSON writes it."""
    import csv
    import json
    from io import StringIO

    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        cells = [
            json.dumps(value) if isinstance(value, (dict, list, bool)) else value
            for value in row.values()
        ]
        writer.writerow(cells)
    return buffer.getvalue().rstrip("\n")
