"""What the tests of every framework ask of every layer."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from tests.frameworks.comparison import (
    PREDICATES,
    Verdict,
    compare,
    example,
    explained,
    ledger,
    verdicts,
)
from tests.frameworks.configurations import (
    COUNT,
    LAYERS,
    PLAIN,
    UNREFUSING,
    configurations,
    lethal,
    ranks,
    uneven,
)
from tests.frameworks.drawing import text

if TYPE_CHECKING:
    from tests.frameworks.client import Worker

__all__ = ["check_layer", "check_ledger", "check_lethal", "check_mix"]


def check_layer(framework: str, layer: str, worker: Worker) -> None:
    """Equal sizes or two refusals, for each call of a layer, with a fair share of refusals."""
    found = verdicts(framework, layer, worker)
    apart = [verdict for verdict in found if not verdict.agrees]
    unexplained = [verdict for verdict in apart if not explained(verdict, framework, layer)]
    shown = "\n".join(str(verdict) for verdict in unexplained[:20])
    assert not unexplained, f"{len(unexplained)} of {len(found)} disagree:\n{shown}"
    assert len(apart) <= len(found) / 100, "the ledger covers more than 1 of 100"
    check_refusals(framework, layer, found)


def check_refusals(framework: str, layer: str, found: list[Verdict]) -> None:
    """Between 20 and 60 of 100 are refused by the framework's own run, and few are not run."""
    refused = sum(verdict.refused for verdict in found) / len(found)
    if (framework, layer) in UNREFUSING:
        assert refused == 0
    else:
        assert 0.2 <= refused <= 0.6, f"{refused:.0%} are refused"
    screened = sum(verdict.screened for verdict in found)
    assert screened <= len(found) / 200, f"{screened} of {len(found)} are not run"


def check_mix(framework: str, layer: str) -> None:
    """At least 500 distinct calls, spread over the axes, a quarter of them uneven."""
    calls = configurations(framework, layer)
    distinct = {f"{text(call)} {call['sizes']} {call['channels']}" for call in calls}
    assert len(distinct) == COUNT >= 500
    for axes in ranks(framework, layer):
        same = sum(count_axes(call["name"]) in (axes, None) for call in calls)
        assert same >= COUNT // len(ranks(framework, layer))
    if (framework, layer) not in PLAIN:
        assert sum(map(uneven, calls)) >= COUNT / 4


def count_axes(name: str) -> int | None:
    """The number of axes in the name of a layer, if it has one."""
    digits = [letter for letter in name if letter.isdigit()]
    return int(digits[-1]) if digits and name.endswith(("d", "D", "Transpose")) else None


def check_lethal(framework: str, worker: Worker) -> None:
    """What is screened really ends the process, and the next call finds a new one."""
    screened = {}
    for layer in LAYERS[framework]:
        for call in configurations(framework, layer):
            if lethal(call):
                screened[layer] = call
    assert screened
    for call in screened.values():
        assert worker(call).get("died"), f"{text(call)} on {call['sizes']} does not kill"
        assert not worker({**call, "lethal": True}).get("died")


def check_ledger(framework: str, worker: Worker) -> None:
    """Every example of the ledger still holds, for the version that it names."""
    for entry in ledger():
        if entry["framework"] != framework:
            continue
        assert version(framework).split("+")[0] == entry["version"]
        for index, written in enumerate(entry["examples"]):
            verdict = compare(example(entry, index), worker)
            assert verdict.framework == tuple(written["gives"]), str(verdict)
            assert verdict.library is None, str(verdict)
            assert PREDICATES[entry["predicate"]](verdict), str(verdict)
