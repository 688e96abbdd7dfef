"""The command line with real layers: verify, checkers, and what solve adds when it is asked.

Frameworks are stood in for by small packages in front of the path, so that most tests need none.
"""

from __future__ import annotations

import ast
import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import deconvcalc as dc
from deconvcalc.checkers import confirming, problem
from deconvcalc.checkers.names import CHECKERS
from deconvcalc.checkers.verdict import Verdict
from tests.test_cli import COMMAND, ESCAPES, FORMS, ROOT, invoke, on_terminal, plain, process
from tests.test_workers import gone

if TYPE_CHECKING:
    from collections.abc import Iterator

UP = "ConvTranspose(6, stride=2)"
LAYERS: list[tuple[str, str, Any]] = [
    (UP, "28", 28),
    ("nn.Conv2d(3, 8, 3, stride=2, padding=1)", "28", 28),
    ("nn.Conv1d(3, 8, 3)", "28", 28),
    ("nn.Conv3d(3, 8, 3)", "4x5x6", (4, 5, 6)),
    ("Conv2DTranspose(8, 3, strides=2, padding='same')", "14x15", (14, 15)),
    ("nn.MaxPool2d(3, 2, ceil_mode=True)", "8", 8),
    ("nn.PixelShuffle(2)", "7", 7),
    ("Flatten()", "7", 7),
    ("GlobalAveragePooling2D()", "7", 7),
]
ABSENT = "raise ModuleNotFoundError('no module', name=__name__)"
BROKEN = "raise ImportError('libfake.so.12: cannot open shared object file')"
GRACE = 5
"""A busy machine is given more time by this factor."""

FAKE = """
import pathlib

HERE = pathlib.Path(__file__).parent.parent
with (HERE / "pids").open("a") as file:
    print(os.getpid(), file=file)


class Window(Module):
    def __init__(self, i, o, kernel_size, stride=1, padding=0, output_padding=0, bias=True):
        self.k, self.s, self.p, self.op = kernel_size, stride, padding, output_padding
        pair = (i, o) if type(self) is ConvTranspose2d else (o, i)
        self.weight = Tensor(np.zeros((*pair, self.k, self.k)))
        self.bias = Tensor(np.zeros(o)) if bias else None

    def add(self, y):
        return Tensor(y if self.bias is None else y + self.bias.values[:, None, None])


class ConvTranspose2d(Window):
    def __init__(self, in_channels, out_channels, **rest):
        super().__init__(in_channels, out_channels, **rest)

    def __call__(self, x):
        x, w, k, s, p = x.values, self.weight.values, self.k, self.s, self.p
        h, v = [(n - 1) * s for n in x.shape[2:]]
        y = np.zeros((1, w.shape[1], h + k + self.op, v + k + self.op), x.dtype)
        for a in range(k):
            for b in range(k):
                seen = np.einsum("bihw,io->bohw", x, w[:, :, a, b])
                y[:, :, a : a + h + 1 : s, b : b + v + 1 : s] += seen
        return self.trouble(self.add(y[:, :, p : y.shape[2] - p, p : y.shape[3] - p]))

    def trouble(self, y):
        return y


class Conv2d(Window):
    def __init__(self, in_channels, out_channels, **rest):
        super().__init__(in_channels, out_channels, **rest)

    def __call__(self, x):
        x, w, k, s, p = x.values, self.weight.values, self.k, self.s, self.p
        x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        views = np.lib.stride_tricks.sliding_window_view(x, (k, k), (2, 3))[:, :, ::s, ::s]
        return self.add(np.einsum("bihwxy,oixy->bohw", views, w))


nn.ConvTranspose2d, nn.Conv2d = ConvTranspose2d, Conv2d
"""
TROUBLE = """
def trouble(self, y):
    {}
    return y
ConvTranspose2d.trouble = trouble
"""
SLEEP = TROUBLE.format("if self.k > 3: (HERE / 'asked').touch(); time.sleep(600)")


class Fakes:
    """Packages in a folder at the front of the path of every process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("torch", ABSENT)
        self.write("keras", ABSENT)
        self.write("onnx", ABSENT)
        self.write("onnxruntime", ABSENT)

    def write(self, name: str, source: str) -> None:
        """A package from its source."""
        (self.folder / name).mkdir(exist_ok=True)
        (self.folder / name / "__init__.py").write_text(source, encoding="utf-8")

    def torch(self, more: str = "") -> None:
        """As much of PyTorch as a transposed convolution takes."""
        base = Path(__file__).with_name("fakes") / "torch" / "__init__.py"
        self.write("torch", base.read_text(encoding="utf-8") + FAKE + more)

    @property
    def pids(self) -> list[int]:
        """The processes that loaded the PyTorch of this folder."""
        return [int(line) for line in (self.folder / "pids").read_text(encoding="utf-8").split()]


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The processes that a command starts; none is there before, none after."""
    own: dict[str, Any] = {}
    monkeypatch.setattr(confirming, "_WORKERS", own)
    yield own
    for worker in own.values():
        worker.close()


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: dict[str, Any]) -> Fakes:  # noqa: ARG001
    paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([path for path in paths if path]))
    return Fakes(tmp_path)


