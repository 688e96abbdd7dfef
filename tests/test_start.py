"""What a start loads: imports are counted in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

FRAMEWORKS = ("torch", "keras", "tensorflow", "jax", "onnx")
HEAVY = ("numpy", "sympy", "rich", *FRAMEWORKS)
STANDARD = ("dataclasses", "inspect", "pathlib", "logging", "importlib.metadata")

WATCHED = "import sys; before = set(sys.modules); {code}; print(*set(sys.modules) - before)"
COMMAND = """
import contextlib, io, sys
before = set(sys.modules)
from deconvcalc.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main({arguments!r})
print(*set(sys.modules) - before)
"""


def loaded(code: str, folder: Path | None = None) -> set[str]:
    """The modules that a piece of code loads."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder
    )
    return set(done.stdout.split())


def test_import_loads_nothing() -> None:
    found = loaded(WATCHED.format(code="import deconvcalc"))
    assert {name for name in found if name.startswith("deconvcalc")} == {"deconvcalc"}
    assert not found & {"click", *HEAVY, *STANDARD}


@pytest.mark.parametrize(
    "name", ["Conv", "parse", "solve", "solve_many", "SizeMap", "DeconvcalcError"]
)
def test_a_public_name_loads_no_library(name: str) -> None:
    found = loaded(WATCHED.format(code=f"from deconvcalc import {name}"))
    assert not found & {"click", "dataclasses", *HEAVY}


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown"])
@pytest.mark.parametrize(
    "sizes", [["7", "--from", "4"], ["9", "--from", "4", "-k", "3", "-p", "1"]]
)
def test_solve_in_a_pipe_loads_no_library(sizes: list[str], form: str) -> None:
    found = loaded(COMMAND.format(arguments=["solve", *sizes, "--format", form]))
    assert "deconvcalc.solver" in found
    assert not found & {*HEAVY, "dataclasses", "deconvcalc.dialects.torch_calls"}


def test_solve_makes_no_layer_for_a_table() -> None:
    found = loaded(COMMAND.format(arguments=["solve", "7", "--from", "4"]))
    assert not found & {"deconvcalc.layers", "deconvcalc.sizemap", "deconvcalc.derivation"}


def test_a_reason_makes_one_kind_of_layer() -> None:
    found = loaded(COMMAND.format(arguments=["solve", "9", "--from", "4", "-k", "3", "-p", "1"]))
    assert "deconvcalc.layers.windows" in found
    assert not found & {"deconvcalc.layers.resizing", "deconvcalc.layers.coupling"}


@pytest.mark.parametrize("layer", ["nn.Conv2d(3, 8, 3)", "Conv2DTranspose(8, 3)", "Conv(3)"])
def test_size_loads_no_library(layer: str) -> None:
    found = loaded(COMMAND.format(arguments=["size", layer, "28"]))
    assert "deconvcalc.layers" in found
    assert not found & {*HEAVY, "dataclasses"}


def test_an_early_import_is_noticed(tmp_path: Path) -> None:
    """The test of the tests: a package that loads numpy is caught."""
    package = tmp_path / "deconvcalc"
    package.mkdir()
    (package / "__init__.py").write_text("import numpy\n", encoding="utf-8")
    assert "numpy" in loaded(WATCHED.format(code="import deconvcalc"), tmp_path)
