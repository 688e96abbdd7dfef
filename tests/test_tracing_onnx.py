"""ONNX files: sizes as ONNX Runtime has them, and nothing of a file runs or is believed."""

from __future__ import annotations

import warnings
from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest

import deconvcalc as dc
from tests.onnx_graphs import Runtime, constant, graph, shapes, single

pytestmark = [
    pytest.mark.framework,
    pytest.mark.skipif(
        find_spec("onnx") is None or find_spec("onnxruntime") is None,
        reason="onnx or onnxruntime is not installed",
    ),
]
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
needs_script = pytest.mark.skipif(find_spec("onnxscript") is None, reason="no onnxscript")

AXES = ("h", "w", "d")


def tracing_of(model: Any, *, free: bool = False, assume: dict[str, str] | None = None) -> Any:
    """A tracing with the dimensions of every tensor."""
    from deconvcalc.tracing.onnx import _inputs, _Tracing
    from deconvcalc.tracing.onnx_file import read

    file = read(model)
    made = _Tracing(file, assume or {}, free=free)
    made.run(_inputs(file, 64, None))
    return made


@cache
def exported(name: str, how: str) -> Any:
    """A model of the tests as ONNX, by torch's old or new exporter."""
    from tempfile import TemporaryDirectory

    import onnx
    import torch

    from tests.models.onnx_nets import MODELS

    torch.manual_seed(0)
    module = MODELS[name]().eval()
    if how == "old":
        return old_export(module)
    with TemporaryDirectory() as folder, warnings.catch_warnings(action="ignore"):
        path = f"{folder}/model.onnx"
        free = {"x": dict.fromkeys((2, 3), torch.export.Dim.DYNAMIC)}
        settings = {"external_data": False, "verbose": False}
        image = torch.randn(1, 3, 64, 64)
        torch.onnx.export(module, (image,), path, dynamo=True, dynamic_shapes=free, **settings)
        return onnx.load(path)


def old_export(module: Any, *, channels: int = 3) -> Any:
    """A module as ONNX, by torch's older exporter."""
    from tempfile import TemporaryDirectory

    import onnx
    import torch

    image = torch.randn(1, channels, 64, 48)
    free = {"x": {2: "h", 3: "w"}}
    with TemporaryDirectory() as folder, warnings.catch_warnings(action="ignore"):
        path = f"{folder}/model.onnx"
        settings = {"input_names": ["x"], "opset_version": 17}
        torch.onnx.export(module, (image,), path, dynamo=False, dynamic_axes=free, **settings)
        return onnx.load(path)


EXPORTS = [
    pytest.param("unet", "old", 80),
    pytest.param("padded", "old", 97),
    pytest.param("resnet50", "old", 97),
    pytest.param("mobilenet", "old", 97),
    pytest.param("padded", "new", 97, marks=needs_script),
    pytest.param("unet", "new", 80, marks=[needs_script, pytest.mark.slow]),
    pytest.param("resnet50", "new", 97, marks=[needs_script, pytest.mark.slow]),
    pytest.param("mobilenet", "new", 97, marks=[needs_script, pytest.mark.slow]),
]


@needs_torch
@pytest.mark.parametrize(("name", "how", "size"), EXPORTS)
def test_every_tensor_of_an_export_has_the_runtimes_size(name: str, how: str, size: int) -> None:
    model = exported(name, how)
    tracing, runtime = tracing_of(model), Runtime(model)
    step = 16 if name == "unet" else 64
    points = [(size, size + step), (size + step, size + 2 * step), (size + 2 * step, size)]
    for point in points:
        found = runtime.run(*point)
        assert found is not None
        named = dict(zip(AXES, point, strict=False))
        traced = shapes(tracing, named)
        assert {one: traced[one] for one in found} == {o: a.shape for o, a in found.items()}
        run = tracing.builder.model.run(named)
        assert run.ok
        for node in tracing.builder.model:
            assert run.size(node) == tuple([one.at(named) for one in node.shape.extents])


