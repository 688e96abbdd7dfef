"""Drawn tests draw the same on every run, and take the time they need; sympy simplifies nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile(
    "fixed",
    derandomize=True,
    deadline=None,
    print_blob=False,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("fixed")


@pytest.fixture(autouse=True, scope="session")
def no_simplify() -> Iterator[None]:
    """`simplify` raises in every test: its time grows without a bound, and nothing needs it."""
    import sympy

    def refuse(*_arguments: Any, **_settings: Any) -> None:
        raise AssertionError("simplify was called")

    with pytest.MonkeyPatch.context() as patch:
        for owner in (sympy, import_module("sympy.simplify.simplify"), sympy.Basic, sympy.Expr):
            patch.setattr(owner, "simplify", refuse)
        yield
