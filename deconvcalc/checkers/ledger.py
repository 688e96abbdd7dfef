"""What a framework does differently from its own rule, one file a framework.

An entry names a predicate, which says exactly which configurations it is about.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deconvcalc.checkers.configuration import Configuration

if TYPE_CHECKING:
    from collections.abc import Callable

    Predicate = Callable[[Configuration, int | None, int | None], bool]

__all__ = ["MOST", "PREDICATES", "entries", "example", "explains"]

MOST = 0.01
"""The part of a sweep that may be in the ledger."""


@cache
def entries(framework: str) -> tuple[dict[str, Any], ...]:
    """The entries of a framework: "predicate", "version", "reason", "link" and "examples"."""
    path = Path(__file__).with_name("ledgers") / f"{framework}.toml"
    return tuple(tomllib.loads(path.read_text(encoding="utf-8")).get("entry", ()))


def example(written: dict[str, Any]) -> tuple[Configuration, int | None, int | None]:
    """A configuration of an entry, the size that the framework gives, and the library's."""
    one = Configuration(
        operation=written["operation"],
        axes=written.get("axes", 1),
        kernel_size=written["kernel_size"],
        stride=written.get("stride", 1),
        dilation=written.get("dilation", 1),
        padding=written.get("padding", 0),
        output_padding=written.get("output_padding"),
        ceil_mode=written.get("ceil_mode", False),
        count_include_pad=written.get("count_include_pad", True),
        size=written["size"],
    )
    return one, written.get("framework"), written.get("library")


def explains(
    framework: str, one: Configuration, theirs: int | None, ours: int | None
) -> str | None:
    """The reason of the entry that is about a disagreement, or None."""
    for entry in entries(framework):
        if PREDICATES[entry["predicate"]](one, theirs, ours):
            reason: str = entry["reason"]
            return reason
    return None


def _empty_even_same(one: Configuration, theirs: int | None, ours: int | None) -> bool:
    """A transposed convolution of Keras with an even kernel takes a size of 1 to 0."""
    return (
        (theirs, ours) == (0, None)
        and one.operation == "ConvTranspose"
        and (one.padding, one.output_padding, one.size) == ("same", 0, 1)
        and (one.dilation * (one.kernel_size - 1) + 1) % 2 == 0
    )


def _empty_transpose(one: Configuration, theirs: int | None, ours: int | None) -> bool:
    """A transposed convolution of PyTorch on its oneDNN path returns an empty tensor."""
    if one.operation != "ConvTranspose" or isinstance(one.padding, str):
        return False
    size = (one.size - 1) * one.stride - 2 * one.padding
    size += one.dilation * (one.kernel_size - 1) + (one.output_padding or 0) + 1
    return (theirs, ours) == (0, None) and size == 0 and one.axes > 1


PREDICATES: dict[str, Predicate] = {
    "empty output of an even kernel": _empty_even_same,
    "empty output on several axes": _empty_transpose,
}
"""What an entry may say, by the name it says it with: of a configuration, the framework's size and
the library's, None for a refusal."""