def said(*arguments: str, code: int = 0) -> str:
    """What a command prints; nothing goes to stderr."""
    result = invoke(*arguments)
    assert (result.exit_code, result.stderr) == (code, "")
    return result.stdout


def untimed(record: dict[str, Any]) -> dict[str, Any]:
    """A certificate without what differs from run to run."""
    return {name: value for name, value in plain(record).items() if name != "seconds"}


def table_rows(printed: str) -> list[list[str]]:
    """The cells of a Markdown table, without the rule below its head."""
    rows = [line[2:-2].split(" | ") for line in printed.splitlines() if line.startswith("|")]
    return [rows[0], *rows[2:]]


# The forms of verify.


@pytest.mark.parametrize(("layer", "typed", "size"), LAYERS)
def test_verify_in_every_form(layer: str, typed: str, size: Any) -> None:
    (verdict,) = dc.verify(dc.parse(layer), size, "numpy")
    arguments = ("verify", layer, typed, "--with", "numpy", "--format")
    document = json.loads(said(*arguments, "json"))
    assert list(document) == ["schema", "layer", "input_size", "output_size", "ok", "verdicts"]
    assert (document["schema"], document["ok"]) == (1, True)
    assert document["layer"] == repr(dc.parse(layer))
    (record,) = document["verdicts"]
    assert list(record) == list(Verdict._fields)
    assert untimed(record) == untimed(verdict.to_record())
    assert dc.recheck(record).ok
    shown = [document[f"{side}_size"] for side in ("input", "output")]
    assert shown == plain([size, dc.parse(layer).output_size(size)]) or shown == [
        record["size"],
        record["expected"],  # axes do not stay apart
    ]
    for name, ends in (("input_size", record["size"]), ("output_size", record["expected"])):
        value = document[name]
        assert (value if isinstance(value, list) else [value] * len(ends)) == ends

    header, row = csv.reader(StringIO(said(*arguments, "csv")))
    assert header == list(Verdict._fields)
    cells = dict(zip(header, row, strict=True))
    for name in ("ok", "layers", "size", "expected", "found", "channels", "built", "versions"):
        assert json.loads(cells[name]) == record[name]
    assert cells["fault"] == cells["reason"] == ""

    printed = said(*arguments, "markdown")
    head, row = table_rows(printed)
    assert head == ["checker", "verdict", "size", "error"] + ["adjoint"] * (
        verdict.adjoint is not None
    ) + ["built"]
    assert row[:2] == ["numpy", "ok"]
    assert row[2] == ("x".join(map(str, verdict.found or ())) or "no axis")
    assert printed.startswith(f"**{document['layer']}: ")
    assert f"- numpy: numpy {verdict.versions['numpy']}, python " in printed

    lines = said(*arguments, "table").splitlines()
    assert lines[0].startswith(f"{document['layer']}: {typed.partition('x')[0]}")
    assert lines[2].split() == head
    assert lines[3].split()[:2] == ["numpy", "ok"]
    assert lines[-1].split() == ["built", "what", "was", "built"]


def test_options_of_verify_reach_the_numbers() -> None:
    more = ("--seed", "7", "--dtype", "float64", "--channels", "4:6", "--format", "json")
    document = json.loads(said("verify", "Conv(5, groups=2)", "9x8", "--with", "numpy", *more))
    (record,) = document["verdicts"]
    (verdict,) = dc.verify(
        dc.Conv(5, groups=2), (9, 8), "numpy", seed=7, dtype="float64", channels=(4, 6)
    )
    assert untimed(record) == untimed(verdict.to_record())
    assert (record["seed"], record["dtype"], record["channels"]) == (7, "float64", [4, 6])


def test_channels_that_the_layer_has_are_no_contradiction() -> None:
    for layer, channels in (("nn.Conv2d(3, 8, 5)", "3:8"), ("Conv2D(8, 5)", "4:8")):
        said("verify", layer, "9", "--with", "numpy", "--channels", channels)


# Its exit codes.


