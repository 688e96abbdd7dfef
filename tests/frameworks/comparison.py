"""What the framework and this library say of each call, and where they may differ.

A disagreement fails, unless an entry of `ledger.toml` names the layer and its predicate holds; an
entry may cover at most 1 of 100 calls of a layer, and its examples are run again.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import deconvcalc
from tests.frameworks.configurations import configurations, lethal
from tests.frameworks.drawing import Configuration, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.frameworks.client import Worker

__all__ = ["PREDICATES", "Verdict", "compare", "disagreements", "ledger", "ours"]


class Verdict(NamedTuple):
    """Both answers to one call: sizes, or why they are refused."""

    configuration: Configuration
    framework: tuple[int, ...] | None
    library: tuple[int, ...] | None
    framework_error: str
    library_error: str
    screened: bool

    @property
    def agrees(self) -> bool:
        """Whether both give the same sizes, or both refuse."""
        return self.framework == self.library

    def __str__(self) -> str:
        theirs = self.framework or self.framework_error
        mine = self.library or self.library_error.splitlines()[0]
        sizes = tuple(self.configuration["sizes"])
        return f"{text(self.configuration)} on {sizes}: framework {theirs}, deconvcalc {mine}"


def ours(configuration: Configuration) -> tuple[tuple[int, ...] | None, str]:
    """The sizes by this library, or its refusal."""
    try:
        layer = deconvcalc.parse(text(configuration))
        return tuple(layer.output_size(tuple(configuration["sizes"]))), ""
    except deconvcalc.DeconvcalcError as error:
        return None, str(error)


def compare(configuration: Configuration, worker: Worker) -> Verdict:
    """Ask both sides."""
    screened = lethal(configuration)
    answer = worker({**configuration, "lethal": screened})
    library, library_error = ours(configuration)
    framework = tuple(answer["sizes"]) if answer["ok"] else None
    error = answer.get("error", "")
    if answer.get("died"):  # an unlisted death is no refusal
        raise AssertionError(f"{text(configuration)} on {configuration['sizes']}: {error}")
    return Verdict(configuration, framework, library, error, library_error, screened)


def disagreements(framework: str, layer: str, worker: Worker) -> tuple[list[Verdict], list[Verdict]]:
    """All verdicts on one layer, and those that no entry of the ledger explains."""
    verdicts = [compare(call, worker) for call in configurations(framework, layer)]
    known = [entry for entry in ledger() if (framework, layer) in listed(entry)]
    apart = [verdict for verdict in verdicts if not verdict.agrees]
    explained = [
        verdict
        for verdict in apart
        if any(PREDICATES[entry["predicate"]](verdict) for entry in known)
    ]
    if len(explained) > len(verdicts) / 100:
        raise AssertionError(f"the ledger covers {len(explained)} of {len(verdicts)} of {layer}")
    return verdicts, [verdict for verdict in apart if verdict not in explained]


@cache
def ledger() -> tuple[dict[str, Any], ...]:
    """The known disagreements."""
    path = Path(__file__).with_name("ledger.toml")
    return tuple(tomllib.loads(path.read_text(encoding="utf-8"))["entry"])


def listed(entry: dict[str, Any]) -> list[tuple[str, str]]:
    """The layers of an entry, each with its framework."""
    return [(entry["framework"], layer) for layer in entry["layers"]]


def empty_output(verdict: Verdict) -> bool:
    """The framework returns a tensor with an axis of 0; here a size is at least 1."""
    return verdict.framework is not None and 0 in verdict.framework and verdict.library is None


def bool_as_int(verdict: Verdict) -> bool:
    """The framework takes True as 1; here a bool is no number."""
    configuration = verdict.configuration
    values = [*configuration["args"], *configuration["kwargs"].values()]
    taken = verdict.framework is not None and verdict.library is None
    return taken and any(value is True for value in values)


def long_crop(verdict: Verdict) -> bool:
    """A circular pad whose crops are longer than the input, made up for by the other side."""
    sides = verdict.configuration["args"][0]
    sizes = verdict.configuration["sizes"]
    crops = [min(before, 0) + min(after, 0) for before, after in zip(*[iter(sides)] * 2, strict=True)]
    return any(n + crop < 0 for n, crop in zip(sizes, reversed(crops), strict=True))


PREDICATES: dict[str, Callable[[Verdict], bool]] = {
    "empty output": empty_output,
    "bool as int": bool_as_int,
    "long crop": long_crop,
}
"""What an entry of the ledger may say, by the name it says it with."""
