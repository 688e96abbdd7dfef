"""The command line: its forms agree with the library, and a process behaves in a shell."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from io import StringIO
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import deconvcalc as dc
from deconvcalc.cli import VERBS, main
from deconvcalc.render.text import table

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-m", "deconvcalc"]
FORMS = ("table", "json", "csv", "markdown")
WINDOW = {"kernel_size", "stride", "padding", "dilation"}
PARAMETERS = {
    "conv_transpose": WINDOW | {"output_padding"},
    "conv": WINDOW,
    "max_pool": WINDOW | {"ceil_mode"},
    "avg_pool": WINDOW | {"ceil_mode"},
    "resize_conv": WINDOW | {"factor"},
    "pixel_shuffle": {"factor"},
}
RANKING = {
    *("holes", "aligned", "symmetric", "checkerboard", "overlap"),
    *("in_both", "shift", "taps", "parameters"),
}

KERAS = {"dialect": "keras"}
CEIL = {"ceil_mode": True}
QUESTIONS: list[tuple[str, Any, dict[str, Any]]] = [
    ("7 --from 4", 7, {"source": 4}),
    ("60 -k 6 -s 2", 60, {"kernel_size": 6, "stride": 2}),
    ("7x14 --from 4x7 -k 3..6", (7, 14), {"source": (4, 7), "kernel_size": range(3, 7)}),
    ("7x7 --from 4 --per-axis -k 3", (7, 7), {"source": 4, "shared": False, "kernel_size": 3}),
    ("8x28x28 --from 4x14x14 -s 2", (8, 28, 28), {"source": (4, 14, 14), "stride": 2}),
    (
        "14 --from 28 --op conv --dialect keras",
        14,
        {"source": 28, "op": "conv", "dialect": "keras"},
    ),
    (
        "7 --from 15 --op max-pool --ceil-mode",
        7,
        {"source": 15, "op": "max_pool", "ceil_mode": True},
    ),
    ("8 --from 4 --op any --dialect any", 8, {"source": 4, "op": "any", "dialect": "any"}),
    ("8 --from 4 --op pixel-shuffle", 8, {"source": 4, "op": "pixel_shuffle"}),
    ("8 --from 4 --op resize-conv -f 2,4", 8, {"source": 4, "op": "resize_conv", "factor": [2, 4]}),
    ("9 --from 4 -k 2..5 -d 1", 9, {"source": 4, "kernel_size": range(2, 6), "dilation": 1}),
    ("7x14 --from 4x7 -k 3x4", (7, 14), {"source": (4, 7), "kernel_size": (3, 4)}),
    (
        "8 --from 4 -p same -o none,0 --dialect keras",
        8,
        {"source": 4, "padding": "same", "output_padding": ["none", 0], "dialect": "keras"},
    ),
]
CASES = pytest.mark.parametrize(("typed", "target", "options"), QUESTIONS)


def invoke(*arguments: str) -> Result:
    """A command line in this process; only an exit ends it."""
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def solved(typed: str, *more: str) -> str:
    """What `solve` answers."""
    result = invoke("solve", *typed.split(), *more)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def process(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A command line in a process of its own, its output in pipes."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **env},
        timeout=60,
        check=False,
    )


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    return json.loads(json.dumps(value))


# The forms of solve.


@CASES
def test_json(typed: str, target: Any, options: dict[str, Any]) -> None:
    answers = dc.solve(target, **options)
    document = json.loads(solved(typed, "--format", "json"))
    assert document["schema"] == 1
    query = document["query"]
    assert query["op"] == options.get("op", "conv_transpose")
    assert query["dialect"] == options.get("dialect", "torch")
    assert query["target"] == plain(target)
    assert query["bounds"] == plain(
        answers.bounds if query["op"] == "any" else next(iter(answers.bounds.values()))
    )
    assert document["complete"] is answers.complete is True
    assert document["count"] == answers.total == len(document["answers"])
    assert document["answers"] == plain(answers.to_records())
    for record in document["answers"]:
        assert record.keys() >= PARAMETERS[record["op"]] | RANKING


@CASES
def test_csv(typed: str, target: Any, options: dict[str, Any]) -> None:
    records = dc.solve(target, **options).to_records()
    header, *rows = csv.reader(StringIO(solved(typed, "--format", "csv")))
    assert set(header) >= RANKING | {"op", "source", "target"}
    for record in records:
        assert set(header) >= PARAMETERS[record["op"]]
    assert header == list(dict.fromkeys([name for record in records for name in record]))
    assert len(rows) == len(records)
    for row, record in zip(rows, records, strict=True):
        cells = dict(zip(header, row, strict=True))
        for name in ("op", "kernel_size", "stride", "checkerboard", "parameters", "shift"):
            assert cells.get(name, "") == csv_cell(record.get(name))


def csv_cell(value: Any) -> str:
    """A value as a cell: nothing for None, small letters for booleans, x between axes."""
    if isinstance(value, (list, tuple)):
        return "x".join(map(str, value))
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


@CASES
def test_markdown(typed: str, target: Any, options: dict[str, Any]) -> None:
    answers = dc.solve(target, **options)
    lines = solved(typed, "--format", "markdown").splitlines()
    assert f"{answers.total:,} layer" in lines[0]
    assert lines[0].startswith("**")
    head, rule, *rows = [
        re.split(r" (?<!\\)\| ", line[2:-2]) for line in lines if line.startswith("|")
    ]
    assert set(rule) == {"---"}
    assert len(rows) == min(answers.total, 10)
    assert {len(row) for row in [head, rule, *rows]} == {len(head)}
    assert [row[0] for row in rows] == [str(number + 1) for number in range(len(rows))]
    for row, answer in zip(rows, answers, strict=False):
        if "k" in head:
            shown = answer.kernel_size
            text = "x".join(map(str, shown)) if isinstance(shown, tuple) else str(shown or "")
            assert row[head.index("k")] == text


@CASES
def test_table(typed: str, target: Any, options: dict[str, Any]) -> None:
    answers = dc.solve(target, **options)
    printed = solved(typed)
    assert printed == table(answers) + "\n"
    assert f"{answers.total:,} layer" in printed.splitlines()[0]
    assert len(re.findall(r"^ +\d+  ", printed, re.MULTILINE)) >= min(answers.total, 10)


LETTERS = {
    "kernel_size": "k",
    "stride": "s",
    "padding": "p",
    "output_padding": "op",
    "dilation": "d",
    "factor": "f",
}


def stated(printed: str) -> list[str]:
    """The bounds below the title of a table or of Markdown, a text an operation."""
    block = printed.split("\n\n")[1 if printed.startswith("**") else 0]
    lines = block.splitlines() if printed.startswith("**") else block.splitlines()[1:]
    return [re.sub(r"^(- [a-z ]+: |  [a-z ]+  )", "", line) for line in lines]


@pytest.mark.parametrize("form", ["table", "markdown"])
@pytest.mark.parametrize(
    "typed",
    [
        "14 --from 28",
        "17 --from 4 -k 3 -s 2 -f 2",
        "7x14 --from 4 -k 3x5",
        "14 --from 28 --ceil-mode",
    ],
)
def test_the_bounds_of_every_operation_are_stated(typed: str, form: str) -> None:
    result = invoke("solve", *typed.split(), "--op", "any", "--format", form)
    document = json.loads(invoke("solve", *typed.split(), "--op", "any", "--format", "json").stdout)
    wanted = []
    for op, bounds in document["query"]["bounds"].items():
        texts = [f"{LETTERS[name]} {text}" for name, text in bounds.items()]
        short = ", ".join(texts).replace("dilation*(kernel_size-1)", "d(k-1)")
        hangs = ["ceil_mode"] if document["query"]["ceil_mode"] and op.endswith("_pool") else []
        wanted.append(", ".join([short.replace("kernel_size//2", "k//2"), *hangs]))
    assert len(set(wanted)) > 3
    assert stated(result.stdout) == wanted
    assert not re.search(r" k \d", result.stdout.splitlines()[0])


@pytest.mark.parametrize("ceil", [True, False])
@pytest.mark.parametrize("op", ["max-pool", "avg-pool"])
def test_ceil_mode_and_shared_are_part_of_the_question(op: str, ceil: bool) -> None:
    for more, shared in ((), None), (("--shared",), True), (("--per-axis",), False):
        question = ("7x7", "--from", "15x15", "--op", op, *["--ceil-mode"] * ceil, *more)
        query = json.loads(solved(" ".join(question), "--format", "json"))["query"]
        assert (query["ceil_mode"], query["shared"]) == (ceil, shared)
        head = solved(" ".join(question)).splitlines()[0]
        assert head.endswith(", ceil_mode") == ceil


def test_no_source_lists_all_inputs() -> None:
    document = json.loads(solved("60 -k 6 -s 2 -p 0", "--format", "json"))
    assert document["query"]["source"] is None
    assert document["answers"][0]["source"] == plain(
        dc.solve(60, kernel_size=6, stride=2, padding=0).to_records()[0]["source"]
    )
    assert "28" in solved("60 -k 6 -s 2 -p 0")


# How many.


@pytest.mark.parametrize("form", FORMS)
def test_limit_and_all(form: str) -> None:
    def rows(*more: str) -> int:
        printed = solved("7 --from 4", "--format", form, *more)
        if form == "json":
            document = json.loads(printed)
            assert document["count"] == 81
            return len(document["answers"])
        if form == "csv":
            return len(printed.splitlines()) - 1
        assert "81 layers" in printed
        return len(re.findall(r"^(?:\| |  +)\d+ ", printed, re.MULTILINE))

    assert rows("--limit", "3") == 3
    assert rows("--limit", "1000") == rows("--all") == 81
    assert rows() == (10 if form in ("table", "markdown") else 81)


def test_a_table_says_how_to_see_the_rest() -> None:
    assert re.search(r"78 further layers: --all, or --limit N", solved("7 --from 4 --limit 3"))
    assert "further" not in solved("7 --from 4 --all")


@pytest.mark.parametrize("more", [["--format", "json"], ["--format", "csv"], ["--all"]])
def test_more_than_a_million_answers_need_a_limit(more: list[str]) -> None:
    question = ["solve", "7", "--from", "4", "-k", "1..10**12"]
    result = invoke(*question, *more)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "17,999,999,999,767 answers" in result.stderr
    assert "--limit" in result.stderr
    if "--all" not in more:
        document = json.loads(invoke(*question, *more[:1], "json", "--limit", "2").stdout)
        assert (document["count"], len(document["answers"])) == (17_999_999_999_767, 2)


def test_large_sizes_and_bounds_are_quick() -> None:
    start = time.monotonic()
    assert "17,999,999,999,767 layers" in solved("7 --from 4 -k 1..10**12")
    document = json.loads(solved("10**12 --from 5e11 -k 4", "--format", "json"))
    assert [row["stride"] for row in document["answers"]] == [2]
    assert document["answers"][0]["target"] == 10**12
    large = invoke("size", "ConvTranspose(4, stride=2, padding=1)", "500000000000")
    assert "1000000000000" in large.stdout
    assert time.monotonic() - start < 20


# Exit codes, stdout and stderr.


@pytest.mark.parametrize("form", FORMS)
def test_no_answer_ends_with_1(form: str) -> None:
    result = invoke("solve", "7", "--from", "9", "-k", "3", "-s", "3", "--format", form)
    reason = dc.solve(7, source=9, kernel_size=3, stride=3).reason
    assert result.exit_code == 1
    assert reason.text in (result.stderr if form == "csv" else json_or_text(result.stdout, form))
    if form == "json":
        document = json.loads(result.stdout)
        assert (document["count"], document["answers"]) == (0, [])
        assert document["reason"] == plain(reason.to_record())
    if form == "csv":
        assert len(result.stdout.splitlines()) == 1
    else:
        assert result.stderr == ""


def json_or_text(printed: str, form: str) -> str:
    """The text that the reason is looked for in."""
    return json.dumps(json.loads(printed), ensure_ascii=False) if form == "json" else printed


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("solve", "TARGET"),
        ("solve 7 --from", "--from"),
        ("solve 7 --from 4 -k 0", "kernel size"),
        ("solve 7 --from 4 -k 5..2", "--kernel-size"),
        ("solve 7 --from 4 --all --limit 2", "--limit"),
        ("slove 7", "Did you mean solve?"),
        ("frobnicate", "size, solve"),
        ("size Conv(3)", "SIZE"),
        ("size Convv(3) 28", "Did you mean"),
        ("size Conv(3) 7x", "SIZE"),
    ],
)
def test_wrong_usage_ends_with_2(typed: str, word: str) -> None:
    result = invoke(*typed.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert word in result.stderr


def test_a_process_ends_with_the_same_codes() -> None:
    cases = {"7 --from 4": 0, "7 --from 9 -k 3 -s 3": 1, "7 --from 4x4x4x4": 2}
    for typed, code in cases.items():
        done = process("solve", *typed.split())
        assert done.returncode == code
        assert bool(done.stdout) is (code < 2)
        assert bool(done.stderr) is (code == 2)
        assert "Traceback" not in done.stderr


# Size.

LAYERS = [
    ("nn.Conv2d(3, 8, 3, stride=2, padding=1)", "28"),
    ("nn.Conv2d(3, 8, 3, stride=(2, 1))", "28x30"),
    ("Conv2DTranspose(8, 3, strides=2, padding='same')", "14x14"),
    ("ConvTranspose(6, stride=2)", "28"),
    ("nn.MaxPool2d(3, 2, ceil_mode=True)", "8"),
    ("nn.ConvTranspose3d(3, 8, 4, 2, 1)", "4x5x6"),
]


@pytest.mark.parametrize(("layer", "typed"), LAYERS)
def test_size(layer: str, typed: str) -> None:
    axes = tuple(map(int, typed.split("x")))
    expected = dc.parse(layer).output_size(axes if len(axes) > 1 else axes[0])
    outputs = expected if isinstance(expected, tuple) else (expected,)

    def shown(form: str) -> str:
        result = invoke("size", layer, typed, "--format", form)
        assert (result.exit_code, result.stderr) == (0, "")
        return result.stdout

    document = json.loads(shown("json"))
    assert document["schema"] == 1
    assert document["output_size"] == plain(expected)
    assert document["layer"] == repr(dc.parse(layer))
    alike = len(set(axes)) == 1
    steps = list(outputs[:1] if alike else outputs)  # equal axes share their arithmetic
    assert [step["target"] for step in document["derivation"]] == steps
    assert shown("table").splitlines()[0].endswith(f"→ {'x'.join(map(str, outputs))}")
    rows = list(csv.DictReader(StringIO(shown("csv"))))
    assert [int(row["target"]) for row in rows] == steps
    lines = [line for line in shown("markdown").splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(steps)
    assert len({line.count(" | ") for line in lines}) == 1


def test_size_shows_the_arithmetic() -> None:
    printed = invoke("size", "nn.Conv2d(3, 8, 3, stride=2)", "28").stdout
    for part in ("floor(", "dropped", "in n", "for n >= 3", "same output  27..28"):
        assert part in printed


def test_size_that_a_layer_refuses() -> None:
    result = invoke("size", "nn.Conv2d(3, 8, 5)", "4")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "refuses size 4" in result.stderr
    assert invoke("size", "nn.Conv2d(3, 8, 5)", "7x7x7").exit_code == 2


def test_dialect_decides_whose_layer_it_is() -> None:
    assert invoke("size", "Conv2D(8, 3)", "28", "--dialect", "torch").exit_code == 2
    assert invoke("size", "Conv2D(8, 3)", "28", "--dialect", "keras").exit_code == 0


# Help.


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_of_a_verb(verb: str, flag: str) -> None:
    result = invoke(verb, flag)
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"{verb} [OPTIONS]" in result.stdout
    assert VERBS[verb] in result.stdout
    assert "Exit code" in result.stdout
    assert f"deconvcalc {verb} " in result.stdout


def test_help_names_every_verb_and_option() -> None:
    printed = invoke("--help").stdout
    assert all(verb in printed and text in printed for verb, text in VERBS.items())
    printed = invoke("solve", "--help").stdout
    for option in (
        *("--from", "-k, --kernel-size", "-s, --stride", "-p, --padding", "-o, --output-padding"),
        *("-d, --dilation", "-f, --factor", "--op", "--dialect", "--ceil-mode", "--limit"),
        *("--shared / --per-axis", "--all", "--format"),
    ):
        assert option in printed
    assert invoke("--version").stdout == f"deconvcalc {dc.__version__}\n"


# Pipes and terminals.


def test_a_pipe_gets_plain_text_of_full_width() -> None:
    done = process("solve", "7", "--from", "4", COLUMNS="40", FORCE_COLOR="1")
    assert "\x1b" not in done.stdout
    assert done.stdout == table(dc.solve(7, source=4)) + "\n"
    assert max(map(len, done.stdout.splitlines())) > 90


def on_terminal(*arguments: str, columns: int = 120, **env: str) -> tuple[str, int]:
    """What a process writes to a pseudo-terminal, and its exit code."""
    pty = pytest.importorskip("pty")
    fcntl = pytest.importorskip("fcntl")
    termios = pytest.importorskip("termios")
    import struct

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    kept = {n: v for n, v in os.environ.items() if n not in _TERMINAL_SETTINGS}
    env = {**kept, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", **env}
    with subprocess.Popen(
        [*COMMAND, *arguments], stdin=follower, stdout=follower, stderr=follower, cwd=ROOT, env=env
    ) as running:
        os.close(follower)
        parts = []
        while True:
            try:
                part = os.read(leader, 65_536)
            except OSError:  # Linux says so when the other side is closed
                break
            if not part:
                break
            parts.append(part)
        os.close(leader)
        return b"".join(parts).decode().replace("\r\n", "\n"), running.wait(timeout=60)


_TERMINAL_SETTINGS = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "COLORTERM"}
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
COLOUR = re.compile(r"\x1b\[(?:\d+;)*3\d")


def test_a_terminal_gets_colour() -> None:
    printed, code = on_terminal("solve", "7", "--from", "4")
    assert code == 0
    assert COLOUR.search(printed)
    words = ESCAPES.sub("", printed).split()
    assert words == table(dc.solve(7, source=4)).split()
    sized, code = on_terminal("size", "nn.Conv2d(3, 8, 3)", "28")
    assert code == 0
    assert "\x1b[1m" in sized
    assert "28 → 26" in ESCAPES.sub("", sized)


@pytest.mark.parametrize("typed", ["7 --from 4", "7x14 --from 4x7 --limit 5", "60 -k 6 -s 2"])
def test_a_narrow_terminal_loses_no_cell(typed: str) -> None:
    printed, code = on_terminal("solve", *typed.split(), columns=60)
    assert code == 0
    shown = ESCAPES.sub("", printed)
    assert max(map(len, shown.splitlines())) <= 60
    assert "…" not in shown
    document = solved(typed, "--format", "markdown", "--limit", "5" if "5" in typed else "10")
    cells = [line[2:-2].split(" | ") for line in document.splitlines() if line.startswith("|")]
    for cell in {cell for row in [cells[0], *cells[2:]] for cell in row}:
        for piece in cell.split():
            assert in_order(piece, shown), piece


def in_order(piece: str, shown: str) -> bool:
    """Whether a piece is shown: at once, or folded over several lines of its column."""
    if piece in shown:
        return True
    halves = range(1, len(piece))
    return any(piece[:cut] in shown and in_order(piece[cut:], shown) for cut in reversed(halves))


def test_no_color_is_honoured() -> None:
    for arguments in (["solve", "7", "--from", "4"], ["size", "Conv(3)", "28"]):
        printed, code = on_terminal(*arguments, NO_COLOR="1")
        assert code == 0
        assert not COLOUR.search(printed)


def test_a_dumb_terminal_gets_plain_text() -> None:
    printed, _ = on_terminal("solve", "7", "--from", "4", TERM="dumb")
    assert printed == table(dc.solve(7, source=4)) + "\n"


@pytest.mark.parametrize("form", ["json", "csv", "markdown"])
def test_a_document_on_a_terminal_has_no_colour(form: str) -> None:
    printed, _ = on_terminal("solve", "7", "--from", "4", "--format", form)
    assert printed == solved("7 --from 4", "--format", form)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_an_arrow_is_no_fault_of_any_encoding(encoding: str) -> None:
    for arguments in (["solve", "7", "--from", "4"], ["size", "Conv(→)", "28"]):
        done = subprocess.run(
            [*COMMAND, *arguments],
            capture_output=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONIOENCODING": encoding},
            timeout=60,
            check=False,
        )
        assert done.returncode == (0 if arguments[0] == "solve" else 2)
        assert b"Traceback" not in done.stderr
        assert b"Error: " in done.stderr or b"81 layers" in done.stdout
    printed, code = on_terminal("solve", "7", "--from", "4", PYTHONIOENCODING=encoding)
    assert code == 0
    assert "81 layers" in printed


def test_a_closed_pipe_is_no_fault() -> None:
    with subprocess.Popen(
        [*COMMAND, "solve", "7", "--from", "4", "-k", "1..300", "--format", "csv"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline().startswith(b"op,kernel_size,")
        running.stdout.close()
        assert b"Traceback" not in (said := running.stderr.read())
        assert b"Exception" not in said
        assert running.wait(timeout=60) in (0, 1)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("typed", ["solve 7 --from 4", "size ConvTranspose(6) 28", "solve --help"])
@pytest.mark.parametrize(
    ("redirected", "why"), [(">/dev/full", "No space left"), (">&-", "output is closed")]
)
def test_an_output_that_is_full_or_closed_ends_with_2(
    typed: str, redirected: str, why: str
) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirected}', "sh", *COMMAND, *typed.split()],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: the answer cannot be written: ")
    assert why in line


def test_diagnostics_may_have_nowhere_to_go() -> None:
    full = "2>/dev/full" if Path("/dev/full").exists() else "2>&-"
    for redirected, (size, code) in product(("2>&-", full), (("4", 0), ("0", 2))):
        shell = ["/bin/sh", "-c", f'exec "$@" {redirected}', "sh"]
        done = subprocess.run(
            [*shell, *COMMAND, "solve", "7", "--from", size],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=60,
            check=False,
        )
        assert done.returncode == code
        assert bool(done.stdout) == (code == 0)


def test_layers_for_some_n_are_shown_where_none_takes_all() -> None:
    """Even where no layer is right for every n."""
    question = ("solve", "max(n-2,1)", "--op", "conv", "-k", "3", "-p", "0")
    (one,) = json.loads(invoke(*question, "--format", "json").stdout)["partly"]
    for form in ("table", "markdown"):
        result = invoke(*question, "--format", form)
        assert result.exit_code == 1
        assert f"one where they take n, as Conv(3) does for {one['domain']}" in result.stdout


def test_a_way_out_is_no_lack() -> None:
    """A resize without checkerboard is offered; nothing says that there were none."""
    for typed in ("7x7 --from 4x4 -k 3x4", "7 --from 4"):
        (line,) = re.findall(r"without checkerboard .*", solved(typed))
        assert line.endswith(f"or resize to {typed.split()[0]} and a 3 x 3 convolution")
        assert "has none" not in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("solve", "7", "--from", "4", "-f", "3"), "conv-transpose has no factor"),
        (
            ("solve", "7", "--from", "4", "-f", "3"),
            "It takes kernel-size, stride, padding, output-",
        ),
        (("solve", "7x7", "--from", "4", "-k", "3x3x3"), "or 3,5 on the command line"),
        (("solve", "7", "--from", "4", "--op", "conv", "--ceil-mode"), "conv has no ceil-mode"),
        (("size", "nn.Conv2d(3, 8, (3, 5))", "28"), "or 28x28 on the command line"),
        (("size", "nn.Linear(3, 4)", "28"), "refuses size 28: "),
        (("size", "nn.Linear(3, 4)", "28x5"), "refuses size 28x5: "),
        (("solve", "7", "--from", "4", "-k", "3...5"), "'3...5': a range has two dots"),
        (("solve", "7", "--from", "4", "-k", "True"), "'True' is not a number"),
        (("solve", "7", "--from", "Four"), "'Four' is not a number"),
    ],
)
def test_errors_speak_as_one_types(arguments: tuple[str, ...], words: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code in (1, 2)
    assert words in result.stderr
    assert "_" not in result.stderr.partition("Error: ")[2].replace("in_", "").replace("out_", "")


def test_letters_may_be_large() -> None:
    """Large letters are read as small ones are."""
    assert solved("7X14 --from 4X7 -k 3X4") == solved("7x14 --from 4x7 -k 3x4")
    assert solved("20 --from 1E1 -p SAME --dialect keras") == solved(
        "20 --from 10 -p same --dialect keras"
    )


def test_a_narrow_table_is_indented_as_its_surroundings_are() -> None:
    """All lines below the title start in the same column, of narrow tables and of wide ones."""
    for columns in (60, 80, 140):
        printed, _ = on_terminal("solve", "7", "--from", "4", "--dialect", "any", columns=columns)
        lines = [line.rstrip() for line in ESCAPES.sub("", printed).splitlines()]
        assert max(map(len, lines)) <= columns
        body = lines[lines.index("") :]
        assert any(re.match(r" +# ", line) for line in body)
        assert all(line.startswith("  ") for line in body if line)


def test_an_interrupt_ends_without_a_traceback() -> None:
    """The process says that it has started by its first module; then it gets a Ctrl-C."""
    code = (
        # A shell's background jobs ignore Ctrl-C, and so would their children.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from deconvcalc.cli import main; import deconvcalc.cli.solve;"
        "import deconvcalc.render.records; print('ready', flush=True); main()"
    )
    arguments = ["solve", "7", "--from", "4", "-k", "1..10**12", "--limit", "1000000"]
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments, "--format", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        time.sleep(0.5)
        running.send_signal(signal.SIGINT)
        printed, said = running.communicate(timeout=60)
    assert running.returncode not in (0, 2)
    assert b"Traceback" not in said
    assert b"Aborted" in said
    assert printed == b""