@needs_torch
@pytest.mark.parametrize(("name", "how", "size"), EXPORTS[:2] + EXPORTS[4:5])
def test_admissible_inputs_of_an_export_are_those_that_run(name: str, how: str, size: int) -> None:
    model = exported(name, how)
    runtime = Runtime(model, every=False)
    admissible = dc.trace(model, size).admissible
    below, above = admissible.nearest((size, size))
    fine = (above or below or (size, size))[0]
    sizes = [1, 2, 3, 4, 5, 8, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 95, 96, 97, 160]
    points = [(n, fine) for n in sizes] + [(fine, n) for n in sizes] + [(48, 32), (17, 33)]
    for point in points:
        assert (point in admissible) == fits(runtime.run(*point)), point


@needs_torch
@pytest.mark.slow
def test_what_models_do_between_their_layers() -> None:
    from tests.models.onnx_functions import FUNCTIONS, Applied

    points = [(16, 24), (17, 25), (9, 11), (13, 32), (20, 18), (5, 6), (3, 7), (8, 8)]
    for name, function in FUNCTIONS.items():
        model = old_export(Applied(function).eval(), channels=2)
        tracing, runtime = tracing_of(model), Runtime(model)
        admissible = tracing.builder.model.admissible()
        for point in points:
            found = runtime.run(*point)
            assert (point in admissible) == (found is not None), (name, point, runtime.said)
            if found is not None:
                traced = shapes(tracing, dict(zip(AXES, point, strict=False)))
                differ = [one for one, array in found.items() if traced[one] != array.shape]
                assert not differ, (name, point, differ)


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize(("name", "fine"), [("unet", 16), ("padded", 20)])
def test_all_sizes_up_to_200_of_an_export(name: str, fine: int) -> None:
    model = exported(name, "old")
    runtime = Runtime(model, every=False)
    admissible = dc.trace(model, fine).admissible
    for n in range(1, 201):
        for point in ((n, fine), (fine, n)):
            assert (point in admissible) == fits(runtime.run(*point)), point


@needs_torch
def test_the_faults_of_a_u_net_name_the_layers_of_the_module() -> None:
    found = dc.trace(exported("unet", "old"), (55, 54))
    lost = [
        (fault.node, fault.axis, str(branch.loss))
        for fault in found.clashes
        for branch in fault.branches
        if branch.loss
    ]
    assert lost == [
        ("concat#2", 0, "maxpool#3 drops 1 of 13"),
        ("concat#2", 1, "maxpool#3 drops 1 of 13"),
        ("concat#3", 0, "maxpool#2 drops 1 of 27"),
        ("concat#3", 1, "maxpool#2 drops 1 of 27"),
        ("concat#4", 0, "maxpool drops 1 of 55"),
    ]
    assert len(found.clashes) == len(lost)


@needs_torch
@needs_script
def test_a_new_export_keeps_module_paths_and_lines() -> None:
    model = dc.trace(exported("padded", "new"), 97).model
    assert [node.name for node in model][:5] == ["x", "first", "down", "up", "pad"]
    file, _, line = str(model["down"].where).rpartition(":")
    assert file.endswith("onnx_nets.py")
    assert int(line) > 0


@needs_torch
def test_an_old_export_keeps_module_paths() -> None:
    names = [node.name for node in dc.trace(exported("resnet50", "old"), 97).model]
    assert {"stem.0", "stages.0.0.conv1", "stages.3.2.conv3", "stages.0.0.add", "fc"} <= {*names}
    assert {"stages.1.2.relu", "stages.1.2.relu#2", "stages.1.2.relu#3"} <= {*names}
    assert len(names) == len(set(names))


@needs_torch
def test_pads_and_resizes_that_are_computed_are_layers_at_the_input_asked_about() -> None:
    found = dc.trace(exported("padded", "old"), (97, 100))
    operations = {node.name: node.operation for node in found.model}
    assert getattr(operations["pad"], "layer", None) == dc.Pad(((15, 16), (16, 16)))
    resized = [one for name, one in operations.items() if name.startswith("resize")]
    assert [*filter(None, [getattr(one, "layer", None) for one in resized])] == [
        dc.Upsample(size=(97, 100), mode="bilinear")
    ]
    assert all(row.field for row in found.rows if row.name == "head")


