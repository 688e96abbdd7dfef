"""deconvcalc trace: what it prints of a model, and how it ends where something is wrong."""

from __future__ import annotations

import csv
import importlib
import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import deconvcalc as dc
from deconvcalc.tracing.loading import literal
from tests.test_cli import COMMAND, ESCAPES, ROOT, invoke, on_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

UNET = str(ROOT / "docs" / "examples" / "unet.toml")
POOL = "nn.Sequential(nn.MaxPool2d(2))"

NETS = """
import os
import sys
import deconvcalc as dc

print("the model prints")
os.system("echo another process prints")
print("and to stderr", file=sys.stderr)

pool = [dc.MaxPool(2)]
text = "nn.Sequential(nn.MaxPool2d(3))"
model = dc.Model()
image = model.input(channels=3)
model.output(model.add(dc.Add(), image, model.add(dc.MaxPool(2), image)))


def build(depth=1, *, kernel=(2, 2), mode="max"):
    print("the factory prints")
    kind = {"max": dc.MaxPool, "avg": dc.AvgPool}[mode]
    return [kind(kernel) for _ in range(depth)]


class Net:
    def __init__(self, depth, width):
        self.depth = depth


class Inner:
    pool = pool


def broken():
    return {}["no such key"]


def ends():
    sys.exit(0)


def number():
    return 3
"""


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with modules that has become the current directory."""
    monkeypatch.chdir(tmp_path)
    package = tmp_path / "made_nets"
    package.mkdir()
    modules = {
        "__init__": "",
        "nets": NETS,
        "syntax": "x = (\n",
        "raising": "\n\nraise RuntimeError('first line\\nsecond line')\n",
        "needs": "import module_that_is_not_there\n",
    }
    for name, source in modules.items():
        (package / f"{name}.py").write_text(source, encoding="utf-8")
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "made_nets"]:
        del sys.modules[name]


def trace(*arguments: str) -> Result:
    return invoke("trace", *arguments)


# What it prints.


def test_a_model_that_runs() -> None:
    result = trace(UNET, "--input", "64x32")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0].endswith("unet.toml at 64x32: runs")
    found = dc.trace(UNET, (64, 32))
    rows = [line.split() for line in lines[3 : 3 + len(found.rows)]]
    for row, cells in zip(found.rows, rows, strict=True):
        assert cells[0] == row.name
        assert "x".join(map(str, row.size)) in cells
    text = result.stdout
    assert "h ≡ 0 (mod 4)" in text
    assert "fully convolutional" in text
    assert f"{found.totals.parameters:,} parameters" in text
    assert f"{found.totals.macs:,} multiply-accumulates" in text
    assert "nearest" not in text


def test_every_clash_with_its_branches() -> None:
    result = trace(UNET, "--input", "55x54")
    assert result.exit_code == 1
    found = dc.trace(UNET, (55, 54))
    assert len(found.clashes) == 3
    assert "does not run, 3 clashes" in result.stdout
    for fault, axis in zip(found.clashes, "hwh", strict=True):
        assert f"{fault.node}, axis {axis} (" in result.stdout
        assert f"{fault.where}): {fault.message}" in result.stdout
        for branch in fault.branches:
            assert f"{branch.size} = {branch.function}" in result.stdout
            if branch.loss is not None:
                lost = f"{branch.loss.node} drops {branch.loss.remainder} of {branch.loss.size}"
                assert lost in result.stdout
    assert "52x52 below and 56x56 above" in result.stdout
    for line in found.remedies:
        assert line in result.stdout


def test_json_is_the_record() -> None:
    for size, code in (("64", 0), ("55x54", 1)):
        result = trace(UNET, "--input", size, "--format", "json")
        document = json.loads(result.stdout)
        sizes = tuple(map(int, size.split("x")))
        record = dc.trace(UNET, sizes if len(sizes) > 1 else sizes[0]).to_record()
        assert result.exit_code == code
        assert document.pop("schema") == 1
        assert document.pop("query") == {"model": UNET, "input": record.pop("input")}
        assert document.pop("count") == len(record["rows"])
        assert document == json.loads(json.dumps(record))


def test_csv_has_a_line_a_layer() -> None:
    result = trace(UNET, "--input", "55x54", "--format", "csv")
    rows = list(csv.DictReader(StringIO(result.stdout)))
    found = dc.trace(UNET, (55, 54))
    assert [row["name"] for row in rows] == [row.name for row in found.rows]
    assert [row["size"] for row in rows] == ["x".join(map(str, row.size)) for row in found.rows]
    assert [row["parameters"] for row in rows] == [str(row.parameters) for row in found.rows]
    assert result.stderr.count("clash: ") == 3


def test_markdown_has_the_table() -> None:
    result = trace(UNET, "--input", "55x54", "--format", "markdown")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("**")
    assert sum(line.startswith("| ") for line in lines) == len(dc.trace(UNET, 64).rows) + 2
    assert sum(line.startswith("- clash: ") for line in lines) == 3


def test_limit_cuts_the_table_and_says_so() -> None:
    count = len(dc.trace(UNET, 64).rows)
    table = trace(UNET, "--input", "64", "--limit", "2")
    assert f"{count - 2} further layers" in table.stdout
    assert "head" not in table.stdout
    document = json.loads(trace(UNET, "--input", "64", "--limit", "2", "--format", "json").stdout)
    assert (len(document["rows"]), document["count"]) == (2, count)
    lines = trace(UNET, "--input", "64", "--limit", "2", "--format", "csv").stdout.splitlines()
    assert len(lines) == 3


def test_pasted_text_is_a_model() -> None:
    result = trace("nn.Sequential(nn.Conv2d(3, 8, 3), nn.MaxPool2d(2))", "--input", "28")
    assert result.exit_code == 0
    assert "13x13" in result.stdout


def test_pipes_get_no_escapes(tmp_path: Path) -> None:
    file = tmp_path / "net.toml"
    file.write_text('layers = [{name = "a\\u001b[31mb", layer = "nn.ReLU()"}]', encoding="utf-8")
    for form in ("table", "csv", "markdown"):
        result = trace(str(file), "--input", "8", "--format", form)
        assert form == "csv" or "\x1b" not in result.stdout


@pytest.mark.parametrize("columns", [60, 200])
def test_a_terminal_gets_colour_and_its_width(columns: int) -> None:
    text, code = on_terminal("trace", UNET, "--input", "55x54", columns=columns)
    assert code == 1
    assert "\x1b[" in text
    lines = ESCAPES.sub("", text).splitlines()
    assert max(map(len, lines)) <= columns
    assert "skip1" in text
    assert ("in a wider terminal" in " ".join(text.split())) is (columns == 60)
    for row in dc.trace(UNET, (55, 54)).rows:  # no cell is folded
        assert any(line.split()[:1] == [row.name] for line in lines)


def test_channels_are_3_where_nobody_says(tmp_path: Path) -> None:
    file = tmp_path / "net.toml"
    file.write_text('layers = ["Conv(3, out_channels=8)"]', encoding="utf-8")
    rows = [
        json.loads(trace(str(file), "--input", "8", "--format", "json", *more).stdout)["rows"]
        for more in ([], ["--channels", "5"])
    ]
    assert [one[0]["channels"] for one in rows] == [3, 5]
    assert [one[1]["parameters"] for one in rows] == [3 * 72 + 8, 5 * 72 + 8]


def test_several_inputs_have_names(tmp_path: Path) -> None:
    file = tmp_path / "net.toml"
    file.write_text(
        'inputs = [{name = "a", axes = 1}, {name = "b", axes = 1}]\n'
        'layers = [{layer = "nn.MaxPool1d(2)", from = "a"}, {add = "b"}]',
        encoding="utf-8",
    )
    result = trace(str(file), "--input", "a=8", "--input", "b=4")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].endswith("net.toml at a 8, b 4: runs")
    assert trace(str(file), "--input", "a=8", "--input", "b=5").exit_code == 1
    named = ["--channels", "a=2", "--channels", "b=3"]
    result = trace(str(file), "--input", "a=8", "--input", "b=4", *named)
    assert (result.exit_code, "channels" in result.stdout) == (1, True)


# Models of modules.


@pytest.mark.parametrize(
    ("target", "more", "size"),
    [
        ("made_nets.nets:pool", [], (4, 4)),
        ("made_nets.nets:Inner.pool", [], (4, 4)),
        ("made_nets.nets:text", [], (3, 3)),
        ("made_nets.nets:build", [], (4, 4)),
        ("made_nets.nets:build", ["--arg", "depth=2"], (2, 2)),
        ("made_nets.nets:build", ["--arg", "kernel=(3, 1)"], (3, 9)),
        ("made_nets.nets:build", ["--arg", "mode=avg", "--arg", "kernel=3"], (3, 3)),
    ],
)
@pytest.mark.usefixtures("nets")
def test_a_model_of_a_module(target: str, more: list[str], size: tuple[int, ...]) -> None:
    result = trace(target, "--input", "9", "--format", "json", *more)
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert tuple(document["rows"][-1]["size"]) == size
    assert "the model prints" in result.stderr


def test_prints_of_a_model_do_not_reach_the_answer(nets: Path) -> None:
    """In a process of its own, where other processes print as well."""
    for form, first in (("json", "{"), ("csv", "name,")):
        done = subprocess.run(
            [*COMMAND, "trace", "made_nets.nets:build", "--input", "9", "--format", form],
            capture_output=True,
            text=True,
            cwd=nets,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=True,
            timeout=60,
        )
        assert done.stdout.startswith(first)
        assert "prints" not in done.stdout
        for line in ("the model prints", "another process prints", "the factory prints"):
            assert line in done.stderr


def test_a_model_stays_as_it_is(nets: Path) -> None:
    assert trace("made_nets.nets:model", "--input", "9").exit_code == 1
    assert str(nets) not in sys.path


# Bad input, each with its exit code.

MODULE = "made_nets.nets"
BAD: list[tuple[str, list[str], int, str]] = [
    ("a missing spec", ["no.toml", "--input", "9"], 2, "No such file"),
    ("a folder", ["made_nets.toml", "--input", "9"], 2, "cannot be read"),
    ("no kind of model", ["made_nets", "--input", "9"], 2, "is no model that can be read"),
    ("a missing module", ["made_nets.no:x", "--input", "9"], 2, "no module 'made_nets.no'"),
    ("a missing package", ["made_nots.no:x", "--input", "9"], 2, "no module 'made_nots'"),
    ("a missing attribute", [f"{MODULE}:bild", "--input", "9"], 2, "Did you mean build?"),
    ("a path of a module", ["made_nets/nets.py:x", "--input", "9"], 2, "made_nets.nets:x"),
    ("a call of a module", [f"{MODULE}:build(3)", "--input", "9"], 2, "nothing is evaluated"),
    ("no name", [f"{MODULE}:", "--input", "9"], 2, "names no model"),
    ("a class that needs arguments", [f"{MODULE}:Net", "--input", "9"], 2, "'depth'"),
    (
        "an argument that is not taken",
        [f"{MODULE}:build", "--input", "9", "--arg", "dept=2"],
        2,
        "unexpected keyword argument 'dept'",
    ),
    (
        "an argument that is no value",
        [f"{MODULE}:build", "--input", "9", "--arg", "depth=f(2)"],
        2,
        "is no value",
    ),
    (
        "an argument without a value",
        [f"{MODULE}:build", "--input", "9", "--arg", "depth"],
        2,
        "write name=value",
    ),
    (
        "arguments of a model",
        [f"{MODULE}:model", "--input", "9", "--arg", "a=2"],
        2,
        "is a model already",
    ),
    ("arguments of a text", [POOL, "--input", "9", "--arg", "a=2"], 2, "--arg is for"),
    ("a factory that raises", [f"{MODULE}:broken", "--input", "9"], 1, "nets.py:33: broken(...)"),
    ("a factory that ends", [f"{MODULE}:ends", "--input", "9"], 1, "SystemExit"),
    ("what is no model", [f"{MODULE}:number", "--input", "9"], 2, "3 is no model"),
    ("a module that raises", ["made_nets.raising:x", "--input", "9"], 1, "raising.py:3: "),
    ("a module with a fault", ["made_nets.syntax:x", "--input", "9"], 1, "syntax.py:1: "),
    ("a module that needs more", ["made_nets.needs:x", "--input", "9"], 1, "needs.py:1: "),
    ("text with a fault", ["nn.Sequential(nn.ReLU()", "--input", "9"], 2, "never closed"),
    ("an unknown layer", ["nn.Sequential(Foo())", "--input", "9"], 2, "--assume Foo=same"),
    (
        "an assumption that is none",
        ["nn.Sequential(Foo())", "--input", "9", "--assume", "Foo=double"],
        2,
        "not 'double'",
    ),
    ("no size", [POOL], 2, "the size of the input is not given"),
    ("a size of 0", [POOL, "--input", "0"], 2, "at least 1"),
    ("a size without axes", [POOL, "--input", ""], 2, "a number is missing"),
    ("too many axes", [POOL, "--input", "9x9x9"], 2, "3 sizes are given"),
    ("two sizes", [POOL, "--input", "9", "--input", "8"], 2, "name each input"),
    ("a size twice", [POOL, "--input", "a=9", "--input", "a=8"], 2, "twice for a"),
    ("a size for nobody", [POOL, "--input", "=9"], 2, "stands before the ="),
    ("another input", [POOL, "--input", "a=9"], 2, "no input 'a'"),
    ("channels of 0", [POOL, "--input", "9", "--channels", "0"], 2, "out of range"),
    ("a limit of 0", [POOL, "--input", "9", "--limit", "0"], 2, "out of range"),
    ("a size that is refused", [POOL, "--input", "1"], 0, ""),
]


@pytest.mark.parametrize(
    ("arguments", "code", "words"), [case[1:] for case in BAD], ids=[case[0] for case in BAD]
)
@pytest.mark.usefixtures("nets")
def test_bad_input_ends_with_a_message(arguments: list[str], code: int, words: str) -> None:
    Path("made_nets.toml").mkdir()
    result = trace(*arguments)
    if not code:  # the one that is an answer
        assert (result.exit_code, "refuses" in result.stdout) == (1, True)
        return
    assert (result.exit_code, result.stdout) == (code, "")
    assert words in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", ["torch", "keras", "tensorflow", "onnx", "jax"])
def test_a_missing_framework_ends_with_3(
    nets: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (nets / "made_nets" / "wants.py").write_text(f"import {name}\n", encoding="utf-8")
    monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    result = trace("made_nets.wants:x", "--input", "9")
    assert (result.exit_code, result.stdout) == (3, "")
    assert f"{name} is not installed" in result.stderr


def test_a_broken_framework_ends_with_3(nets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (nets / "jax.py").write_text(
        "raise ImportError('libjax.so: no such file', name='jax.core')", encoding="utf-8"
    )
    (nets / "made_nets" / "wants.py").write_text("import jax\n", encoding="utf-8")
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    result = trace("made_nets.wants:x", "--input", "9")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "jax is broken: libjax.so" in result.stderr


SPECS = [
    ("an unknown key", 'layers = ["nn.ReLU()"]\nouput = ["a"]', "Did you mean outputs?"),
    ("a wrong type", "layers = 3", "must be a list"),
    ("2 MB", "#" * 2_000_000, "larger than 1,000,000 bytes"),
    ("an unknown operator", 'layers = ["nn.Foo()"]', "--assume Foo=same"),
    ("no TOML", "layers = [[[", "no TOML"),
    ("huge numbers", 'layers = [{repeat = 1500, layers = ["MaxPool(1000)"]}] # net.toml', "4,300"),
    ("a cycle", 'layers = [{name = "a", add = "b"}, {name = "b", add = "a"}]', "comes later"),
]


@pytest.mark.parametrize(
    ("content", "words"), [case[1:] for case in SPECS], ids=[case[0] for case in SPECS]
)
def test_a_bad_spec_ends_with_2(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "net.toml"
    file.write_text(content, encoding="utf-8")
    result = trace(str(file), "--input", "9")
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert "net.toml" in result.stderr or "# net.toml" in content


def test_debug_shows_where_an_error_comes_from(nets: Path) -> None:
    (nets / "net.toml").write_text("layers = 3", encoding="utf-8")
    for arguments in (
        ["trace", "net.toml", "--input", "9", "--debug"],
        ["trace", "made_nets.raising:x", "--input", "9", "--debug"],
        ["size", "Conv(0)", "9", "--debug"],
    ):
        done = subprocess.run(
            [*COMMAND, *arguments],
            capture_output=True,
            text=True,
            cwd=nets,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
            timeout=60,
        )
        assert done.returncode == 1
        assert "Traceback" in done.stderr


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-2.5", -2.5),
        ("true", True),
        ("False", False),
        ("none", None),
        ("'a b'", "a b"),
        ("bilinear", "bilinear"),
        ("(8, 16)", (8, 16)),
        ("[1, (2, 'x')]", [1, (2, "x")]),
        ("1,2", (1, 2)),
    ],
)
def test_literals(text: str, value: Any) -> None:
    found = literal(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text", ["f(x)", "{1: 2}", "1 + 2j", "b'x'", "(1", "a b", "...", "[" * 5000]
)
def test_other_values_are_refused(text: str) -> None:
    with pytest.raises(dc.QueryError, match="is no value"):
        literal(text)


# Real models.

TORCH_NETS = """
import torch
from torch import nn

