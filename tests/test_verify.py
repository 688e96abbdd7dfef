"""Verdicts: what is wrong is never ok, and what is ok can be shown again."""

from __future__ import annotations

import json
import math
import time
import tracemalloc
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import deconvcalc as dc
from deconvcalc.checkers import confirming
from deconvcalc.checkers.confirming import confirm
from deconvcalc.checkers.problem import Problem, adjoint
from deconvcalc.checkers.process import Worker
from deconvcalc.checkers.reference import forward

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    Arrays = Mapping[str, np.ndarray]

UP = dc.ConvTranspose(6, stride=2)


class Imitation:
    """PyTorch by the reference: it reads each step as `parse` does, and spoils what comes out."""

    versions = {"torch": "imitation"}  # noqa: RUF012 - as a worker has them

    def __init__(self, spoil: Callable[[np.ndarray], np.ndarray] = lambda y: y) -> None:
        self.spoil = spoil
        self.asked: list[dict[str, Any]] = []

    def start(self) -> None:
        """There is nothing to start."""

    def ask(self, header: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Any]:
        self.asked.append(header)
        x = arrays["x"][0].astype(np.float64)
        for step in header["steps"]:
            text = ", ".join([f"{name}={value!r}" for name, value in step["arguments"].items()])
            layer = dc.parse(f"nn.{step['name']}({text})".replace("=inf", "=1e999"))
            weights = [arrays[name] for name in step["weights"]]
            x = forward(layer, x, dict(zip(("kernel", "bias"), weights, strict=False)))
        return {"ok": True, "seconds": 0.0}, {"y": self.spoil(x[None])}


@pytest.fixture
def imitation(monkeypatch: pytest.MonkeyPatch) -> Imitation:
    """A checker "torch" that needs no framework."""
    made = Imitation()
    monkeypatch.setitem(confirming._WORKERS, "torch", made)
    return made


@pytest.fixture(params=["imitation", "torch", "keras"])
def checker(request: pytest.FixtureRequest) -> Iterator[str]:
    """A checker by name: an imitation, and the real ones where they are installed."""
    if request.param == "imitation":
        request.getfixturevalue("imitation")
        yield "torch"
        return
    for module in {"torch": ["torch"], "keras": ["keras", "tensorflow"]}[request.param]:
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    yield request.param


def converted(checker: str, layer: dc.Layer, size: tuple[int, ...]) -> dc.Conversion:
    return dc.convert(layer, to="keras" if checker == "keras" else "torch", size=size)


# Planted errors.


def flipped(arrays: dict[str, np.ndarray]) -> None:
    arrays["kernel"] = arrays["kernel"][:, :, ::-1, ::-1].copy()


def transposed(arrays: dict[str, np.ndarray]) -> None:
    arrays["kernel"] = arrays["kernel"].swapaxes(-1, -2).copy()


def swapped_outputs(arrays: dict[str, np.ndarray]) -> None:
    arrays["kernel"] = arrays["kernel"][:, [1, 0]].copy()


def swapped_inputs(arrays: dict[str, np.ndarray]) -> None:
    arrays["kernel"] = arrays["kernel"][[1, 0]].copy()


def no_bias(arrays: dict[str, np.ndarray]) -> None:
    arrays["bias"] = np.zeros_like(arrays["bias"])


def one_tap(arrays: dict[str, np.ndarray]) -> None:
    arrays["kernel"][0, 0, 0, 0] += 0.01


@pytest.mark.framework
@pytest.mark.parametrize("layer", [dc.Conv(3, padding=1), dc.ConvTranspose(3, stride=2, padding=1)])
@pytest.mark.parametrize(
    "plant", [flipped, transposed, swapped_outputs, swapped_inputs, no_bias, one_tap]
)
def test_wrong_weights_are_caught(
    checker: str, layer: dc.Layer, plant: Callable[[dict[str, np.ndarray]], None]
) -> None:
    problem = Problem([layer], (5, 6), channels=(2, 2))
    assert confirm(checker, problem)
    plant(problem.placed[0].arrays)
    verdict = confirm(checker, problem)
    assert (verdict.ok, bool(verdict), verdict.fault) == (False, False, "values")
    assert "values differ by up to" in str(verdict.reason)
    assert verdict.error is not None
    assert verdict.error > 1e-3


TRAP = dc.parse("Conv2DTranspose(3, 3, strides=2, padding='same')")


