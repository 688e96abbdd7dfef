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

__all__ = [
    "PREDICATES",
    "Verdict",
    "compare",
    "example",
    "explained",
    "ledger",
    "ours",
    "verdicts",
]


class Verdict(NamedTuple):
    """Both answers to one call: sizes, or why they are refused."""

    configuration: Configuration
    framework: tuple[int, ...] | None
    library: tuple[int, ...] | None
    framework_error: str
    library_error: str
    screened: bool

    @property
    def refused(self) -> bool:
        """Whether the framework refused in its own run (not only when it built the layer)."""
        return self.framework is None and not self.framework_error.startswith("BuildError")

    @property
    def agrees(self) -> bool:
        """Whether both give the same sizes, or both refuse."""
        return self.framework == self.library

    def __str__(self) -> str:
        theirs = self.framework_error if self.framework is None else self.framework
        mine = self.library_error.splitlines()[0] if self.library is None else self.library
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
    """Ask both sides. A process that dies is no refusal: `lethal` has to list the call."""
    screened = lethal(configuration)
    answer = worker({**configuration, "lethal": screened})
    error = answer.get("error", "")
    if answer.get("died"):
        raise AssertionError(f"{text(configuration)} on {configuration['sizes']}: {error}")
    framework = tuple(answer["sizes"]) if answer["ok"] else None
    library, library_error = ours(configuration)
    return Verdict(configuration, framework, library, error, library_error, screened)


def verdicts(framework: str, layer: str, worker: Worker) -> list[Verdict]:
    """Both answers to all the calls of one layer."""
    return [compare(call, worker) for call in configurations(framework, layer)]


def explained(verdict: Verdict, framework: str, layer: str) -> bool:
    """Whether an entry of the ledger is about this disagreement."""
    entries = [entry for entry in ledger() if entry["framework"] == framework]
    return any(
        layer in entry["layers"] and PREDICATES[entry["predicate"]](verdict) for entry in entries
    )


@cache
def ledger() -> tuple[dict[str, Any], ...]:
    """The known disagreements."""
    path = Path(__file__).with_name("ledger.toml")
    return tuple(tomllib.loads(path.read_text(encoding="utf-8"))["entry"])


def example(entry: dict[str, Any], index: int) -> Configuration:
    """An example of an entry, as a configuration."""
    written = entry["examples"][index]
    return {
        "framework": entry["framework"],
        "name": written["name"],
        "args": written.get("args", []),
        "kwargs": written.get("kwargs", {}),
        "sizes": written["sizes"],
        "channels": written["channels"],
    }


def empty_output(verdict: Verdict) -> bool:
    """The framework returns a tensor with an axis of 0; here a size is at least 1."""
    return verdict.framework is not None and 0 in verdict.framework and verdict.library is None


def values(verdict: Verdict) -> list[Any]:
    """All values in the arguments of a call, out of their tuples."""
    call = verdict.configuration
    found = [*call["args"], *call["kwargs"].values()]
    return [item for value in found for item in (value if isinstance(value, list) else [value])]


def taken(verdict: Verdict) -> bool:
    """Whether the framework takes what this library refuses."""
    return verdict.framework is not None and verdict.library is None


def bool_as_int(verdict: Verdict) -> bool:
    """The framework takes True as 1; here a bool is no number."""
    return taken(verdict) and any(value is True for value in values(verdict))


def float_as_int(verdict: Verdict) -> bool:
    """The framework cuts a float off; here it is refused."""
    return taken(verdict) and any(isinstance(value, float) for value in values(verdict))


def long_crop(verdict: Verdict) -> bool:
    """A circle is padded by more than its crop leaves of the input."""
    sides, sizes = values(verdict), verdict.configuration["sizes"]
    if not taken(verdict) or len(sides) != 2 * len(sizes):
        return False
    pairs = zip(sides[::2], sides[1::2], strict=True)
    rests = [min(pair) - max(pair) if min(pair) < 0 < max(pair) else 0 for pair in pairs]
    return any(n + rest < 0 for n, rest in zip(sizes, reversed(rests), strict=True))


PREDICATES: dict[str, Callable[[Verdict], bool]] = {
    "empty output": empty_output,
    "bool as int": bool_as_int,
    "float as int": float_as_int,
    "long crop": long_crop,
}
"""What an entry of the ledger may say, by the name it says it with."""