print("the module prints")


class Skip(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ConvTranspose2d(3, width, 2, stride=2)

    def forward(self, x):
        print("forward prints")
        return torch.cat([self.up(self.pool(x)), x], dim=1)


class Unfinished(nn.Module):
    def forward(self, x):
        raise RuntimeError("this is not done")


class Wide(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 1)

    def forward(self, x):
        return self.conv(x)


class Mystery(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)

    def forward(self, x):
        return torch.unique(self.conv(x))
"""


@pytest.fixture
def torch_nets(nets: Path) -> str:
    """The name of a module with models of PyTorch."""
    pytest.importorskip("deconvcalc.tracing.torch")
    (nets / "made_nets" / "real.py").write_text(TORCH_NETS, encoding="utf-8")
    return "made_nets.real"


@pytest.mark.framework
def test_a_module_of_pytorch(torch_nets: str) -> None:
    even = trace(f"{torch_nets}:Skip", "--input", "8x6", "--format", "json", "--arg", "width=5")
    document = json.loads(even.stdout)
    assert (even.exit_code, document["ok"], document["kind"]) == (0, True, "torch")
    assert document["rows"][-1]["channels"] == 8
    assert "forward prints" in even.stderr
    odd = trace(f"{torch_nets}:Skip", "--input", "8x7")
    assert odd.exit_code == 1
    assert "torch says: Sizes of tensors must match" in odd.stdout
    assert f"{Path('made_nets') / 'real.py'}:16" in odd.stdout


@pytest.mark.framework
def test_a_module_whose_forward_raises(torch_nets: str) -> None:
    result = trace(f"{torch_nets}:Unfinished", "--input", "8x8", "--channels", "3")
    assert result.exit_code == 1
    assert "this is not done" in result.stdout
    assert f"{Path('made_nets') / 'real.py'}:21)" in result.stdout
    assert "Traceback" not in result.stderr


@pytest.mark.framework
@pytest.mark.parametrize("size", ["1000000000000", "1000000000", "500000000"])
def test_an_input_that_is_too_large_for_pytorch_is_told(torch_nets: str, size: str) -> None:
    result = trace(f"{torch_nets}:Wide", "--input", size)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "too" in result.stderr
    assert "Take smaller sizes." in result.stderr
    if size == "500000000":
        assert "conv would give 1 x 64 x 500000000 x 500000000" in result.stderr


KERAS_NET = """
def make():
    import keras

    return keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3)])
