"""Numbers and texts that PyTorch code makes of sizes, against real forward passes."""

from __future__ import annotations

import logging
import math
from typing import Any

import pytest

import deconvcalc as dc
from tests.torch_passes import module

pytestmark = pytest.mark.framework

SIZES = (*range(1, 70), 97, 98, 127, 255, 999)


def agrees(forward: Any, start: int = 9, *, ways: int = 4, sizes: Any = SIZES) -> Any:
    """A trace of few ways that says of every size what a real forward pass does."""
    import torch

    model = module(forward).eval()
    found = dc.trace(model, (start,), channels=2)
    assert len(found.traced.paths) <= ways
    assert not found.unknown
    for n in sizes:
        try:
            with torch.no_grad():
                runs = all(model(torch.zeros(1, 2, n)).shape)
        except (RuntimeError, IndexError, ValueError):
            runs = False
        assert ((n,) in found.admissible) == runs, n
    return found


def _spoken() -> dict[str, Any]:
    def printed(_: Any, x: Any) -> Any:
        print(x.shape, x.shape[2], f"{x.shape[2]:>5}")  # noqa: T201  # it is about that
        return x[..., 1:]

    def logged(_: Any, x: Any) -> Any:
        logging.getLogger("net").warning("length %d of %s, %.1f", x.size(2), x.shape, x.size(2) / 2)
        return x[..., 1:]

    def formatted(_: Any, x: Any) -> Any:
        assert "%d %s" % (x.shape[2], x.shape[2] / 2) + repr(x.shape)  # noqa: UP031  # it, too
        return x[..., 1:]

    return {"printed": printed, "logged": logged, "formatted": formatted}


