"""ONNX files that are damaged, hostile or not known: a sentence each, and nothing is opened."""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

import deconvcalc as dc
from tests.onnx_graphs import constant, graph, single
from tests.test_cli import invoke

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.framework,
    pytest.mark.skipif(find_spec("onnx") is None, reason="onnx is not installed"),
]


def refused(model: Any, size: Any = 8, **settings: Any) -> str:
    """What is said of a model that cannot be traced, in less than ten seconds."""
    begun = time.monotonic()
    with pytest.raises(dc.DeconvcalcError) as caught:
        dc.trace(model, size, **settings)
    assert time.monotonic() - begun < 10
    return str(caught.value)


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    from onnx import helper

    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


# Files.


def test_files_that_are_none(tmp_path: Path) -> None:
    missing = tmp_path / "missing.onnx"
    assert "there is no file" in refused(missing)
    assert "there is no file" in refused(str(tmp_path / "a\0b.onnx"))
    folder = tmp_path / "folder.onnx"
    folder.mkdir()
    assert "there is no file" in refused(folder)
    empty = tmp_path / "empty.onnx"
    empty.write_bytes(b"")
    assert "no nodes" in refused(empty)
    for place, junk in enumerate((b"\x00\x01\x02", b"\xff" * 1000, b"version https://git-lfs")):
        path = tmp_path / f"{place}.onnx"
        path.write_bytes(junk)
        assert "is no ONNX file, or a damaged one" in refused(path)


def test_every_cut_of_a_file_is_refused_or_read(tmp_path: Path) -> None:
    data = single("Conv", constant("w", [[[1.0] * 3] * 2] * 4, "float32")).SerializeToString()
    path = tmp_path / "cut.onnx"
    refusals = 0
    for end in range(0, len(data), 3):
        path.write_bytes(data[:end])
        try:
            dc.trace(path, 8)
        except dc.DeconvcalcError:
            refusals += 1
    assert refusals > len(data) // 6