@needs_torch
def test_weights_are_counted_once() -> None:
    import torch

    from tests.models.onnx_nets import Padded

    module = Padded()
    expected = sum([one.numel() for one in module.parameters()])
    assert isinstance(module, torch.nn.Module)
    model = dc.trace(exported("padded", "old"), 97).model
    assert sum([node.parameters or 0 for node in model]) == expected


# Single operators, at every small size.


def fits(found: dict[str, Any] | None) -> bool:
    """Whether the runtime ran, and left nothing empty."""
    return found is not None and all(one.size for one in found.values())


def agree(model: Any, least: int = 1, *, most: int = 40, axes: int = 1) -> None:
    """Sizes and refusals equal the runtime's for all small sizes of the first axis."""
    tracing, runtime = tracing_of(model), Runtime(model)
    admissible = tracing.builder.model.admissible()
    ran = 0
    for n in range(least, most):
        sizes = (n, *(7, 6)[: axes - 1])
        named = dict(zip(AXES, sizes, strict=False))
        found = runtime.run(*sizes)
        assert (named in admissible) == fits(found), (n, found)
        if found is not None and fits(found):
            ran += 1
            traced = shapes(tracing, named)
            assert {one: traced[one] for one in found} == {o: a.shape for o, a in found.items()}
    assert ran


def weights(*dims: int) -> Any:
    import numpy as np

    return constant("w", np.ones(dims), "float32")


@pytest.mark.parametrize(
    ("kernel", "settings"),
    [
        (3, {}),
        (5, {"strides": [3], "pads": [2, 1]}),
        (3, {"dilations": [3], "pads": [0, 4]}),
        (3, {"auto_pad": "SAME_UPPER", "strides": [2]}),
        (4, {"auto_pad": "SAME_LOWER", "strides": [3]}),
        (1, {"auto_pad": "SAME_UPPER", "strides": [3]}),
        (4, {"auto_pad": "VALID", "strides": [2]}),
    ],
)
def test_convolutions(kernel: int, settings: dict[str, Any]) -> None:
    agree(single("Conv", weights(4, 2, kernel), **settings))


@pytest.mark.parametrize(
    ("kernel", "settings"),
    [
        (3, {"strides": [2]}),
        (4, {"strides": [2], "pads": [1, 1]}),
        (3, {"strides": [2], "pads": [1, 0], "output_padding": [1]}),
        (3, {"strides": [3], "dilations": [2], "output_padding": [2]}),
        (3, {"strides": [2], "pads": [4, 3]}),
        (5, {"strides": [2], "auto_pad": "SAME_UPPER"}),
        (4, {"strides": [3], "auto_pad": "SAME_LOWER", "output_padding": [1]}),
        (2, {"strides": [3], "auto_pad": "SAME_UPPER"}),
        (2, {"strides": [3], "auto_pad": "SAME_UPPER", "output_padding": [1]}),
        (3, {"strides": [2], "auto_pad": "VALID", "output_padding": [1]}),
    ],
)
def test_transposed_convolutions(kernel: int, settings: dict[str, Any]) -> None:
    agree(single("ConvTranspose", weights(2, 4, kernel), **settings))


@pytest.mark.parametrize("size", [6, 9, 10, 12])
def test_a_transposed_convolution_to_a_size(size: int) -> None:
    model = single("ConvTranspose", weights(2, 4, 3), strides=[2], output_shape=[size])
    tracing, runtime = tracing_of(model), Runtime(model)
    ((node,), found) = tracing.builder.model.nodes[1:], runtime.run(5)
    assert found is not None
    assert found["y"].shape[2:] == tracing.builder.model.run(5).size(node) == (size,)


