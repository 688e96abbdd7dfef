"""deconvcalc check: its formats, its options, its exit codes, and the first file that it writes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from deconvcalc import assertions
from deconvcalc.assertions import Outcome, Report
from deconvcalc.assertions.reports import FORMATS, MOST_ANNOTATIONS, github, junit, summary
from tests.test_cli import COMMAND, ESCAPES, ROOT, invoke, on_terminal

if TYPE_CHECKING:
    from pathlib import Path

UP = '[[check]]\nname = "up"\nlayer = "nn.ConvTranspose2d(64, 32, 6, stride=2)"\ninput = 28\n'
GOOD = UP + "output = 60\n"
BAD = UP + "output = 61\n"
FAILED = """\
FAILED deconvcalc.toml:5: up (output)
  expected  61
  got       60
  because     m = (n - 1)*s + ke - before - after    with s = 2, ke = 6, before = 0, after = 0
                = (28 - 1)*2 + 6 - 0 - 0
                = 27*2 + 6 - 0 - 0
                = 54 + 6 - 0 - 0
                = 60
              source       torch.nn.ConvTranspose2d, section Shape
              in n         2*n + 4,  for n >= 1
              no loss      every n that is taken
              same output  28
  nearest   h: no input gives 61
            w: no input gives 61
  hint      deconvcalc solve 61 --from 28 lists the layers that do.
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder: Path, text: str, name: str = "deconvcalc.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def without_seconds(text: str) -> str:
    return re.sub(r"in \d+\.\d\d s", "in S s", text)


# What it says, and how it ends.


def test_checks_that_hold(folder: Path) -> None:
    written(folder, GOOD)
    result = invoke("check")
    assert without_seconds(result.stdout) == "1 check: 1 passed in S s\n"
    assert (result.exit_code, result.stderr) == (0, "")


def test_a_check_that_fails_tells_all_of_it(folder: Path) -> None:
    written(folder, BAD)
    result = invoke("check")
    assert without_seconds(result.stdout) == f"{FAILED}1 check: 1 failed in S s\n".replace(
        "1 check: 1 failed", "1 check: 0 passed, 1 failed"
    )
    assert result.exit_code == 1


def test_a_model_that_does_not_run_tells_the_clash_and_the_way_out(folder: Path) -> None:
    unet = (ROOT / "docs" / "examples" / "unet.toml").read_text(encoding="utf-8")
    written(folder, unet, "unet.toml")
    written(folder, '[[check]]\nname = "net"\nmodel = "unet.toml"\ninput = 127\noutput = 127\n')
    result = invoke("check")
    assert result.exit_code == 1
    assert "does not run at 127x127" in result.stdout
    assert "unet.toml:" in result.stdout
    assert re.search(r"nearest +\d+ or \d+", result.stdout)
    assert re.search(r"hint +.*F\.pad", result.stdout)
    assert "floor(" in result.stdout


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (GOOD, 0, ""),
        (BAD, 1, ""),
        (GOOD.replace("stride=2", "strde=2"), 2, "no argument strde"),
        (GOOD.replace("input", "inpt"), 2, "unknown key 'inpt'"),
        ("", 2, "there is no check in it"),
        ("[[check]", 2, "this is no TOML"),
        (UP + "aligned = true\n", 2, "no skip"),
        (UP + 'admits = "n < 1"\n', 2, "nothing would be shown"),
        (UP.replace("layer", "model") + "output = 3\n", 2, "names no model"),
        ('[[check]]\nmodel = "none.toml"\ninput = 3\noutput = 3\n', 2, "cannot be read"),
        (BAD + GOOD.replace('"up"', '"bad"').replace("nn.Conv", "nn.Konv"), 2, "Konv"),
    ],
)
def test_exit_codes(text: str, code: int, words: str, folder: Path) -> None:
    written(folder, text)
    result = invoke("check")
    assert result.exit_code == code, result.stdout + result.stderr
    assert words in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_a_framework_that_is_missing_is_code_3(folder: Path, monkeypatch: Any) -> None:
    from deconvcalc.checkers.confirming import worker

    fault = ("torch is not installed", "missing", 'pip install "deconvcalc[torch]"')
    monkeypatch.setattr(worker("torch"), "_failure", fault)
    written(folder, GOOD)
    result = invoke("check", "--verify", "torch")
    assert result.exit_code == 3
    assert "ERROR deconvcalc.toml:5: up: verify" in result.stdout
    assert 'pip install "deconvcalc[torch]"' in result.stdout
    assert invoke("check", "--verify", "torch", "--select", "output").exit_code == 0


