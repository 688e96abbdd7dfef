"""The written word agrees with the code: generated pages, versions, pins, the README's commands."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import deconvcalc
from docs import generate

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def requirements() -> set[str]:
    """Every package that an install may ask for by name, without the package itself."""
    project = PYPROJECT["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {re.split(r"[\[<>=]", line)[0] for group in groups for line in group}
    return names - {"deconvcalc"}


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


GENERATED = (
    *("check-report.schema.json", "checks.md", "cli.md", "deconvcalc.schema.json"),
    *("ledger.md", "promises.md", "theorems.md"),
)


def test_every_generated_page_is_compared() -> None:
    assert {path.name for path in generate.generated()} == {*GENERATED}


@pytest.mark.parametrize("page", GENERATED)
def test_generated_pages_are_up_to_date(page: str) -> None:
    path = ROOT / "docs" / "reference" / page
    assert path.read_text(encoding="utf-8") == generate.generated()[path], (
        "run: python -m docs.generate"
    )


def test_the_api_page_shows_every_public_name() -> None:
    page = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"^\.\. auto\w+:: deconvcalc\.(\w+)$", page, re.MULTILINE))
    assert shown == {name for name in deconvcalc.__all__ if not name.startswith("_")}


def test_the_changelog_has_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\n## [{deconvcalc.__version__}]" in changelog


def test_the_readme_sets_up_with_two_commands_of_one_line() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    install, test = re.findall(r"^```sh\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert install.count("\n") == test.count("\n") == 1
    assert "deconvcalc solve 7 --from 4" in install
    assert "-c constraints.txt" in test
    assert "-m pytest" in test


def test_every_requirement_is_pinned_once() -> None:
    assert pins().keys() == requirements()
