"""Conversions: laws without a framework, and code and weights in real ones."""

from __future__ import annotations

import ast
import json
import random
import re
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import deconvcalc as dc
from deconvcalc.checkers.confirming import worker
from deconvcalc.checkers.problem import Problem
from deconvcalc.checkers.reference import forward
from deconvcalc.translation import channels_of, weight_shapes
from deconvcalc.translation.code import call_text
from deconvcalc.translation.weights import least_channels
from tests import draws, questions, strategies

if TYPE_CHECKING:
    from pathlib import Path

    from deconvcalc.translation.steps import Step

OUTCOMES = ("exact", "exact_with_steps", "impossible")
KINDS = (*strategies.SINGLE, *strategies.COUPLING)
dialects = pytest.mark.parametrize("dialect", ["torch", "keras"])


def need(*modules: str) -> None:
    for name in modules:
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed")


# Laws of conversions, for every kind of layer.


def drawn(data: st.DataObject, kind: str) -> tuple[dc.Layer, tuple[int, ...]]:
    """A layer and sizes that it takes."""
    axes = data.draw(st.integers(1, 3))
    layer = data.draw(strategies.layers(kind, axes))
    if kind == "Fold":
        axes = 1
    sizes = tuple(data.draw(st.lists(st.integers(1, 9), min_size=axes, max_size=axes)))
    if kind == "Fold":
        sizes = (layer._windows,)  # type: ignore[attr-defined]
    assume(layer.accepts(sizes))
    return layer, sizes


@dialects
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_an_outcome_is_one_of_three(kind: str, dialect: str, data: st.DataObject) -> None:
    layer, sizes = drawn(data, kind)
    made = dc.convert(layer, to=dialect, size=data.draw(st.sampled_from((None, sizes))))
    assert made.outcome in OUTCOMES
    assert bool(made) is (made.outcome != "impossible") is (made.reason is None)
    assert bool(made.steps) is bool(made)
    assert made.layers == (layer,)
    assert repr(made).startswith(f"<{dialect}: {made.outcome}: ")
    if not made:
        assert made.reason
        for call in (made.code, lambda: made.weights({})):
            with pytest.raises(dc.ConversionError, match=re.escape(str(made.reason))):
                call()
    elif made.outcome == "exact":
        assert len(made.steps) == 1
        assert not any(weight.zeros for weight in made.steps[0].weights)


@dialects
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_code_runs_as_it_is(kind: str, dialect: str, data: st.DataObject) -> None:
    layer, sizes = drawn(data, kind)
    made = dc.convert(layer, to=dialect, size=sizes)
    if not made:
        return
    groups, axes = getattr(layer, "groups", 1), len(sizes)
    some = (4 * groups, 6 * groups)
    if not isinstance(layer, (dc.Conv, dc.ConvTranspose)):
        with pytest.raises(dc.QueryError, match="channels"):
            made.code((7 * least_channels((layer,), axes)[0], 5))
        some = channels_of(layer, (4 * least_channels((layer,), axes)[0], 0), axes)
    for channels in (None, some):
        check_code(made.code(channels), channels)