def test_flipped_bytes_never_end_in_another_error(tmp_path: Path) -> None:
    import random

    rng = random.Random(5)
    held = constant("w", [[[1.0] * 3] * 2] * 4, "float32")
    data = single("Conv", held, strides=[2], pads=[1, 1]).SerializeToString()
    path = tmp_path / "flipped.onnx"
    for _ in range(400):
        changed = bytearray(data)
        for _ in range(rng.randint(1, 3)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        path.write_bytes(changed)
        with contextlib.suppress(dc.DeconvcalcError):
            dc.trace(path, 8)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such files here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe.onnx"
    os.mkfifo(path)
    assert "there is no file" in refused(path)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.truncate(3 * 2**30)  # a hole, which takes no room
    assert "are the most" in refused(path)


@pytest.mark.parametrize("location", ["/etc/passwd", "../../../../etc/passwd", "weights.bin", ""])
def test_external_data_is_never_opened(
    location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onnx import TensorProto

    weights = TensorProto(name="w", data_type=1, dims=[4, 2, 3])
    shape = TensorProto(name="s", data_type=7, dims=[2])
    for one in (weights, shape):
        one.data_location = TensorProto.EXTERNAL
        one.external_data.add(key="location", value=location)
    nodes = [node("Conv", "x w", "c"), node("Reshape", "c s", "y")]
    good, bad = tmp_path / "good.onnx", tmp_path / "bad.onnx"
    dims: dict[str, tuple[int | str, ...]] = {"x": (1, 2, "h")}
    good.write_bytes(graph(nodes[:1], [weights], outputs=("c",), inputs=dims).SerializeToString())
    bad.write_bytes(graph(nodes, [weights, shape], inputs=dims).SerializeToString())
    dc.trace(good, 8)  # what it needs is imported
    opened: list[str] = []

    def watched(file: Any, *rest: Any, **more: Any) -> Any:
        opened.append(str(file))
        return real(file, *rest, **more)

    real = io.open
    monkeypatch.setattr(builtins, "open", watched)
    monkeypatch.setattr(io, "open", watched)
    # Weights need their dimensions alone; a shape has to be read.
    assert dc.trace(good, 8).ok
    assert "'s' lie in another file, which is not opened" in refused(bad)
    assert {*opened} <= {str(good), str(bad)}


# The command line.


def on_the_command_line(path: Path, model: Any, *more: str) -> tuple[int, str, str]:
    """The exit code, what is printed, and what is said on standard error."""
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    result = invoke("trace", str(path), "--input", "8", *more)
    assert "Traceback" not in result.stdout + result.stderr
    return result.exit_code, result.stdout, result.stderr


def test_exit_codes(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    pool = single("MaxPool", kernel_shape=[2], strides=[2])
    code, printed, _ = on_the_command_line(path, pool)
    assert code == 0
    assert "only" in printed
    assert on_the_command_line(path, single("MaxPool", kernel_shape=[9]))[0] == 1
    cycle = graph([node("Add", "a x", "a")])
    bad = [b"", b"\xff" * 99, cycle, single("If"), single("NonZero"), single("Relu", opset=99)]
    for model in bad:
        code, printed, said = on_the_command_line(path, model)
        assert (code, printed) == (2, "")
        assert said.startswith(("Error: ", "Usage: "))
    assert on_the_command_line(path, single("NonZero"), "--assume", "NonZero=same")[0] == 0


def test_a_name_of_a_framework_is_no_missing_framework(tmp_path: Path) -> None:
    code, _, said = on_the_command_line(tmp_path / "model.onnx", single("torch"))
    assert code == 2
    assert "torch is not known" in said


# Graphs.


def test_a_cycle_is_named() -> None:
    nodes = [node("Relu", "b", "a", name="one"), node("Add", "a x", "b", name="two")]
    said = refused(graph([*nodes, node("Relu", "a", "y")]))
    assert "cyclic" in said
    assert "'one'" in said or "'two'" in said


def test_a_long_cycle_needs_no_deep_stack() -> None:
    nodes = [node("Relu", f"t{i}", f"t{i + 1}") for i in range(20_000)]
    nodes.append(node("Relu", "t20000", "t0"))
    assert "cyclic" in refused(graph([*nodes, node("Relu", "t5", "y")]))


def test_nodes_may_stand_in_any_order() -> None:
    nodes = [node("Relu", "a", "y"), node("Relu", "x", "a")]
    assert dc.trace(graph(nodes), 8).ok


def test_names_that_are_missing_or_twice() -> None:
    assert "needs 'z', which nothing gives" in refused(graph([node("Relu", "z", "y")]))
    twice = [node("Relu", "x", "y"), node("Abs", "x", "y")]
    assert "give 'y'" in refused(graph(twice))
    assert "give 'x'" in refused(graph([node("Relu", "x", "x"), node("Relu", "x", "y")]))
    assert "no node gives the output 'y'" in refused(graph([node("Relu", "x", "z")]))
    held = [constant("c", [1]), constant("c", [2])]
    assert "two tensors of the file are called 'c'" in refused(
        graph([node("Relu", "x", "y")], held)
    )
    assert "input 1 is missing" in refused(graph([node("Conv", "x", "y")]))


@pytest.mark.parametrize("dims", [[2**62, 4], [-1], [2**40, 2**40], [1] * 100])
def test_declared_dimensions_take_no_memory(dims: list[int]) -> None:
    from onnx import TensorProto

    weights = TensorProto(name="w", data_type=1, dims=dims)
    said = refused(graph([node("Conv", "x w", "y")], [weights]))
    assert "declares the dimensions" in said


def test_numbers_have_to_be_as_many_as_declared() -> None:
    from onnx import TensorProto

    for raw in (b"", b"12345678" * 3):
        shape = TensorProto(name="s", data_type=7, dims=[2], raw_data=raw)
        assert "'s'" in refused(graph([node("Reshape", "x s", "y")], [shape]))


def test_a_constant_of_a_huge_shape_takes_no_memory() -> None:
    nodes = [node("ConstantOfShape", "s", "z"), node("Add", "x z", "y")]
    assert not dc.trace(graph(nodes, [constant("s", [1, 2, 2**40, 2**40])]), 8).ok


def test_numbers_that_grow_without_end_are_given_up() -> None:
    nodes = [node("Shape", "x", "t0")]
    nodes += [node("Mul", f"t{i} t{i}", f"t{i + 1}") for i in range(60)]
    assert "not known" in refused(graph([*nodes, node("Reshape", "x t60", "y")]))
    nodes = [node("Mul", f"t{i} t{i}", f"t{i + 1}") for i in range(60)]
    huge = graph([*nodes, node("Reshape", "x t60", "y")], [constant("t0", [10])])
    assert "not known" in refused(huge)


def test_sizes_that_double_are_known() -> None:
    nodes = [node("Reshape", "x s", "t0")]
    nodes += [node("Concat", f"t{i} t{i}", f"t{i + 1}", axis=2) for i in range(20)]
    model = graph([*nodes, node("Relu", "t20", "y")], [constant("s", [1, 3, -1])])
    found = dc.trace(model, (8, 9))
    assert found.run.size(found.model.outputs[-1]) == (2 * 8 * 9 // 3 * 2**20,)


def test_sizes_that_grow_without_end_are_given_up() -> None:
    nodes = [node("Reshape", "x s", "t0")]
    for i in range(20):  # a size and its half have no common form
        nodes.append(node("MaxPool", f"t{i}", f"u{i}", kernel_shape=[2], strides=[2]))
        nodes.append(node("Concat", f"t{i} u{i}", f"t{i + 1}", axis=2))
    said = refused(graph([*nodes, node("Relu", "t20", "y")], [constant("s", [1, 3, -1])]), (8, 9))
    assert "(Concat)" in said
    assert "put together from too many" in said


def test_functions_and_inputs_take_time_in_proportion() -> None:
    from onnx import helper

    nodes = [node("Relu", f"t{i}", f"t{i + 1}") for i in range(3000)]
    model = graph([node("Relu", "x", "t0"), *nodes], outputs=("t3000",))
    opsets = [helper.make_opsetid("", 21)]
    inner = [node("Relu", "a", "b")]
    model.functions.extend(
        [helper.make_function("mine", f"f{i}", ["a"], ["b"], inner, opsets) for i in range(3000)]
    )
    begun = time.monotonic()
    assert dc.trace(model, 8).ok
    assert time.monotonic() - begun < 10
    many = graph([node("Relu", "x0", "y")], inputs={f"x{i}": (1, 2, 8) for i in range(50_000)})
    assert "50000 inputs: 256 are the most" in refused(many)


def test_many_nodes_take_time_in_proportion() -> None:
    def seconds(count: int) -> float:
        nodes = [node("Relu", f"t{i}", f"t{i + 1}") for i in range(count)]
        model = graph([node("Relu", "x", "t0"), *nodes], outputs=(f"t{count}",))
        begun = time.perf_counter()
        dc.trace(model, 8)
        return time.perf_counter() - begun

    seconds(500)
    assert seconds(4000) < 30 * seconds(500)


@pytest.mark.parametrize("op", ["If", "Loop", "Scan"])
def test_graphs_within_nodes_are_named(op: str) -> None:
    inner = graph([node("Relu", "x", "y")]).graph
    name = "then_branch" if op == "If" else "body"
    said = refused(graph([node(op, "x", "y", name="here", **{name: inner})]))
    assert "'here'" in said
    assert "holds a graph of its own" in said


def test_functions_of_the_file_are_named() -> None:
    from onnx import helper

    model = graph([node("Twice", "x", "y", domain="mine", name="here")])
    opsets = [helper.make_opsetid("", 21)]
    inner = [node("Add", "a a", "b")]
    model.functions.append(helper.make_function("mine", "Twice", ["a"], ["b"], inner, opsets))
    assert "'here' (Twice) calls a function of the file" in refused(model)


@pytest.mark.parametrize("opset", [0, 99])
def test_opsets_that_are_not_known(opset: int) -> None:
    assert "opset" in refused(single("Relu", opset=opset))


def test_a_model_without_an_opset() -> None:
    model = single("Relu")
    del model.opset_import[:]
    assert "opset" in refused(model)


def test_inputs_that_are_no_tensors() -> None:
    from onnx import helper

    model = single("Relu")
    del model.graph.input[:]
    model.graph.input.append(helper.make_tensor_sequence_value_info("x", 1, None))
    assert "is no tensor but a sequence" in refused(model)
    model = single("Relu")
    model.graph.input[0].type.tensor_type.ClearField("shape")
    assert "does not say how many axes" in refused(model)
    dims: dict[str, tuple[int | str, ...]] = {"x": (1, 2, 3, 4, 5, 6)}
    assert "4 spatial axes" in refused(graph([node("Relu", "x", "y")], inputs=dims))


@pytest.mark.parametrize(
    ("op", "attributes", "word"),
    [
        ("MaxPool", {"kernel_shape": [0]}, "kernel_shape"),
        ("MaxPool", {"kernel_shape": [3], "strides": [0]}, "strides"),
        ("MaxPool", {"kernel_shape": [3], "pads": [3, 0]}, "pads"),
        ("MaxPool", {"kernel_shape": [3], "pads": [1]}, "pads"),
        ("MaxPool", {"kernel_shape": [3], "auto_pad": "SAME"}, "auto_pad"),
        ("MaxPool", {"kernel_shape": [3, 3]}, "axes"),
        ("MaxPool", {}, "kernel_shape"),
        ("Transpose", {"perm": [0, 0, 1]}, "perm"),
        ("Concat", {"axis": 7}, "axis"),
        ("DepthToSpace", {}, "blocksize"),
        ("Flatten", {"axis": 9}, "axis"),
        ("ReduceMean", {"axes": [5]}, "axis"),
    ],
)
def test_attributes_that_make_no_sense(op: str, attributes: dict[str, Any], word: str) -> None:
    said = refused(single(op, opset=13, **attributes))
    assert "'only'" in said
    assert word in said


INF = float("inf")
UNREADABLE: list[tuple[str, int, dict[str, Any]]] = [
    ("MaxPool", 21, {"kernel_shape": [2], "auto_pad": 3}),
    ("MaxPool", 21, {"kernel_shape": [2], "strides": "ab"}),
    ("MaxPool", 21, {"kernel_shape": "ab"}),
    ("MaxPool", 21, {"kernel_shape": [2], "ceil_mode": "ab"}),
    ("AveragePool", 21, {"kernel_shape": [2], "dilations": "ab"}),
    ("AveragePool", 21, {"kernel_shape": [2], "dilations": 2}),
    ("LpPool", 21, {"kernel_shape": [2], "pads": 2}),
    ("Einsum", 21, {"equation": 3}),
    ("Upsample", 7, {"scales": [1.0, 1.0, INF]}),
    ("Upsample", 7, {"scales": [1.0, 1.0, float("nan")]}),
    ("Upsample", 7, {"scales": [1.0, 1.0, 1e30]}),
    ("Upsample", 7, {"scales": "ab"}),
    ("Slice", 9, {"starts": [INF], "ends": [9], "axes": [2]}),
    ("Slice", 9, {"starts": [0], "ends": [9], "axes": [INF]}),
    ("Slice", 9, {"starts": "ab", "ends": [9]}),
    ("Transpose", 21, {"perm": [0.0, 1.0, 2.0]}),
    ("Transpose", 21, {"perm": 1}),
    ("RandomNormal", 21, {"shape": "a"}),
    ("RandomNormal", 21, {"shape": [1.5]}),
    ("Flatten", 21, {"axis": "a"}),
    ("Concat", 21, {"axis": [1, 2]}),
    ("Pad", 2, {"pads": [0, 0, 1, 0, 0, 1], "mode": 3}),
    ("DepthToSpace", 21, {"blocksize": INF}),
    ("Shape", 21, {"start": "a"}),
]


@pytest.mark.parametrize(("op", "opset", "attributes"), UNREADABLE)
def test_attributes_of_another_kind(
    op: str, opset: int, attributes: dict[str, Any], tmp_path: Path
) -> None:
    code, _, said = on_the_command_line(
        tmp_path / "model.onnx", single(op, opset=opset, **attributes)
    )
    assert code == 2
    assert f"node 0 'only' ({op})" in said


@pytest.mark.parametrize("last", [INF, float("nan"), 1e30])
def test_factors_that_are_no_numbers(last: float, tmp_path: Path) -> None:
    scales = constant("s", [1, 1, last], "float32")
    for settings in ({}, {"coordinate_transformation_mode": 5}):  # which is read first
        model = single("Resize", None, scales, **settings)
        code, _, said = on_the_command_line(tmp_path / "model.onnx", model)
        assert code == 2
        assert "'only' (Resize)" in said


@pytest.mark.parametrize("name", ["mode", "nearest_mode", "coordinate_transformation_mode"])
def test_modes_of_a_resize_that_are_no_text(name: str) -> None:
    said = refused(single("Resize", None, constant("s", [1, 1, 2], "float32"), **{name: 5}))
    assert f"'only' (Resize): its attribute {name} is no text" in said


def test_what_a_rule_trips_over_names_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    from deconvcalc.tracing import onnx_operators

    def trip(_op: Any) -> Any:
        raise KeyError("deep")

    monkeypatch.setitem(onnx_operators.RULES, "Flatten", trip)
    said = refused(single("Flatten"))
    assert "'only' (Flatten): its attributes cannot be read" in said


def test_what_is_no_model() -> None:
    from deconvcalc.tracing.onnx import traced

    with pytest.raises(TypeError, match="no ONNX model"):
        traced(7)


def test_an_unknown_operator_is_named_and_may_be_assumed() -> None:
    model = single("NonZero")
    with pytest.raises(dc.DeconvcalcError, match=r"node 0 'only'.*NonZero is not known") as caught:
        dc.trace(model, 8)
    assert "assume" in str(caught.value)
    found = dc.trace(model, 8, assume={"NonZero": "same"})
    assert found.run.size("only") == (8,)
    assert any("NonZero" in warning for warning in found.warnings)


def test_sizes_that_follow_from_values_are_refused() -> None:
    from onnx import helper

    nodes = [
        helper.make_node("ReduceMax", ["x"], ["m"], keepdims=0),
        helper.make_node("Cast", ["m"], ["i"], to=7),
        helper.make_node("Unsqueeze", ["i", "zero"], ["s"]),
        helper.make_node("Reshape", ["x", "s"], ["y"]),
    ]
    with pytest.raises(dc.DeconvcalcError, match=r"Reshape.*not known"):
        dc.trace(graph(nodes, [constant("zero", [0])]), 8)