@pytest.mark.parametrize("form", FORMS)
def test_a_size_that_the_layer_refuses_ends_with_1(form: str) -> None:
    result = invoke("verify", "nn.Conv2d(3, 8, 5)", "4", "--with", "numpy", "--format", form)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: Conv(5, ")
    assert "refuses size 4" in result.stderr


@pytest.mark.parametrize(
    ("body", "fault", "reason"),
    [
        ("y.values *= 1.01", "values", "values differ by up to"),
        ("y.values[...] = np.nan", "values", "values differ by up to nan"),
        ("y = Tensor(y.values[..., 1:])", "size", "60 x 59 came out, not 60 x 60"),
        ("y = Tensor(y.values[:, 1:])", "size", "2 channels came out, not 3"),
        ("raise RuntimeError('not today')", "refused", "PyTorch refuses it: RuntimeError: not"),
        ("os._exit(3)", "died", "the process of torch died: exit code 3"),
    ],
)
def test_a_verdict_that_is_not_ok_ends_with_1(
    fakes: Fakes, body: str, fault: str, reason: str
) -> None:
    fakes.torch(TROUBLE.format(body))
    document = json.loads(
        said("verify", UP, "28", "--with", "numpy,torch", "--format", "json", code=1)
    )
    good, bad = document["verdicts"]
    assert (document["ok"], good["ok"], bad["ok"]) == (False, True, False)
    assert bad["fault"] == fault
    assert reason in bad["reason"]
    printed = said("verify", UP, "28", "--with", "torch", code=1)
    assert f"not ok: {fault}" in printed
    assert reason in printed


def test_a_framework_without_such_a_layer_ends_with_1(fakes: Fakes) -> None:
    fakes.torch()
    printed = said("verify", "nn.ConvTranspose2d(2, 3, 6, 2)", "28", "--with", "torch")
    assert re.search(r"torch +ok +60x60 +\S+ +\S+ +nn\.ConvTranspose2d\(2, 3, kernel_size", printed)
    fakes.write("torch", ABSENT)
    assert "torch  torch 0.fake" in printed


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((UP, "28", "--with", "numpi"), "unknown checker 'numpi'. Known are: numpy, torch"),
        ((UP, "28", "--with", ""), "Known are: numpy"),
        ((UP, "28", "--with", "numpy,"), "Known are: numpy"),
        ((UP, "28", "--with", "numpy", "--dtype", "float16"), "'float32', 'float64'"),
        ((UP, "28", "--with", "numpy", "--seed", "-1"), "--seed"),
        ((UP, "28", "--with", "numpy", "--channels", "3"), "Write 64:32"),
        ((UP, "28", "--with", "numpy", "--channels", "0:3"), "at least 1"),
        (("nn.Conv2d(3, 8, 5)", "28", "--channels", "4:8"), "in_channels 3, not 4"),
        (("nn.Conv2d(3, 8, 5)", "28", "--channels", "3:9"), "out_channels 8, not 9"),
        (("nn.Conv2d(3, 8", "28"), "^"),
        (("Convv(3)", "28"), "Did you mean"),
        (("nn.Conv2d(3, 8, 3)", "28", "--dialect", "keras"), "Conv2d"),
        (("nn.ReLU()", "28"), "only the sizes of ReLU are known"),
        (("nn.Conv2d(3, 8, 5)", "28x28x28"), "needs one size for each of its axes"),
        ((UP, "1000000"), "too large to run"),
        ((UP, "28", "--channels", "10**9:10**9"), "too large to run"),
    ],
)
def test_what_verify_cannot_ask_ends_with_2(
    fakes: Fakes, arguments: tuple[str, ...], word: str
) -> None:
    fakes.torch("time.sleep(600)")  # nobody waits for it
    start = time.monotonic()
    for form in FORMS:
        result = invoke("verify", *arguments, "--format", form)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "Error: " in result.stderr
        assert word in result.stderr
    assert time.monotonic() - start < 2 * GRACE


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("state", ["missing", "broken"])
def test_no_framework_ends_with_3(fakes: Fakes, state: str, form: str) -> None:
    if state == "broken":
        fakes.write("torch", BROKEN)
        words = ["torch cannot be imported: ImportError: libfake.so.12: cannot open shared object"]
    else:
        words = ["torch is not installed", 'pip install "deconvcalc[torch]"']
    for arguments in (
        ("verify", UP, "28", "--with", "numpy,torch"),
        ("solve", "60", "--from", "28", "--verify", "numpy,torch", "--limit", "2"),
        ("solve", "60", "--from", "28", "--verify", "torch", "--code", "torch"),
    ):
        result = invoke(*arguments, "--format", form)
        assert result.exit_code == 3
        printed = result.stdout.replace('\\"', '"').replace('""', '"')
        where = printed if arguments[0] == "verify" or form == "json" else printed + result.stderr
        assert all(word in where for word in words)
        assert "Traceback" not in where
        if form == "json":
            one = json.loads(result.stdout).get("verdicts") or json.loads(result.stdout)["answers"]
            last = one[-1] if arguments[0] == "verify" else one[-1]["verdicts"][-1]
            assert (last["ok"], last["fault"], last["found"]) == (False, state, None)


def test_what_needs_no_framework_is_offered(fakes: Fakes) -> None:  # noqa: ARG001
    offer = "numpy needs no framework: it runs loops instead"
    question = ("solve", "60", "--from", "28", "--limit", "1", "--verify")
    assert f"--with {offer}" in said("verify", UP, "28", code=3)
    assert f"--verify {offer}" in said(*question, "torch", code=3)
    assert offer not in said("verify", UP, "28", "--with", "numpy,torch", code=3)
    assert offer not in said(*question, "numpy")


def test_a_backend_that_is_missing_is_named(fakes: Fakes) -> None:
    fakes.write("keras", "import os; __import__(os.environ['KERAS_BACKEND'])")
    fakes.write("tensorflow", ABSENT)
    printed = said("verify", UP, "28", "--with", "keras,keras[torch]", code=3)
    assert printed.count("not ok: missing") == 2
    for module, extra in (("tensorflow", "keras"), ("torch", "torch")):
        assert f"{module} is not installed" in printed
        assert f'pip install "deconvcalc[{extra}]"' in printed