def check_code(text: str, channels: tuple[int, int] | None) -> None:
    """Every name is made before it is used, and none is made for nothing."""
    tree = ast.parse(text)
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    made = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    imported = {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    assert read <= made | imported | {"range", "float"}
    assert imported <= read
    assert "layer" in made
    ends = {"in_channels", "out_channels"} & made
    if ends:
        assert ends & read
    assert "out_channels" not in made or channels is None


@dialects
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_without_a_size_it_holds_at_every_size(
    kind: str, dialect: str, data: st.DataObject
) -> None:
    layer, sizes = drawn(data, kind)
    free = dc.convert(layer, to=dialect)
    assert free.size is None
    if layer.axes not in (None, len(sizes)) or len(sizes) != free.axes:
        return
    if not free:
        return
    assert dc.convert(layer, to=dialect, size=sizes)
    check_steps(free, layer, sizes)


@dialects
@pytest.mark.parametrize("kind", draws.KINDS)
def test_steps_read_back_give_the_same_values(kind: str, dialect: str) -> None:
    for axes in (1, 2, 3):
        for _, (layer, sizes, _) in zip(range(40), draws.draws(dialect, kind, axes), strict=False):
            made = dc.convert(layer, to=dialect, size=sizes)
            if made:
                check_steps(made, layer, sizes)


def check_steps(made: dc.Conversion, layer: dc.Layer, sizes: tuple[int, ...]) -> None:
    """The reference over the steps, as `parse` reads them, equals the reference over the layer."""
    if not all(step.spatial for step in made.steps):
        return
    try:
        problem = Problem([layer], sizes)
    except dc.CheckError:
        return  # no values are known
    (one,) = problem.placed
    x = problem.x
    for step, weights in zip(made.steps, made.weights(one.arrays), strict=True):
        read = dc.parse(call_text(made.dialect, step, one.channels))
        own = weights if made.dialect == "torch" else turned_back(step, weights)
        names = ("kernel", "pointwise", "bias") if len(own) == 3 else ("kernel", "bias")
        if step.name.startswith("Separable") and len(own) == 2:
            names = ("kernel", "pointwise")
        x = forward(read, x, dict(zip(names, own, strict=False)), one.indices)
    assert x.shape == problem.reference.shape
    np.testing.assert_allclose(x, problem.reference, rtol=1e-9, atol=1e-9)


def turned_back(step: Step, weights: list[np.ndarray]) -> list[np.ndarray]:
    """Keras's arrays as PyTorch lays them out."""
    made = []
    for place, array in enumerate(weights):
        if array.ndim == 1:
            made.append(array)
        elif place == 0 and step.name.startswith(("Depthwise", "Separable")):
            back = array.transpose(-2, -1, *range(array.ndim - 2))
            made.append(back.reshape(-1, 1, *array.shape[:-2]))
        else:
            made.append(array.transpose(-1, -2, *range(array.ndim - 2)))
    return made


@settings(suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_weights_have_the_shapes_that_are_named(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(("Conv", "DepthwiseConv", "ConvTranspose", "Dense")))
    layer, sizes = drawn(data, kind)
    channels = channels_of(layer, (2, 3), len(sizes))
    shapes = weight_shapes(layer, sizes, channels)
    made = dc.convert(layer, to="torch", size=sizes)
    arrays = {name: np.arange(np.prod(shape)).reshape(shape) for name, shape in shapes.items()}
    given_ = [array for step in made.weights(arrays) for array in step]
    assert len(given_) == len(arrays)
    for array, own in zip(given_, arrays.values(), strict=True):
        assert array.ndim == own.ndim
        assert array.sum() == own.sum()


# Tables.


def test_the_trap_is_no_trap() -> None:
    """Same size, shifted by one pixel: Keras's 'same' is not padding=1, output_padding=1."""
    keras = dc.parse("Conv2DTranspose(1, 3, strides=2, padding='same')")
    torch = dc.parse("nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1, output_padding=1)")
    for n in range(1, 30):
        assert keras.output_size((n, n)) == torch.output_size((n, n))
        assert keras.at((n, n)).padding != torch.at((n, n)).padding  # type: ignore[attr-defined]
        made = dc.convert(keras, to="torch", size=n)
        assert [step.name for step in made.steps] == ["ConvTranspose2d", "ZeroPad2d"]
        assert "output_padding" not in made.code()


@pytest.mark.parametrize(
    ("layer", "dialect", "size", "reason"),
    [
        (dc.LpPool(2), "keras", None, "Keras has no layer that pools by a norm"),
        (dc.Conv(3, padding=1, padding_mode="reflect"), "keras", None, "pads by 'reflect'"),
        (dc.Conv(3, padding=dc.Same()), "torch", 5, None),
        (dc.Conv(3, stride=2, padding=dc.Same()), "torch", None, "the input size must be known"),
        (dc.Identity("relu"), "torch", None, "only the sizes of relu are known here"),
        (dc.PixelShuffle(2), "keras", None, "Reshape names all sizes"),
        (dc.PixelShuffle((2, 3)), "torch", None, "one factor for both"),
        (dc.MaxPool(3, dilation=2), "keras", 9, "Keras has no pool with a dilation"),
        (dc.AvgPool(3, divisor=2, axes=1), "torch", 9, "nn.AvgPool1d has no divisor_override"),
        (dc.AvgPool(2, divisor=3), "keras", 9, "Keras has no mean with a divisor"),
    ],
)
def test_reasons(layer: dc.Layer, dialect: str, size: int | None, reason: str | None) -> None:
    made = dc.convert(layer, to=dialect, size=size)
    assert bool(made) is (reason is None)
    if reason is not None:
        assert reason in str(made.reason)


@pytest.mark.parametrize(
    ("layer", "size", "steps"),
    [
        # A ceiling whose last window would start in the padding behind.
        (dc.MaxPool(1, padding=dc.Explicit(-1, 2), ceil_mode=True, axes=1), 12, 2),
        (dc.AvgPool(1, padding=1, ceil_mode=True, axes=1), 8, 2),
        # A mean that leaves out padding that is not alike on both sides.
        (dc.AvgPool(2, stride=1, padding=dc.Same(), count_include_pad=False), (4, 5), 2),
        (dc.AvgPool(4, stride=1, padding=dc.Same("lower"), count_include_pad=False), (4, 5), 2),
        (dc.Identity(), (4, 5), 1),
        (dc.Identity(least_elements=2), (4, 5), 1),
        (dc.Fold((5, 6), 3, stride=2, padding=dc.Same()), 9, 2),
    ],
)
def test_layers_of_pytorch_that_were_once_called_impossible(
    layer: dc.Layer, size: Any, steps: int
) -> None:
    made = dc.convert(layer, to="torch", size=size)
    assert len(made.steps) == steps
    check_steps(made, layer, size if isinstance(size, tuple) else (size,))


@pytest.mark.parametrize(
    ("layer", "size"),
    [
        (dc.AvgPool(4, stride=2, padding=1, ceil_mode=True, axes=1), 1),
        (dc.AvgPool(3, stride=2, padding=1, count_include_pad=False), (4, 6)),
        (dc.AvgPool(5, stride=2, ceil_mode=True, axes=1), 4),
    ],
)
def test_layers_of_keras_that_were_once_refused(layer: dc.Layer, size: Any) -> None:
    made = dc.convert(layer, to="keras", size=size)
    if made:
        check_steps(made, layer, size if isinstance(size, tuple) else (size,))
    else:
        assert "hangs over" in str(made.reason)


def test_several_layers_follow_each_other() -> None:
    layers = [dc.Conv(3, padding=dc.Same(), stride=2), dc.Upsample(2), dc.Conv(3, padding=1)]
    made = dc.convert(layers, to="torch", size=(7, 8))
    names = [step.name for step in made.steps]
    assert names == ["ZeroPad2d", "Conv2d", "Upsample", "Conv2d"] or len(names) >= 3
    assert made.outcome in OUTCOMES[:2]
    failed = dc.convert([*layers, dc.LpPool(2)], to="keras", size=(7, 8))
    assert failed.outcome == "impossible"
    assert failed.reason == "Keras has no layer that pools by a norm"


def test_wrong_questions() -> None:
    conv = dc.Conv(3)
    with pytest.raises(dc.QueryError, match="unknown dialect 'jax'"):
        dc.convert(conv, to="jax")
    for layer in ((), [1], [conv, "x"], "Conv"):
        with pytest.raises(TypeError):
            dc.convert(layer, to="torch")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        dc.convert(3, to="torch")  # type: ignore[arg-type]
    for size in ("9", 9.0, True, [9.5]):
        with pytest.raises(TypeError):
            dc.convert(conv, to="torch", size=size)
    with pytest.raises(dc.SizeError):
        dc.convert(conv, to="torch", size=2)
    with pytest.raises(dc.SizeError):
        dc.convert([conv, conv], to="keras", size=4)


@dialects
def test_wrong_channels(dialect: str) -> None:
    made = dc.convert(dc.Conv(3, groups=2), to=dialect)
    for channels in ((3, 4), (4, 3)):
        with pytest.raises(dc.LayerError, match="groups"):
            made.code(channels)
    for wrong in ((0, 2), (2,), (2, 2, 2), (2.5, 2), (True, 2)):
        with pytest.raises(dc.QueryError, match="channels must be two ints"):
            made.code(wrong)  # type: ignore[arg-type]
    assert "in_channels = out_channels = 2" in made.code() or dialect == "keras"
    assert made.code((4, 6)).count("channels") == 0


# Real layers: where two layers are canonically equal, and only there, are they equal.

SIZES = range(1, 7)


def runs_of(
    kernels: dict[tuple[int, int], np.ndarray], calls: list[tuple[str, int, int, dict[str, Any]]]
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """The runs of transposed convolutions of one axis at all sizes."""
    runs: list[dict[str, Any]] = []
    arrays: dict[str, np.ndarray] = {}
    for name, k, s, arguments in calls:
        for n in SIZES:
            place = len(runs)
            x = np.arange(1.0, n + 1.0)[None, None] + 0.5
            step = {"name": name, "arguments": arguments, "weights": ["w"]}
            runs.append({"steps": [step], "dtype": "float32", "inputs": ["x"]})
            kernel = kernels[k, s]
            torch = name == "ConvTranspose1d"
            arrays[f"{place}/x"] = x if torch else x.transpose(0, 2, 1)
            arrays[f"{place}/w"] = kernel if torch else kernel.transpose(2, 1, 0)
    return runs, arrays


def outputs(
    name: str, runs: list[dict[str, Any]], arrays: dict[str, np.ndarray]
) -> list[np.ndarray | None]:
    """What comes out of each run, flat; None where it is refused, or nothing comes out."""
    header, found = worker(name).ask({"do": "many", "runs": runs}, arrays)
    return [
        found[f"{i}/y"].ravel() if result["ok"] and found[f"{i}/y"].size else None
        for i, result in enumerate(header["results"])
    ]


@pytest.mark.framework
def test_canonical_equality_is_equality_of_values() -> None:
    """Every Keras transpose, against every PyTorch one of the same kernel and stride."""
    need("torch", "keras", "tensorflow")
    rng = np.random.default_rng(0)
    places = [(k, s) for k in range(1, 8) for s in range(1, 5)]
    kernels = {(k, s): rng.uniform(1, 2, (1, 1, k)) for k, s in places}
    keras, torch = [], []
    for k, s in places:
        for padding in ("same", "valid"):
            for extra in (None, *range(s)):
                arguments = {"filters": 1, "kernel_size": k, "strides": s, "padding": padding}
                more = {"output_padding": extra, "use_bias": False}
                keras.append(("Conv1DTranspose", k, s, arguments | more))
        for p in range((max(SIZES) - 1) * s + k + s):  # up to where nothing is left of any size
            for extra in range(s):
                window = {"in_channels": 1, "out_channels": 1, "kernel_size": k, "stride": s}
                more = {"padding": p, "output_padding": extra, "bias": False}
                torch.append(("ConvTranspose1d", k, s, window | more))
    found = {
        "keras": outputs("keras", *runs_of(kernels, keras)),
        "torch": outputs("torch", *runs_of(kernels, torch)),
    }
    sides = {name: placed(calls) for name, calls in (("keras", keras), ("torch", torch))}
    by_place: dict[tuple[int, int, int], list[tuple[Any, Any]]] = {}
    for i, (rule, y) in enumerate(zip(sides["torch"], found["torch"], strict=True)):
        assert (y is None) is (rule is None)  # both refuse
        _, k, s, _ = torch[i // len(SIZES)]
        if y is not None:
            by_place.setdefault((k, s, i % len(SIZES)), []).append((rule, y))
    seen: Counter[tuple[bool, bool]] = Counter()
    for i, (rule, y) in enumerate(zip(sides["keras"], found["keras"], strict=True)):
        assert (y is None) is (rule is None)
        if y is None:
            continue
        _, k, s, _ = keras[i // len(SIZES)]
        for other, z in by_place[k, s, i % len(SIZES)]:
            equal = y.shape == z.shape and np.allclose(y, z, rtol=1e-5, atol=0)
            # Where a window sees nothing but holes, every place looks alike.
            if not (equal and not y.any()):
                assert equal is (rule == other), (keras[i // len(SIZES)], other)
            seen[equal, rule == other] += 1
    assert seen[True, True] > 900
    assert seen[False, False] > 20_000
    assert seen[True, False] < seen[True, True]


def placed(calls: list[tuple[str, int, int, dict[str, Any]]]) -> list[Any]:
    """By `parse` and `at`: the canonical layer at each size; None where it refuses the size."""
    made: list[Any] = []
    for name, _, _, arguments in calls:
        text = ", ".join([f"{key}={value!r}" for key, value in arguments.items()])
        try:
            layer = dc.parse(f"{name}({text})").replace(in_channels=None, out_channels=None)
        except dc.NotationError:
            made += [None] * len(SIZES)
            continue
        made += [layer.at((n,)) if layer.accepts((n,)) else None for n in SIZES]
    return made


@pytest.mark.framework
def test_the_trap_in_real_layers() -> None:
    need("torch", "keras", "tensorflow")
    layer = dc.parse("Conv2DTranspose(2, 3, strides=2, padding='same')")
    assert all(dc.verify(layer, (4, 5)))


# Answers: their code, run as it is in a process of its own.

RUNNER = """
import json, sys
import numpy as np

folder, framework = sys.argv[1:]
if framework == "torch":
    import torch
    torch.set_num_threads(1)
else:
    import keras

with open(folder + "/tasks.json") as file:
    tasks = json.load(file)
given = np.load(folder + "/arrays.npz")
results = {}
for index, task in enumerate(tasks):
    space = {}
    exec(task["code"], space)
    layer, x = space["layer"], given[f"{index}/x"].astype("float32")
    weights = [[given[name].astype("float32") for name in step] for step in task["weights"]]
    if framework == "torch":
        parts = list(layer) if isinstance(layer, torch.nn.Sequential) else [layer]
        with torch.no_grad():
            for part, arrays in zip(parts, weights, strict=True):
                for parameter, array in zip(part.parameters(), arrays, strict=True):
                    assert tuple(parameter.shape) == array.shape
                    parameter.copy_(torch.from_numpy(array))
            results[str(index)] = layer(torch.from_numpy(x[None]))[0].numpy()
    else:
        x = np.moveaxis(x, 0, -1)[None]
        if not layer.built:
            layer.build(x.shape)
        parts = layer.layers if isinstance(layer, keras.Sequential) else [layer]
        for part, arrays in zip(parts, weights, strict=True):
            part.set_weights(arrays)
        results[str(index)] = np.moveaxis(np.array(layer(x))[0], -1, 0)
np.savez(folder + "/results.npz", **results)
"""

OPS = ("conv_transpose", "conv", "max_pool", "avg_pool", "resize_conv", "pixel_shuffle", "any")
ANSWERS = 300

NO_ANSWER = {
    "torch": (
        "AvgPool3d refuses this size",
        "nn pads alike on both sides, by at most half of the window, what a mean leaves out",
    ),
    "keras": (
        "Keras has no pool with a dilation",
        "Keras pads a pool only by half of its window, with the odd element behind",
        "Keras has no mean over a window that hangs over the end",
    ),
}
"""Why an answer of one dialect has no code in the other framework."""


def answers(rng: random.Random) -> Any:
    """Random answers to random questions whose source is known, without end."""
    while True:
        for op in OPS:
            for dialect in ("torch", "keras", "any"):
                question = questions.draw(rng, op, dialect, solvable=True)
                if question.question.sources is None:
                    continue
                arguments = dict(question.arguments)
                found = dc.solve(arguments.pop("target"), **arguments)
                if len(found):
                    yield found[rng.randrange(min(len(found), 50))]


MOST_WORK = 300_000
"""A kernel of three axes that is written out with its dilation takes TensorFlow minutes."""


def work(answer: Any) -> int:
    """Taps of the kernel, written out, times elements of the input."""
    size = answer.smallest_source
    axes = answer.axes or 2
    sizes = size if isinstance(size, tuple) else (size,) * axes
    window = answer.layers[-1]
    taps = 1
    for name in ("kernel_size", "dilation"):
        value = getattr(window, name, 1)
        taps *= prod(value if isinstance(value, tuple) else (value,) * axes)
    return taps * prod(sizes)


@pytest.mark.framework
@dialects
def test_the_code_of_answers_gives_the_values(dialect: str, tmp_path: Path) -> None:
    need(*(("torch",) if dialect == "torch" else ("keras", "tensorflow")))
    rng = random.Random(f"answers {dialect}")
    tasks: list[dict[str, Any]] = []
    problems: list[tuple[Any, Problem]] = []
    arrays: dict[str, np.ndarray] = {}
    lacking: Counter[str] = Counter()
    large = 0
    for answer in answers(rng):
        if len(tasks) == ANSWERS:
            break
        if work(answer) > MOST_WORK:
            large += 1
            continue
        channels = rng.choice(((1, 1), (4, 6)))
        problem = Problem(answer.layers, answer.smallest_source, channels=channels, seed=len(tasks))
        ends = problem.placed[0].channels[0], problem.placed[-1].channels[1]
        made = dc.convert(answer.layers, to=dialect, size=answer.smallest_source)
        if not made:
            lacking[str(made.reason).rpartition("): ")[2]] += 1
            with pytest.raises(dc.ConversionError):
                answer.code(dialect)
            continue
        code = answer.code(dialect) if channels == (1, 1) else answer.code(dialect, channels=ends)
        check_code(code, None if channels == (1, 1) else channels)
        own = {name: array for one in problem.placed for name, array in one.arrays.items()}
        place = len(tasks)
        names = []
        for i, step in enumerate(made.weights(own)):
            names.append([f"{place}/{i}/{j}" for j in range(len(step))])
            arrays |= dict(zip(names[-1], step, strict=True))
        arrays[f"{place}/x"] = problem.x
        tasks.append({"code": code, "weights": names})
        problems.append((answer, problem))
    assert large <= ANSWERS // 10
    assert set(lacking) <= set(NO_ANSWER[dialect])
    assert len({len(problem.sizes) for _, problem in problems}) == 3
    results = execute(tmp_path, dialect, tasks, arrays)
    for task, (answer, problem), result in zip(tasks, problems, results, strict=True):
        scale = np.abs(problem.reference).max()
        assert result.shape == problem.reference.shape, (answer, task["code"])
        assert np.abs(result - problem.reference).max() <= 1e-5 * scale, (answer, task["code"])


def execute(
    folder: Path, dialect: str, tasks: list[dict[str, Any]], arrays: dict[str, np.ndarray]
) -> list[np.ndarray]:
    """What the layers that the code makes give, each in a clean namespace of a clean process."""
    (folder / "tasks.json").write_text(json.dumps(tasks), encoding="utf-8")
    np.savez(folder / "arrays.npz", **arrays)  # type: ignore[arg-type]
    subprocess.run(
        [sys.executable, "-c", RUNNER, str(folder), dialect],
        check=True,
        timeout=300,
        cwd=folder,
        capture_output=True,
    )
    with np.load(folder / "results.npz") as found:
        return [found[str(index)] for index in range(len(tasks))]


@pytest.mark.framework
def test_28_to_60_is_confirmed() -> None:
    need("torch", "keras", "tensorflow")
    answer = dc.solve(60, source=28, kernel_size=6, stride=2)[0]
    verdicts = dc.verify(answer)
    assert [verdict.checker for verdict in verdicts] == ["torch", "keras"]
    assert all(verdicts)
    assert [verdict.found for verdict in verdicts] == [(60, 60)] * 2
