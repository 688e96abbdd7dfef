"""Bring the documentation up to date: `python -m docs.generate`.

It writes the reference pages that come from elsewhere, and fills in what the commands of every
```console block print. The tests fail where either is out of date.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deconvcalc import assertions
from deconvcalc.assertions.outcome import EXIT_CODES, FAULTS
from deconvcalc.assertions.schema import SUBJECTS
from deconvcalc.checkers import ledger
from deconvcalc.cli import main as cli
from deconvcalc.dialects import DIALECTS
from docs.console import comparable, missing, session
from tests.theorems import RELATIONSHIPS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
CONSOLE = re.compile(r"(?<=^```console\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)
NOTE = "<!-- Written by `python -m docs.generate`. -->\n"
COMMAND_LINE = """\
The answer goes to standard output, diagnostics to standard error. A pipe gets plain text of full
width, without colour.

| exit code | meaning |
|---|---|
| 0 | an answer, or all checks hold |
| 1 | no answer, a check that fails, or an input that a layer refuses |
| 2 | wrong usage, input that cannot be read, or an answer that cannot be written |
| 3 | a framework that was asked for is missing or broken |
"""
PROMISES = """\
What deconvcalc promises, and the tests and benchmarks that show it. A benchmark runs with
`python -m tests.bench NAME`.
"""


def main() -> None:
    """Write what has changed, and name it."""
    pages = generated()
    written = [ROOT / "README.md", *sorted(set(DOCS.rglob("*.md")) - pages.keys())]
    for path, text in [*pages.items(), *((path, refilled(path)) for path in written)]:
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(ROOT))


def generated() -> dict[Path, str]:
    """The generated pages."""
    return {
        DOCS / "reference" / "checks.md": checks(),
        DOCS / "reference" / "check-report.schema.json": as_json(assertions.report_schema()),
        DOCS / "reference" / "cli.md": command_line(),
        DOCS / "reference" / "deconvcalc.schema.json": as_json(assertions.schema()),
        DOCS / "reference" / "ledger.md": known_differences(),
        DOCS / "reference" / "promises.md": promises(),
        DOCS / "reference" / "theorems.md": theorems(),
    }


def refilled(path: Path) -> str:
    """A written page, each of its ```console blocks filled in anew."""
    text = path.read_text(encoding="utf-8")
    return CONSOLE.sub(lambda block: _again(block[0]), text)


def _again(block: str) -> str:
    """A block as it reads now; as it is where nothing but rounding differs, or cannot be run."""
    if missing(block):
        return block
    printed = session(block) + "\n"
    return block if comparable(printed) == comparable(block) else printed


def command_line() -> str:
    """The help text of every command, as a session."""
    parts = [NOTE, "# Command line\n", COMMAND_LINE]
    for path in commands(cli, "deconvcalc"):
        parts += [f"## {path}\n", f"```console\n{session(f'$ {path} --help')}\n```\n"]
    return "\n".join(parts)


def commands(command: click.Command, path: str) -> Iterator[str]:
    """The command and every command below it, as a person types them."""
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from commands(below, f"{path} {name}")


CHECKS = """\
What a file of checks may say: `deconvcalc.toml`, or `[tool.deconvcalc]` in `pyproject.toml`. It is
held to {schema}, and what `deconvcalc check --format json` prints to {report}. How to write one:
[](../how-to/checks.md).

A file has `[[check]]` tables, and it may have `verify`, a list of checkers that build and run every
check that names an input. Each check says what it is about by one of {subjects}, and at least one
thing that must hold. It makes one check for each such thing, and for each of its inputs.
"""
FAULTS_TEXT = """\
## How a check ends

It passes, it fails, or it is an error: it could not be decided. An error never passes. The exit
code of a run is the largest of its checks.

| end | why | exit code |
|---|---|---|
| passed | what must hold does | 0 |
| failed | it does not | 1 |
"""


def checks() -> str:
    """The keys of a check, the kinds of assertion, and how a check ends."""
    links = {
        "schema": "[a JSON schema](deconvcalc.schema.json)",
        "report": "[another](check-report.schema.json)",
        "subjects": ", ".join([f"`{key}`" for key in SUBJECTS]),
    }
    parts = [NOTE, "# Checks\n", CHECKS.format(**links)]
    asserted = {kind.key for kind in assertions.KINDS.values()}
    keys = assertions.schema()["$defs"]["check"]["properties"]
    rows = ["| key | says |", "|---|---|"]
    told = {key: one["description"] for key, one in keys.items() if key not in asserted}
    rows += [f"| `{key}` | {text} |" for key, text in told.items()]
    parts += ["## What a check is about, and where it is asked\n", "\n".join(rows) + "\n"]
    needs = {"input": "an input", "inputs": "`inputs`", "any": "", "near": "", "none": ""}
    rows = ["| kind | key | what must hold | needs |", "|---|---|---|---|"]
    rows += [
        f"| `{kind.name}` | `{kind.key}` | {kind.title} | {needs[kind.asks]} |"
        for kind in assertions.KINDS.values()
    ]
    parts += ["## What must hold\n", "\n".join(rows) + "\n"]
    rows = [
        f"| error: {fault} | {text} | {EXIT_CODES.get(fault, 2)} |"
        for fault, text in FAULTS.items()
    ]
    return "\n".join([*parts, FAULTS_TEXT + "\n".join(rows) + "\n"])


def as_json(document: dict[str, Any]) -> str:
    """A document as it is published."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


LEDGER = """\
What a framework does differently from its own rule, where sizes are compared in large sweeps. Each
example is run again with the tests; an entry that no longer holds fails.
"""


def known_differences() -> str:
    """The ledgers, an entry each, with both results."""
    parts = [NOTE, "# Ledger\n", LEDGER]
    for framework, dialect in DIALECTS.items():
        parts.append(f"## {dialect.title}\n")
        for entry in ledger.entries(framework):
            parts.append(f"**{entry['predicate']}** ({entry['version']}). {entry['reason']}\n")
            parts.append(f"[The layer's page]({entry['link']}).\n")
            rows = ["| call | input | framework | deconvcalc |", "|---|---|---|---|"]
            for written in entry["examples"]:
                one, theirs, ours = ledger.example(written)
                sizes = ["refuses" if size is None else str(size) for size in (theirs, ours)]
                rows.append(f"| `{one.call(framework)}` | {one.size} | {sizes[0]} | {sizes[1]} |")
            parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def promises() -> str:
    """The table of promises."""
    listed = tomllib.loads((ROOT / "tests" / "promises.toml").read_text(encoding="utf-8"))
    rows = [
        f"| {promise['text']} | {'<br>'.join(f'`{shown}`' for shown in promise['shown_by'])} |"
        for promise in listed["promise"]
    ]
    table = "\n".join(["| promise | shown by |", "|---|---|", *rows])
    return "\n".join([NOTE, "# Promises\n", PROMISES, f"{table}\n"])


THEOREMS = """\
The 15 relationships of V. Dumoulin and F. Visin,
[A guide to convolution arithmetic for deep learning](https://arxiv.org/abs/1603.07285) (2016), as
theorems: input i, output o, kernel k, stride s, padding p, dilation d. A transposed convolution has
a dash, and a zeros added at one end.

Proved by maps: for every i at once, at every k from 1 to 11, every s from 1 to 8, every p from 0 to
k - 1, every a from 0 to s - 1 and every d from 1 to 4, as far as they appear; the number of cases
is given. For a transposed convolution that is three equalities: with its formula, with the direct
convolution over the stretched input, and with i + a - (i + 2p - k) mod s for the convolution and it
one after the other. So it gives i back where the remainder is a, and nowhere else.

Proved in symbols: the difference of both sides, by the formulas of the package, is zero. Where a
floor is in the way, i is chosen so that the stride divides, by an integer q.

The last column alters the relationship by 1, and names the least input at which it then fails.
`tests/theorems.py` has the proofs, and `tests/test_theorems.py` runs them.
"""


def theorems() -> str:
    """The table of relationships, each with its proofs and what refutes it altered."""
    rows = []
    for one in RELATIONSHIPS:
        cases = len(list(one.cases()))
        extent = "k + (k - 1)(d - 1)" if "d" in next(one.cases()) else "k"
        pads = " - 2p" if "p" in next(one.cases()) else ""
        symbols = f"for i = {extent}{pads} + q s" if one.has_floor else "for every i"
        found = "<br>".join([str(wrong) for wrong in one.counterexamples()])
        cells = [str(one.number), one.text, f"{cases:,}", symbols, found]
        rows.append(f"| {' | '.join(cells)} |")
    names = "| | relationship | by maps: cases | in symbols | altered |"
    table = "\n".join([names, "|---|---|---|---|---|", *rows])
    return "\n".join([NOTE, "# Theorems\n", THEOREMS, f"{table}\n"])


if __name__ == "__main__":
    main()
