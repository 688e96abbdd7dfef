"""Hold tests/promises.toml to the last full test run: `python -m tests.promises_check`.

It fails where a listed test does not exist, did not run, failed, or was skipped without a listed
reason, where a benchmark is unknown, and where a promise or a listed file is empty.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from tests import bench

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

ROOT = Path(__file__).resolve().parents[1]
PROMISES = ROOT / "tests" / "promises.toml"
REPORT = ROOT / ".pytest-report.xml"


def main() -> int:
    """Print every fault; return 1 if there is one."""
    if not REPORT.exists():
        print(f"{REPORT.name} is missing: run the tests first", file=sys.stderr)
        return 1
    promises = tomllib.loads(PROMISES.read_text(encoding="utf-8"))
    found = list(faults(promises, collect(), outcomes(REPORT), bench.names()))
    for fault in found:
        print(fault, file=sys.stderr)
    print(f"{len(promises['promise'])} promises, {len(found)} faults")
    return 1 if found else 0


def collect() -> list[str]:
    """The node id of every test that pytest finds, deselected by nobody."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-o", "addopts="]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(run.stdout + run.stderr)
    return [line for line in run.stdout.splitlines() if "::" in line]


def outcomes(report: Path) -> dict[tuple[str, str], str]:
    """What became of each test of the last run, by the class name and name of its report."""
    found = {}
    for case in ET.parse(report).iter("testcase"):
        tags = {child.tag for child in case}
        outcome = "failed" if tags & {"failure", "error"} else "passed"
        found[case.attrib["classname"], case.attrib["name"]] = (
            "skipped" if "skipped" in tags else outcome
        )
    return found


def report_key(node: str) -> tuple[str, str]:
    """Where a node id stands in pytest's report."""
    address, bracket, case = node.partition("[")
    path, *names = address.split("::")
    return ".".join([path.removesuffix(".py").replace("/", "."), *names[:-1]]), (
        names[-1] + bracket + case
    )


def within(node: str, listed: str) -> bool:
    """Whether a node is what is listed, or one of its tests or cases."""
    return node == listed or node.startswith((f"{listed}/", f"{listed}::", f"{listed}["))


def faults(
    promises: Mapping[str, Any],
    collected: Collection[str],
    ran: Mapping[tuple[str, str], str],
    benches: Collection[str],
) -> Iterator[str]:
    """Each way in which a promise is not shown, as a sentence."""
    skips: Mapping[str, str] = promises.get("skips", {})
    for listed, reason in skips.items():
        if not reason.strip():
            yield f"skips: {listed} has no reason"
        if not any(within(node, listed) for node in collected):
            yield f"skips: {listed} does not exist"
    for promise in promises["promise"]:
        name, shown_by = promise["name"], promise["shown_by"]
        if not promise["text"].strip() or not shown_by:
            yield f"{name}: a promise needs a text and something that shows it"
        for listed in shown_by:
            if listed.startswith("bench:"):
                if listed.removeprefix("bench:") not in benches:
                    yield f"{name}: {listed} is unknown; there are {', '.join(sorted(benches))}"
                continue
            nodes = [node for node in collected if within(node, listed)]
            if not nodes:
                yield f"{name}: {listed} does not exist, or is empty"
            for node in nodes:
                outcome = ran.get(report_key(node), "not run")
                excused = outcome == "skipped" and any(within(node, skip) for skip in skips)
                if outcome != "passed" and not excused:
                    yield f"{name}: {node} was {outcome}"


if __name__ == "__main__":
    raise SystemExit(main())