# Checkers.


@pytest.mark.parametrize("form", FORMS)
def test_checkers(fakes: Fakes, form: str) -> None:
    fakes.torch()
    fakes.write("keras", BROKEN)
    fakes.write("tensorflow", "")
    printed = said("checkers", "--format", form)
    reason = "ImportError: libfake.so.12: cannot open shared object file"
    if form in ("json", "csv"):
        if form == "json":
            document = json.loads(printed)
            assert list(document) == ["schema", "checkers"]
            rows = document["checkers"]
        else:
            rows = list(csv.DictReader(StringIO(printed)))
            for row in rows:
                row["versions"] = json.loads(row["versions"])
        assert [row["name"] for row in rows] == list(CHECKERS)
        assert {tuple(row) for row in rows} == {("name", "state", "versions", "reason", "hint")}
        states = {row["name"]: row["state"] for row in rows}
        by_name = {row["name"]: row for row in rows}
        assert by_name["torch"]["versions"]["torch"] == "0.fake"
        assert set(by_name["numpy"]["versions"]) == {"numpy", "python"}
        assert not by_name["numpy"]["reason"]
        assert by_name["keras"]["versions"] == {}
        assert reason in by_name["keras"]["reason"]
    else:
        assert "2 of 5 checkers are ready" in printed.splitlines()[0]
        assert "torch 0.fake, numpy " in printed
        assert reason in printed
        pattern = r"^[| ]+([a-z\[\]]+)[| ]+.*?(ready|missing|broken)"
        states = dict(re.findall(pattern, printed, re.MULTILINE))
    ready, broken = ("numpy", "torch"), ("keras", "keras[torch]")
    expected = dict.fromkeys(ready, "ready") | dict.fromkeys(broken, "broken")
    assert states == expected | {"onnx": "missing"}


@pytest.mark.parametrize("form", FORMS)
def test_checkers_that_are_missing_name_the_way_out(fakes: Fakes, form: str) -> None:  # noqa: ARG001
    printed = said("checkers", "--format", form).replace('\\"', '"').replace('""', '"')
    for name in ("torch", "keras", "onnx"):
        assert f"{name} is not installed" in printed
        assert f'pip install "deconvcalc[{name}]"' in printed
    if form in ("table", "markdown"):
        assert "1 of 5 checkers is ready" in printed
    assert not printed.endswith("\n\n")
    assert "- : " not in printed


# Code of answers.

OPS = {
    "conv-transpose": ("8", "4"),
    "conv": ("8", "16"),
    "max-pool": ("8", "16"),
    "avg-pool": ("8", "16"),
    "resize-conv": ("8", "4"),
    "pixel-shuffle": ("8", "4"),
    "any": ("8", "4"),
}


def ends(op: str, axes: int) -> str:
    """Channels that the operation can have; a shuffle doubles each axis."""
    if op == "pixel-shuffle":
        return f"{8 * 2 ** (axes + 1 if axes else 2)}:8"
    return "16:16" if op.endswith("pool") else "16:8"


