"""Running checks: which of them, how many at a time, and what came of all."""

from __future__ import annotations

import time
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from deconvcalc.assertions.finding import Options, vacuous
from deconvcalc.assertions.schema import REPORT_VERSION
from deconvcalc.assertions.spec import Spec
from deconvcalc.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from deconvcalc.assertions.outcome import Outcome
    from deconvcalc.assertions.spec import Check

__all__ = ["Report", "run", "selected"]


class Report(Value):
    """What came of some checks.

    Args:
        outcomes: what came of each that was run, in their order.
        not_run: the names of those that were not run, because one before them did not pass, or
            Ctrl-C ended it.
        seconds: how long all of it took.
    """

    __slots__ = _fields = ("outcomes", "not_run", "seconds")
    outcomes: tuple[Outcome, ...]
    not_run: tuple[str, ...]
    seconds: float

    def __init__(
        self, outcomes: Sequence[Outcome], not_run: Sequence[str] = (), seconds: float = 0.0
    ) -> None:
        self._set(outcomes=tuple(outcomes), not_run=tuple(not_run), seconds=seconds)

    def count(self, state: str) -> int:
        """How many have a state."""
        return sum([one.state == state for one in self.outcomes])

    @property
    def state(self) -> str:
        """Of all: "error" where one was not decided or not run; else "failed", or "passed"."""
        states = {one.state for one in self.outcomes}
        found = next((one for one in ("error", "failed") if one in states), "passed")
        return "error" if found == "passed" and (self.not_run or not self.outcomes) else found

    @property
    def exit_code(self) -> int:
        """That of the gravest outcome: 0, 1, 2 or 3; at least 1 where some were not run."""
        found = max([one.exit_code for one in self.outcomes], default=2)
        return max(found, 1) if self.not_run else found

    def __bool__(self) -> bool:
        """Whether all checks passed."""
        return self.exit_code == 0

    def to_record(self) -> dict[str, Any]:
        """The report as plain data, for JSON."""
        return {
            "schema": REPORT_VERSION,
            "state": self.state,
            "count": len(self.outcomes),
            "passed": self.count("passed"),
            "failed": self.count("failed"),
            "errors": self.count("error"),
            "not_run": list(self.not_run),
            "seconds": self.seconds,
            "checks": [one.to_record() for one in self.outcomes],
        }


def selected(checks: Sequence[Check], patterns: Sequence[str]) -> list[Check]:
    """The checks whose name, kind or line one of some patterns fits.

    Args:
        checks: all of them.
        patterns: text that a name contains, a pattern with `*` that fits the whole name, the name
            of a kind, or a file and line. None selects all.

    Raises:
        CheckError: nothing is left.
    """
    found = [one for one in checks if not patterns or any(_fits(one, each) for each in patterns)]
    if not found:
        if not checks:
            raise vacuous("there is no check to run: nothing would be shown")
        raise vacuous(
            f"none of {len(checks)} checks is selected by {', '.join(patterns)[:200]}",
            "The names begin with: " + ", ".join([one.name for one in checks[:5]])[:300],
        )
    return found


def _fits(check: Check, pattern: str) -> bool:
    if pattern in (check.kind.name, check.where):
        return True
    if any(sign in pattern for sign in "*?["):
        return fnmatchcase(check.name, pattern)
    return pattern in check.name


def run(
    checks: Spec | Sequence[Check],
    *,
    select: Sequence[str] = (),
    fail_fast: bool = False,
    jobs: int = 1,
    options: Options | None = None,
    told: Callable[[Outcome], None] | None = None,
) -> Report:
    """Run checks.

    Args:
        checks: a file of checks that was read, or some of its checks.
        select: patterns, as `selected` takes them; all checks by default.
        fail_fast: whether to end with the first that does not pass.
        jobs: how many processes share them.
        options: how each is run.
        told: called with each outcome as it comes, in order.

    Returns:
        What came of them; after Ctrl-C of those that were run until then.

    Raises:
        CheckError: there is nothing to run.
    """
    begun = time.perf_counter()
    listed = checks.checks if isinstance(checks, Spec) else checks
    asked = selected(listed, select)
    chosen = options or Options()
    outcomes: list[Outcome] = []
    jobs = min(jobs, len(asked))
    found: Generator[Outcome] = (one.run(chosen) for one in asked)
    if jobs > 1:
        from deconvcalc.assertions.sharing import shared

        found = shared(asked, chosen, jobs)
    try:
        for outcome in found:
            outcomes.append(outcome)
            if told is not None:
                told(outcome)
            if fail_fast and not outcome:
                break
    except KeyboardInterrupt:
        pass  # what is known is told, and how many were not run
    finally:
        found.close()
    left = [one.name for one in asked[len(outcomes) :]]
    return Report(outcomes, left, time.perf_counter() - begun)