@pytest.mark.framework
@pytest.mark.parametrize(
    ("layer", "other", "fault"),
    [
        # A crop moved by one pixel.
        (
            dc.ConvTranspose(3, stride=2, padding=((1, 0), (1, 0))),
            dc.ConvTranspose(3, stride=2, padding=((0, 1), (0, 1))),
            "values",
        ),
        # output_padding in the place of padding: the trap.
        (TRAP, dc.ConvTranspose(3, stride=2, padding=1, output_padding=1), "values"),
        (dc.ConvTranspose(4, stride=2, padding=1), dc.ConvTranspose(4, stride=2), "size"),
        # A dilation that is ignored, with the padding that hides it.
        (dc.Conv(3, padding=2, dilation=2), dc.Conv(3, padding=1), "values"),
        (dc.Conv(3, dilation=2), dc.Conv(3), "size"),
        # Padding before instead of after, and zeros instead of what is left out.
        (dc.Conv(2, padding=dc.Same("upper")), dc.Conv(2, padding=dc.Same("lower")), "values"),
        (dc.MaxPool(2), dc.AvgPool(2), "values"),
        (dc.Conv(3, padding=1), dc.Conv(3, padding=1, bias=False), "values"),
        (dc.Crop(((1, 0), (0, 1))), dc.Crop(((0, 1), (1, 0))), "values"),
    ],
)
def test_wrong_layers_are_caught(
    checker: str, layer: dc.Layer, other: dc.Layer, fault: str
) -> None:
    problem = Problem([layer], (5, 6))
    assert confirm(checker, problem)
    made = converted(checker, other, (5, 6))
    assert made
    verdict = confirm(checker, problem, conversions=[made])
    assert (verdict.ok, verdict.fault) == (False, fault)
    assert repr(verdict) == f"<{checker}: not ok: {verdict.reason}>"
    if fault == "size":
        assert (verdict.error, verdict.scale) == (None, None)
        assert verdict.found != verdict.expected


@pytest.mark.framework
def test_channels_that_are_missing_are_caught(checker: str) -> None:
    problem = Problem([dc.PixelShuffle(2)], (3, 3))
    made = converted(checker, dc.Upsample(2), (3, 3))
    verdict = confirm(checker, problem, conversions=[made])
    assert (verdict.ok, verdict.fault) == (False, "size")
    assert "channels came out" in str(verdict.reason)


SPOILT: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "no numbers": (lambda y: np.full_like(y, np.nan), "values"),
    "no number": (lambda y: np.where(y == y.max(), np.nan, y), "values"),
    "infinite": (lambda y: np.where(y == y.max(), np.inf, y), "values"),
    "a little more": (lambda y: y * (1 + 1e-4), "values"),
    "zeros": (np.zeros_like, "values"),
    "a channel less": (lambda y: y[:, 1:], "size"),
    "a row less": (lambda y: y[:, :, 1:], "size"),
    "nothing": (lambda y: y[:, :, :0], "size"),
    "an axis more": (lambda y: y[..., None], "size"),
}


@pytest.mark.parametrize(("spoil", "fault"), SPOILT.values(), ids=SPOILT)
def test_what_comes_out_wrong_is_caught(
    imitation: Imitation, spoil: Callable[[np.ndarray], np.ndarray], fault: str
) -> None:
    problem = Problem([dc.MaxPool(2)], (6, 6))
    assert confirm("torch", problem)
    imitation.spoil = spoil
    verdict = confirm("torch", problem)
    assert (verdict.ok, verdict.fault) == (False, fault)


def test_a_difference_within_the_tolerance_is_ok(imitation: Imitation) -> None:
    imitation.spoil = lambda y: y * (1 + 1e-6)
    (verdict,) = dc.verify(dc.MaxPool(2), 6, "torch")
    assert verdict.ok
    assert verdict.error is not None
    assert verdict.scale is not None
    assert 0 < verdict.error <= 1e-5 * verdict.scale
    assert not dc.verify(dc.MaxPool(2), 6, "torch", dtype="float64")[0]


def test_a_wrong_transpose_is_caught(imitation: Imitation) -> None:
    problem = Problem([dc.Conv(3)], (6, 6))
    first = confirm("torch", problem)
    assert first.ok
    assert first.adjoint is not None
    assert len(imitation.asked) == 2
    imitation.spoil = lambda y: y[..., ::-1] if len(imitation.asked) % 2 == 0 else y
    verdict = confirm("torch", problem)
    assert (verdict.ok, verdict.fault) == (False, "adjoint")