def check_code(printed: str, framework: str, blocks: int) -> None:
    """Text that runs as it is: imports, assignments and comments."""
    tree = ast.parse(printed)
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.With, ast.For, ast.Expr)
    assert all(isinstance(node, allowed) for node in tree.body)
    names = [node.names[0].name for node in tree.body if isinstance(node, ast.Import)]
    names += [str(node.module) for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert set(names) <= {framework, "numpy"}
    assert len(re.findall(r"^layer = ", printed, re.MULTILINE)) == blocks
    assert len(re.findall(r"^# [\dx.,{} ]+ -> [\dx]+$", printed, re.MULTILINE)) == blocks


@pytest.mark.parametrize("axes", [0, 1, 2])
@pytest.mark.parametrize("framework", ["torch", "keras"])
@pytest.mark.parametrize("op", OPS)
def test_code_is_nothing_but_code(op: str, framework: str, axes: int) -> None:
    """Of sizes without axes, which stand for an image, and of two and three axes."""
    target, source = ["x".join([size] * (axes + 1)) for size in OPS[op]]
    sizes = [int(size) if axes == 0 else (int(size),) * (axes + 1) for size in OPS[op]]
    for dialect in ("torch", "keras", "any"):
        question = ("solve", target, "--from", source, "--op", op, "--dialect", dialect)
        for number, more in ((1, ()), (3, ("--limit", "3")), (1, ("--channels", ends(op, axes)))):
            result = invoke(*question, "--code", framework, *more)
            assert result.stderr == ""
            if not dc.solve(sizes[0], source=sizes[1], op=op.replace("-", "_"), dialect=dialect):
                assert result.exit_code == 1
                assert ast.parse(result.stdout).body == []  # the reason, as a comment
                assert "# " in result.stdout
                continue
            assert result.exit_code == 0
            blocks = len(re.findall(r"^# .* -> ", result.stdout, re.MULTILINE))
            assert 1 <= blocks <= number
            check_code(result.stdout, framework, blocks)
            if more[:1] == ("--channels",) and "Conv" in result.stdout:
                assert re.search(r"16, 8\b|\b8, kernel_size", result.stdout)
                assert "in_channels = out" not in result.stdout


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_code_is_what_the_library_gives(framework: str) -> None:
    answers = dc.solve((7, 14), source=(4, 7))
    printed = said("solve", "7x14", "--from", "4x7", "--code", framework, "--limit", "3")
    blocks = [f"# 4x7 -> 7x14\n{answer.code(framework)}" for answer in answers[:3]]
    assert printed == "\n\n".join(blocks) + "\n"


POOL = ("solve", "5", "--from", "16", "--op", "max-pool", "-d", "2", "--code")


def test_code_that_a_framework_has_not_says_so() -> None:
    printed = said(*POOL, "keras", code=1)
    assert printed == "# 16 -> 5\n# Keras has no pool with a dilation\n"
    check_code(said(*POOL, "torch"), "torch", 1)
    assert said(*POOL, "keras", "--limit", "2", code=1).count("# Keras has no pool") == 2
    (first, *_) = json.loads(said(*POOL, "keras", "--format", "json", code=1))["answers"]
    assert first["code"] is None
    assert first["no_code"] == "Keras has no pool with a dilation"
    (row, *_) = csv.DictReader(StringIO(said(*POOL, "keras", "--format", "csv", code=1)))
    assert (row["code"], row["no_code"]) == ("", first["no_code"])
    assert f"# {first['no_code']}\n```" in said(*POOL, "keras", "--format", "markdown", code=1)


def test_code_of_no_answer_is_a_comment() -> None:
    for op in ("pixel-shuffle", "max-pool"):
        question = ("solve", "8x8x8", "--from", "4x4x4", "--op", op)
        printed = said(*question, "--code", "torch", code=1)
        assert ast.parse(printed).body == []
        lines = [line.removeprefix("# ").removeprefix("#") for line in printed.splitlines()]
        assert lines == said(*question, code=1).splitlines()


def test_code_in_every_form() -> None:
    question = ("solve", "7", "--from", "4", "--code", "keras", "--limit", "3", "--format")
    codes = [answer.code("keras") for answer in dc.solve(7, source=4)[:3]]
    assert [row["code"] for row in json.loads(said(*question, "json"))["answers"]] == codes
    assert [row["code"] for row in csv.DictReader(StringIO(said(*question, "csv")))] == codes
    printed = said(*question, "markdown")
    assert [row[0] for row in table_rows(printed)] == ["#", "1", "2", "3"]
    found = re.findall(r"```python\n# 4 -> 7\n(.*?)\n```", printed, re.DOTALL)
    assert found == codes
    assert "--code torch" not in printed  # what was done is no longer a hint


# Verdicts on answers.


def test_solve_verify_in_every_form() -> None:
    question = ("solve", "7", "--from", "4", "--verify", "numpy", "--limit", "3", "--format")
    answers = dc.solve(7, source=4)[:3]
    document = json.loads(said(*question, "json"))
    assert document["count"] == 81
    for row, answer, record in zip(document["answers"], answers, answers.to_records(), strict=True):
        (verdict,) = dc.verify(answer, checkers="numpy")
        (own,) = row.pop("verdicts")
        assert row == plain(record)
        assert untimed(own) == untimed(verdict.to_record())
        assert dc.recheck(own).ok
    rows = list(csv.DictReader(StringIO(said(*question, "csv"))))
    assert [row["verify_numpy"] for row in rows] == ["true"] * 3
    head, *cells = table_rows(said(*question, "markdown"))
    assert head[-1] == "run: numpy"
    assert [row[-1] for row in cells] == ["ok"] * 3
    printed = said(*question, "table")
    assert len(re.findall(r"  ok$", printed, re.MULTILINE)) == 3
    assert "--verify torch" not in printed  # what was done is no longer a hint
    assert "78 further layers" in printed
    assert "run: numpy    whether the loops and the arithmetic agree" in printed


def test_a_column_for_each_checker(fakes: Fakes) -> None:
    fakes.torch(TROUBLE.format("y.values *= 1 + (self.k == 5)"))
    names = "numpy,torch,keras,keras[torch]"
    question = ("solve", "7", "--from", "4", "--verify", names, "--limit", "3", "--format")
    head, *rows = table_rows(said(*question, "markdown", code=3))
    assert head[-4:] == [f"run: {name}" for name in names.split(",")]
    missing = ["not ok: missing"] * 2
    assert [row[-4:] for row in rows] == [
        ["ok", "ok", *missing],
        ["ok", "not ok: values", *missing],
        ["ok", "ok", *missing],
    ]
    printed = said(*question, "table", code=3)
    assert re.search(r"^  torch +#2: values differ by up to", printed, re.MULTILINE)
    assert printed.count('pip install "deconvcalc[keras]"') == 2  # once a checker
    rows = list(csv.reader(StringIO(invoke(*question, "csv").stdout)))
    assert rows[0][-4:] == [f"verify_{name}" for name in names.split(",")]
    assert rows[2][-4:] == ["true", "false", "false", "false"]


def test_a_reason_of_many_answers_stands_once(fakes: Fakes) -> None:
    fakes.torch(TROUBLE.format("assert self.k == 5, 'only five'"))
    printed = said("solve", "7", "--from", "4", "--verify", "torch", "--limit", "7", code=1)
    assert "#1, #3, #4, #5, #6 and 1 more: PyTorch refuses it" in printed
    assert printed.count("only five") == 1


def test_code_and_verdicts_together() -> None:
    question = ("solve", "7", "--from", "4", "--code", "torch", "--limit", "2")
    result = invoke(*question, "--verify", "numpy")
    assert (result.exit_code, result.stderr) == (0, "#1 numpy: ok\n#2 numpy: ok\n")
    assert result.stdout == said(*question)
    row, _ = json.loads(said(*question, "--verify", "numpy", "--format", "json"))["answers"]
    assert row["code"]
    assert row["verdicts"][0]["ok"]


def test_channels_reach_the_verdicts() -> None:
    question = ("solve", "8", "--from", "4", "--verify", "numpy", "--limit", "1")
    document = json.loads(said(*question, "--channels", "5:7", "--format", "json"))
    assert document["answers"][0]["verdicts"][0]["channels"] == [5, 7]


@pytest.mark.parametrize(
    ("op", "size", "wrong", "right"),
    [
        ("max-pool", "8", ("3:4", "4:3"), "3:3"),
        ("avg-pool", "8x8x8", ("3:4",), "3:3"),
        ("pixel-shuffle", "32", ("64:32", "64:64", "63:16", "2:1"), "64:16"),
        ("pixel-shuffle", "32x32", ("64:8",), "64:16"),
    ],
)
@pytest.mark.parametrize("asked", ["--verify", "--code"])
def test_channels_that_an_answer_cannot_have_end_with_2(
    op: str, size: str, wrong: tuple[str, ...], right: str, asked: str
) -> None:
    """What has no weights makes no other channels: such counts are neither dropped nor changed."""
    source = "x".join(["16"] * len(size.split("x")))
    question = ("solve", size, "--from", source, "--op", op, asked)
    name = "numpy" if asked == "--verify" else "torch"
    for form in FORMS:
        for counts in wrong:
            result = invoke(*question, name, "--channels", counts, "--format", form)
            assert (result.exit_code, result.stdout) == (2, "")
            assert "--channels: " in result.stderr
            assert (
                f"cannot make {counts.split(':')[1]}" in result.stderr
                or "multiple" in result.stderr
            )
        printed = said(*question, name, "--channels", right, "--format", form)
        assert printed
    if asked == "--verify":
        document = json.loads(said(*question, name, "--channels", right, "--format", "json"))
        verdict = document["answers"][0]["verdicts"][0]
        assert verdict["channels"] == [int(count) for count in right.split(":")]
        result = invoke(
            "verify", verdict["layers"][0], source, "--with", name, "--channels", wrong[0]
        )
        assert (result.exit_code, result.stdout) == (2, "")


def test_an_answer_of_another_operation_is_named() -> None:
    result = invoke(
        "solve",
        "8",
        "--from",
        "4",
        "--op",
        "any",
        "--all",
        "--code",
        "torch",
        "--channels",
        "64:32",
    )
    number = next(
        i for i, a in enumerate(dc.solve(8, source=4, op="any"), 1) if a.op == "pixel_shuffle"
    )
    assert result.exit_code == 2
    assert f"--channels: #{number}: PixelShuffle(2) makes 16 of 64 channels" in result.stderr


def test_code_names_the_channels_that_the_layer_takes() -> None:
    question = ("solve", "32", "--from", "16", "--op", "pixel-shuffle", "--code", "keras")
    assert "in_channels, out_channels = 4, 1\n" in said(*question)


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (("--channels", "3:4"), "--channels is for --code and --verify"),
        (("--verify", "numpy", "--all", "--limit", "3"), "--all and --limit contradict"),
        (("--code", "torch", "--all", "--limit", "3"), "--all and --limit contradict"),
        (("--code", "onnx"), "'torch', 'keras'"),
        (("--verify", "tensorflow"), "Known are: numpy"),
        (("--verify", ""), "Known are: numpy"),
        (("--verify", "numpy", "--channels", "3x4"), "Write 64:32"),
        (("--verify", "numpy", "--channels", "10**9:3"), "too large to run"),
        (("--verify", "numpy", "--with", "numpy"), "--with"),
        (("--verify", "numpy", "-k", "1..10**12", "--all"), "say how many to show by --limit"),
    ],
)
def test_what_solve_cannot_ask_ends_with_2(more: tuple[str, ...], word: str) -> None:
    result = invoke("solve", "7", "--from", "4", *more)
    assert (result.exit_code, result.stdout) == (2, "")
    assert word in result.stderr


