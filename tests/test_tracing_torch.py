"""What the PyTorch tracer does with code: sizes, guards, faults, and the module it was given."""

from __future__ import annotations

import math
from typing import Any

import pytest

import deconvcalc as dc
from deconvcalc.errors import DeconvcalcError, QueryError
from tests.torch_passes import module

pytestmark = pytest.mark.framework


# Guards.


def test_a_size_acts_like_an_int_and_remembers_what_it_is() -> None:
    seen: dict[str, Any] = {}

    def forward(_: Any, x: Any) -> Any:
        if seen:
            return x
        h, w = x.shape[-2:]
        seen["values"] = [h + 1, 2 * h - w, h // 2, -h % 8, divmod(h, 3)[1], abs(w - h), h**2]
        seen["kinds"] = [isinstance(h, int), isinstance(x.shape, tuple), len(x.shape), x.ndim]
        seen["rounded"] = [round(h / 4), math.floor(h / 3), math.ceil(h / 3), h >> 1, h & 3]
        seen["shape"] = x.shape == (1, 4, 10, 14)
        return x

    found = dc.trace(module(forward), (10, 14), channels=4)
    assert [one.value for one in seen["values"]] == [11, 6, 5, 6, 1, 4, 100]
    assert seen["kinds"] == [True, True, 4, 4]
    assert [one.value for one in seen["rounded"]] == [2, 3, 4, 5, 2]
    assert seen["shape"]
    assert found.ok


@pytest.mark.parametrize("size", range(1, 41))
def test_rounding_of_a_quotient_is_pythons(size: int) -> None:
    from torch import zeros

    def forward(_: Any, x: Any) -> Any:
        h = x.shape[2]
        kept = max(1, round(h / 4)) + math.floor(h * 0.5) + math.ceil(h / 3) + math.trunc(h / 5)
        return x.new_zeros(1, 1, kept, 1)

    found = dc.trace(module(forward), (size, 1), channels=1)
    real = forward(None, zeros(1, 1, size, 1)).shape[2]
    (out,) = found.model.outputs
    assert out.shape.extents[0].at({"h": size, "w": 1}) == real


def test_a_size_that_is_read_as_a_number_is_pinned_and_others_are_unknown() -> None:
    def forward(_: Any, x: Any) -> Any:
        for _row in range(x.shape[2]):
            x = x + 1
        return x

    from deconvcalc.tracing import torch as tracer

    model = module(forward)
    found = tracer.traced(model, tracer.inputs_of(model, (5, 6), 3), most_ways=3)
    assert len(found.paths) == 3
    assert [str(guard) for guard in found.paths[0].guards] == ["h = 5"]
    assert found.unknown
    whole = dc.model.Admissible(("h", "w"), [], found.unknown)
    assert (5, 6) not in whole
    assert any({"h": 200, "w": 3} in part for part in found.unknown)
    assert not any({"h": 5, "w": 3} in part for part in found.unknown)


def test_code_that_raises_is_a_way_that_fails_with_its_words() -> None:
    def forward(_: Any, x: Any) -> Any:
        if x.shape[2] % 2:
            raise ValueError("even heights alone")
        return x

    found = dc.trace(module(forward), (7, 7), channels=3)
    assert not found.ok
    assert str(found.path.failed).startswith("ValueError: even heights alone (")
    assert str(found.admissible) == "h even; any w ≥ 1"
    assert found.warnings == ()


# Faults.


def test_a_window_that_does_not_fit_is_told_and_the_trace_goes_on() -> None:
    from torch import cat, nn

    model = module(
        lambda self, x: cat([self.layers[1](self.layers[0](x)), x], 1),
        nn.Conv2d(3, 4, 7),
        nn.Conv2d(4, 4, 3),
    )
    found = dc.trace(model, (5, 9), channels=3)
    assert [fault.kind for fault in found.clashes] == ["refusal", "refusal", "clash", "clash"]
    assert found.clashes[0].said is not None
    assert "Kernel size can't be greater" in found.clashes[0].said


def test_wrong_channels_are_a_fault() -> None:
    from torch import nn

    found = dc.trace(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(5, 4, 3)), (9, 9), channels=3)
    (fault,) = found.clashes
    assert (fault.node, fault.axis) == ("1", "channels")
    assert "expected input[1, 4, 7, 7] to have 5 channels" in str(fault.said)
    assert not found.admissible


def test_an_error_of_the_code_at_every_size_is_told_as_such() -> None:
    from torch.nn import functional

    found = dc.trace(module(lambda _, x: functional.pad(x, (1, 1), "reflect")), (8, 8), channels=3)
    assert not found.ok
    assert "Padding size 2 is not supported for 4D input" in str(found.path.failed)
    assert not found.admissible


# What is refused, with a way out.


def refused(forward: Any, **options: Any) -> str:
    with pytest.raises(DeconvcalcError) as error:
        dc.trace(module(forward, **options.pop("named", {})), (8, 8), channels=3, **options)
    return str(error.value)