POOLS: list[tuple[str, int, dict[str, Any]]] = [
    ("MaxPool", 3, {"kernel_shape": [3], "strides": [2], "ceil_mode": 1}),
    ("MaxPool", 2, {"kernel_shape": [2], "strides": [3], "ceil_mode": 1, "pads": [0, 1]}),
    ("MaxPool", 1, {"kernel_shape": [4], "strides": [3], "ceil_mode": 1, "pads": [3, 3]}),
    ("MaxPool", 3, {"kernel_shape": [2], "strides": [2], "dilations": [3], "pads": [1, 0]}),
    ("MaxPool", 1, {"kernel_shape": [3], "strides": [2], "auto_pad": "SAME_UPPER"}),
    ("MaxPool", 1, {"kernel_shape": [3], "strides": [2], "auto_pad": "SAME_UPPER", "ceil_mode": 1}),
    ("MaxPool", 1, {"kernel_shape": [1], "strides": [3], "auto_pad": "SAME_LOWER"}),
    ("MaxPool", 3, {"kernel_shape": [3], "strides": [2], "auto_pad": "VALID", "ceil_mode": 1}),
    ("AveragePool", 3, {"kernel_shape": [3], "strides": [2], "ceil_mode": 1}),
    ("AveragePool", 5, {"kernel_shape": [3], "dilations": [2], "ceil_mode": 1}),
    ("AveragePool", 1, {"kernel_shape": [3], "pads": [1, 1], "count_include_pad": 1}),
    ("LpPool", 3, {"kernel_shape": [3], "strides": [2]}),
    ("LpPool", 2, {"kernel_shape": [3], "strides": [2], "pads": [1, 0]}),
    ("GlobalAveragePool", 1, {}),
    ("GlobalMaxPool", 1, {}),
]


@pytest.mark.parametrize(("op", "least", "settings"), POOLS)
def test_pools(op: str, least: int, settings: dict[str, Any]) -> None:
    agree(single(op, opset=22, **settings), least)


def test_the_runtime_clips_a_window_that_is_larger_than_the_input() -> None:
    # By ONNX's formula there is no window; the runtime's division rounds towards zero.
    model = single("MaxPool", opset=22, kernel_shape=[5], strides=[3])
    found = Runtime(model).run(3)
    assert found is not None
    assert found["y"].shape == (1, 2, 1)
    assert 3 not in tracing_of(model).builder.model.admissible()


