"""Maps and sets of huge periods: decided by merging, or said to be undecided, soon."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import deconvcalc as dc
from deconvcalc.errors import DeconvcalcError
from deconvcalc.sets import LimitError, Sizes
from deconvcalc.sizemap.exact import UndecidedError

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 2.0
GRACE = 5
"""A busy machine is given so many times as long."""
STATUS = Path("/proc/self/status")
MEGABYTES = 500

STRIDES: list[dc.Layer] = [dc.Conv(3, stride=8, padding=1)] * 12
SHUFFLES: list[dc.Layer] = [dc.PixelUnshuffle(8)] * 12
MIXED: list[dc.Layer] = [dc.Conv(3, stride=8, padding=1), dc.Upsample(3)] * 12
DIVIDED: list[dc.Layer] = [dc.Conv(3, stride=8, padding=1), dc.PixelUnshuffle(3)] * 6
ENLARGED: list[dc.Layer] = [dc.Upsample(3), dc.Conv(3, stride=8, padding=1)] * 12


def composed(layers: list[dc.Layer]) -> dc.ExactMap:
    found: dc.ExactMap = dc.compose(layers)
    return found


def plus(layers: list[dc.Layer], by: int) -> dc.ExactMap:
    return composed(layers) + by


def two_classes() -> Sizes:
    return Sizes.congruent(0, 8**12) | Sizes.congruent(5, 8**12)


QUESTIONS: dict[str, tuple[Callable[[], object], str]] = {
    "strides are one floor": (lambda: len(composed(STRIDES).floors), "1"),  # type: ignore[attr-defined]
    "strides are themselves": (lambda: composed(STRIDES).is_same(composed(STRIDES)), "True"),
    "strides are no others": (lambda: composed(STRIDES).is_same(composed(STRIDES[1:])), "None"),
    "strides and one more": (lambda: composed(STRIDES).is_same(plus(STRIDES, 1)), "False"),
    "strides take": (lambda: dc.accepted(composed(STRIDES)), "any n ≥ 1"),
    "strides to 7": (lambda: dc.preimage(composed(STRIDES), 7), "412316860417..481036337152"),
    "strides agree with others": (
        lambda: dc.agreement(composed(STRIDES), composed(STRIDES[1:])),
        "undecided",
    ),
    "shuffles take": (
        lambda: dc.accepted(composed(SHUFFLES)),
        f"n ≡ 0 (mod {8**12}), n ≥ {8**12}",
    ),
    "shuffles and strides": (
        lambda: dc.agreement(composed(SHUFFLES), composed(STRIDES)),
        "undecided",
    ),
    "shuffles to 7": (lambda: dc.preimage(composed(SHUFFLES), 7), f"n = {7 * 8**12}"),
    "mixed take": (lambda: dc.accepted(composed(MIXED)), "any n ≥ 1"),
    "mixed are the identity": (lambda: composed(MIXED).is_identity(), "False"),
    "mixed are themselves": (lambda: composed(MIXED).is_same(composed(MIXED)), "True"),
    "mixed are their sum": (
        lambda: (composed(MIXED) + composed(MIXED)).is_same(composed(MIXED) * 2),
        "None",
    ),
    "mixed agree": (lambda: dc.agreement(composed(MIXED), composed(STRIDES)), "undecided"),
    "divided take": (lambda: dc.accepted(composed(DIVIDED)), "undecided"),
    "enlarged take": (lambda: dc.accepted(composed(ENLARGED)), "any n ≥ 1"),
    "enlarged, the smaller": (
        lambda: dc.preimage(composed(ENLARGED).minimum(composed(STRIDES)), 9),
        "undecided",
    ),
    "two classes": (two_classes, f"n ≡ 0 or 5 (mod {8**12}), n ≥ 5"),
    "neither of two classes": (
        lambda: (~two_classes()).nearest(8**12),
        f"({8**12 - 1}, {8**12 + 1})",
    ),
    "coprime classes": (
        lambda: Sizes.congruent(3, 10**12) | Sizes.congruent(5, 10**12 + 1),
        "too many",
    ),
    "one class of coprime ones": (
        lambda: (Sizes.congruent(3, 10**12) & Sizes.congruent(5, 10**12 + 1)).least,
        str(3 + 10**12 * (10**12 - 1)),
    ),
    "half of all residues": (
        lambda: Sizes.periodic([], [n % 3 == 0 or n < 9 for n in range(10**6)]).modulus,
        "1000000",
    ),
}


def answer(ask: Callable[[], object]) -> str:
    """The answer as text, or in a word why there is none."""
    try:
        return str(ask())
    except UndecidedError as error:
        return "undecided" if error.hint and error.rule == "work limit" else repr(error)
    except LimitError as error:
        return "too many" if error.hint else repr(error)


@pytest.mark.parametrize("name", QUESTIONS)
def test_huge_periods_are_decided_or_said_to_be_undecided(name: str) -> None:
    ask, expected = QUESTIONS[name]
    begun = time.perf_counter()
    assert answer(ask) == expected
    assert time.perf_counter() - begun < SECONDS * GRACE


def main() -> None:
    """Answer all questions in this process, and print the most memory that it had, in megabytes."""
    for ask, _ in QUESTIONS.values():
        answer(ask)
    # Not what getrusage says: that may be the memory of the process that started this one.
    (line,) = [line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:")]
    print(json.dumps(int(line.split()[1]) / 2**10))  # noqa: T201


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux tells a process its most memory")
def test_they_stay_within_their_memory() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "tests.test_work_limit"], capture_output=True, text=True, check=True
    )
    assert 20 < json.loads(found.stdout) < MEGABYTES


def test_limits_are_of_the_one_family() -> None:
    assert issubclass(LimitError, DeconvcalcError)
    assert issubclass(UndecidedError, DeconvcalcError)
    assert dc.UndecidedError is UndecidedError


if __name__ == "__main__":
    main()