def test_infinite_values_have_to_agree(imitation: Imitation) -> None:
    problem = Problem([dc.Pad(1, value=math.inf)], (3, 3))
    assert confirm("torch", problem)
    imitation.spoil = lambda y: np.where(np.isposinf(y), -np.inf, y)
    assert confirm("torch", problem).fault == "values"


# Frameworks that are not there.


@pytest.mark.parametrize(
    ("source", "fault", "reason"),
    [
        ("raise ModuleNotFoundError('no', name='torch')", "missing", "torch is not installed"),
        ("raise OSError('libgomp.so')", "broken", "torch cannot be imported: OSError: libgomp.so"),
        ("import os; os._exit(7)", "died", "died: exit code 7"),
    ],
)
def test_a_framework_that_is_not_there_confirms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, fault: str, reason: str
) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(source, encoding="utf-8")
    with Worker("torch", environment={"PYTHONPATH": str(tmp_path)}) as own:
        monkeypatch.setitem(confirming._WORKERS, "torch", own)
        verdicts = dc.verify(UP, 28, "torch,numpy")
    assert [verdict.ok for verdict in verdicts] == [False, True]
    assert verdicts[0].fault == fault
    assert reason in str(verdicts[0].reason)
    assert (verdicts[0].found, verdicts[0].error, verdicts[0].versions) == (None, None, {})


def test_what_a_framework_refuses_is_not_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.test_workers import FAKES

    with Worker("torch", environment=FAKES) as own:
        monkeypatch.setitem(confirming._WORKERS, "torch", own)
        (verdict,) = dc.verify(UP, 28, "torch")
    assert (verdict.ok, verdict.fault) == (False, "refused")
    assert "PyTorch refuses it: AttributeError" in str(verdict.reason)
    assert verdict.versions["torch"] == "0.fake"


@pytest.mark.framework
@pytest.mark.parametrize("checker", ["torch", "keras"])
def test_what_a_framework_lacks_is_not_ok(checker: str, imitation: Imitation) -> None:
    if checker == "keras" and find_spec("keras") is None:
        pytest.skip("keras is not installed")
    layer = dc.Upsample(2, mode="bilinear") if checker == "torch" else dc.LpPool(2)
    (verdict,) = dc.verify(layer, (6, 6, 6), checker)
    assert (verdict.ok, verdict.fault) == (False, "impossible")
    assert str(verdict.reason).startswith("no layers of ")
    assert imitation.asked == []


# Checks that compare nothing, or too much.


@pytest.mark.parametrize("layer", [dc.Identity("relu"), dc.Upsample(2, mode="lanczos")])
def test_without_known_values_there_is_no_verdict(layer: dc.Layer) -> None:
    with pytest.raises(dc.CheckError, match="only"):
        dc.verify(layer, (6, 6), "numpy")


def test_a_check_that_compares_nothing_is_an_error() -> None:
    # Of what is padded, the crop leaves the padding alone: and that is no number.
    layers = [dc.Pad(((4, 0),), value=math.nan, axes=1), dc.Crop(((0, 4),), axes=1)]
    with pytest.raises(dc.CheckError, match="no values to compare"):
        dc.verify(layers, 4, "numpy")
    with pytest.raises(TypeError):
        dc.verify([], 4, "numpy")


@pytest.mark.parametrize(
    ("layer", "size"),
    [
        (dc.Conv(3), 10**6),
        (dc.Conv(3), (10**9, 10**9)),
        (dc.ConvTranspose(1000, stride=1000), 1000),
        (dc.MaxPool(30_000, stride=1, axes=1), 60_000),
        (dc.MaxPool(10**5, stride=1, padding=10**5, axes=1), 1),
        (dc.Upsample(10**5), 10**5),
        (dc.Pad(10**9), 1),
        (dc.Dense(10**9, axes=1), 10),
        (dc.PixelShuffle(10**5), 1),
        (dc.Conv(1, in_channels=10**6, out_channels=10**6), 1),
        (dc.AdaptivePool(10**6), 5),
        (dc.Unfold(100, padding=99), 100),
        (dc.Reshape((1, -1)), (10**5, 10**5)),
        (dc.Flatten(), (10**5, 10**5)),
        (dc.MaxUnpool(10**5), 3),
    ],
)
def test_what_is_too_large_is_refused_at_once(layer: dc.Layer, size: Any) -> None:
    tracemalloc.start()
    begun = time.perf_counter()
    try:
        with pytest.raises(dc.CheckError, match="too large"):
            dc.verify(layer, size, "numpy")
        assert time.perf_counter() - begun < 1
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_the_largest_layers_of_images_are_not_too_large() -> None:
    for layer, size in (
        (dc.Conv(7, stride=2, padding=3), 224),
        (dc.ConvTranspose(16, stride=8, padding=4), 32),
        (dc.MaxPool(3, stride=2, padding=1), 112),
    ):
        assert all(dc.verify(layer, size, "numpy"))


