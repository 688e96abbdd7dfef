"""The pytest plugin, run by pytest as its users run it."""

from __future__ import annotations

import re
import shutil
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[1]

GOOD = """\
[[check]]
name = "up"
layer = "nn.ConvTranspose2d(64, 32, 6, stride=2)"
input = 28
output = 60
"""
WRONG = """
[[check]]
name = "wrong"
layer = "nn.Conv1d(3, 8, 3, stride=2, padding=1)"
input = 28
output = 15
"""
ERRING = """
[[check]]
name = "nothing shown"
layer = "nn.MaxPool2d(2)"
admits = "n < 1"
"""

SKIPS = """
[[check]]
name = "skips"
model = "unet.toml"
input = "30x32"
output = "30x32"
"""

FAILURE = """\
FAILED deconvcalc.toml:11: wrong (output)
  expected  15
  got       14
  because     m = floor((n + before + after - ke) / s) + 1    \
with before = 1, after = 1, ke = 3, s = 2
                = floor((28 + 1 + 1 - 3) / 2) + 1
                = floor(27 / 2) + 1
                = 13 + 1
                = 14
              source       torch.nn.Conv2d, section Shape
              dropped      the floor drops a remainder of 1: \
no window reads the last element of the padded input
              in n         floor((n + 1)/2),  for n >= 1
              no loss      n odd
              same output  27..28
  nearest   29 gives 15
"""

CLASH = """\
FAILED deconvcalc.toml:22: skips (output)
  expected  30x32
  got       it does not run at 30x32: 1 fault
  because   skip2: what is put side by side has one size: 14 and 15  (unet.toml:27)
              up2: 14 = 2*floor(h/4), pool2 drops 1 of 15
              enc2: 15 = floor(h/2)
  nearest   28x32 or 32
            admissible: h ≡ 0 (mod 4), h ≥ 4; w ≡ 0 (mod 4), w ≥ 4
  hint      x = x[..., :28, :32]  # 28 x 32; x = F.pad(x, (0, 0, 0, 2))  # 32 x 32
"""

ERROR = """\
ERROR deconvcalc.toml:16: nothing shown (admits)
  error     no size n meets 'n < 1': nothing would be shown
  hint      Write a condition that some n meet.
"""