def test_a_model_whose_framework_is_missing_is_code_3(folder: Path) -> None:
    written(folder, "raise ModuleNotFoundError('no torch', name='torch')\n", "torchless_net.py")
    written(folder, '[[check]]\nmodel = "torchless_net:net"\ninput = 3\noutput = 3\n')
    result = invoke("check")
    assert result.exit_code == 3
    assert "torch is not installed" in result.stdout
    assert "pip install torch" in result.stdout


def test_no_file_names_the_way_to_a_first_one(folder: Path) -> None:
    result = invoke("check")
    assert result.exit_code == 2
    assert "--init MODEL" in result.stderr
    written(folder, "[project]\nname = 'net'\n", "pyproject.toml")
    assert invoke("check").exit_code == 2


def test_several_files_and_both_of_a_folder(folder: Path) -> None:
    written(folder, GOOD)
    written(folder, BAD.replace("[check]", "[tool.deconvcalc.check]"), "pyproject.toml")
    assert "2 checks: 1 passed, 1 failed" in invoke("check").stdout
    assert "1 check: 1 passed" in invoke("check", "deconvcalc.toml").stdout
    assert "pyproject.toml:5" in invoke("check", "pyproject.toml").stdout
    assert (
        "3 checks" in invoke("check", "deconvcalc.toml", "pyproject.toml", "deconvcalc.toml").stdout
    )


def test_selection_fail_fast_and_jobs(folder: Path) -> None:
    names = ["one", "two", "three", "four"]
    texts = [(BAD if name == "two" else GOOD).replace('"up"', f'"{name}"') for name in names]
    written(folder, "\n".join(texts))
    assert "4 checks: 3 passed, 1 failed" in invoke("check").stdout
    assert "4 checks: 3 passed, 1 failed" in invoke("check", "--jobs", "2").stdout
    assert "2 checks: 1 passed, 1 failed, 2 not run" in invoke("check", "--fail-fast").stdout
    assert invoke("check", "--select", "t*").exit_code == 1
    assert invoke("check", "--select", "one", "--select", "three").exit_code == 0
    result = invoke("check", "--select", "five")
    assert result.exit_code == 2
    assert "none of 4 checks is selected by five" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--verify", "numpy", "--no-verify"],
        ["--verify", "abacus"],
        ["--jobs", "0"],
        ["--format", "xml"],
        ["--input", "28"],
        ["--channels", "3"],
        ["--arg", "depth=3"],
        ["--assume", "Foo=same"],
        ["--init", "net.toml", "a.toml", "b.toml"],
        ["--init", "no_such_net"],
        ["--init", "no_such_net:net"],
        ["--init", "none.toml"],
        ["--init", "os:path", "--no-import"],
        ["--output", "no/such/folder/report.xml"],
        ["none.toml"],
    ],
)
def test_wrong_usage(arguments: list[str], folder: Path) -> None:
    written(folder, GOOD)
    before = set(folder.iterdir())
    result = invoke("check", *arguments)
    assert result.exit_code == 2, result.stdout
    assert result.stderr.strip()
    assert "Traceback" not in result.stderr
    assert set(folder.iterdir()) == before


def test_verify_builds_and_runs(folder: Path) -> None:
    written(folder, 'verify = ["numpy"]\n' + GOOD)
    assert "2 checks: 2 passed" in invoke("check").stdout
    assert "1 check: 1 passed" in invoke("check", "--no-verify").stdout


WATCHED = """
import sys
from deconvcalc.cli import main
try:
    main(["check", sys.argv[1]])
except SystemExit as end:
    assert not end.code
print(*sys.modules)
"""
FRAMEWORKS = {"torch", "keras", "tensorflow", "jax", "onnx", "onnxruntime"}


def test_an_analytic_check_loads_no_framework(folder: Path) -> None:
    path = written(folder, f'{GOOD}admits = "n % 2 == 0"\nfield = 3\nmax_macs = 100_000_000\n')
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    loaded = set(done.stdout.split())
    assert "deconvcalc.assertions.spec" in loaded
    assert not loaded & {*FRAMEWORKS, "sympy", "rich", "hypothesis", "pytest"}


# The formats.