# Arguments, and what a verdict says.


def test_a_verdict_says_what_was_done() -> None:
    (verdict,) = dc.verify(UP, 28, "numpy", seed=3, channels=(1, 4))
    assert bool(verdict) is verdict.ok is True
    assert repr(verdict) == "<numpy: ok>"
    assert verdict.layers == ("dc.ConvTranspose(6, stride=2)",)
    assert (verdict.size, verdict.expected, verdict.found) == ((28, 28), (60, 60), (60, 60))
    assert (verdict.seed, verdict.channels, verdict.dtype) == (3, (1, 4), "float32")
    assert (verdict.how, verdict.built, verdict.fault) == ("loops", (), None)
    assert set(verdict.versions) == {"numpy", "python"}
    assert verdict.reason is None
    assert verdict.seconds >= 0
    with pytest.raises(TypeError):
        hash(verdict)


def test_a_verdict_names_what_was_built(imitation: Imitation) -> None:
    (verdict,) = dc.verify(TRAP, 5, "torch", channels=(2, 3))
    assert verdict.how == "layers"
    assert verdict.built == (
        "nn.ConvTranspose2d(2, 3, kernel_size=3, stride=2)",
        "nn.ZeroPad2d(padding=(0, -1, 0, -1))",
    )
    assert verdict.versions == imitation.versions


@pytest.mark.framework
@pytest.mark.parametrize(
    ("layers", "size"),
    [
        (UP, 28),
        ([dc.Conv(3, padding=dc.Same(), stride=2), dc.Upsample(2)], (7, 8)),
        (dc.ConvTranspose(3, stride=2, padding=dc.ToSize(9, "upper"), axes=1), 5),
        (dc.MaxPool(3, stride=2, ceil_mode=True), (6, 7, 8)),
        (dc.Conv(3, groups=2, in_channels=4, out_channels=6), 5),
    ],
)
def test_a_certificate_is_run_again(checker: str, layers: Any, size: Any) -> None:
    (verdict,) = dc.verify(layers, size, checker, seed=7, channels=(2, 2))
    record = json.loads(json.dumps(verdict.to_record()))
    again = dc.recheck(record)
    assert verdict.ok
    same = ("ok", "error", "scale", "adjoint", "layers", "size", "expected", "built", "versions")
    for name in same:
        assert getattr(again, name) == getattr(verdict, name)
    again_record = json.loads(json.dumps(again.to_record()))
    assert {**again_record, "seconds": 0} == {**record, "seconds": 0}


def test_a_certificate_of_the_loops() -> None:
    (verdict,) = dc.verify(UP, (4, 5), "numpy", dtype="float64", seed=1)
    again = dc.recheck(json.loads(json.dumps(verdict.to_record())))
    assert (again.error, again.scale, again.adjoint) == (
        verdict.error,
        verdict.scale,
        verdict.adjoint,
    )


@pytest.mark.parametrize(
    "certificate",
    [
        {},
        {"layers": ["dc.Conv(3)"]},
        None,
        3,
        [],
        "x",
        {"layers": 3, "size": [5], "checker": "numpy"},
    ],
)
def test_what_is_no_certificate(certificate: Any) -> None:
    with pytest.raises(dc.CheckError, match="no certificate"):
        dc.recheck(certificate)


@pytest.mark.parametrize(
    "change",
    [
        {"layers": ["dc.Conv("]},
        {"layers": []},
        {"size": ["4", "5"]},
        {"size": []},
        {"size": [-1, 5]},
        {"checker": "jax"},
        {"checker": 3},
        {"dtype": "float16"},
        {"channels": [2]},
        {"channels": [0, 2]},
        {"channels": "ab"},
        {"channels": 3},
        {"seed": -1},
        {"seed": "x"},
        {"seed": 1.5},
    ],
)
def test_a_spoiled_certificate_is_an_error(change: dict[str, Any]) -> None:
    record = dc.verify(UP, (4, 5), "numpy")[0].to_record()
    with pytest.raises(dc.DeconvcalcError):
        dc.recheck(record | change)


