"""Sybil runs every block of the README, of the documentation and of the docstrings."""

from __future__ import annotations

import difflib
from unittest import SkipTest

from sybil import Example, Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser
from sybil.parsers.rest import DocTestParser

from docs.console import comparable, missing, session


def check_console(example: Example) -> str | None:
    """Type the commands of a ```console block again; the block must read the same."""
    written = example.parsed.rstrip("\n")
    if absent := missing(written):
        raise SkipTest(f"{', '.join(absent)} not installed")
    printed = session(written)
    if comparable(written) == comparable(printed):
        return None
    lines = difflib.unified_diff(
        written.splitlines(), printed.splitlines(), "written", "printed", lineterm=""
    )
    return "\n".join(lines)


pages = Sybil(
    patterns=["README.md", "docs/**/*.md", "docs/*.md"],
    parsers=[PythonCodeBlockParser(), CodeBlockParser("console", check_console)],
)
docstrings = Sybil(
    patterns=["deconvcalc/**/*.py", "deconvcalc/*.py"],
    parsers=[DocTestParser()],
    document_types={".py": PythonDocStringDocument},
)

# A project of its own: tests/test_example_project.py runs its tests as its people do.
collect_ignore = ["docs/examples/segmenter"]

pytest_collect_file = (pages + docstrings).pytest()
