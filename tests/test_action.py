"""The GitHub Action: its steps, run in order as the shell scripts that they are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "docs" / "examples" / "segmenter"
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
SHELL = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail"]
"""What a runner starts for `shell: bash`."""


class Done(NamedTuple):
    """What a run of the action left behind."""

    code: int
    log: str
    summary: str
    output: str
    installed: str


class Runner:
    """A folder that the action runs in, with the files that GitHub gives to its steps.

    `python -m pip` writes down what it was asked to install, and installs nothing.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.workspace = home / "work space"
        self.workspace.mkdir()
        for name in ("deconvcalc.toml", "unet.toml"):
            shutil.copy(EXAMPLE / name, self.workspace / name)
        (home / "bin").mkdir()
        shim = home / "bin" / "python"
        shim.write_text(
            "#!/bin/sh\n"
            f'if [ "$2" = pip ]; then echo "$@" >>"{home}/installed"; exit 0; fi\n'
            f'exec "{sys.executable}" "$@"\n'
        )
        shim.chmod(0o755)
        for name in ("summary", "output", "installed"):
            (home / name).touch()

    def run(self, **given: str) -> Done:
        """Run every step, until one fails."""
        inputs = {name: one.get("default", "") for name, one in ACTION["inputs"].items()} | given
        assert inputs.keys() == ACTION["inputs"].keys()
        code, log = 0, ""
        for step in ACTION["runs"]["steps"]:
            done = self.step(step, inputs)
            code, log = done.returncode, log + done.stdout + done.stderr
            if code:
                break
        names = ("summary", "output", "installed")
        files = [(self.home / name).read_text(errors="replace") for name in names]
        return Done(code, log, *files)

    def step(
        self, step: dict[str, Any], inputs: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run one step."""

        def filled(text: str) -> str:
            return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: inputs[found[1]], text)

        assert step["shell"] == "bash"
        script = self.home / "step.sh"
        script.write_text(step["run"])
        environment = {
            "PATH": f"{self.home / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.home),
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_STEP_SUMMARY": str(self.home / "summary"),
            "GITHUB_OUTPUT": str(self.home / "output"),
            **{name: filled(value) for name, value in step.get("env", {}).items()},
        }
        return subprocess.run(
            [*SHELL, str(script)],
            cwd=self.workspace / filled(step.get("working-directory", ".")),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


WRONG = """\
[[check]]
name = "::error::a name that is a command"
layer = "nn.MaxPool2d(2)"
input = 28
output = 15
"""


def commands(log: str) -> list[str]:
    """The commands that a runner obeys: those between the stops are text."""
    found, token = [], None
    for line in log.splitlines():
        if token is None and line.startswith("::stop-commands::"):
            token = line.removeprefix("::stop-commands::")
        elif token is not None and line == f"::{token}::":
            token = None
        elif token is None and line.startswith("::"):
            found.append(line)
    assert token is None, "the commands go on again"
    return found


def test_checks_that_hold_pass(runner: Runner) -> None:
    done = runner.run(args="--no-import\n--select  layer")
    assert done.code == 0, done.log
    assert done.output == "exit-code=0\n"
    assert done.summary.startswith("**deconvcalc**: 2 checks: 2 passed")
    (total,) = commands(done.log)
    assert total.startswith("::notice title=deconvcalc::2 checks: 2 passed")
    assert done.installed == f"-m pip install --quiet {ROOT}\n"


def test_a_check_that_fails_is_annotated_and_summed_up(runner: Runner) -> None:
    (runner.workspace / "deconvcalc.toml").write_text(WRONG)
    done = runner.run()
    assert done.code == 1
    assert done.output == "exit-code=1\n"
    error, total = commands(done.log)
    assert error.startswith("::error file=deconvcalc.toml,line=5,title=%3A%3Aerror%3A%3Aa name")
    for part in ("expected  15%0A", "got       14%0A", "m = floor("):
        assert part in error
    assert total.startswith("::error title=deconvcalc::1 check: 0 passed, 1 failed")
    for part in ("| deconvcalc.toml:5 | 15 | 14 |", "\n      expected  15\n", "m = floor("):
        assert part in done.summary


def test_a_folder_of_the_repository(runner: Runner) -> None:
    home = runner.workspace / "nets, small"
    home.mkdir()
    (home / "deconvcalc.toml").write_text(WRONG)
    done = runner.run(**{"working-directory": "nets, small"})
    assert done.code == 1
    error, _ = commands(done.log)
    assert error.startswith("::error file=nets%2C small/deconvcalc.toml,line=5,")


def test_at_most_ten_annotations_are_made(runner: Runner) -> None:
    many = "".join([WRONG.replace("a name", f"name {number}") for number in range(30)])
    (runner.workspace / "deconvcalc.toml").write_text(many)
    done = runner.run()
    assert len(commands(done.log)) == 10
    assert "21 more do not pass" in commands(done.log)[-1]
    assert done.summary.count("| deconvcalc.toml:") == 30


def test_files_are_named_one_a_line(runner: Runner) -> None:
    (runner.workspace / "deconvcalc.toml").rename(runner.workspace / "my sizes.toml")
    (runner.workspace / "wrong.toml").write_text(WRONG)
    assert runner.run(files="my sizes.toml\n").code == 0
    done = runner.run(files="my sizes.toml\nwrong.toml\n")
    assert done.code == 1
    assert "wrong.toml:5" in done.summary


def test_a_summary_that_is_too_long_is_cut(runner: Runner) -> None:
    many = "".join([WRONG.replace("a name", f"name {number}") for number in range(1_500)])
    (runner.workspace / "deconvcalc.toml").write_text(many)
    done = runner.run()
    assert (done.code, done.output) == (1, "exit-code=1\n")
    assert (runner.home / "summary").stat().st_size == 900_000


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (WRONG.replace("output", "ouput"), "file=deconvcalc.toml,line=5,"),
        ("[[check]]\nname =\n", ""),
        ("", ""),
        (None, ""),
    ],
    ids=["an unknown key", "no TOML", "empty", "missing"],
)
def test_what_cannot_be_read_fails(runner: Runner, text: str | None, at: str) -> None:
    path = runner.workspace / "deconvcalc.toml"
    path.unlink()
    if text is not None:
        path.write_text(text)
    done = runner.run()
    assert done.code == 2, done.log
    assert done.output == "exit-code=2\n"
    (error,) = commands(done.log)
    assert error.startswith(f"::error {at}title=deconvcalc::")
    assert "deconvcalc.toml" in error
    assert "could not be run" in done.summary
    assert "    Error: deconvcalc.toml" in done.summary


def test_a_model_that_prints_commands_gives_none(runner: Runner) -> None:
    text = '[[check]]\nname = "net"\nmodel = "nets:make"\ninput = 8\noutput = 4\n'
    (runner.workspace / "deconvcalc.toml").write_text(text)
    (runner.workspace / "nets.py").write_text(
        "import deconvcalc as dc\n\n\ndef make():\n    print('::error::printed')\n"
        "    return [dc.MaxPool(2)]\n"
    )
    done = runner.run()
    assert done.code == 0, done.log
    assert "::error::printed" in done.log
    assert [line for line in commands(done.log) if "printed" in line] == []


def test_extras_are_installed(runner: Runner) -> None:
    assert runner.run(extras="torch,keras").installed == (
        f"-m pip install --quiet {ROOT}[torch,keras]\n"
    )


def test_inputs_are_never_run(runner: Runner) -> None:
    """Text of a stranger, such as the title of a pull request, may end up in an input."""
    bad = "x; touch pwned; $(touch pwned) `touch pwned` && touch pwned"
    for name in ("args", "files", "extras"):
        runner.run(**{name: bad})
    assert not [*runner.home.rglob("pwned")]
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"], "an expression in a script is a hole"


def test_the_steps_need_nothing_from_elsewhere() -> None:
    assert ACTION["runs"]["using"] == "composite"
    assert all("uses" not in step for step in ACTION["runs"]["steps"])
    assert {one["value"] for one in ACTION["outputs"].values()} == {
        "${{ steps.check.outputs.exit-code }}"
    }