def test_values_of_tensors_are_not_followed() -> None:
    text = refused(lambda _, x: x if x.sum() > 0 else -x)
    assert "depends on the data" in text
    assert "test_tracing_torch.py:" in text
    assert "asks for values" in refused(lambda _, x: x * x.max().item())
    assert "asks for values" in refused(lambda _, x: x.numpy())
    assert "how many may depend on values" in refused(lambda _, x: x[x > 0])


def test_an_error_that_the_code_swallows_ends_the_trace_too() -> None:
    def forward(_: Any, x: Any) -> Any:
        try:
            return x * float(x.mean())
        except ValueError:
            return x

    assert "asks for values" in refused(forward)


def test_an_unknown_operation_is_let_pass_where_it_leaves_sizes_alone() -> None:
    import torch

    found = dc.trace(module(lambda _, x: torch.fft.fft2(x).abs()), (8, 9), channels=2)
    assert found.ok
    assert found.passed == ("fft_fft2",)
    text = refused(lambda _, x: torch.combinations(x.flatten()[:4]))
    assert "combinations" in text
    assert 'assume={"combinations": "same"}' in text
    model = module(lambda _, x: torch.linalg.inv(x))  # of square matrices alone
    with pytest.raises(dc.UnknownOperationError, match="--assume linalg_inv=same") as error:
        dc.trace(model, (8, 8), channels=3)
    assert error.value.operation == "linalg_inv"
    assumed = dc.trace(model, (8, 8), channels=3, assume={"linalg_inv": "same"})
    assert assumed.passed == ("linalg_inv",)
    assert str(assumed.model.outputs[0].shape) == "3 channels of h x w"


def test_custom_functions_of_autograd_are_followed_or_named() -> None:
    import torch

    class Twice(torch.autograd.Function):  # type: ignore[misc]  # torch is read as Any
        @staticmethod
        def forward(_context: Any, x: Any) -> Any:
            return torch.cat([x, x], 2)

        @staticmethod
        def backward(_context: Any, gradient: Any) -> Any:
            return gradient

    found = dc.trace(module(lambda _, x: Twice.apply(x) * 2), (8, 9), channels=2)
    (out,) = found.model.outputs
    assert tuple(map(str, out.shape.extents)) == ("2*h", "w")


def test_scripted_modules_are_named() -> None:
    import warnings

    import torch
    from torch import nn

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        part = torch.jit.script(nn.Sequential(nn.Conv2d(3, 3, 3)))
    before = [one.device.type for one in part.parameters()]
    with pytest.raises(dc.TraceError, match="TorchScript"):
        dc.trace(module(lambda self, x: torch.relu(self.part(x)), part=part), (8, 8), channels=3)
    assert [one.device.type for one in part.parameters()] == before


def test_scripted_functions_are_let_pass_where_they_leave_sizes_alone() -> None:
    import torch

    call = torch.jit.ScriptFunction.__call__
    unit = torch.jit.CompilationUnit(
        "def swish(x): return x * x.sigmoid()\ndef shorter(x): return x[:, :, 1:]\n"
    )
    part = unit.swish
    assert isinstance(part, torch.jit.ScriptFunction)
    found = dc.trace(module(lambda _, x: part(x) + 1), (8, 9), channels=3)
    assert found.ok
    assert found.passed == ("swish",)
    assert torch.jit.ScriptFunction.__call__ == call
    assert "'shorter' is not known" in refused(lambda _, x: unit.shorter(x))


def test_lazy_modules_and_missing_sizes_are_named() -> None:
    from torch import nn

    with pytest.raises(DeconvcalcError, match="lazy"):
        dc.trace(nn.Sequential(nn.LazyConv2d(3, 3)), (8, 8), channels=3)
    with pytest.raises(QueryError, match="size of the input is not given"):
        dc.trace(nn.Conv2d(3, 3, 3))
    assert dc.trace(nn.ReLU(), (8, 8)).rows[0].channels == 3
    with pytest.raises(QueryError, match="at most 3 spatial axes"):
        dc.trace(nn.Conv2d(3, 3, 3), (8, 8, 8, 8))


def test_an_input_without_axes() -> None:
    from torch import nn

    model = nn.Sequential(
        nn.Linear(100, 64), nn.Unflatten(1, (4, 4, 4)), nn.ConvTranspose2d(4, 3, 4, 2, 1)
    )
    found = dc.trace(model, (), channels=100)
    assert found.ok
    assert found.run.size("2") == (8, 8)


def test_several_inputs_and_outputs() -> None:
    from torch import cat, nn

    class Two(nn.Module):  # type: ignore[misc]  # torch is read as Any
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.Conv2d(3, 4, 2, stride=2)

        def forward(self, image: Any, mask: Any) -> Any:
            down = self.down(image)
            return {"both": cat([down, mask], 1), "down": down}

    found = dc.trace(Two(), {"image": (64, 64), "mask": (32, 32)}, channels={"image": 3, "mask": 1})
    assert found.ok
    assert len(found.model.outputs) == 2
    assert found.model.variables == ("h", "w", "mask.h", "mask.w")
    assert (65, 64, 32, 32) in found.admissible
    assert (66, 64, 32, 32) not in found.admissible