def test_a_seed_draws_the_same_numbers() -> None:
    first, second, third = [dc.verify(UP, 5, "numpy", seed=seed)[0] for seed in (0, 0, 1)]
    assert (first.scale, first.adjoint) == (second.scale, second.adjoint)
    assert first.scale != third.scale


@pytest.mark.parametrize("channels", [(1, 1), (4, 6), [2, 2]])
def test_channels_are_offered_to_the_layers(channels: Any) -> None:
    problem = Problem([dc.Conv(3, groups=2)], 5, channels=channels)
    assert problem.x.shape == (2 * channels[0], 5, 5)
    assert problem.reference.shape == (2 * channels[1], 3, 3)


@pytest.mark.parametrize(
    "channels", [(0, 1), (1, -1), (1,), (1, 2, 3), (1.5, 2), (True, 2), "ab", 3, ("1", "2")]
)
def test_wrong_channels(channels: Any) -> None:
    with pytest.raises((dc.QueryError, TypeError)):
        dc.verify(UP, 5, "numpy", channels=channels)


@pytest.mark.parametrize("seed", [-1, 1.5, "x", None, True])
def test_wrong_seeds(seed: Any) -> None:
    with pytest.raises((dc.QueryError, TypeError)):
        dc.verify(UP, 5, "numpy", seed=seed)


def test_wrong_questions() -> None:
    with pytest.raises(dc.QueryError, match="unknown checker 'jax'"):
        dc.verify(UP, 5, "jax")
    with pytest.raises(dc.QueryError, match="unknown checker ''"):
        dc.verify(UP, 5, "")
    with pytest.raises(dc.QueryError, match="no checker"):
        dc.verify(UP, 5, [])
    with pytest.raises(dc.QueryError, match="dtype must be"):
        dc.verify(UP, 5, "numpy", dtype="float16")
    with pytest.raises(TypeError):
        dc.verify(UP, 5, [1])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        dc.verify(UP, 5, 3)  # type: ignore[arg-type]
    for layer in ("Conv(3)", 3, [3], None):
        with pytest.raises(TypeError):
            dc.verify(layer, 5, "numpy")
    for size in (None, "5", 5.0, True):
        with pytest.raises(TypeError):
            dc.verify(UP, size, "numpy")
    with pytest.raises(dc.SizeError):
        dc.verify(dc.Conv(6), 5, "numpy")
    with pytest.raises(dc.SizeError):
        dc.verify(UP, 0, "numpy")
    with pytest.raises(dc.DeconvcalcError):
        dc.verify(dc.Conv(3, axes=2), (5, 5, 5), "numpy")


def test_names_are_asked_once_and_in_order() -> None:
    assert [v.checker for v in dc.verify(UP, 5, " numpy ,numpy")] == ["numpy"]


# The transpose.


@pytest.mark.parametrize(
    "layer",
    [
        dc.Conv(3, stride=2, padding=dc.Same()),
        dc.Conv(3, stride=3, padding=dc.Explicit(-1, 2), dilation=2, groups=2),
        dc.ConvTranspose(4, stride=3, padding=1, output_padding=2),
        dc.ConvTranspose(2, stride=3, padding=dc.Explicit(-1, -2)),
        dc.ConvTranspose(3, stride=2, padding=dc.ToSize(12, "lower")),
    ],
)
def test_a_convolution_and_its_transpose(layer: dc.Layer) -> None:
    (verdict,) = dc.verify(layer, (6, 6), "numpy")
    assert verdict.ok
    assert verdict.adjoint is not None
    assert verdict.adjoint <= 1e-12
    problem = Problem([layer], (6, 6))
    transpose = adjoint(problem.placed[0])
    assert transpose is not None
    assert transpose.output_size(problem.expected) == (6, 6)


def test_layers_without_a_transpose() -> None:
    for layer in (
        dc.DepthwiseConv(3),
        dc.MaxPool(2),
        dc.Conv(3, padding=1, padding_mode="reflect"),
    ):
        assert dc.verify(layer, 6, "numpy")[0].adjoint is None
