"""The checks of a file as tests of unittest."""

from __future__ import annotations

import unittest
from typing import TYPE_CHECKING

from deconvcalc.assertions import Options, read
from deconvcalc.checkers.names import read_names
from deconvcalc.errors import CheckError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from deconvcalc.assertions import Check

__all__ = ["suite"]

__unittest = True  # its tracebacks leave this module out


class CheckCase(unittest.TestCase):
    """One check. What cannot be decided is an error, and not a failure."""

    def __init__(self, check: Check, options: Options) -> None:
        super().__init__("decide")
        self.check, self.options = check, options

    def decide(self) -> None:
        """Run it.

        Raises:
            AssertionError: it does not hold.
            CheckError: it cannot be decided.
        """
        found = self.check.run(self.options)
        if found.state == "error":
            raise CheckError(found.text(), rule=found.fault)
        if not found:
            raise self.failureException(found.text())

    def id(self) -> str:
        """Its file and name."""
        return f"{self.check.where.rpartition(':')[0]}::{self.check.name}"

    def shortDescription(self) -> None:  # noqa: N802 - unittest's name
        """Nothing but the name: all checks are run by one method."""

    def __str__(self) -> str:
        return f"{self.check.name} ({self.check.where})"


def suite(
    path: str | PathLike[str], verify: str | Sequence[str] | None, *, no_import: bool
) -> unittest.TestSuite:
    """A test for each check of a file.

    Raises:
        SpecError: a file that cannot be read, or has no check.
        QueryError: an unknown checker.
    """
    names = None if verify is None else read_names(verify)
    options = Options(names, no_import=no_import)
    checks = read(str(path), options).checks
    return unittest.TestSuite([CheckCase(check, options) for check in checks])