def report() -> Report:
    """Two that passed, twelve that failed, one in error, with text that is hard to write."""
    odd = "a,b:c\n::error::x%0A|*_<b>&\x1b[2J\ud800é"
    outcomes = [Outcome("one", "output", "passed", seconds=0.5), Outcome(odd, "field", "passed")]
    outcomes += [
        Outcome(
            f"{odd} {number}",
            "admits",
            "failed",
            expected=odd,
            got="::warning::" + odd,
            derivation=(odd, "m = n"),
            nearest=("3 or 4",),
            where=f"a folder,x/deconvcalc.toml:{number + 1}",
            hint=odd,
            seconds=0.25,
        )
        for number in range(12)
    ]
    outcomes.append(Outcome("last", "output", "error", got="no such", fault="unreadable"))
    return Report(outcomes, not_run=("a", "b"), seconds=3.5)


def test_junit_is_read_back_whole(tmp_path: Path) -> None:
    import junitparser

    made = report()
    path = tmp_path / "report.xml"
    path.write_text(junit(made), encoding="utf-8", errors="strict")
    read = junitparser.JUnitXml.fromfile(str(path))
    assert (read.tests, read.failures, read.errors, read.skipped) == (17, 12, 1, 2)
    assert read.time == 3.5
    (suite,) = list(read)
    assert suite.name == "deconvcalc"
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (17, 12, 1, 2)
    cases = list(suite)
    assert len(cases) == 17
    for case, one in zip(cases, made.outcomes, strict=False):
        assert case.classname == f"deconvcalc.{one.kind}"
        assert case.time == one.seconds
        assert [type(each).__name__ for each in case.result] == {
            "passed": [],
            "failed": ["Failure"],
            "error": ["Error"],
        }[one.state]
        for each in case.result:
            assert each.type == (one.fault or one.kind)
            assert each.message
            assert each.text.startswith(one.state.upper())
    assert cases[2]._elem.get("file") == "a folder,x/deconvcalc.toml"
    assert cases[2]._elem.get("line") == "1"
    assert [type(each).__name__ for case in cases[15:] for each in case.result] == ["Skipped"] * 2


ANNOTATION = re.compile(
    r"::(?P<level>error|notice) (?:file=(?P<file>[^,:]*),line=(?P<line>\d+),)?"
    r"title=(?P<title>[^,:]*)::(?P<message>.*)"
)


def test_github_annotations_are_ten_at_most_and_end_with_the_total() -> None:
    lines = github(report()).splitlines()
    commands = [line for line in lines if line.strip().startswith("::")]
    found = [ANNOTATION.fullmatch(line) for line in commands]
    assert all(found), commands
    assert len(found) == MOST_ANNOTATIONS
    for number, one in enumerate(found[:-1]):
        assert one is not None
        assert (one["level"], one["line"]) == ("error", str(number + 1))
        assert one["file"] == "a folder%2Cx/deconvcalc.toml"
        assert "%0A  expected" in one["message"]
        assert "\n" not in one["message"]
    assert lines[-1] == (
        "::error title=deconvcalc::4 more do not pass: see the log. 15 checks: 2 passed, "
        "12 failed, 1 in error, 2 not run in 3.50 s"
    )
    assert sum(line.startswith("| FAILED") for line in lines) == 3
    assert sum(line.startswith("| ERROR") for line in lines) == 1


@pytest.mark.parametrize("wrong", [0, 1, 9, 10, 11])
def test_github_never_shows_more_than_ten(wrong: int) -> None:
    outcomes = [Outcome(f"{n}", "output", "failed", where="a:1") for n in range(wrong)]
    made = Report([*outcomes, Outcome("ok", "output", "passed")])
    lines = github(made).splitlines()
    commands = [line for line in lines if line.startswith("::")]
    assert len(commands) == min(wrong, MOST_ANNOTATIONS - 1) + 1
    assert lines[-1].startswith("::error title=" if wrong else "::notice title=")
    assert f"{wrong + 1} check" in lines[-1]


def test_json_is_as_its_schema_says(folder: Path) -> None:
    import jsonschema

    schema = assertions.report_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validate = jsonschema.Draft202012Validator(schema).validate
    document = json.loads(FORMATS["json"](report()).encode("utf-8", "replace"))
    validate(document)
    assert document["count"] == 15
    assert document["not_run"] == ["a", "b"]
    written(folder, BAD + GOOD.replace('"up"', '"bad"').replace("nn.Conv", "nn.Konv"))
    result = invoke("check", "--format", "json")
    document = json.loads(result.stdout)
    validate(document)
    assert result.exit_code == 2
    assert [one["state"] for one in document["checks"]] == ["failed", "error"]
    assert document["checks"][0]["where"] == "deconvcalc.toml:5"
    assert document["state"] == "error"