def test_every_operator_that_moves_elements() -> None:
    def ints(name: str, *numbers: int) -> Any:
        return constant(name, numbers)

    def floats(name: str, *numbers: float) -> Any:
        return constant(name, numbers, "float32")

    far = 2**63 - 1
    agree(single("Resize", None, floats("s", 1, 1, 2)))
    agree(single("Resize", None, floats("s", 1, 1, 1.5)))
    agree(single("Resize", None, floats("s", 1, 1, 0.29)), most=120)
    agree(single("Resize", None, None, ints("s", 1, 2, 9)))
    agree(single("Upsample", floats("s", 1, 1, 2.5), opset=9))
    agree(single("Pad", ints("p", 0, 0, 2, 0, 0, 3)))
    agree(single("Pad", ints("p", 0, 0, -2, 0, 0, -1)))
    agree(single("Pad", ints("p", 0, 1, 2, 0, 1, 3)))
    agree(single("Pad", ints("p", 0, 0, 2, 0, 0, 1), mode="reflect"))
    agree(single("Pad", ints("p", 2, 1), None, ints("a", 2)))
    agree(single("Pad", opset=2, pads=[0, 0, 1, 0, 0, 1]))
    agree(single("Slice", ints("a", 1), ints("b", -2), ints("c", 2)))
    agree(single("Slice", ints("a", 1), ints("b", far), ints("c", -1), ints("d", 3)))
    agree(single("Slice", ints("a", -1), ints("b", -far), ints("c", 2), ints("d", -1)))
    agree(single("Slice", ints("a", -5), ints("b", 4), ints("c", 2), ints("d", 2)))
    agree(single("Slice", ints("a", -3), ints("b", -9), ints("c", 2), ints("d", -2)))
    agree(single("Slice", ints("a", 0), ints("b", 1), ints("c", 1)))
    agree(single("Slice", opset=9, starts=[2], ends=[far], axes=[2]))
    agree(single("Transpose", perm=[0, 2, 1]))
    agree(single("Flatten"))
    agree(single("Flatten", axis=2))
    agree(single("Reshape", ints("s", 0, -1)))
    agree(single("Reshape", ints("s", 1, -1, 4)))
    agree(single("Reshape", ints("s", -1)))
    agree(single("Reshape", ints("s", 0, 4, 6)))
    agree(single("Unsqueeze", ints("a", 0, -1)))
    agree(single("Squeeze", ints("a", 0)))
    agree(single("Squeeze", ints("a", 2)))
    agree(single("Expand", ints("s", 3, 1, 1, 5)), 2)  # a size of 1 would be repeated
    agree(single("Expand", ints("s", 7)), 2)
    agree(single("Tile", ints("s", 1, 2, 3)))
    agree(single("ReduceMean", ints("a", 2)))
    agree(single("ReduceMax", ints("a", 2), keepdims=0))
    agree(single("ReduceSum", ints("a", 1), keepdims=0))
    agree(single("ReduceMean", opset=13, axes=[-1]))
    agree(single("ReduceL2"))
    agree(single("ArgMax", axis=2))
    agree(single("Gather", ints("i", 1, 0, 1), axis=2), 2)
    agree(single("DepthToSpace", blocksize=1, rank=2), axes=2)
    agree(single("MatMul", weights(9, 5)))
    agree(single("Add", weights(2, 7)), 2)
    agree(single("Mul", weights(2, 1)))
    agree(single("Add", weights(5, 1, 2, 1)))
    agree(single("Softmax", axis=2))
    agree(single("Clip"))


def test_indices_that_are_constant_lie_within_their_axis() -> None:
    some: Any
    for some in (5, [0, 5], -6, [-2, 3], [0]):
        agree(single("Gather", constant("i", some), axis=2))
    for some in ([[[0, 5], [4, 1]]], [[[-7], [2]]], [[[2, -1, 0]]]):
        agree(single("GatherElements", constant("i", some), axis=2))
    agree(single("GatherElements", constant("i", [[[0, 1, 1, 0]]]), axis=1))
    updates = constant("u", [[[1, 2], [3, 4]]], "float32")
    agree(single("ScatterElements", constant("i", [[[0, 5], [-1, 1]]]), updates, axis=2))
    assert not dc.trace(single("Gather", constant("i", 2), axis=1), 8).ok
    agree(
        computed("s = Shape(x) start=2 end=3", "i = Sub(s, c5)", "y = Gather(x, i) axis=2"), axes=2
    )


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "wrap"])
def test_pads_that_crop_one_side_and_pad_the_other(mode: str) -> None:
    for before, after in ((-1, 3), (3, -1), (-2, 2), (-3, 1), (1, -3)):
        pads = constant("p", [0, 0, before, 0, 0, after])
        agree(single("Pad", pads, mode=mode), most=12)


@pytest.mark.parametrize("op", ["Tile", "Expand"])
def test_nothing_is_left_of_no_repeats(op: str) -> None:
    for repeats in ([1, 1, 0], [0, 1, 1]):
        model = single(op, constant("s", repeats))
        tracing, runtime = tracing_of(model), Runtime(model)
        for n in (1, 2, 7):
            assert not fits(runtime.run(n))
            assert {"h": n} not in tracing.builder.model.admissible()


def test_long_rows_of_indices_lie_within_their_axis() -> None:
    """Of more numbers than are computed with, the smallest and the largest decide."""
    from onnx import helper

    for count, worst in ((4_096, 30), (5_000, 30), (5_000, -31), (70_000, 17)):
        row = [0, *[1] * (count - 2), worst]
        agree(single("Gather", constant("i", row), axis=2))
        nodes = [
            helper.make_node("Constant", [], ["a"], value=constant("a", row)),
            helper.make_node("Unsqueeze", ["a", "zero"], ["b"]),
            helper.make_node("Gather", ["x", "b"], ["y"], axis=2),
        ]
        agree(graph(nodes, [constant("zero", [0])]), axes=2)
    elements = constant("e", [[[0, *[1] * 4_000, 21]] * 2])
    agree(single("GatherElements", elements, axis=2))


