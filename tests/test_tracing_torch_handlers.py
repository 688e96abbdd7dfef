"""PyTorch code that catches what torch raises, against real forward passes."""

from __future__ import annotations

from typing import Any

import pytest

import deconvcalc as dc
from tests.torch_passes import module

pytestmark = pytest.mark.framework


def agrees(forward: Any, size: tuple[int, int], *layers: Any, known: bool = True) -> Any:
    """A trace that says of every size up to 11 what a real forward pass does, or that is unknown.

    The channels that come out are told, too: the ways of the code differ in them.
    """
    import torch

    model = module(forward, *layers).eval()
    found = dc.trace(model, size, channels=4)
    for h in range(1, 10):
        for w in range(1, 10):
            try:
                with torch.no_grad():
                    result = model(torch.zeros(1, 4, h, w))
                runs = all(result.shape)
            except (RuntimeError, IndexError, ValueError, KeyError):
                runs = False
            where = {"h": h, "w": w}
            unknown = any(where in part for part in found.unknown)
            assert not (known and unknown), where
            repeats = any(n in found.broadcast.get(name, ()) for name, n in where.items())
            assert ((h, w) in found.admissible) == runs or unknown or repeats, where
            ways = [
                way
                for way in found.traced.paths
                if way.failed is None and all(guard.sends(where) for guard in way.guards)
            ]
            if runs and not unknown:
                run = ways[0].model.run(where)
                assert run.runs
                last = ways[0].model.outputs[0]
                assert run.size(last) == tuple(result.shape[2:])
                assert last.channels == result.shape[1]
    return found


def _forwards() -> dict[str, tuple[Any, tuple[int, int]]]:
    from tests.models import torch_catching as made

    return {
        "cat": (made.cat, (9, 10)),
        "cat, the other way": (made.cat, (8, 10)),
        "named": (made.named, (9, 10)),
        "bare": (made.bare, (8, 7)),
        "pool": (made.pool, (3, 9)),
        "pool, the other way": (made.pool, (8, 9)),
        "views": (made.views, (8, 10)),
        "deep": (made.deep, (8, 7)),
        "suppressed": (made.suppressed, (9, 9)),
        "again": (made.again, (9, 9)),
        "index": (made.index, (9, 9)),
        "several": (made.several, (6, 9)),
        "matmul": (made.matmul, (6, 9)),
    }


CASES = (
    "cat", "cat, the other way", "named", "bare", "pool", "pool, the other way", "views", "deep",
    "suppressed", "again", "index", "several", "matmul",
)  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_failure_that_the_code_catches_is_a_way(name: str) -> None:
    forward, size = _forwards()[name]
    agrees(forward, size, known=name != "matmul")


def test_handlers_of_other_errors_leave_all_faults_in_one_pass() -> None:
    import torch
    from torch.nn import functional as F  # noqa: N812

    def forward(_: Any, x: Any) -> Any:
        try:
            with torch.no_grad():
                y = torch.cat([x, F.interpolate(F.max_pool2d(x, 2), scale_factor=2)], 1)
                return torch.cat([y, F.interpolate(F.max_pool2d(y, 4), scale_factor=4)], 1)
        except (KeyError, ZeroDivisionError):
            return x
        finally:
            x = None

    found = agrees(forward, (9, 11))
    assert [(fault.node, fault.axis) for fault in found.clashes] == [
        ("cat", 0), ("cat", 1), ("cat#2", 0), ("cat#2", 1),
    ]  # fmt: skip
    assert len(found.traced.paths) == 1


def test_what_is_caught_without_a_rule_is_unknown_and_told() -> None:
    import torch

    def forward(_: Any, x: Any) -> Any:
        try:
            return torch.nn.functional.bilinear(x, x, x.new_ones(2, 5, 5))
        except RuntimeError:
            return x

    found = agrees(forward, (9, 7), known=False)
    assert any({"h": 9, "w": 7} in part for part in found.unknown)
    assert "catches what torch says" in found.warnings[0]


def test_the_tables_of_handlers_are_read_as_python_does() -> None:
    import dis

    from deconvcalc.tracing.torch.catching import _entries

    codes = [one.__code__ for one, _ in _forwards().values()]
    for code in codes:
        read = [tuple(one[:3]) for one in dis._parse_exception_table(code)]  # type: ignore[attr-defined]
        assert list(_entries(code.co_exceptiontable)) == read
    assert sum([bool(code.co_exceptiontable) for code in codes]) >= 10