@pytest.mark.parametrize("sizes", [("6000", "3000"), ("10**12", "5e11"), ("2e6x4", "1e6x2")])
def test_huge_sizes_are_refused_before_a_framework_is_there(
    fakes: Fakes, sizes: tuple[str, str]
) -> None:
    fakes.torch("time.sleep(600)")
    start = time.monotonic()
    done = process("solve", sizes[0], "--from", sizes[1], "--verify", "torch,numpy")
    assert time.monotonic() - start < 2 * GRACE
    assert (done.returncode, done.stdout) == (2, "")
    assert "too large to run" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_answer_that_is_too_large_does_not_hide_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(problem, "MOST_WORK", 6 * 5**2 * 4**2)  # kernels up to 5
    question = ("solve", "7", "--from", "4", "--verify", "numpy", "--limit", "3")
    for form in FORMS:
        result = invoke(*question, "--format", form)
        assert result.exit_code == 1
        assert result.stderr.startswith("#3 was not checked: ConvTranspose(7, ")
        if form == "json":
            rows = json.loads(result.stdout)["answers"]
            assert [len(row["verdicts"]) for row in rows] == [1, 1, 0]
        elif form == "csv":
            rows = list(csv.DictReader(StringIO(result.stdout)))
            assert [row["verify_numpy"] for row in rows] == ["true", "true", ""]
        else:
            assert "not asked" in result.stdout


