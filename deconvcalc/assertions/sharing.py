"""Checks shared by several processes. Checks of one model stay together: it is loaded once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from deconvcalc.assertions.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from deconvcalc.assertions.finding import Options
    from deconvcalc.assertions.spec import Check

__all__ = ["MOST_JOBS", "shared"]

MOST_JOBS = 64
"""So many processes at most."""

ROOT = Path(__file__).absolute().parents[2]
"""The folder that holds the package."""

Place = tuple[str, int]
"""A file, and the number of a check in it."""


def shared(checks: Sequence[Check], options: Options, jobs: int) -> Generator[Outcome]:
    """What comes of checks, in their order.

    The processes end when nobody asks any more. One that dies leaves its checks in error.
    """
    queue: SimpleQueue[tuple[Place, Outcome] | int] = SimpleQueue()
    processes = [_start(one, options) for one in _shares(checks, min(jobs, MOST_JOBS))]
    threads = [
        threading.Thread(target=_listen, args=(number, process, queue), daemon=True)
        for number, (process, _) in enumerate(processes)
    ]
    try:
        for thread in threads:
            thread.start()
        there: dict[Place, Outcome] = {}
        open_ones = set(range(len(processes)))
        owner = {
            _place(check): number for number, (_, own) in enumerate(processes) for check in own
        }
        for check in checks:
            place = _place(check)
            while place not in there and owner[place] in open_ones:
                answer = queue.get()
                if isinstance(answer, int):
                    open_ones.remove(answer)
                else:
                    there[answer[0]] = answer[1]
            if place not in there:
                there[place] = _lost(check, processes[owner[place]][0].wait())
            yield there[place]
    finally:
        for process, _ in processes:
            process.kill()
        for process, _ in processes:
            process.wait()
        for thread in threads:
            thread.join()
        for process, _ in processes:
            process.stdout.close()


def _place(check: Check) -> Place:
    return str(check.file), check.number


def _shares(checks: Sequence[Check], jobs: int) -> list[list[Check]]:
    """Checks for so many processes or fewer, those of one model together."""
    groups: dict[tuple[str, int], list[Check]] = {}
    for check in checks:
        groups.setdefault((str(check.file), id(check.source)), []).append(check)
    shares: list[list[Check]] = [[] for _ in range(min(jobs, len(groups)))]
    for number, group in enumerate(groups.values()):
        shares[number % jobs] += group
    return shares


def _start(checks: Sequence[Check], options: Options) -> tuple[Any, Sequence[Check]]:
    """A process that is told its checks, and those."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        # -P: not from the current directory, which may be a stranger's.
        [sys.executable or "", "-P", "-m", "deconvcalc.assertions.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        text=True,
        encoding="utf-8",
    )
    asked = {
        "places": [_place(check) for check in checks],
        "verify": options.verify,
        "no_import": options.no_import,
        "outside": options.outside,
    }
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.close()
    except OSError:
        pass  # it died at once: its checks are lost, and told so
    return process, checks


def _listen(
    number: int,
    process: Any,
    queue: SimpleQueue[tuple[Place, Outcome] | int],
) -> None:
    """Put in each answer of a process, and its number at the end."""
    try:
        for line in process.stdout:
            answer = json.loads(line)
            path, place = answer["place"]
            queue.put(((path, place), Outcome.from_record(answer["outcome"])))
    except (OSError, ValueError):
        pass  # it was killed in the middle of a line
    finally:
        queue.put(number)


def _lost(check: Check, code: int) -> Outcome:
    return Outcome(
        check.name,
        check.kind.name,
        "error",
        got=f"the process that ran it ended with code {code}",
        where=check.where,
        hint="Run it alone: --select, without --jobs.",
        fault="raised",
    )
