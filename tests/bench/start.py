"""Start: whole processes of `deconvcalc solve`, in turn with the smallest click programs."""

from __future__ import annotations

import csv
import errno
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
from functools import partial
from pathlib import Path

from tests.bench import Row, medians

NAME = "start"
ROUNDS = 21
PIPE_LIMIT = 1.3
TERMINAL_LIMIT = 1.2

HELLO = """\
import click

@click.command()
@click.option("--name", default="world")
def hello(name):
    click.echo(f"hello {name}")

hello()
"""

RICH_TABLE = """\
import click

@click.command()
@click.option("--title", default="a table")
def table(title):
    from rich.console import Console
    from rich.table import Table

    shown = Table(title=title)
    for column in ("#", "k", "s", "p"):
        shown.add_column(column)
    for row in range(1, 11):
        shown.add_row(str(row), "3", "2", "1")
    Console().print(shown)

table()
"""

ONE = ["solve", "7", "--from", "4"]
UNSOLVABLE = ["solve", "9", "--from", "4", "-k", "3", "-s", "2", "-p", "1", "-o", "0"]
FORMS = {
    "table": ONE,
    "json": [*ONE, "--format", "json"],
    "csv": [*ONE, "--format", "csv"],
    "markdown": [*ONE, "--format", "markdown"],
    "two axes": ["solve", "7x14", "--from", "4x7"],
    "unsolvable": UNSOLVABLE,
}
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name not in {"COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR"}
} | {"TERM": "xterm-256color"}


def run() -> list[Row]:
    """Six forms in a pipe, and the table in a terminal."""
    ours = str(Path(sys.executable).with_name("deconvcalc"))
    with tempfile.TemporaryDirectory() as folder:
        hello = _program(Path(folder, "hello"), HELLO)
        table = _program(Path(folder, "table"), RICH_TABLE)
        _check(ours, hello, table)
        forms = {form: partial(_pipe, [ours, *arguments]) for form, arguments in FORMS.items()}
        piped = medians({"hello": partial(_pipe, [hello]), **forms}, ROUNDS)
        shown = medians(
            {"ours": partial(_terminal, [ours, *ONE]), "table": partial(_terminal, [table])}, ROUNDS
        )
    rows = [
        Row(
            case=f"{form} in a pipe",
            ours="deconvcalc solve",
            rival="click hello",
            ours_seconds=piped[form],
            rival_seconds=piped["hello"],
            limit=PIPE_LIMIT,
        )
        for form in FORMS
    ]
    in_terminal = Row(
        case="table in a terminal",
        ours="deconvcalc solve",
        rival="click and one rich table",
        ours_seconds=shown["ours"],
        rival_seconds=shown["table"],
        limit=TERMINAL_LIMIT,
    )
    return [*rows, in_terminal]


def _program(path: Path, source: str) -> str:
    """An executable script for this interpreter, as an installer writes them."""
    path.write_text(f"#!{sys.executable}\n{source}", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def _pipe(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command whose output is a pipe."""
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)


def _terminal(command: list[str]) -> str:
    """Run a command in a pseudo-terminal of 100 columns, and read all that it shows."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
    with subprocess.Popen(command, env=ENVIRONMENT, stdin=child, stdout=child, stderr=child):
        os.close(child)
        shown = []
        try:
            while part := os.read(parent, 65536):
                shown.append(part)
        except OSError as error:
            if error.errno != errno.EIO:  # Linux says EIO where the other end is closed
                raise
        finally:
            os.close(parent)
    return b"".join(shown).decode()


def _check(ours: str, hello: str, table: str) -> None:
    """Every form answers, and the forms agree on the first answer."""
    done = {form: _pipe([ours, *arguments]) for form, arguments in FORMS.items()}
    for form, process in done.items():
        expected = 1 if form == "unsolvable" else 0
        assert process.returncode == expected, (form, process.returncode, process.stderr)
    names = ("kernel_size", "stride", "padding")
    first = json.loads(done["json"].stdout)["answers"][0]
    row = next(csv.DictReader(done["csv"].stdout.splitlines()))
    assert [first[name] for name in names] == [int(row[name]) for name in names] == [3, 2, 1]
    assert all("\x1b" not in process.stdout for process in done.values())
    assert _pipe([hello]).stdout == "hello world\n"
    for command in ([ours, *ONE], [table]):
        assert "\x1b[" in _terminal(command), command
