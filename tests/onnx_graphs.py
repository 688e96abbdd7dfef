"""Small ONNX graphs, and what ONNX Runtime makes of them; both are imported when called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Runtime", "constant", "graph", "shapes", "single"]

IR_VERSION = 10
"""Old enough for every ONNX Runtime that is taken."""


def constant(name: str, numbers: Any, dtype: str = "int64") -> Any:
    """An initializer."""
    from onnx import numpy_helper

    return numpy_helper.from_array(np.asarray(numbers, dtype=dtype), name)


def graph(
    nodes: list[Any],
    held: Sequence[Any] = (),
    *,
    inputs: dict[str, tuple[int | str, ...]] | None = None,
    outputs: tuple[str, ...] = ("y",),
    opset: int = 21,
) -> Any:
    """A model of nodes, by default of one image x with two channels and free sizes."""
    from onnx import TensorProto, ValueInfoProto, helper

    dims: dict[str, tuple[int | str, ...]] = inputs or {"x": (1, 2, "h", "w")}
    made = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, one) for name, one in dims.items()],
        [ValueInfoProto(name=name) for name in outputs],
        list(held),
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION)


def single(op: str, *held: Any, opset: int = 21, rank: int = 1, **attributes: Any) -> Any:
    """A model of one node. Its further inputs are initializers; None leaves one out."""
    from onnx import helper

    names = ["x", *["" if one is None else one.name for one in held]]
    node = helper.make_node(op, names, ["y"], name="only", **attributes)
    dims: dict[str, tuple[int | str, ...]] = {"x": (1, 2, *("h", "w", "d")[:rank])}
    return graph([node], [one for one in held if one is not None], inputs=dims, opset=opset)


class Runtime:
    """A model in ONNX Runtime, with every tensor of it as an output.

    Args:
        model: the model.
        every: whether tensors between are wanted; without them the runtime may optimise.

    Attributes:
        said: what it said of the last input that it refused.
    """

    def __init__(self, model: Any, *, every: bool = True) -> None:
        import onnx
        import onnxruntime

        onnxruntime.set_default_logger_severity(4)
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        known = {one.name for one in copy.graph.output}
        for node in copy.graph.node if every else ():
            for name in node.output:
                if name and name not in known:
                    known.add(name)
                    copy.graph.output.append(onnx.ValueInfoProto(name=name))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        level = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = (
            level.ORT_DISABLE_ALL if every else level.ORT_ENABLE_BASIC
        )
        self.session = onnxruntime.InferenceSession(
            copy.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.names = [one.name for one in self.session.get_outputs()]
        self.said = ""
        self.inputs = {one.name: one.shape for one in self.session.get_inputs()}

    def run(self, *sizes: int, channels: int | None = None) -> dict[str, Any] | None:
        """All tensors for an image of these sizes; None where the runtime refuses."""
        ((name, dims),) = self.inputs.items()
        count = channels or dims[1]
        image = np.ones((1, count, *sizes), dtype="float32")
        try:
            found = self.session.run(None, {name: image})
        except Exception as error:
            if "ONNXRuntimeError" not in str(error):  # it has no class for a refusal
                raise
            self.said = str(error)
            return None
        return dict(zip(self.names, found, strict=True))


def shapes(tracing: Any, point: dict[str, int]) -> dict[str, tuple[int, ...]]:
    """The dimensions of every tensor of a traced graph at an input."""
    return {
        name: tuple([int(one.at(point)) for one in tensor.dims])
        for name, tensor in tracing.tensors.items()
    }