# The module stays as it was.


def state(model: Any) -> dict[str, Any]:
    kept = {}
    for path, one in model.named_modules():
        for name, value in one.__dict__.items():
            kept[f"{path}.{name}"] = dict(value) if isinstance(value, dict) else value
    return kept


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    if list(one) != list(other):
        return False
    for name, value in one.items():
        if isinstance(value, dict):
            its = other[name]
            if list(value) != list(its) or any(value[key] is not its[key] for key in value):
                return False
        elif other[name] is not value:
            return False
    return True


def test_a_module_is_left_as_it_was_also_after_an_error() -> None:
    import torch
    from torch import nn
    from torch.nn.utils import weight_norm

    def forward(self: Any, x: Any) -> Any:
        self.cache[x.shape[2] + 0] = x
        self.last = x
        x = self.layers[1](self.layers[0](x))
        if self.breaks:
            raise RuntimeError("no")
        return x

    with pytest.warns(FutureWarning):
        normed = weight_norm(nn.Conv2d(3, 3, 3))
    for breaks in (False, True):
        model = module(forward, normed, nn.BatchNorm2d(3), cache={}, last=None, breaks=breaks)
        model.layers[0].eval()
        before = state(model)
        dc.trace(model, (8, 8), channels=3)
        assert same(before, state(model))
        assert model.training
        assert not model.layers[0].training
        assert {one.device.type for one in model.parameters()} == {"cpu"}
        assert model.cache == {}
        if not breaks:
            model(torch.zeros(2, 3, 8, 8))


def test_weight_norm_can_be_removed_before_and_after() -> None:
    from torch import nn
    from torch.nn.utils import remove_weight_norm, weight_norm

    with pytest.warns(FutureWarning):
        conv = weight_norm(nn.Conv1d(3, 3, 3))
    model = nn.Sequential(conv)
    assert dc.trace(model, (8,), channels=3).totals.parameters == 33
    remove_weight_norm(conv)
    assert dc.trace(model, (8,), channels=3).totals.parameters == 30


def test_shared_modules_count_once_and_unused_ones_are_told() -> None:
    from torch import nn

    conv = nn.Conv2d(3, 3, 3, padding=1)
    model = module(lambda self, x: self.one(self.one(x)), one=conv, two=conv, rest=nn.Linear(2, 2))
    found = dc.trace(model, (8, 8), channels=3)
    assert [node.name for node in found.model.nodes] == ["x", "one", "one#2"]
    assert found.totals.parameters == 84
    assert any("rest (6)" in text for text in found.warnings)


def test_what_a_model_prints_goes_to_the_error_stream(capsys: pytest.CaptureFixture[str]) -> None:
    def forward(_: Any, x: Any) -> Any:
        print("shape", x.dtype)  # noqa: T201  # what users do
        return x

    dc.trace(module(forward), (8, 8), channels=3)
    out, err = capsys.readouterr()
    assert out == ""
    assert "shape torch.float32" in err


def test_no_memory_is_taken_for_activations_or_weights() -> None:
    from torch import nn

    model = nn.Sequential(*[nn.Conv2d(4096, 4096, 3, device="meta") for _ in range(4)])
    found = dc.trace(model, (100_000, 100_000), channels=4096)
    assert found.ok


def test_deep_models_cost_time_in_proportion() -> None:
    import time

    from torch import nn

    def seconds(depth: int) -> float:
        model = nn.Sequential(*[nn.Conv2d(1, 1, 3, padding=1) for _ in range(depth)])
        start = time.process_time()
        found = dc.trace(model, (64, 64), channels=1)
        assert str(found.admissible) == "any h ≥ 1; any w ≥ 1"
        return time.process_time() - start

    seconds(50)
    assert seconds(2_000) < 4 * 10 * max(seconds(200), 0.05)


def test_the_page_on_pytorch_models_says_what_happens() -> None:
    import doctest
    from pathlib import Path

    page = Path(__file__).parents[1] / "docs" / "how-to" / "torch-models.md"
    text = page.read_text(encoding="utf-8").replace("```", "")
    example = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL)
    runner.run(example)
    assert runner.tries > 10
    assert runner.failures == 0


@pytest.mark.parametrize(
    ("kind", "axes"), [("Conv1d", ("n",)), ("Conv2d", ("h", "w")), ("Conv3d", ("d", "h", "w"))]
)
def test_one_int_is_the_size_of_every_axis_that_the_first_layer_has(
    kind: str, axes: tuple[str, ...]
) -> None:
    from torch import nn

    found = dc.trace(nn.Sequential(nn.ReLU(), getattr(nn, kind)(2, 2, 3)), 9)
    assert found.point == dict.fromkeys(axes, 9)
    assert dc.trace(nn.ReLU(), 9, channels=2).point == {"h": 9, "w": 9}
