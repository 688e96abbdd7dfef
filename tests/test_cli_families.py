"""`solve --families`: every form shows the families that the library gives."""

from __future__ import annotations

import csv
import json
from io import StringIO
from typing import Any

import pytest
from click.testing import CliRunner, Result

import deconvcalc as dc
from deconvcalc.cli import main

QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("7 --from 4", {"target": 7, "source": 4}),
    ("8 --from 4 --dialect keras", {"target": 8, "source": 4, "dialect": "keras"}),
    ("14 --from 28 --op conv -d 1..2", {"target": 14, "source": 28, "op": "conv"}),
    ("7x14 --from 4x8 -k 3 -s 2", {"target": (7, 14), "source": (4, 8), "kernel_size": 3}),
    ("2n --op any --dialect any", {"target": "2*n", "op": "any", "dialect": "any"}),
    ("5 --from 1", {"target": 5, "source": 1}),
]
QUESTIONS[2][1]["dilation"] = range(1, 3)
QUESTIONS[3][1]["stride"] = 2
every_question = pytest.mark.parametrize(("typed", "asked"), QUESTIONS)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["solve", *arguments, "--families"])


@every_question
def test_json_has_the_families_and_not_the_answers(typed: str, asked: dict[str, Any]) -> None:
    result = run(*typed.split(), "--format", "json")
    found = json.loads(result.output)
    answers = dc.solve(**asked)
    assert result.exit_code == 0
    assert found["families"] == [family.to_record() for family in answers.families()]
    assert sum(family["count"] for family in found["families"]) == found["count"] == len(answers)
    assert found["complete"] is True
    assert "answers" not in found
    shown = {"relation", "conditions", "letters", "fixed", "latex", "count", "op", "mode"}
    assert all(shown <= family.keys() for family in found["families"])


@every_question
def test_csv_and_tables_have_a_line_for_each_family(typed: str, asked: dict[str, Any]) -> None:
    families = dc.solve(**asked).families()
    rows = list(csv.DictReader(StringIO(run(*typed.split(), "--format", "csv").output)))
    assert [row["relation"] for row in rows] == [family.relation_text for family in families]
    assert [int(row["count"]) for row in rows] == [family.count for family in families]
    for form in ("table", "markdown"):
        result = run(*typed.split(), "--format", form)
        assert result.exit_code == 0
        for family in families:
            (line,) = [
                line
                for line in result.output.splitlines()
                if family.relation_text in line
                and family.conditions_text in line
                and (family.head in line)
                and line.rstrip(" |").endswith(f" {family.count:,}")
                and (len(families) < 2 or family.mode in line or "mode" not in result.output)
            ]
            assert "\x1b" not in line


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown"])
def test_no_answer_gives_the_reason_and_exit_code_1(form: str) -> None:
    result = run("7", "--from", "4", "-k", "2", "-s", "1", "-p", "0", "--format", form)
    assert result.exit_code == 1
    assert "dilation 1 forbids it" in result.output or form == "json"
    if form == "json":
        found = json.loads(result.output)
        assert found["families"] == []
        assert "reason" in found


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("7", "Name the source"),
        ("7 --from 4 --code torch", "--code or --verify"),
        ("7 --from 4 --verify torch", "--code or --verify"),
        ("7 --from 4 --limit 2", "leave --all and --limit out"),
        ("7 --from 4 --all", "leave --all and --limit out"),
    ],
)
def test_what_does_not_go_together_is_refused(typed: str, message: str) -> None:
    result = run(*typed.split())
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output
