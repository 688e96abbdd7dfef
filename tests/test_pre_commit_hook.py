"""The hook, as pre-commit reads it and runs it on a repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = ROOT / ".pre-commit-hooks.yaml"
EXAMPLE = ROOT / "docs" / "examples" / "segmenter"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the example project in it, and the hook in its configuration.

    The hook is the manifest's own, but for its language: the command is there already, so that no
    environment is built from the network.
    """
    commands = tmp_path / "bin"
    commands.mkdir()
    shim = commands / "deconvcalc"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m deconvcalc "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    for name in [name for name in os.environ if name.startswith("GIT_") and "CONFIG" not in name]:
        monkeypatch.delenv(name)
    home = tmp_path / "project"
    home.mkdir()
    for name in ("deconvcalc.toml", "unet.toml", "search.py"):
        shutil.copy(EXAMPLE / name, home / name)
    (hook,) = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    local = {"repo": "local", "hooks": [hook | {"language": "system"}]}
    text = yaml.safe_dump({"repos": [local]})
    (home / ".pre-commit-config.yaml").write_text(text, encoding="utf-8")
    for command in ("init -q", "add -A"):
        subprocess.run(["git", *command.split()], cwd=home, check=True)
    return home


def hook(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What pre-commit does before a commit."""
    command = [sys.executable, "-m", "pre_commit", "run", "--color=never", *arguments]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)


def test_the_manifest_is_valid() -> None:
    from pre_commit.clientlib import load_manifest

    (found,) = load_manifest(str(MANIFEST))
    assert found["id"] == "deconvcalc-check"
    assert found["entry"].split() == ["deconvcalc", "check", "--no-import"]
    assert not found["additional_dependencies"], "analytic only: no framework is installed"


def test_it_passes_and_fails_with_the_checks(repository: Path) -> None:
    done = hook(repository)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Passed" in done.stdout
    spec = repository / "unet.toml"
    spec.write_text(spec.read_text().replace("MaxPool2d(2)", "MaxPool2d(3)"))
    subprocess.run(["git", "add", "-A"], cwd=repository, check=True)
    done = hook(repository)
    assert done.returncode == 1
    for part in ("Failed", "FAILED deconvcalc.toml:", "expected", "exit code: 1"):
        assert part in done.stdout


def test_it_runs_where_a_spec_changes_and_nowhere_else(repository: Path) -> None:
    for name, runs in (("search.py", False), ("unet.toml", True), ("deconvcalc.toml", True)):
        done = hook(repository, "--files", name)
        assert done.returncode == 0, done.stdout
        assert ("Skipped" in done.stdout) is not runs, name


def test_it_imports_nothing(repository: Path) -> None:
    (repository / "nets.py").write_text("raise SystemExit('imported')\n")
    text = '[[check]]\nname = "net"\nmodel = "nets:make"\ninput = 8\noutput = 4\n'
    (repository / "deconvcalc.toml").write_text(text)
    subprocess.run(["git", "add", "-A"], cwd=repository, check=True)
    done: Any = hook(repository)
    assert done.returncode == 1
    assert "--no-import forbids" in done.stdout
    assert "raises" not in done.stdout


def test_a_repository_without_checks_is_told(repository: Path) -> None:
    """A hook that checks nothing would pass for ever."""
    (repository / "deconvcalc.toml").unlink()
    subprocess.run(["git", "add", "-A"], cwd=repository, check=True)
    done = hook(repository, "--files", "unet.toml")
    assert done.returncode == 1
    assert "exit code: 2" in done.stdout