def test_indices_have_to_be_whole_numbers_of_32_or_64_bits() -> None:
    for dtype in ("float32", "bool", "uint8"):
        model = single("Gather", constant("i", [1], dtype), axis=2)
        with pytest.raises(dc.TraceError, match="indices are no int32"):
            dc.trace(model, 8)
        with pytest.raises(Exception, match="ONNXRuntimeError"):
            Runtime(model)
    model = computed("s = Shape(x) start=2 end=3", "f = Cast(s) to=1", "y = Gather(x, f) axis=2")
    with pytest.raises(dc.TraceError, match="indices are no int32"):
        dc.trace(model, (8, 8))
    with pytest.raises(Exception, match="ONNXRuntimeError"):
        Runtime(model)
    agree(single("Gather", constant("i", [3], "int32"), axis=2))


def test_indices_that_nobody_knows_are_told() -> None:
    row = constant("r", [1] * 5_000)
    from onnx import helper

    nodes = [
        helper.make_node("Add", ["r", "r"], ["i"]),
        helper.make_node("Gather", ["x", "i"], ["y"], axis=2),
    ]
    found = dc.trace(graph(nodes, [row]), (8, 8))
    assert any("indices are not known" in one for one in found.warnings)


@pytest.mark.parametrize(
    ("equation", "least"),
    [("nchw,nchw->nc", 1), ("nchw, nciw -> nhiw", 1), ("nchw,ncij", 1), ("nchw,ncwh->nhw", 2)],
)
def test_sums_over_indices(equation: str, least: int) -> None:
    from onnx import helper

    model = graph([helper.make_node("Einsum", ["x", "x"], ["y"], equation=equation)])
    agree(model, least, axes=2)


def several(op: str, count: int, *held: Any, opset: int = 21, **attributes: Any) -> Any:
    from onnx import helper

    names = [f"y{place}" for place in range(count)]
    node = helper.make_node(op, ["x", *[one.name for one in held]], names, **attributes)
    dims: dict[str, tuple[int | str, ...]] = {"x": (1, 2, "h")}
    return graph([node], list(held), inputs=dims, outputs=tuple(names), opset=opset)


def test_splits() -> None:
    agree(several("Split", 2, constant("s", [3, 4]), axis=2))
    agree(several("Split", 2, axis=1, num_outputs=2))
    agree(several("Split", 3, axis=2, num_outputs=3), 3)
    agree(several("Split", 3, axis=2, opset=13), 3)


# Sizes that the graph computes.


def computed(*lines: str, opset: int = 21) -> Any:
    """A graph of lines such as "s = Shape(x)", with constants c0, c1, c2, c3 and half."""
    import re

    from onnx import helper

    nodes = []
    for line in lines:
        made = re.fullmatch(r"([\w, ]+) = (\w+)\(([\w, ]*)\)(.*)", line)
        assert made is not None, line
        outputs, op, names, rest = made.groups()
        settings = dict([part.split("=") for part in rest.split()])
        attributes = {key: int(value) for key, value in settings.items()}
        inputs = names.split(", ") if names else []
        nodes.append(helper.make_node(op, inputs, outputs.split(", "), **attributes))
    held = [constant(f"c{n}", [n]) for n in range(6)] + [constant("nchw", [1, 2, 1, 1])]
    held += [constant("minus", [-1]), constant("two", 2), constant("three", 3)]
    held += [constant("half", 0.5, "float32"), constant("third", 3.0, "float32")]
    held += [constant("zeros", [0, 0]), constant("n2", [1, 2]), constant("one", 1)]
    return graph(nodes, held, opset=opset)