@pytest.mark.parametrize("name", ["printed", "logged", "formatted"])
def test_a_size_that_is_printed_is_not_pinned(
    name: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    found = agrees(_spoken()[name], ways=1)
    assert str(found.admissible) == "n ≥ 2"
    (warning,) = found.warnings
    assert "test_tracing_torch_numbers.py:" in warning
    if name == "printed":
        assert "torch.Size([1, 2, 9]) 9     9" in capsys.readouterr().err
    if name == "logged":
        assert caplog.messages[0] == "length 9 of torch.Size([1, 2, 9]), 4.5"


def _looked_up() -> dict[str, Any]:
    return {
        "a key": lambda self, x: x[..., self.table.get(str(x.shape[2]), 1) :],
        "an end": lambda _, x: x[..., 1:] if str(x.shape[2]).endswith("1") else x,
        "a length": lambda _, x: x[..., 1:] if len(str(x.shape[2])) == 1 else x,
        "a number": lambda _, x: x[..., : int(str(x.shape[2])) - 1],
        "a half": lambda _, x: x[..., 1:] if str(x.shape[2] / 2) == "0.5" else x,
    }


@pytest.mark.parametrize("name", ["a key", "an end", "a length", "a number", "a half"])
def test_the_text_of_a_size_that_decides_is_a_reading(name: str) -> None:
    import torch

    model = module(_looked_up()[name], table={"7": 7, "1": 0}).eval()
    found = dc.trace(model, (9,), channels=2)
    for n in (*range(1, 40), 91, 101):
        if not any({"n": n} in part for part in found.unknown):
            with torch.no_grad():
                runs = all(model(torch.zeros(1, 2, n)).shape)
            assert ((n,) in found.admissible) == runs, n
    assert any({"n": 1_000} in part for part in found.unknown)


def _numbers() -> dict[str, Any]:
    from torch.nn import functional as F  # noqa: N812

    def centre(_: Any, x: Any) -> Any:
        start = int(round((x.shape[2] - 6) / 2.0))  # noqa: RUF046  # a number in Python 2
        return x[..., start : start + 6]

    def asks(_: Any, x: Any) -> Any:
        n = x.shape[2]
        return x[..., int(n / 2) :] if isinstance(n, int) and isinstance(n / 2, float) else x

    return {
        "int of a half": lambda _, x: x[..., : int(x.shape[2] / 2)],
        "int of a product": lambda _, x: x[..., : int(x.shape[2] * 0.75) - 1],
        "int of a third": lambda _, x: x[..., : int(x.shape[2] / 3)],
        "int of a negative": lambda _, x: x[..., -int((x.shape[2] - 9) / 4) - 1 :],
        "int of an int": lambda _, x: x[..., : int(x.shape[2]) - 2],
        "ceil": lambda _, x: x[..., math.ceil(x.shape[2] / 4) - 1 :][..., 1:],
        "floor": lambda _, x: x[..., : math.floor(x.shape[2] / 4 + 0.25)],
        "floor of floats": lambda _, x: x[..., : int(x.shape[2] // 2.0)],
        "float": lambda _, x: x[..., : int(float(x.shape[2]) * 0.5)],
        "round": lambda _, x: x[..., : round(x.shape[2] / 4)],
        "map": lambda _, x: F.interpolate(x, size=tuple(map(int, x.shape[2:]))) + x,
        "resize": lambda _, x: F.interpolate(x, size=int(x.shape[2] * 1.5))[..., 4:],
        "third and more": lambda _, x: x[..., : int((x.shape[2] / 3 + 0.5) / 2 - 0.25)],
        "compared": lambda _, x: x[..., 1:] if x.shape[2] / 3 >= 2.5 else x[..., 4:],
        "centre": centre,
        "asks": asks,
    }


NUMBERS = (
    "int of a half", "int of a product", "int of a third", "int of a negative", "int of an int",
    "ceil", "floor", "floor of floats", "float", "round", "map", "resize", "third and more",
    "compared", "centre", "asks",
)  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS)
def test_roundings_of_exact_floats_carry_their_maps(name: str) -> None:
    agrees(_numbers()[name], ways=8 if name == "centre" else 4)


@pytest.mark.parametrize(
    "name", ["back by a float", "back", "sums", "a tenth", "equal thirds", "twice a third"]
)
def test_what_floats_round_is_read_as_it_is(name: str) -> None:
    """1/49*49 is below 1 in floats: such products are no maps."""
    import torch

    forward = {
        "back by a float": lambda _, x: x[..., : math.floor(x.shape[2] / 49 * 49)],
        "back": lambda _, x: x[..., : int(x.shape[2] / 49 * 49.0)],
        "sums": lambda _, x: x[..., : int(x.shape[2] / 49 + (x.shape[2] * 48) / 49) - 2],
        "a tenth": lambda _, x: x[..., : int(x.shape[2] * 0.1 * 10)],
        "equal thirds": lambda _, x: x[..., 9:] if x.shape[2] / 3 / 5 == x.shape[2] / 15 else x,
        "twice a third": lambda _, x: x[..., : int(x.shape[2] / 3 * 2 + 1) - 1],
    }[name]
    model = module(forward).eval()
    found = dc.trace(model, (9,), channels=2)
    known = 0
    for n in range(1, 400):
        with torch.no_grad():
            runs = all(model(torch.zeros(1, 2, n)).shape)
        unknown = any({"n": n} in part for part in found.unknown)
        assert ((n,) in found.admissible) == runs or unknown, n
        known += not unknown
    assert known >= 60


def test_the_module_of_the_code_has_no_int_of_its_own_after() -> None:
    agrees(lambda _, x: x[..., : int(x.shape[2] / 2)])
    assert "int" not in globals()
    assert "float" not in globals()


def test_code_that_compares_types_is_left_alone() -> None:
    """Where `int` is more than called, it stays Python's."""
    import torch

    from tests.models import torch_types

    model = torch_types.Strict().eval()
    found = dc.trace(model, (9,), channels=2)
    for n in range(1, 30):
        with torch.no_grad():
            runs = all(model(torch.zeros(1, 2, n)).shape)
        assert ((n,) in found.admissible) == runs, n
    assert found.unknown