"""


@pytest.mark.framework
def test_tensorflow_starts_in_silence(nets: Path) -> None:
    pytest.importorskip("tensorflow")
    (nets / "made_nets" / "silent.py").write_text(KERAS_NET, encoding="utf-8")
    kept = {n: v for n, v in os.environ.items() if n not in ("TF_CPP_MIN_LOG_LEVEL", "PYTHONPATH")}
    paths = [str(Path(dc.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    result = subprocess.run(
        [*COMMAND, "trace", "made_nets.silent:make", "--input", "28"],
        capture_output=True,
        text=True,
        check=False,
        env=kept | {"PYTHONPATH": os.pathsep.join(paths)},
    )
    assert result.returncode == 0
    assert result.stderr == ""
    assert "h ≥ 3" in result.stdout


def test_what_fails_while_tensorflow_is_imported_is_shown(
    nets: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from deconvcalc.cli.quiet import quiet_tensorflow

    source = "import os\nos.write(2, b'a note')\n"
    (nets / "tensorflow.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(nets)
    for more, shown in (("", ""), ("raise ImportError('no library')\n", "a note")):
        (nets / "tensorflow.py").write_text(f"{source}{more}# {len(more)}\n", encoding="utf-8")
        monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
        importlib.invalidate_caches()
        found = list(sys.meta_path)
        with quiet_tensorflow():
            try:
                importlib.import_module("tensorflow")
            except ImportError:
                assert more
        assert capfd.readouterr().err == shown
        assert sys.meta_path == found
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)


SLOW = """
import time
import deconvcalc as dc

def make(seconds):
    time.sleep(seconds)
    model = dc.Model()
    model.output(model.add(dc.MaxPool(2), model.input(channels=3)))
    return model
"""


@pytest.mark.parametrize("seconds", [0.1, 2.5])
def test_a_terminal_is_told_that_a_trace_goes_on(nets: Path, seconds: float) -> None:
    (nets / "made_nets" / "slow.py").write_text(SLOW, encoding="utf-8")
    paths = os.pathsep.join([str(nets), *filter(None, [os.environ.get("PYTHONPATH")])])
    arguments = ("trace", "made_nets.slow:make", "--arg", f"seconds={seconds}", "--input", "28")
    text, code = on_terminal(*arguments, PYTHONPATH=paths)
    assert code == 0
    assert ("tracing made_nets.slow:make ..." in ESCAPES.sub("", text)) is (seconds > 2)


@pytest.mark.framework
def test_an_unknown_operation_of_pytorch(torch_nets: str) -> None:
    result = trace(f"{torch_nets}:Mystery", "--input", "8x8")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "unique" in result.stderr
    assert "Traceback" not in result.stderr
