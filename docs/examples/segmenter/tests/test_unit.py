"""The same in unittest."""

from __future__ import annotations

import unittest
from pathlib import Path

import deconvcalc as dc

HERE = Path(__file__).parents[1]


class Sizes(unittest.TestCase):
    """Assertions of sizes stand beside any others."""

    def test_what_runs(self) -> None:
        """Which inputs, exactly."""
        dc.testing.assert_admissible(HERE / "unet.toml", "n % 4 == 0")


def load_tests(
    _loader: unittest.TestLoader, tests: unittest.TestSuite, _pattern: str | None
) -> unittest.TestSuite:
    """Every check of the file is a test too."""
    tests.addTests(dc.testing.suite(HERE / "deconvcalc.toml"))
    return tests
