"""The example project: its checks hold, in every way that the documentation shows, and can fail."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "docs" / "examples" / "segmenter"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project."""
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache", ".hypothesis")
    copy = shutil.copytree(EXAMPLE, tmp_path / "segmenter", ignore=ignored)
    (copy / ".git").mkdir()
    return Path(copy)


def python(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python in the folder of the project."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def run_tests(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in the folder of the project, with the plugin."""
    installed = any(one.name == "deconvcalc" for one in entry_points(group="pytest11"))
    plugin = [] if installed else ["-p", "deconvcalc.pytest_plugin"]
    return python(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin, *arguments)


def test_its_tests_pass(project: Path) -> None:
    done = run_tests(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
    assert "skipped" not in done.stdout


def test_its_checks_pass_in_unittest(project: Path) -> None:
    done = python(project, "-m", "unittest", "discover", "-s", "tests", "-p", "test_unit.py")
    assert done.returncode == 0, done.stderr
    assert "OK" in done.stderr


def test_its_checks_pass_on_the_command_line(project: Path) -> None:
    done = python(project, "-m", "deconvcalc", "check")
    assert done.returncode == 0, done.stdout + done.stderr
    done = python(project, "-m", "deconvcalc", "check", "--no-import")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("nn.MaxPool2d(2)", "nn.MaxPool2d(3)"),
        ("nn.ConvTranspose2d(64, 16, 2, stride=2)", "nn.ConvTranspose2d(64, 16, 3, stride=2)"),
        ("nn.Conv2d(16, 32, 3, padding=1)", "nn.Conv2d(16, 32, 3, padding=0)"),
    ],
    ids=["stride", "kernel", "padding"],
)
def test_a_model_that_changes_by_one_fails(project: Path, old: str, new: str) -> None:
    spec = project / "unet.toml"
    text = spec.read_text(encoding="utf-8")
    assert old in text
    spec.write_text(text.replace(old, new), encoding="utf-8")
    done = run_tests(project, "deconvcalc.toml")
    assert done.returncode == 1
    assert "deconvcalc.toml::what goes in comes out" in done.stdout
    assert "deconvcalc.toml::which inputs run" in done.stdout


def test_the_search_prints_what_is_right(project: Path) -> None:
    done = python(project, "search.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "ConvTranspose(2, stride=2)",
        "ConvTranspose(4, stride=2, padding=1)",
        "ConvTranspose(6, stride=2, padding=2)",
    ]


@pytest.mark.framework
def test_training_starts_with_right_sizes_alone(project: Path) -> None:
    done = python(project, "train.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "training on 64x64\n"
    done = python(project, "-c", "import train; train.main(3)")
    assert done.returncode == 1
    assert "training on" not in done.stdout
    page = (ROOT / "docs" / "how-to" / "training.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```text\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert done.stderr.endswith(shown)


def test_the_page_shows_the_script_and_the_checks_that_run() -> None:
    page = (ROOT / "docs" / "how-to" / "training.md").read_text(encoding="utf-8")
    assert f"```py\n{(EXAMPLE / 'train.py').read_text(encoding='utf-8')}```" in page
    page = (ROOT / "docs" / "how-to" / "ci.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    checks = (EXAMPLE / "deconvcalc.toml").read_text(encoding="utf-8")
    assert all(part in checks for part in shown.split("\n\n"))


def test_its_hook_and_its_action_are_there() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    config = yaml.safe_load((EXAMPLE / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    asked = {hook["id"] for repo in config["repos"] for hook in repo["hooks"]}
    assert asked == {hook["id"] for hook in hooks}
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    workflow = yaml.safe_load(
        (EXAMPLE / ".github" / "workflows" / "sizes.yml").read_text(encoding="utf-8")
    )
    (step,) = [step for step in workflow["jobs"]["sizes"]["steps"] if "deconvcalc" in step["uses"]]
    assert set(step["with"]) <= set(action["inputs"])