RESIZED = ("b = Concat(n2, size) axis=0", "y = Resize(x, , , b)")
FRONT = ("s = Shape(x)", "t = Slice(s, c2, c4)")

COMPUTED = {
    "half of it, by whole numbers": (*FRONT, "size = Div(t, c2)", *RESIZED),
    "by floats, rounded down": (
        *FRONT,
        "f = Cast(t) to=1",
        "m = Mul(f, half)",
        "g = Floor(m)",
        "size = Cast(g) to=7",
        *RESIZED,
    ),
    "by floats, rounded up": (
        *FRONT,
        "f = Cast(t) to=1",
        "m = Div(f, third)",
        "g = Ceil(m)",
        "size = Cast(g) to=7",
        *RESIZED,
    ),
    "negative numbers round towards zero": (
        *FRONT,
        "m = Sub(t, c5)",
        "d = Div(m, c3)",
        "size = Add(d, c5)",
        *RESIZED,
    ),
    "negative floats round towards zero": (
        *FRONT,
        "m = Sub(t, c5)",
        "f = Cast(m) to=1",
        "g = Mul(f, half)",
        "d = Cast(g) to=7",
        "size = Add(d, c5)",
        *RESIZED,
    ),
    "truth as a number": (
        *FRONT,
        "m = Mod(t, c3)",
        "b2 = Cast(m) to=9",
        "d = Cast(b2) to=7",
        "size = Add(d, t)",
        *RESIZED,
    ),
    "a remainder, a minimum and a maximum": (
        *FRONT,
        "m = Mod(t, c3)",
        "a = Max(m, c1)",
        "b2 = Min(t, c5)",
        "size = Add(a, b2)",
        *RESIZED,
    ),
    "one axis at a time": (
        "s = Shape(x)",
        "h = Gather(s, two) axis=0",
        "w = Gather(s, three) axis=0",
        "p = Mul(h, two)",
        "q = Add(w, one)",
        "hh = Unsqueeze(p, c0)",
        "ww = Unsqueeze(q, c0)",
        "size = Concat(hh, ww) axis=0",
        *RESIZED,
    ),
    "a choice between two numbers": (
        *FRONT,
        "e = Less(t, c5)",
        "size = Where(e, c3, t)",
        *RESIZED,
    ),
    "pads that depend on the size": (
        *FRONT,
        "m = Mod(t, c4)",
        "more = Sub(c4, m)",
        "b = Concat(zeros, zeros, zeros, more) axis=0",
        "y = Pad(x, b)",
    ),
    "a slice to half of the height": (
        "s = Shape(x) start=2 end=3",
        "e = Div(s, c2)",
        "y = Slice(x, c0, e, c2)",
    ),
    "a slice from a place that is negative at small sizes": (
        "s = Shape(x) start=2 end=3",
        "b = Sub(s, c5)",
        "y = Slice(x, b, s, c2)",
    ),
    "a reshape with sizes of the input": (
        "s = Shape(x)",
        "h = Slice(s, c2, c3)",
        "b = Concat(c1, h, minus) axis=0",
        "y = Reshape(x, b)",
    ),
    "zeros in the shape of the input": ("s = Shape(x)", "z = ConstantOfShape(s)", "y = Add(x, z)"),
    "a row as long as the image is wide": (
        "s = Shape(x)",
        "w = Gather(s, three) axis=0",
        "zero = Squeeze(c0)",
        "r = Range(zero, w, one)",
        "f = Cast(r) to=1",
        "y = Mul(x, f)",
    ),
    "all elements": ("s = Size(x)", "r = Reshape(s, c1)", "y = Reshape(x, r)"),
    "expanded to the shape of another": (
        "m = ReduceMean(x, c2)",
        "s = Shape(x)",
        "y = Expand(m, s)",
    ),
}


@pytest.mark.parametrize("what", COMPUTED)
def test_sizes_that_the_graph_computes(what: str) -> None:
    agree(computed(*COMPUTED[what]), axes=2)


