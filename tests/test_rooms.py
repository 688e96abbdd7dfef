"""Dependencies point one way. Every import counts: at the top, in a function, for types alone."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).resolve().parents[1] / "deconvcalc"
FACE = "deconvcalc"

# A room may import itself and every room on a floor below its own.
FLOORS = (
    {"errors", "algebra", "values", "symbols"},
    {"terms"},
    {"formulas", "sizemap"},
    {"layers"},
    {"sets", "expressions", "placement", "costs", "dialects", "inversion"},
    {"notation", "translation", "derivation"},
    {"solver", "model"},
    {"designer", "tracing", "checkers"},
    {"assertions", "render"},
    {"cli", "integrations", "testing"},
    {"__main__", "pytest_plugin"},
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

# Neighbours on one floor, and imports that point up. Each has its reason.
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("solver", "render"): "answers print themselves: str() and rich's hook",
    ("designer", "render"): "designs and plans print themselves: str() and rich's hook",
    ("cli", FACE): "the version",
}

FRAMEWORKS = {"torch", "keras", "tensorflow", "jax", "flax", "onnx", "onnxruntime"}
ROOMS_WITH_FRAMEWORKS = {"tracing", "checkers", "integrations", "testing"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(module: Path) -> str:
    """The room a module stands in; the top-level `__init__.py` is the face."""
    first = module.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return FACE if first == "__init__" else first


def imported(tree: ast.AST) -> Iterator[str]:
    """Every dotted name that the code imports, `from a import b` as "a.b"."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield from (f"{module}.{alias.name}" for alias in names)
            case ast.ImportFrom():
                pytest.fail(f"line {node.lineno}: a relative import")
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(module)), *_],
            ):
                yield module


def rooms_imported(module: Path) -> set[str]:
    """The rooms that a module imports. A name of the face stands for the face."""
    found = set()
    for name in imported(ast.parse(module.read_text(encoding="utf-8"))):
        package, _, rest = name.partition(".")
        if package == "deconvcalc":
            room = rest.split(".")[0]
            found.add(room if room in FLOOR_OF else FACE)
    return found


def frameworks_imported(module: Path) -> set[str]:
    names = imported(ast.parse(module.read_text(encoding="utf-8")))
    return {name.split(".")[0] for name in names} & FRAMEWORKS


def points_down(room: str, other: str) -> bool:
    return other == room or FLOOR_OF.get(other, len(FLOORS)) < FLOOR_OF[room]


def test_every_room_is_on_a_floor() -> None:
    assert modules(), "the package is empty"
    unknown = {room_of(module) for module in modules()} - FLOOR_OF.keys() - {FACE}
    assert not unknown, f"give these rooms a floor: {sorted(unknown)}"


@pytest.mark.parametrize("module", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(module: Path) -> None:
    room = room_of(module)
    if room == FACE:
        return
    wrong = {
        other
        for other in rooms_imported(module)
        if not points_down(room, other) and (room, other) not in EXCEPTIONS
    }
    assert not wrong, f"{room} may not import {sorted(wrong)}"


def test_every_exception_is_needed() -> None:
    used = {(room_of(module), other) for module in modules() for other in rooms_imported(module)}
    assert EXCEPTIONS.keys() <= used, f"no longer used: {sorted(EXCEPTIONS.keys() - used)}"
    for room, other in EXCEPTIONS:
        assert not points_down(room, other), f"{room} may import {other} anyway"


def test_frameworks_stay_in_their_rooms() -> None:
    found = {
        str(module.relative_to(PACKAGE)): frameworks_imported(module)
        for module in modules()
        if room_of(module) not in ROOMS_WITH_FRAMEWORKS and frameworks_imported(module)
    }
    assert not found


@pytest.mark.parametrize(
    "source",
    [
        "import deconvcalc.cli",
        "from deconvcalc import cli",
        "from deconvcalc.cli import main",
        "def f():\n    from deconvcalc.cli.solve import solve",
        "if TYPE_CHECKING:\n    import deconvcalc.cli as c",
        "importlib.import_module('deconvcalc.cli')",
    ],
)
def test_the_reader_sees_every_import(source: str) -> None:
    (name,) = imported(ast.parse(source))
    assert name.startswith("deconvcalc.cli")
