"""pytest: what `deconvcalc.toml` asserts as tests, a fixture, a marker, and readable comparisons.

pytest loads this module at every start, so it imports nothing else until there is something to
check. `-p no:deconvcalc` turns it off.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deconvcalc.assertions import Check, Options, Outcome

__all__: list[str] = []

FILES = ("deconvcalc.toml", "pyproject.toml")
"""What is collected unless the project says otherwise; the second one where it has the table."""

MOST_BYTES = 4_000_000
"""So much of a pyproject.toml is looked at: no larger file of checks is read."""

MARKER = (
    "deconvcalc(verify): a check of sizes; on a test of your own, which checkers its fixture "
    "assert_output_size asks"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the command line and of pytest's configuration."""
    group = parser.getgroup("deconvcalc", "sizes of convolutional layers and models")
    group.addoption(
        "--deconvcalc-verify",
        metavar="NAMES",
        help="also build and run what is checked: torch, keras, onnx or numpy, by commas",
    )
    group.addoption(
        "--deconvcalc-no-import",
        action="store_true",
        help="forbid checks that import a model by its module",
    )
    parser.addini(
        "deconvcalc_files",
        f"names of files with checks (by default {' '.join(FILES)})",
        type="args",
        default=list(FILES),
    )
    parser.addini(
        "deconvcalc_verify", "checkers to build and run with, as --deconvcalc-verify", type="args"
    )
    parser.addini("deconvcalc_no_import", "as --deconvcalc-no-import", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and read the names of checkers."""
    config.addinivalue_line("markers", MARKER)
    _names(config)


# Files with checks.


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.File | None:
    """A file with checks, by its name."""
    if file_path.name not in parent.config.getini("deconvcalc_files"):
        return None
    if file_path.name == "pyproject.toml" and not _has_checks(file_path):
        return None
    return ChecksFile.from_parent(parent, path=file_path)


def _has_checks(path: Path) -> bool:
    """Whether a pyproject.toml has the table. What cannot be read is an error of its collection."""
    with path.open("rb") as file:
        if b"deconvcalc" not in file.read(MOST_BYTES):
            return False
    from deconvcalc.assertions import found_in
    from deconvcalc.errors import SpecError

    try:
        return path in found_in(path.parent)
    except SpecError:
        return True


class ChecksFile(pytest.File):
    """A file with checks."""

    def collect(self) -> Iterator[pytest.Item]:
        """A test for each check.

        Raises:
            CollectError: the file cannot be read, or has no check.
        """
        from deconvcalc import assertions
        from deconvcalc.errors import DeconvcalcError

        try:
            checks = assertions.read(self.path, _options(self.config)).checks
        except DeconvcalcError as error:
            raise self.CollectError(str(error)) from None
        for check in checks:
            yield ChecksItem.from_parent(self, name=check.name, check=check)


class ChecksItem(pytest.Item):
    """A check. One that cannot be decided is an error, as a fixture that fails is."""

    def __init__(self, *, check: Check, **fields: Any) -> None:
        super().__init__(**fields)
        self.check = check
        self.outcome: Outcome | None = None
        self.add_marker(pytest.mark.deconvcalc)

    def setup(self) -> None:
        """Decide it, and end here if that is not possible."""
        self.outcome = self.check.run(_options(self.config))
        if self.outcome.state == "error":
            pytest.fail(self.outcome.text(), pytrace=False)

    def runtest(self) -> None:
        """Fail if it does not hold."""
        found = self.outcome if self.outcome is not None else self.check.run(_options(self.config))
        if not found:
            pytest.fail(found.text(), pytrace=False)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The file and the line that the check stands on; pytest counts lines from 0."""
        line = (self.check.where or "").rpartition(":")[2]
        return self.path, int(line) - 1 if line.isdigit() else None, self.name


def _names(config: pytest.Config) -> tuple[str, ...] | None:
    """The checkers that are asked for, of the command line or else of the configuration."""
    given = config.getoption("--deconvcalc-verify")
    named = given if given is not None else ",".join(config.getini("deconvcalc_verify"))
    return None if given is None and not named else _read("--deconvcalc-verify", named)


def _read(what: str, names: Any) -> tuple[str, ...]:
    from deconvcalc.checkers.names import read_names
    from deconvcalc.errors import DeconvcalcError

    try:
        return read_names(names)
    except (DeconvcalcError, TypeError) as error:
        raise pytest.UsageError(f"{what}: {error}") from None


def _options(config: pytest.Config) -> Options:
    from deconvcalc.assertions import Options

    forbids = config.getoption("--deconvcalc-no-import") or config.getini("deconvcalc_no_import")
    return Options(verify=_names(config), no_import=bool(forbids))


# Tests of people's own.


@pytest.fixture
def assert_output_size(request: pytest.FixtureRequest) -> Callable[..., None]:
    """`deconvcalc.testing.assert_output_size`, with the checkers that this run asks for."""
    from deconvcalc import testing

    marker = request.node.get_closest_marker("deconvcalc")
    is_own = marker is not None and bool(marker.args or marker.kwargs)
    names = _asked_by(marker) if marker and is_own else _names(request.config)

    def check(model: Any, input: Any, output: Any, **options: Any) -> None:  # noqa: A002
        __tracebackhide__ = True
        # Checkers run at a size. What a run asks for leaves conditions out; what a test's own
        # marker asks for is an error there, for nothing would be built.
        asked = None if testing.is_condition(input) and not is_own else names
        testing.assert_output_size(model, input, output, **{"verify": asked} | options)

    return check


def _asked_by(marker: pytest.Mark) -> tuple[str, ...]:
    if marker.args or {*marker.kwargs} != {"verify"}:
        raise pytest.UsageError(
            "the marker is written deconvcalc(verify=...), with names by commas"
        )
    return _read("deconvcalc(verify=...)", marker.kwargs["verify"])


def pytest_assertrepr_compare(op: str, left: Any, right: Any) -> list[str] | None:
    """What differs between two sets of sizes, or two layers, that a test compares."""
    if op != "==" or "deconvcalc.values" not in sys.modules:
        return None
    from deconvcalc.layers import Layer
    from deconvcalc.sets import Sizes

    if isinstance(left, Sizes) and isinstance(right, Sizes):
        return [
            f"{left} == {right}",
            f"only on the left:  {left - right}",
            f"only on the right: {right - left}",
        ]
    if isinstance(left, Layer) and type(left) is type(right):
        pairs = [(name, getattr(left, name), getattr(right, name)) for name in left._fields]
        told = [f"{name}: {one!r} and {other!r}" for name, one, other in pairs if one != other]
        return [f"{left!r} == {right!r}", *told]
    return None