def test_markdown_is_one_line_a_check() -> None:
    lines = summary(report()).splitlines()
    assert lines[0].startswith("**deconvcalc**: 15 checks: 2 passed")
    assert len([line for line in lines if line.startswith("| ")]) == 1 + 13
    assert "<b>" not in summary(report()).replace("\\<", "")


def test_output_writes_files_beside_the_terminal(folder: Path) -> None:
    written(folder, BAD)
    names = ["report.xml", "report.json", "report.md", "report.txt", "report.log"]
    arguments = [argument for name in names for argument in ("--output", name)]
    result = invoke("check", *arguments, "--format", "github")
    assert result.exit_code == 1
    assert result.stdout.startswith("::error file=deconvcalc.toml,line=5,title=up::FAILED")
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in names}
    assert texts["report.xml"].startswith("<?xml")
    assert json.loads(texts["report.json"])["failed"] == 1
    assert texts["report.md"].startswith("**deconvcalc**")
    assert texts["report.txt"].startswith(FAILED)
    assert texts["report.log"] == result.stdout


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_ends_alike(form: str, folder: Path) -> None:
    for text, code in ((GOOD, 0), (BAD, 1)):
        written(folder, text)
        result = invoke("check", "--format", form)
        assert result.exit_code == code
        assert result.stdout.strip()
        assert not ESCAPES.search(result.stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminal")
def test_a_terminal_gets_colour(folder: Path) -> None:
    written(folder, BAD)
    shown, code = on_terminal("check", str(folder / "deconvcalc.toml"))
    assert code == 1
    assert "expected  61" in ESCAPES.sub("", shown)
    assert ESCAPES.search(shown)


# Ctrl-C, and models that print.


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_tells_what_is_known(jobs: str, folder: Path) -> None:
    slow = "import pathlib, time\npathlib.Path('begun').touch()\ntime.sleep(60)\nnet = []\n"
    written(folder, slow, "slow_net.py")
    text = '[[check]]\nname = "slow"\nmodel = "slow_net:net"\ninput = 9\noutput = 4\n'
    written(folder, GOOD + text)
    # Where pytest itself runs in the background, SIGINT is ignored unless somebody listens.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from deconvcalc.__main__ import run; run()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, "check", "--jobs", jobs, "--format", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    for _ in range(300):
        if (folder / "begun").exists():
            break
        time.sleep(0.1)
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1, err
    document = json.loads(out)
    assert (document["passed"], document["not_run"]) == (1, ["slow"])
    assert "Traceback" not in err.replace("KeyboardInterrupt", "") or jobs == "2"


def test_what_a_model_prints_is_not_in_the_report(folder: Path) -> None:
    code = "import os\nprint('hello')\nos.system('echo shell')\n"
    code += "import deconvcalc as dc\nnet = [dc.MaxPool(2)]\n"
    written(folder, code, "printing_net.py")
    text = '[[check]]\nname = "{}"\nmodel = "printing_net:net"\ninput = {}\noutput = {}\n'
    written(folder, text.format("a", 9, 4) + text.format("b", 8, 4))
    for jobs in ("1", "2"):
        done = subprocess.run(
            [*COMMAND, "check", "--format", "json", "--jobs", jobs],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert json.loads(done.stdout)["passed"] == 2
        assert "hello" in done.stderr
        assert "shell" in done.stderr


# The first file.


CHAIN = (
    "nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(2), "
    "nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1), nn.Conv2d(4, 2, 3, stride=1))"
)


def mutants(text: str) -> list[str]:
    """The text with one stride of it changed by one, for every stride, pools included."""
    strides = [
        f"{text[: at.start(1)]}{int(at[1]) + 1}{text[at.end(1) :]}"
        for at in re.finditer(r"stride=(\d)", text)
    ]
    return [*strides, text.replace("MaxPool2d(2)", "MaxPool2d(2, 3)")]


@pytest.mark.parametrize("size", ["28", "29x33"])
def test_a_first_file_of_pasted_text_passes_and_sees_every_stride(size: str, folder: Path) -> None:
    result = invoke("check", "--init", CHAIN, "--input", size)
    assert result.exit_code == 0, result.stdout + result.stderr
    assert "written: deconvcalc.toml" in result.stderr
    text = (folder / "deconvcalc.toml").read_text(encoding="utf-8")
    assert "checkerboard = false" in text
    assert 'admissible = "n >= 7"' in text
    assert invoke("check").exit_code == 0
    assert len(mutants(CHAIN)) == 4
    for one in mutants(CHAIN):
        written(folder, text.replace(json.dumps(CHAIN), json.dumps(one)))
        assert invoke("check").exit_code == 1, one


def test_a_first_file_is_not_written_over_another(folder: Path) -> None:
    written(folder, GOOD)
    result = invoke("check", "--init", CHAIN, "--input", "28")
    assert result.exit_code == 2
    assert "is there already" in result.stderr
    assert (folder / "deconvcalc.toml").read_text(encoding="utf-8") == GOOD
    assert invoke("check", "other.toml", "--init", CHAIN, "--input", "28").exit_code == 0
    assert (folder / "other.toml").exists()


def test_a_first_file_of_a_spec_that_does_not_run_where_it_was_asked(folder: Path) -> None:
    unet = (ROOT / "docs" / "examples" / "unet.toml").read_text(encoding="utf-8")
    (folder / "nets").mkdir()
    written(folder, unet, "nets/unet.toml")
    result = invoke("check", "nets/checks.toml", "--init", "nets/unet.toml", "--input", "127")
    assert result.exit_code == 0, result.stdout + result.stderr
    text = (folder / "nets" / "checks.toml").read_text(encoding="utf-8")
    assert 'model = "unet.toml"' in text
    assert "input = [128, 128]" in text
    assert invoke("check", "nets/checks.toml").exit_code == 0


def test_a_first_file_of_a_class_with_arguments(folder: Path) -> None:
    code = (
        "import deconvcalc as dc\n"
        "def net(depth, *, mode='max'):\n"
        "    return [dc.Conv(3, stride=2, padding=1, out_channels=4)] * depth\n"
    )
    written(folder, code, "first_net.py")
    arguments = ["--init", "first_net:net", "--arg", "depth=2", "--arg", "mode=avg"]
    result = invoke("check", *arguments, "--input", "28", "--channels", "3")
    assert result.exit_code == 0, result.stdout + result.stderr
    text = (folder / "deconvcalc.toml").read_text(encoding="utf-8")
    assert 'arguments = {depth = 2, mode = "avg"}' in text
    assert 'name = "net"' in text
    assert "channels = 3" in text
    written(folder, text.replace("depth = 2", "depth = 3"))
    assert invoke("check").exit_code == 1


def test_a_first_file_of_a_model_that_never_runs(folder: Path) -> None:
    text = "nn.Sequential(nn.Flatten(), nn.Linear(7, 2), nn.Linear(3, 1))"
    result = invoke("check", "--init", text, "--input", "28")
    assert result.exit_code == 2
    assert "does not run" in result.stderr
    assert not (folder / "deconvcalc.toml").exists()


# Files and pipes.


def test_a_report_is_not_written_over_the_checks(folder: Path) -> None:
    path = written(folder, GOOD)
    for name in ("deconvcalc.toml", "./deconvcalc.toml", str(path)):
        result = invoke("check", "--output", name)
        assert result.exit_code == 2
        assert "write over it" in result.stderr
    assert path.read_text(encoding="utf-8") == GOOD


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
def test_a_file_is_written_also_where_nobody_reads_the_terminal(folder: Path) -> None:
    written(folder, BAD)
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [*COMMAND, "check", "--output", "report.json"],
            check=False,
            stdout=writer,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    finally:
        os.close(writer)
    assert done.returncode != 0
    assert json.loads((folder / "report.json").read_text(encoding="utf-8"))["failed"] == 1


def test_a_model_that_ends_the_program_is_an_error(folder: Path) -> None:
    written(folder, "def net():\n    raise SystemExit(0)\n", "ending_net.py")
    text = '[[check]]\nname = "end"\nmodel = "ending_net:net"\ninput = 9\noutput = 4\n'
    written(folder, text + GOOD)
    result = invoke("check", "--format", "json")
    assert result.exit_code == 1
    assert [one["state"] for one in json.loads(result.stdout)["checks"]] == ["error", "passed"]


def test_a_report_of_a_run_that_was_cut_short_has_not_passed() -> None:
    passed = Outcome("up", "output", "passed")
    assert Report([passed]).state == "passed"
    for one in (Report([passed], not_run=["next"]), Report([], not_run=["next"])):
        assert one.state == "error"
        assert one.exit_code != 0
