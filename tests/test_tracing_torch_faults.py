"""Faults that were found in the PyTorch tracer, each against real forward passes."""

from __future__ import annotations

from typing import Any

import pytest

import deconvcalc as dc
from tests.torch_passes import module

pytestmark = pytest.mark.framework


def test_a_list_with_tensors_that_forward_changes_is_put_back() -> None:
    import torch

    def forward(self: Any, x: Any) -> Any:
        self.cache[0] = x
        self.cells["a"]["x"] = x
        self.rows[0].append(x)
        return self.layers[0](x)

    first = torch.zeros(1, 3, 4, 4)
    model = module(
        forward, torch.nn.Conv2d(3, 3, 3), cache=[first], cells={"a": {}}, rows=[[], {first}]
    )
    dc.trace(model, (9, 9), channels=3)
    assert model.layers[0].weight.device.type == "cpu"
    assert model.cache[0] is first
    assert model.cells == {"a": {}}
    assert model.rows[0] == []
    assert model(torch.zeros(1, 3, 9, 9)).shape == (1, 3, 7, 7)


def test_what_cannot_be_put_back_leaves_the_parameters_alone() -> None:
    import torch

    class Stubborn(list):  # type: ignore[type-arg]
        def clear(self) -> None:
            raise RuntimeError("no")

    def forward(self: Any, x: Any) -> Any:
        self.kept.append(x)
        return self.layers[0](x)

    model = module(forward, torch.nn.Conv2d(3, 3, 3), kept=Stubborn())
    with pytest.raises(RuntimeError, match="no"):
        dc.trace(model, (9, 9), channels=3)
    assert model.layers[0].weight.device.type == "cpu"


def agrees(forward: Any, size: tuple[int, int], *layers: Any, known: bool = True) -> Any:
    """A trace whose admissible sizes are those that real forward passes take, up to 13."""
    import torch

    model = module(forward, *layers).eval()
    found = dc.trace(model, size, channels=4)
    wrong = []
    for h in range(1, 14):
        for w in range(1, 14):
            try:
                with torch.no_grad():
                    result = model(torch.zeros(1, 4, h, w))
                runs = all(result.shape)
            except (RuntimeError, IndexError, ValueError, TypeError, AssertionError):
                runs = False
            said = (h, w) in found.admissible
            unsure = any({"h": h, "w": w} in part for part in found.unknown)
            if (said and not runs) or (not said and runs and (known or not unsure)):
                wrong.append((h, w))
    assert not wrong
    return found