# Processes, pipes and terminals.


def test_a_pipe_gets_plain_text(fakes: Fakes) -> None:
    fakes.torch()
    for arguments in (
        ("verify", UP, "28", "--with", "numpy,torch"),
        ("solve", "7", "--from", "4", "--verify", "torch", "--limit", "2"),
        ("checkers",),
    ):
        done = process(*arguments, COLUMNS="40", FORCE_COLOR="1")
        assert (done.returncode, done.stderr) == (0, "")
        assert "\x1b" not in done.stdout
        assert "\r" not in done.stdout
        assert max(map(len, done.stdout.splitlines())) > 60


def errors_on_terminal(*arguments: str) -> tuple[str, str]:
    """What a process writes to a pipe, and to a pseudo-terminal as its stderr."""
    pty = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=follower,
        cwd=ROOT,
        env=os.environ | {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"},
    ) as running:
        os.close(follower)
        assert running.stdout is not None
        printed = running.stdout.read().decode()
        running.wait(timeout=60)
    parts = []
    while True:
        try:
            part = os.read(leader, 65_536)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    os.close(leader)
    return printed, b"".join(parts).decode()


def test_progress_is_shown_on_a_terminal_alone(fakes: Fakes) -> None:
    fakes.torch()
    question = ("solve", "7", "--from", "4", "--verify", "torch", "--limit", "4")
    printed, errors = errors_on_terminal(*question)
    assert "loading torch" in errors
    assert "confirming" in errors
    assert "100%" in errors
    assert printed == process(*question).stdout  # stdout is a pipe all the same
    both, code = on_terminal(*question, columns=80)
    assert code == 0
    assert "confirming" in both


def test_what_is_loaded_is_named_on_a_terminal(fakes: Fakes) -> None:  # noqa: ARG001
    _, errors = errors_on_terminal("checkers")
    assert "loading numpy, torch, keras, keras[torch], onnx ..." in ESCAPES.sub("", errors)


@pytest.mark.parametrize("columns", [60, 80])
def test_verdicts_fit_a_terminal(fakes: Fakes, columns: int) -> None:
    fakes.torch()
    for arguments in (("verify", UP, "28", "--with", "numpy,torch"), ("checkers",)):
        printed, code = on_terminal(*arguments, columns=columns)
        assert code == 0
        lines = [
            re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).split("\r")[-1]
            for line in printed.split("\n")
        ]
        assert max(map(len, lines)) <= columns
        assert "…" not in printed


def test_words_stay_whole_in_80_columns(fakes: Fakes) -> None:  # noqa: ARG001
    question = ("solve", "7", "--from", "4", "--limit", "3", "--verify", "torch,keras")
    printed, code = on_terminal(*question, columns=80)
    shown = ESCAPES.sub("", printed)
    assert code == 3
    for word in ('padding="same",', "output_padding=0", "checkerboard ", "missing "):
        assert shown.count(word) >= 3, word


@pytest.mark.parametrize("verb", ["solve", "size", "verify", "checkers"])
def test_the_examples_of_a_help_text_stand_alone(verb: str) -> None:
    printed = invoke(verb, "--help").stdout
    assert "\\b" not in printed
    examples = re.findall(rf"^  deconvcalc {verb}.*$", printed, re.MULTILINE)
    assert len(examples) >= 2
    for example in examples:
        assert example.count("deconvcalc") == 1