@pytest.fixture(autouse=True)
def installed(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that pytest runs in, with the plugin as an installed package has it."""
    path = [str(ROOT)]
    if not any(one.name == "deconvcalc" for one in entry_points(group="pytest11")):
        home = pytester.mkdir("site") / "deconvcalc-0.0.dist-info"
        home.mkdir()
        (home / "METADATA").write_text("Metadata-Version: 2.1\nName: deconvcalc\nVersion: 0.0\n")
        (home / "entry_points.txt").write_text("[pytest11]\ndeconvcalc=deconvcalc.pytest_plugin\n")
        path.append(str(home.parent))
    monkeypatch.setenv("PYTHONPATH", ":".join(path))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "")
    pytester.makeini("[pytest]\naddopts = -p no:hypothesispytest -p no:cacheprovider\n")


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest in a process of its own."""
    return pytester.runpytest_subprocess("--color=no", *arguments)


def checks(pytester: pytest.Pytester, text: str, name: str = "deconvcalc.toml") -> Path:
    path = pytester.path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_checks_are_tests_that_pass_fail_and_err(pytester: pytest.Pytester) -> None:
    shutil.copy(ROOT / "docs" / "examples" / "unet.toml", pytester.path)
    checks(pytester, GOOD + WRONG + ERRING + SKIPS)
    found = run(pytester, "-v")
    found.assert_outcomes(passed=1, failed=2, errors=1)
    assert found.ret == 1
    found.stdout.fnmatch_lines(
        [
            "deconvcalc.toml::up PASSED*",
            "deconvcalc.toml::wrong FAILED*",
            "deconvcalc.toml::nothing shown ERROR*",
        ]
    )
    printed = found.stdout.str()
    assert FAILURE in printed
    assert CLASH in printed
    assert ERROR in printed
    assert "pytest_plugin.py" not in printed, "a reader sees nothing of how it was run"


def test_checks_that_hold_pass_in_several_processes(pytester: pytest.Pytester) -> None:
    several = "".join([GOOD.replace('"up"', f'"up {number}"') for number in range(5)])
    checks(pytester, GOOD + WRONG + several)
    found = run(pytester, "-n", "2")
    found.assert_outcomes(passed=6, failed=1)
    assert FAILURE in found.stdout.str()


BROKEN = {
    "no_toml": ("[[check]]\nname =\n", "deconvcalc.toml", "this is no TOML"),
    "unknown": (GOOD.replace("output", "ouput"), "deconvcalc.toml:5", "Did you mean output"),
    "empty": ("", "deconvcalc.toml", "there is no check in it"),
    "nothing": ('[[check]]\nlayer = "nn.MaxPool2d(2)"\n', "deconvcalc.toml:1", "must hold"),
}


def test_a_broken_file_is_an_error_with_its_line(pytester: pytest.Pytester) -> None:
    for name, (text, _, _) in BROKEN.items():
        checks(pytester, text, str(pytester.mkdir(name) / "deconvcalc.toml"))
    checks(pytester, GOOD)
    found = run(pytester)
    assert found.ret == pytest.ExitCode.INTERRUPTED
    found.assert_outcomes(errors=len(BROKEN))
    printed = found.stdout.str()
    assert "Traceback" not in printed
    for name, (_, line, said) in BROKEN.items():
        told = printed.partition(f"ERROR collecting {name}")[2].partition("\n____")[0]
        assert line in told, name
        assert said in told, name


def test_it_can_be_turned_off(pytester: pytest.Pytester) -> None:
    checks(pytester, WRONG)
    found = run(pytester, "-p", "no:deconvcalc")
    assert found.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_table_of_pyproject_is_collected(pytester: pytest.Pytester) -> None:
    text = GOOD.replace("[[check]]", "[[tool.deconvcalc.check]]")
    checks(pytester, f'[project]\nname = "x"\nversion = "1"\n\n{text}', "pyproject.toml")
    found = run(pytester, "-v")
    found.assert_outcomes(passed=1)
    found.stdout.fnmatch_lines(["pyproject.toml::up PASSED*"])


def test_every_spelling_of_the_table_is_collected(pytester: pytest.Pytester) -> None:
    """One that was passed over would pass for ever; a word in a comment is none."""
    inside = '{ name = "up", layer = "nn.MaxPool2d(2)", input = 28, output = 14 }'
    for name, text in {
        "inline": f"[tool]\ndeconvcalc.check = [{inside}]\n",
        "quoted": f'[tool."deconvcalc"]\ncheck = [{inside}]\n',
        "comment": '# [tool.deconvcalc]\n[project]\nname = "x"\nversion = "1"\n',
    }.items():
        checks(pytester, text, str(pytester.mkdir(name) / "pyproject.toml"))
    found = run(pytester, "-v")
    found.assert_outcomes(passed=2)
    found.stdout.fnmatch_lines(["inline/pyproject.toml::up*", "quoted/pyproject.toml::up*"])


def test_a_project_without_checks_is_left_alone(pytester: pytest.Pytester) -> None:
    checks(pytester, '[project]\nname = "x"\nversion = "1"\n', "pyproject.toml")
    pytester.makepyfile(
        """
        import sys

        def test_nothing_is_loaded():
            heavy = {"numpy", "sympy", "rich", "click", "torch", "keras", "hypothesis"}
            ours = {name for name in sys.modules if name.startswith("deconvcalc")}
            assert ours == {"deconvcalc", "deconvcalc.pytest_plugin"}
            assert not heavy & set(sys.modules)
            assert 1 + 1 == 2
        """
    )
    run(pytester, "-p", "no:xdist").assert_outcomes(passed=1)


def test_analytic_checks_load_no_framework(pytester: pytest.Pytester) -> None:
    checks(pytester, GOOD)
    pytester.makeconftest(
        """
        import sys

        def pytest_sessionfinish():
            found = {"torch", "keras", "tensorflow", "onnx", "onnxruntime"} & set(sys.modules)
            print("frameworks:", sorted(found))
        """
    )
    found = run(pytester, "-s")
    found.assert_outcomes(passed=1)
    assert "frameworks: []" in found.stdout.str()


def test_names_of_files_are_a_setting(pytester: pytest.Pytester) -> None:
    checks(pytester, WRONG)
    checks(pytester, GOOD, "sizes.toml")
    found = run(pytester, "-o", "deconvcalc_files=sizes.toml", "-v")
    found.assert_outcomes(passed=1)
    found.stdout.fnmatch_lines(["sizes.toml::up PASSED*"])


def test_checks_are_selected_by_name_and_by_marker(pytester: pytest.Pytester) -> None:
    checks(pytester, GOOD + WRONG)
    pytester.makepyfile("def test_other(): pass")
    run(pytester, "-k", "up").assert_outcomes(passed=1, deselected=2)
    run(pytester, "-m", "not deconvcalc").assert_outcomes(passed=1, deselected=2)


MODEL = '[[check]]\nname = "net"\nmodel = "nets:make"\ninput = 28\noutput = 14\n'


def test_a_model_is_imported_unless_that_is_forbidden(pytester: pytest.Pytester) -> None:
    checks(pytester, MODEL)
    pytester.makepyfile(nets="import deconvcalc as dc\n\ndef make():\n    return [dc.MaxPool(2)]\n")
    run(pytester).assert_outcomes(passed=1)
    for setting in (("--deconvcalc-no-import",), ("-o", "deconvcalc_no_import=true")):
        found = run(pytester, *setting)
        found.assert_outcomes(errors=1)
        assert "--no-import forbids" in found.stdout.str()


# The fixture and the marker.

OWN = """\
import deconvcalc as dc
import pytest


def test_right(assert_output_size):
    assert_output_size(dc.ConvTranspose(6, stride=2), 28, 60)


def test_wrong(assert_output_size):
    assert_output_size(dc.MaxPool(2), 28, 15)


def test_nothing_shown(assert_output_size):
    assert_output_size(dc.MaxPool(2), "n < 1", "n")
"""


def test_the_fixture_asserts(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_own=OWN)
    found = run(pytester)
    found.assert_outcomes(passed=1, failed=2)
    printed = found.stdout.str()
    said = [
        "E       AssertionError: FAILED test_own.py:10: MaxPool(2) (output)",
        "E         expected  15",
        "E         got       14",
        "E                       = 14",
        "test_own.py:10: AssertionError",
        "CheckError: ERROR test_own.py:14: MaxPool(2) (output_for_all)",
    ]
    for line in said:
        assert line in printed
    assert "testing/__init__.py" not in printed, "the traceback ends at the test's own line"


def test_what_the_page_shows(pytester: pytest.Pytester) -> None:
    page = (ROOT / "docs" / "how-to" / "pytest.md").read_text(encoding="utf-8")
    assert f"```text\n{FAILURE}```\n" in page
    (block,) = re.findall(r"^```py\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    pytester.makepyfile(block.replace('verify="torch"', 'verify="numpy"'))
    run(pytester).assert_outcomes(passed=2)


def test_the_fixture_asks_the_checkers_of_the_run(pytester: pytest.Pytester) -> None:
    """Those of the marker, or else of the run; conditions in n name no size to run at."""
    pytester.makepyfile(
        """
        import deconvcalc as dc
        import pytest

        def test_plain(assert_output_size):
            assert_output_size(dc.MaxPool(2), 8, 4)
            assert_output_size(dc.MaxPool(2), "n even", "n//2")

        @pytest.mark.deconvcalc(verify=["numpy"])
        def test_marked(assert_output_size):
            assert_output_size(dc.MaxPool(2), 9, 4)
        """
    )
    pytester.makeconftest(
        """
        from deconvcalc.checkers import confirming

        real, asked = confirming.verify, []

        def verify(layer, size, checkers):
            asked.append((size, *checkers))
            return real(layer, size, ["numpy"])

        confirming.verify = verify

        def pytest_sessionfinish():
            print("asked:", asked)
        """
    )
    marked = "((9, 9), 'numpy')"
    for setting, expected in (
        ((), f"asked: [{marked}]"),
        (("--deconvcalc-verify", "onnx,numpy"), f"'onnx'), ((8, 8), 'numpy'), {marked}]"),
        (("-o", "deconvcalc_verify=onnx"), f"asked: [((8, 8), 'onnx'), {marked}]"),
    ):
        found = run(pytester, "-s", *setting)
        found.assert_outcomes(passed=2)
        assert expected in found.stdout.str()


def test_a_marker_on_a_condition_is_an_error(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import deconvcalc as dc
        import pytest

        @pytest.mark.deconvcalc(verify="numpy")
        def test_marked(assert_output_size):
            assert_output_size(dc.MaxPool(2), "n even", "n//2")
        """
    )
    found = run(pytester)
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["*verify needs an input*"])


def test_checks_of_a_file_are_verified(pytester: pytest.Pytester) -> None:
    checks(pytester, GOOD)
    found = run(pytester, "-v", "--deconvcalc-verify", "numpy")
    found.assert_outcomes(passed=2)
    found.stdout.fnmatch_lines(["deconvcalc.toml::up: verify PASSED*"])


def test_a_marker_that_is_written_wrong_is_an_error(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.deconvcalc("numpy")
        def test_positional(assert_output_size):
            pass

        @pytest.mark.deconvcalc(with_="numpy")
        def test_misspelt(assert_output_size):
            pass
        """
    )
    found = run(pytester)
    found.assert_outcomes(errors=2)
    # In a CI the summary shows them once more.
    told = [one for one in found.outlines if "UsageError: the marker is written" in one]
    assert len([one for one in told if one.startswith("E ")]) == 2


@pytest.mark.parametrize("names", ["", "tork"])
def test_checkers_that_nobody_knows_are_an_error(pytester: pytest.Pytester, names: str) -> None:
    checks(pytester, GOOD)
    found = run(pytester, f"--deconvcalc-verify={names}")
    assert found.ret == pytest.ExitCode.USAGE_ERROR
    assert "Known are: numpy" in found.stderr.str()


def test_comparisons_are_readable(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import deconvcalc as dc

        def test_sets():
            assert dc.Sizes.congruent(0, 4) == dc.Sizes.congruent(0, 2)

        def test_layers():
            assert dc.Conv(3, stride=2) == dc.Conv(3, stride=2, padding=1)
        """
    )
    found = run(pytester)
    found.assert_outcomes(failed=2)
    found.stdout.fnmatch_lines(
        [
            "*only on the left:  no n",
            "*only on the right: n ≡ 2 (mod 4)*",
            "*padding: Explicit(0, 0) and Explicit(1, 1)",
        ]
    )


def test_unittest_takes_the_checks_and_the_assertions(pytester: pytest.Pytester) -> None:
    checks(pytester, GOOD + WRONG + ERRING)
    (pytester.path / "test_unit.py").write_text(UNIT, encoding="utf-8")
    found = pytester.run(*_python("-m", "unittest", "-v", "test_unit"))
    printed = found.stderr.str()
    assert "Ran 5 tests" in printed
    assert "FAILED (failures=2, errors=1)" in printed
    assert FAILURE in printed
    assert "expected  15" in printed
    found.stderr.fnmatch_lines(["up (deconvcalc.toml:*) ... ok"])


UNIT = """\
import unittest

import deconvcalc as dc


class Sizes(unittest.TestCase):
    def test_right(self):
        dc.testing.assert_output_size(dc.MaxPool(2), 28, 14)

    def test_wrong(self):
        dc.testing.assert_output_size(dc.MaxPool(2), 28, 15)


def load_tests(loader, tests, pattern):
    tests.addTests(dc.testing.suite("deconvcalc.toml"))
    return tests
"""


def _python(*arguments: str) -> tuple[str, ...]:
    import sys

    return (sys.executable, *arguments)


def test_the_snapshots_have_what_a_reader_needs() -> None:
    """The test of the tests: file and line, expected, got, the formula, the way out."""
    for part in (r"toml:\d+", "expected", "got", r"m = floor\(", "source", "nearest   29 gives"):
        assert re.search(part, FAILURE)
    for part in (r"toml:\d+", "expected", "got", r"unet\.toml:27", r"2\*floor", "nearest", "hint"):
        assert re.search(part, CLASH)
    for part in (r"toml:\d+", "error", "hint"):
        assert re.search(part, ERROR)


def test_every_option_is_told_by_help(pytester: pytest.Pytester) -> None:
    printed: Any = run(pytester, "--help").stdout.str()
    settings = ("deconvcalc_files", "deconvcalc_verify", "deconvcalc_no_import")
    for name in ("--deconvcalc-verify", "--deconvcalc-no-import", *settings):
        assert name in printed