def _windows() -> dict[str, Any]:
    from torch.nn import functional as F  # noqa: N812

    return {
        "all of it": lambda _, x: F.avg_pool2d(x, x.size()[2:]),
        "all of it, max": lambda _, x: F.max_pool2d(x, kernel_size=x.shape[2:], stride=x.shape[2:]),
        "height alone": lambda _, x: F.max_pool2d(x, x.shape[2]),
        "smaller": lambda _, x: F.max_pool2d(x, min(x.shape[2], 5)),
        "stride": lambda _, x: F.max_pool2d(x, 2, stride=max(1, x.shape[2] // 3)),
        "dilation": lambda _, x: F.max_pool2d(x, 2, 1, dilation=max(1, x.shape[2] // 4)),
        "padding": lambda _, x: F.conv2d(x, x.new_ones(4, 4, 5, 5), padding=x.shape[2] // 2),
        "unfold": lambda _, x: F.unfold(x, (x.shape[2], 1)),
    }


@pytest.mark.parametrize(
    "name",
    [
        "all of it",
        "all of it, max",
        "height alone",
        "smaller",
        "stride",
        "dilation",
        "padding",
        "unfold",
    ],
)
def test_windows_of_computed_sizes_are_those_of_every_input(name: str) -> None:
    import torch

    forward = _windows()[name]
    found = agrees(forward, (9, 10), known=name in ("all of it", "all of it, max"))
    if name in ("all of it", "all of it, max"):
        assert str(found.admissible) == str(
            dc.trace(module(lambda _, x: x), (9, 10), channels=4).admissible
        )
    for h in (3, 7, 9):
        where = {"h": h, "w": 10}
        ways = [
            one
            for one in found.traced.paths
            if one.failed is None and all(guard.holds(where) for guard in one.guards)
        ]
        for way in ways:
            real = forward(None, torch.zeros(1, 4, h, 10))
            sizes = [one.at(where) for one in way.model.outputs[0].shape.extents]
            assert tuple(sizes) == tuple(real.shape)[-len(sizes) :]


def _written(x: Any, index: Any) -> Any:
    x = x.clone()
    x[index] = 1.0
    return x


def _picks() -> dict[str, Any]:
    import torch

    far = torch.tensor([0, 5])
    return {
        "list": lambda _, x: x[:, :, [0, 5]],
        "negative list": lambda _, x: x[:, :, [0, -5]],
        "after an ellipsis": lambda _, x: x[..., [4, 2]],
        "tensor": lambda _, x: x[:, :, far],
        "index_select": lambda _, x: torch.index_select(x, 2, far),
        "gather": lambda _, x: torch.gather(x, 2, far.reshape(1, 1, 2, 1).expand(1, 4, 2, 1)),
        "int": lambda _, x: x[:, :, 5],
        "negative int": lambda _, x: x[:, :, -5],
        "select": lambda _, x: x.select(2, 5),
        "negative select": lambda _, x: x.select(3, -5),
        "computed": lambda _, x: x[:, :, x.shape[3] // 2],
        "narrow": lambda _, x: x.narrow(2, -3, 2),
        "narrow from the start": lambda _, x: x.narrow(2, 3, 2),
        "write": lambda _, x: _written(x, (slice(None), slice(None), 5)),
        "write to a list": lambda _, x: _written(x, (slice(None), slice(None), [1, 5])),
    }


PICKS = (
    "list", "negative list", "after an ellipsis", "tensor", "index_select", "gather", "int",
    "negative int", "select", "negative select", "computed", "narrow", "narrow from the start",
    "write", "write to a list",
)  # fmt: skip


@pytest.mark.parametrize("name", PICKS)
@pytest.mark.parametrize("size", [(9, 10), (3, 4)])
def test_what_is_picked_lies_inside_the_input(name: str, size: tuple[int, int]) -> None:
    agrees(_picks()[name], size)


@pytest.mark.parametrize("size", [(9, 10), (7, 10)])
def test_parts_of_a_split_add_up(size: tuple[int, int]) -> None:
    agrees(lambda _, x: x.split([3, 4], 2)[0], size)
    agrees(lambda _, x: x.split([3, x.shape[2] - 3], 2)[1], size)


@pytest.mark.parametrize("size", [(9, 10), (7, 7)])
def test_attention_has_as_many_keys_as_values(size: tuple[int, int]) -> None:
    from torch import nn

    def forward(self: Any, x: Any) -> Any:
        rows, columns = x.mean(3).permute(2, 0, 1), x.mean(2).permute(2, 0, 1)
        return self.layers[0](rows, rows, columns, need_weights=False)[0]

    agrees(forward, size, nn.MultiheadAttention(4, 2))


def test_a_way_that_torch_ends_without_a_rule_is_not_known() -> None:
    import torch

    def forward(_: Any, x: Any) -> Any:
        if x.shape[2] > 6:
            x = torch.nn.functional.bilinear(x, x, x.new_ones(2, 5, 5))
        return x

    found = agrees(forward, (4, 5), known=False)
    assert found.unknown
    assert (7, 8) not in found.admissible
    assert (6, 8) in found.admissible


def test_a_size_that_becomes_text_is_pinned() -> None:
    def forward(_: Any, x: Any) -> Any:
        return x[:, :, 1:] if f"{x.shape[2]}" in {"3", "5"} or str(x.shape[2]) == "1" else x

    found = agrees(forward, (5, 6))
    assert (1, 6) not in found.admissible
    assert [str(one) for one in found.traced.paths[0].guards] == ["h = 5"]


def test_a_size_in_the_words_of_an_error_is_not_pinned() -> None:
    def forward(_: Any, x: Any) -> Any:
        if x.shape[2] % 4:
            raise ValueError(f"no height of {x.shape[2]}")
        return x

    found = agrees(forward, (8, 6))
    assert len(found.traced.paths) == 2


def _moves() -> dict[str, Any]:
    import torch
    from torch.nn import functional as F  # noqa: N812

    return {
        "roll": lambda _, x: x.roll(1, 2),
        "flip": lambda _, x: x.flip(2),
        "flip of several": lambda _, x: torch.flip(x, [2, 3]),
        "cumsum": lambda _, x: x.cumsum(3),
        "softmax": lambda _, x: x.softmax(-1),
        "log_softmax": lambda _, x: F.log_softmax(x, dim=2),
        "normalize": lambda _, x: F.normalize(x, dim=2),
        "antialias": lambda _, x: F.interpolate(
            x, scale_factor=0.5, mode="bilinear", antialias=True
        ),
    }


MOVES = (
    "roll", "flip", "flip of several", "cumsum", "softmax", "log_softmax", "normalize", "antialias",
)  # fmt: skip


@pytest.mark.parametrize("name", MOVES)
def test_what_moves_or_mixes_places_is_no_layer(name: str) -> None:
    from deconvcalc.layers import Layer

    found = agrees(_moves()[name], (9, 10))
    operation = found.model.outputs[0].operation
    assert not isinstance(operation, Layer)
    assert operation.layer is None


def test_what_mixes_channels_alone_leaves_places() -> None:
    from deconvcalc.layers import Identity

    found = agrees(lambda _, x: x.softmax(1), (9, 10))
    assert isinstance(found.model.outputs[0].operation, Identity)


def _indices() -> dict[str, Any]:
    import torch

    def later(self: Any, x: Any) -> Any:
        self.long += 1
        return x[:, :, self.long[:3]]

    def counted(_: Any, x: Any) -> Any:
        return x[:, :, torch.arange(1, x.shape[2] // 2 + 3)]

    def stepped(_: Any, x: Any) -> Any:
        return x.index_select(2, torch.arange(0, x.shape[3], 2).long())

    return {
        "long": lambda self, x: x[:, :, self.long],
        "longer": lambda self, x: x[:, :, self.longer],
        "longer, copied": lambda self, x: x.index_select(3, self.longer.int()),
        "gathered": lambda self, x: x.gather(2, self.long[:8].view(1, 1, 8, 1)),
        "changed": later,
        "list of lists": lambda _, x: x[:, :, [[0, 5], [1, 2]]],
        "mask in a list": lambda _, x: x[:, :, [True, False, True, True, False]],
        "mask": lambda self, x: x[..., self.mask],
        "empty mask": lambda _, x: x[:, :, [False, False]],
        "numbers and bools": lambda _, x: x[:, :, [True, 6]],
        "arange": counted,
        "arange of the other axis": stepped,
    }


INDICES = (
    "long", "longer", "longer, copied", "gathered", "changed", "list of lists", "mask in a list",
    "mask", "empty mask", "numbers and bools", "arange", "arange of the other axis",
)  # fmt: skip


@pytest.mark.parametrize("name", INDICES)
def test_constant_indices_lie_inside_the_input_however_many_they_are(name: str) -> None:
    import torch

    forward = _indices()[name]
    held = torch.nn.Module()
    model_buffers = {
        "long": torch.arange(100) % 7,
        "longer": torch.arange(80_000) % 9,
        "mask": torch.tensor([True, True, False, True]),
    }
    for one, values in model_buffers.items():
        held.register_buffer(one, values)

    def with_buffers(self: Any, x: Any) -> Any:
        return forward(self.layers[0], x)

    if name != "changed":
        found = agrees(with_buffers, (9, 10), held)
        assert not found.unknown
        assert not found.warnings
        return
    # The buffer goes up at every call, so that a real pass is of a model of its own.
    found = dc.trace(module(with_buffers, held), (9, 10), channels=4)
    assert torch.equal(held.long, torch.arange(100) % 7)
    assert [str(held) for held in found.admissible.sets.values()] == ["n ≥ 4", "any n ≥ 1"]


def test_indices_that_nobody_knows_are_told() -> None:
    import torch

    def forward(_: Any, x: Any) -> Any:
        return x[:, :, torch.arange(x.shape[2]) // 2]

    found = dc.trace(module(forward), (9, 10), channels=4)
    (warning,) = found.warnings
    assert "test_tracing_torch_faults.py:" in warning
    assert "whether they lie inside is not checked" in warning


def test_the_first_input_may_be_one_that_torch_ends_without_a_rule() -> None:
    import torch

    def forward(_: Any, x: Any) -> Any:
        if x.shape[2] > 6:
            x = torch.nn.functional.bilinear(x.mT, x.mT, x.new_ones(2, 11, 11))
        return x

    found = agrees(forward, (8, 7), known=False)
    assert not found.ok
    failed = str(found.path.failed)
    assert "no rule here explains" in failed
    assert "test_tracing_torch_faults.py:" in failed
    assert "please report it" in failed
    assert {"h": 8, "w": 5} in found.unknown[0]
    assert (6, 8) in found.admissible
    assert (8, 7) not in found.admissible


def test_an_error_of_the_code_has_the_line_that_raises() -> None:
    def check(x: Any) -> None:
        if x.shape[2] % 2:
            raise ValueError(f"odd: {x.shape[2]}")

    def forward(_: Any, x: Any) -> Any:
        check(x)
        return x

    line = check.__code__.co_firstlineno + 2
    found = agrees(forward, (9, 7))
    assert found.path.failed == f"ValueError: odd: 9 (tests/test_tracing_torch_faults.py:{line})"


def _found_by_chance() -> dict[str, Any]:
    import torch

    return {
        "too many of the largest": lambda _, x: x.topk(11, dim=2)[0],
        "too many of the largest, by name": lambda _, x: x.topk(11, dim=3).values,
        "an index behind a merge": lambda _, x: torch.cat([x[..., ::2], x[..., :1]], 1)[
            ..., torch.tensor([0, -2])
        ],
        "an index of a picked row": lambda _, x: x[:, :, [0, 1, 2]][:, :, [0, 3]],
        "a letter of size 1": lambda _, x: torch.einsum(
            "nchw,nchv->ncwv", x.mean(2, keepdim=True), x
        ),
        "a letter of two sizes": lambda _, x: torch.einsum(
            "nchw,nchv->ncwv", torch.nn.functional.avg_pool2d(x, (3, 1), 1), x
        ),
        "whole of a product": lambda _, x: x.flatten(2)[:, None, :] * 2,
    }


CHANCE = (
    "too many of the largest", "too many of the largest, by name", "an index behind a merge",
    "an index of a picked row", "a letter of size 1", "a letter of two sizes",
    "whole of a product",
)  # fmt: skip


@pytest.mark.parametrize("name", CHANCE)
@pytest.mark.parametrize("size", [(9, 10), (3, 2)])
def test_what_random_programs_found(name: str, size: tuple[int, int]) -> None:
    found = agrees_but_for_repeats(_found_by_chance()[name], size)
    assert not found.unknown
    if name == "whole of a product":
        assert "min" not in str(found.model.outputs[0].shape)


def agrees_but_for_repeats(forward: Any, size: tuple[int, int]) -> Any:
    """As `agrees`; inputs that run only by repeating a size of 1 are told apart."""
    import torch

    model = module(forward).eval()
    found = dc.trace(model, size, channels=4)
    for h in range(1, 14):
        for w in range(1, 14):
            try:
                with torch.no_grad():
                    runs = all(model(torch.zeros(1, 4, h, w)).shape)
            except (RuntimeError, IndexError):
                runs = False
            repeats = h in found.broadcast.get("h", ()) or w in found.broadcast.get("w", ())
            assert ((h, w) in found.admissible) == runs or (repeats and runs), (h, w)
    return found
