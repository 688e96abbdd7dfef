"""The process that runs operators in ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.checkers.workers.serve import Step, serve

if TYPE_CHECKING:
    import numpy as np

    from deconvcalc.checkers.workers.sweep import Sweeper

__all__ = ["Onnx"]

OPSET, IR_VERSION = 21, 10
"""The operators of every ONNX Runtime that is taken."""

INPUTS: dict[str, tuple[tuple[str, str], ...]] = {
    "Pad": (("pads", "int64"), ("constant_value", "")),
    "Resize": (("roi", "float32"), ("scales", "float32"), ("sizes", "int64")),
}
"""The arguments of an operator that are inputs of its node: their order, and their kind of numbers.

An empty kind is that of the image.
"""


class Onnx:
    """ONNX Runtime on one thread of the CPU, without optimisations."""

    def __init__(self) -> None:
        import onnx
        import onnxruntime

        onnxruntime.set_default_logger_severity(4)
        self.onnx, self.runtime = onnx, onnxruntime

    def versions(self) -> dict[str, str]:
        """The versions of ONNX Runtime and of ONNX."""
        return {"onnxruntime": self.runtime.__version__, "onnx": self.onnx.__version__}

    def tensor(self, array: np.ndarray, dtype: str) -> Any:
        """An input, which is an array."""
        return array.astype(dtype)

    def build_and_run(self, step: Step, values: list[Any], dtype: str) -> Any:
        """A model of one node, its weights as initializers, run once."""
        if step.indices is not None or len(values) != 1:
            raise ValueError(f"{step.name} takes one input")
        arguments = {name: value for name, value in step.arguments.items() if name != "B"}
        held = [
            self.onnx.numpy_helper.from_array(array.astype(dtype), f"w{place}")
            for place, array in enumerate(step.weights)
        ]
        names = ["x", *[one.name for one in held]]
        for name, kind in INPUTS.get(step.name, ()):
            names.append(name if name in arguments else "")
            if name in arguments:
                numbers = self._numbers(arguments.pop(name), values[0], name, kind or dtype)
                held.append(self.onnx.numpy_helper.from_array(numbers, name))
        while not names[-1]:
            names.pop()
        helper = self.onnx.helper
        node = helper.make_node(step.name, names, ["y"], **arguments)
        kind = helper.np_dtype_to_tensor_dtype(values[0].dtype)
        graph = helper.make_graph(
            [node],
            "one",
            [helper.make_tensor_value_info("x", kind, values[0].shape)],
            [helper.make_tensor_value_info("y", kind, None)],
            held,
        )
        return self._run(graph, values[0])

    def _numbers(self, value: Any, image: np.ndarray, name: str, kind: str) -> np.ndarray:
        """The numbers of an input; sizes of 0 stand for those of the image."""
        import numpy as np

        if name == "sizes":
            value = [one or own for one, own in zip(value, image.shape, strict=True)]
        return np.array(value, dtype=kind)

    def _run(self, graph: Any, image: np.ndarray) -> Any:
        opsets = [self.onnx.helper.make_opsetid("", OPSET)]
        model = self.onnx.helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        options = self.runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = self.runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = self.runtime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        (result,) = session.run(None, {"x": image})
        return result

    def array(self, value: Any) -> np.ndarray:
        """An output, which is an array."""
        array: np.ndarray = value
        return array

    def sweeper(self, x: np.ndarray, w: np.ndarray) -> Sweeper:
        """ONNX Runtime has no functions apart from its models.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"ONNX Runtime sweeps no layers ({len(x)} and {len(w)} numbers)")


if __name__ == "__main__":
    serve(("onnx", "onnxruntime"), Onnx)