def test_what_float32_may_round_across_a_whole_number_is_not_guessed() -> None:
    lines = ("f = Cast(t) to=1", "m = Div(f, third)", "n = Mul(m, third)", "g = Floor(n)")
    model = computed(*FRONT, *lines, "size = Cast(g) to=7", *RESIZED)
    with pytest.raises(dc.DeconvcalcError, match=r"Resize.*not known"):
        tracing_of(model)


def test_two_branches_meet_only_where_they_are_equal() -> None:
    lines = (
        "a = MaxPool(x)",
        "b = AveragePool(x)",
        "y = Concat(a, b) axis=1",
    )
    model = computed(*lines)
    from onnx import helper

    for node, stride in zip(model.graph.node[:2], (2, 3), strict=True):
        node.attribute.extend(
            [helper.make_attribute(key, [stride, 1]) for key in ("kernel_shape", "strides")]
        )
    agree(model, 3, axes=2)


@pytest.mark.parametrize("op", ["Concat", "Add", "Mul"])
@pytest.mark.parametrize("kernel", [[2, 1], [1, 2]])
def test_what_the_runtime_says_of_a_clash_is_told(op: str, kernel: list[int]) -> None:
    from onnx import helper

    axis = {"axis": 1} if op == "Concat" else {}
    nodes = [
        helper.make_node("MaxPool", ["x"], ["p"], kernel_shape=kernel, strides=[1, 1]),
        helper.make_node(op, ["x", "p"], ["y"], **axis),
    ]
    model = graph(nodes)
    runtime = Runtime(model)
    assert runtime.run(8, 7) is None
    (fault,) = dc.trace(model, (8, 7)).clashes
    assert fault.said
    assert fault.said in runtime.said


# Inputs.


def test_sizes_that_the_file_fixes_are_conditions() -> None:
    dims: dict[str, tuple[int | str, ...]] = {"x": (1, 2, 224, 224)}
    model = single("MaxPool", rank=2, kernel_shape=[2, 2], strides=[2, 2])
    fixed = graph([*model.graph.node], inputs=dims)
    found = dc.trace(fixed)
    assert found.ok
    assert str(found.admissible) == "h = 224; w = 224"
    assert not dc.trace(fixed, 97).ok
    assert "the file fixes this size at 224" in str(dc.trace(fixed, (97, 224)).clashes[0])
    assert (97, 97) in tracing_of(fixed, free=True).builder.model.admissible()


def test_axes_of_one_name_have_one_size() -> None:
    from onnx import helper

    dims: dict[str, tuple[int | str, ...]] = {"x": (1, 2, "n", "n"), "z": (1, 2, "n", "m")}
    model = graph([helper.make_node("Add", ["x", "z"], ["y"])], inputs=dims)
    found = dc.trace(model, {"x": 8, "z": (8, 8)})
    assert found.model.variables == ("n", "m")
    assert found.ok


def test_an_input_may_have_its_channels_last() -> None:
    from onnx import helper

    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
        helper.make_node("MaxPool", ["t"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Transpose", ["p"], ["y"], perm=[0, 2, 3, 1]),
    ]
    dims: dict[str, tuple[int | str, ...]] = {"x": ("batch", "height", "width", 3)}
    found = dc.trace(graph(nodes, inputs=dims), (9, 12))
    assert found.model.variables == ("height", "width")
    assert found.model.inputs[0].channels == 3
    assert found.run.size("p") == (4, 6)


def test_a_size_has_to_be_given_where_the_file_leaves_it_open() -> None:
    with pytest.raises(dc.QueryError, match="leaves it open"):
        dc.trace(single("Relu"))
    with pytest.raises(dc.QueryError, match="2 spatial axes"):
        dc.trace(single("Relu", rank=2), (1, 2, 3))


def test_channels_are_3_where_the_file_and_the_caller_leave_them_open() -> None:
    dims: dict[str, tuple[int | str, ...]] = {"x": ("b", "c", "h", "w")}
    model = graph([*single("Relu").graph.node], inputs=dims)
    assert dc.trace(model, 8).rows[0].channels == 3
    assert dc.trace(model, 8, channels=3).ok
