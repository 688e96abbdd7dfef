"""Reports for people, for programs, for JUnit readers, and for the annotations of GitHub."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET

    from deconvcalc.assertions.outcome import Outcome
    from deconvcalc.assertions.running import Report

__all__ = [
    "FORMATS",
    "MOST_ANNOTATIONS",
    "SUFFIXES",
    "github",
    "json_text",
    "junit",
    "summary",
    "text",
    "total",
]

MOST_ANNOTATIONS = 10
"""GitHub shows so many errors of a step, and drops the others without a word."""

_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML cannot have."""


def total(report: Report) -> str:
    """How many there were, and what came of them, in a line.

    >>> from deconvcalc.assertions.running import Report
    >>> from deconvcalc.assertions.outcome import Outcome
    >>> print(total(Report([Outcome("up", "output", "passed")], seconds=0.25)))
    1 check: 1 passed in 0.25 s
    """
    count = len(report.outcomes)
    parts = [f"{report.count('passed'):,} passed"]
    for state, word in (("failed", "failed"), ("error", "in error")):
        if report.count(state):
            parts.append(f"{report.count(state):,} {word}")
    if report.not_run:
        parts.append(f"{len(report.not_run):,} not run")
    noun = "check" if count == 1 else "checks"
    return f"{count:,} {noun}: {', '.join(parts)} in {report.seconds:.2f} s"


def text(report: Report) -> str:
    """All that did not pass, and the total, in plain text."""
    return "\n".join([one.text() for one in report.outcomes if not one] + [total(report)])


def json_text(report: Report) -> str:
    """The report as one JSON document, a check a line."""
    record = report.to_record()
    checks = record.pop("checks")
    head = json.dumps(record, indent=2, ensure_ascii=False).removesuffix("\n}")
    lines = ",\n".join(["    " + json.dumps(one, ensure_ascii=False) for one in checks])
    return f'{head},\n  "checks": [\n{lines}\n  ]\n}}'


# JUnit.


def junit(report: Report) -> str:
    """The report as JUnit's XML: one suite, a case a check."""
    from xml.etree import ElementTree as ET

    counts = {
        "tests": str(len(report.outcomes) + len(report.not_run)),
        "failures": str(report.count("failed")),
        "errors": str(report.count("error")),
        "skipped": str(len(report.not_run)),
        "time": f"{report.seconds:.6f}",
    }
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", {"name": "deconvcalc", **counts})
    for one in report.outcomes:
        suite.append(_case(one))
    for name in report.not_run:
        case = ET.SubElement(suite, "testcase", {"name": _written(name), "classname": "deconvcalc"})
        ET.SubElement(case, "skipped", {"message": "it was not run"})
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, "unicode")


def _case(one: Outcome) -> ET.Element:
    from xml.etree import ElementTree as ET

    file, line = place(one)
    known = {
        "name": _written(one.name),
        "classname": f"deconvcalc.{one.kind}",
        "time": f"{one.seconds:.6f}",
    }
    case = ET.Element("testcase", known)
    if file:
        case.set("file", _written(file))
        case.set("line", str(line))
    if not one:
        tag = "failure" if one.state == "failed" else "error"
        said = {"message": _written(headline(one)), "type": one.fault or one.kind}
        ET.SubElement(case, tag, said).text = _written(one.text())
    return case


def _written(value: str) -> str:
    """Text without what XML cannot have."""
    return _UNWRITABLE.sub("\ufffd", value)


# GitHub.


def github(report: Report) -> str:
    """Annotations for GitHub's log, at most as many as it shows of a step; the last is the total.

    What finds no room among them stands before the total as plain lines.
    """
    wrong = [one for one in report.outcomes if not one]
    room = MOST_ANNOTATIONS - 1
    lines = []
    for one in wrong[:room]:
        file, line = place(one)
        at = f"file={_property(file)},line={line}," if file else ""
        lines.append(f"::error {at}title={_property(one.name)}::{_data(one.text())}")
    for one in wrong[room:]:
        # A line that begins with two colons would be a command.
        lines += [f"| {line}" for line in one.text().splitlines()]
    told = total(report)
    if len(wrong) > room:
        told = f"{len(wrong) - room} more do not pass: see the log. {told}"
    lines.append(f"::{'notice' if report else 'error'} title=deconvcalc::{_data(told)}")
    return "\n".join(lines)


def _data(value: str) -> str:
    """A message as a command of the log has it."""
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


def summary(report: Report) -> str:
    """The report in Markdown, for the summary of a job: the total, and what did not pass."""
    wrong = [one for one in report.outcomes if not one]
    lines = [f"**deconvcalc**: {total(report)}", ""]
    if wrong:
        lines += ["| check | where | expected | got |", "|---|---|---|---|"]
    for one in wrong:
        cells = [f"{one.name} ({one.kind})", one.where or "", one.expected, one.got]
        lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(lines)


def _cell(value: str) -> str:
    flat = " ".join(value.split())
    for sign in "\\`*_<>[]|":
        flat = flat.replace(sign, "\\" + sign)
    return flat


# What all of them tell.


def headline(one: Outcome) -> str:
    """What is wrong, in a line."""
    if one.state == "error":
        return one.got.partition("\n")[0]
    return f"expected {one.expected}, got {one.got}".replace("\n", " ")


def place(one: Outcome) -> tuple[str, int]:
    """The file and the line of a check; "" and 0 where there is none.

    >>> from deconvcalc.assertions.outcome import Outcome
    >>> place(Outcome("up", "output", "failed", where="a:b/deconvcalc.toml:12"))
    ('a:b/deconvcalc.toml', 12)
    """
    file, _, line = (one.where or "").rpartition(":")
    return (file, int(line)) if file and line.isdecimal() else ("", 0)


FORMATS = {
    "text": text,
    "json": json_text,
    "junit": junit,
    "github": github,
    "markdown": summary,
}
"""The forms of a report, by their names."""

SUFFIXES = {".txt": "text", ".json": "json", ".xml": "junit", ".md": "markdown"}
"""The form of a file, by its suffix."""
