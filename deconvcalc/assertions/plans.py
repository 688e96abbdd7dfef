"""Designs that were kept in a file: what it says of sizes and costs is what the stages have."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from deconvcalc.assertions.finding import Case, Finding
from deconvcalc.errors import QueryError

__all__ = ["plan", "read_plan"]

_DIFFERS = " and the stages give "
"""What the reader of designs says of a file that tells something else than its stages have."""


def read_plan(text: str) -> Any:
    """The design that a text of `Plan.to_json` means.

    Raises:
        QueryError: it is none, or says other sizes or costs than its stages have.
    """
    # Designs are read only where a file has one.
    return import_module("deconvcalc.designer.plans").Plan.from_json(text)


def plan(case: Case) -> Finding:
    """The sizes, channels and costs that a file says of a design are those of its stages."""
    expected = "the sizes and costs of its stages"
    try:
        made = read_plan(case.value)
    except QueryError as error:
        if _DIFFERS not in error.message:
            raise
        hint = "Design it again, and keep the new one, if the stages are right."
        return Finding(False, expected, error.message, (), (), hint)
    return Finding(True, expected, repr(made))
