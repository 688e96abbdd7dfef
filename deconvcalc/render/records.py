"""Answers as JSON, CSV and Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deconvcalc.derivation import Derivation
    from deconvcalc.solver.answers import Answers

__all__ = ["csv_lines", "document", "json_text", "markdown", "size_document", "size_text"]

SCHEMA = 1
"""The version of the JSON documents; it grows when a field changes its meaning or goes."""


def document(answers: Answers, limit: int | None = None) -> dict[str, Any]:
    """The question, whether all answers are known, how many there are, and the answers."""
    query = answers.query
    result: dict[str, Any] = {
        "schema": SCHEMA,
        "query": {
            "target": list(query.targets) if query.axes else query.targets[0],
            "source": _source(answers),
            "op": query.ops[0] if len(query.ops) == 1 else "any",
            "dialect": query.dialect,
            "bounds": answers.bounds if len(query.ops) > 1 else next(iter(answers.bounds.values())),
        },
        "complete": answers.complete,
        "count": answers.total,
        "answers": (answers if limit is None else answers[:limit]).to_records(),
    }
    if not answers:
        result["reason"] = answers.reason.to_record()
    return result


def _source(answers: Answers) -> Any:
    sources = answers.query.sources
    if sources is None:
        return None
    return list(sources) if answers.query.axes else sources[0]


def size_document(
    layer: str, size: Any, result: Any, steps: tuple[Derivation, ...]
) -> dict[str, Any]:
    """A size and its derivation."""
    return {
        "schema": SCHEMA,
        "layer": layer,
        "input_size": list(size) if isinstance(size, tuple) else size,
        "output_size": list(result) if isinstance(result, tuple) else result,
        "derivation": [step.to_record() for step in steps],
    }


def size_text(record: dict[str, Any], form: str) -> str:
    """A size as JSON, CSV (a line an axis) or Markdown."""
    if form == "json":
        return json_text(record)
    names = ["axis", "source", "target", "formula", "in_n", "dropped", "same_output"]
    steps = record["derivation"] or [
        {"source": record["input_size"], "target": record["output_size"]}
    ]
    rows = [[_text(step.get(name)) for name in names] for step in steps]
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


def json_text(value: dict[str, Any]) -> str:
    """One document; a line for each answer, so that it can be read and compared."""
    import json

    rows = value.get("answers")
    if not rows:
        return json.dumps(value, indent=2)
    head = json.dumps(value | {"answers": []}, indent=2)
    lines = ",\n".join(["    " + json.dumps(row) for row in rows])
    return head.replace('"answers": []', f'"answers": [\n{lines}\n  ]', 1)


def csv_lines(answers: Answers, limit: int | None = None) -> Iterator[str]:
    """A line of names, and a line for each answer."""
    import csv
    from io import StringIO

    records = (answers if limit is None else answers[:limit]).to_records()
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


def markdown(answers: Answers, limit: int | None) -> str:
    """The table as Markdown."""
    from deconvcalc.render.sheet import sheet

    made = sheet(answers, limit)
    lines = [f"**{made.title}**", ""]
    for row in (made.columns, ["---"] * len(made.columns), *made.rows) if made.rows else ():
        cells = [cell.replace("|", "\\|") for cell in row]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [""] if made.rows else []
    return "\n".join(lines + [f"- {label}: {text}" for label, text in [*made.hints, *made.legend]])