def interrupted(fakes: Fakes, *arguments: str) -> tuple[int, str, str]:
    """A command that gets a Ctrl-C while the framework works on its second question."""
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from deconvcalc.cli import main; main(prog_name='deconvcalc')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    ) as running:
        end = time.monotonic() + 60
        while not (fakes.folder / "asked").exists():
            assert time.monotonic() < end
            assert running.poll() is None
            time.sleep(0.02)
        time.sleep(0.2)
        running.send_signal(signal.SIGINT)
        printed, errors = running.communicate(timeout=30)
    assert "Traceback" not in errors
    assert all(gone(pid) for pid in fakes.pids)
    return running.returncode, printed, errors


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("form", FORMS)
def test_an_interrupt_shows_what_is_known(fakes: Fakes, form: str) -> None:
    fakes.torch(SLEEP)
    question = ("solve", "7", "--from", "4", "--verify", "torch", "--limit", "3")
    code, printed, errors = interrupted(fakes, *question, "--format", form)
    assert (code, errors) == (1, "interrupted: 1 of 3 answers were checked\n")
    if form == "json":
        rows = json.loads(printed)["answers"]
        assert [[one["ok"] for one in row.get("verdicts", ())] for row in rows] == [[True], [], []]
    elif form == "csv":
        rows = list(csv.DictReader(StringIO(printed)))
        assert [row["verify_torch"] for row in rows] == ["true", "", ""]
    else:
        assert printed.count("not asked") == 2
        assert len(re.findall(r"checkerboard (?:\| )? *ok", printed)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupt_ends_verify(fakes: Fakes) -> None:
    fakes.torch(SLEEP)
    code, printed, errors = interrupted(fakes, "verify", UP, "28", "--with", "torch")
    assert (code, printed) == (1, "")
    assert "Aborted" in errors


def test_a_framework_is_loaded_once_a_command(fakes: Fakes, workers: dict[str, Any]) -> None:
    fakes.torch()
    said("solve", "7", "--from", "4", "--verify", "torch,numpy", "--limit", "5")
    assert {name: worker.starts for name, worker in workers.items()} == {"torch": 1}
    assert len(fakes.pids) == 1
    process("solve", "7", "--from", "4", "--verify", "torch", "--limit", "5")
    assert len(fakes.pids) == 2
    assert all(gone(pid) for pid in fakes.pids[1:])


PARENT = """
import contextlib, io, sys
from deconvcalc.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main({!r})
print(*sorted({{name.split(".")[0] for name in sys.modules}}))
"""


def loaded_by(*arguments: str) -> set[str]:
    """The packages that a command loads in its own process."""
    done = subprocess.run(
        [sys.executable, "-c", PARENT.format(list(arguments))],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=True,
    )
    return set(done.stdout.split())


def test_nothing_of_a_framework_is_in_the_command(fakes: Fakes) -> None:
    fakes.torch()
    found = loaded_by("verify", UP, "28", "--with", "torch")
    assert "numpy" in found
    assert not {"torch", "keras", "tensorflow", "jax"} & found
    assert len(fakes.pids) == 1  # it was there, in a process of its own


def test_code_loads_neither_numpy_nor_a_framework() -> None:
    found = loaded_by("solve", "7", "--from", "4", "--code", "keras", "--limit", "3")
    assert not {"numpy", "torch", "keras", "sympy"} & found


# Real frameworks.

absent = [name for name in ("torch", "keras", "tensorflow") if find_spec(name) is None]
real = pytest.mark.skipif(bool(absent), reason=f"not installed: {absent}")


@real
@pytest.mark.framework
def test_both_frameworks_confirm_an_answer(workers: dict[str, Any]) -> None:
    question = ("solve", "60", "--from", "28", "-k", "6", "-s", "2", "--verify", "torch,keras")
    printed = said(*question)
    (row,) = re.findall(r"^ +1 .*$", printed, re.MULTILINE)
    assert row.split()[-2:] == ["ok", "ok"]
    (answer,) = json.loads(said(*question, "--format", "json"))["answers"]
    for verdict in answer["verdicts"]:
        assert (verdict["ok"], verdict["found"]) == (True, [60, 60])
        assert dc.recheck(verdict).ok
    assert {name: worker.starts for name, worker in workers.items()} == {"torch": 1, "keras": 1}


@real
@pytest.mark.framework
def test_real_frameworks_are_loaded_once_a_command(workers: dict[str, Any]) -> None:
    question = ("solve", "7", "--from", "4", "--verify", "torch,keras", "--limit", "5")
    head, *rows = table_rows(said(*question, "--format", "markdown"))
    assert head[-2:] == ["run: torch", "run: keras"]
    assert [row[-2:] for row in rows] == [["ok", "ok"]] * 5
    assert {name: worker.starts for name, worker in workers.items()} == {"torch": 1, "keras": 1}


@real
@pytest.mark.framework
def test_real_frameworks_stay_in_their_processes() -> None:
    found = loaded_by("verify", UP, "28", "--with", "torch,keras")
    assert not {"torch", "keras", "tensorflow"} & found


@real
@pytest.mark.framework
def test_real_checkers() -> None:
    found = {
        one["name"]: one for one in json.loads(said("checkers", "--format", "json"))["checkers"]
    }
    assert {name: one["state"] for name, one in found.items()} == dict.fromkeys(CHECKERS, "ready")
    assert found["keras"]["versions"]["backend"] == "tensorflow"
    assert found["keras[torch]"]["versions"]["backend"] == "torch"
