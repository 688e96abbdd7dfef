"""The loop of a process that runs the layers of a framework: a hello, then answers to requests.

    {"do": "run", "steps": [{"name": "ConvTranspose2d", "arguments": {"kernel_size": [3, 2]},
     "weights": ["w0", "w1"]}], "dtype": "float32", "inputs": ["x"]}

asks for one forward pass through real layers, each built by the framework's own constructor. The
arrays of the message are the inputs, in the framework's own layout with a batch axis, and the
weights; a step may also name its "indices". The answer has the array "y", or says which step the
framework refused:

    {"ok": true, "seconds": 0.001}
    {"ok": false, "error": "RuntimeError: Calculated padded input size ...", "step": 0}

    {"do": "many", "runs": [{"steps": ..., "dtype": ..., "inputs": ...}, ...]}

asks for several at once, with arrays named "0/x", "0/w0", ...; the answer lists their "results"
and names its arrays "0/y", .... `sweep` has a third kind of request, for thousands of layers. A
request that makes no sense gets a "fault" instead.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import site
import sys
import sysconfig
import time
import traceback
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol

# Neither numpy nor a module that imports it: the current directory is forgotten before that.

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np

    from deconvcalc.checkers.wire import Message
    from deconvcalc.checkers.workers.sweep import Sweeper

    Arrays = Mapping[str, np.ndarray]

__all__ = ["Framework", "Step", "serve"]

DTYPES = ("float32", "float64")
LONGEST_ERROR = 300


class Step(NamedTuple):
    """A layer to build and run.

    Attributes:
        name: the framework's own name of its class.
        arguments: the keyword arguments of the constructor.
        weights: what its weights are set to, in the framework's order; empty leaves them be.
        indices: the second input of an unpooling.
    """

    name: str
    arguments: dict[str, Any]
    weights: list[np.ndarray]
    indices: np.ndarray | None


class Framework(Protocol):
    """The part that differs between frameworks. Making one imports the framework."""

    def versions(self) -> dict[str, str]:
        """The versions that a result depends on."""

    def tensor(self, array: np.ndarray, dtype: str) -> Any:
        """An input as the framework's layers take it."""

    def build_and_run(self, step: Step, values: list[Any], dtype: str) -> Any:
        """What a new layer makes of tensors. Whatever it raises is a refusal."""

    def array(self, value: Any) -> np.ndarray:
        """A tensor as an array."""

    def sweeper(self, x: np.ndarray, w: np.ndarray) -> Sweeper:
        """The functions behind its layers."""


class RequestError(Exception):
    """A request that makes no sense; the framework was not asked."""


def serve(needs: Sequence[str], load: Callable[[], Framework]) -> None:
    """Answer the messages of stdin until they end, then end the process.

    Args:
        needs: the modules without which there is no such framework.
        load: imports the framework.
    """
    incoming, outgoing = _private_pipes()
    _forget_current_directory()
    with contextlib.suppress(OSError):  # nobody reads any more
        _converse(incoming, outgoing, needs, load)
    # Not by way of the frameworks' own endings: they are slow, and nobody needs them.
    os._exit(0)


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The real stdin and stdout. What a framework prints goes to stderr; it has nothing to read."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return incoming, outgoing


def _forget_current_directory() -> None:
    """Import nothing from the current directory, where a user may keep a torch.py.

    PYTHONPATH may name it. deconvcalc itself may lie in it, but is already found.
    """
    try:
        here = os.path.realpath(os.getcwd())
    except FileNotFoundError:
        return
    installed = {*site.getsitepackages(), *sysconfig.get_paths().values()}
    if here not in {os.path.realpath(path) for path in installed}:
        sys.path[:] = [path for path in sys.path if os.path.realpath(path) != here]


def _converse(
    incoming: BinaryIO,
    outgoing: BinaryIO,
    needs: Sequence[str],
    load: Callable[[], Framework],
) -> None:
    from deconvcalc.checkers import wire
    from deconvcalc.errors import CheckError

    framework, hello = _hello(needs, load)
    wire.write(outgoing, hello, {})
    while framework is not None:
        try:
            message = wire.read(incoming)
        except CheckError as error:
            wire.write(outgoing, {"ok": False, "fault": error.message}, {})
            return
        if message is None:
            return
        try:
            pieces = wire.pack(*_answer(framework, *message))
        except (RequestError, CheckError) as error:
            pieces = wire.pack({"ok": False, "fault": str(error)}, {})
        outgoing.writelines(pieces)
        outgoing.flush()


def _hello(
    needs: Sequence[str], load: Callable[[], Framework]
) -> tuple[Framework | None, dict[str, Any]]:
    """Import the framework; what to say about it."""
    try:
        for module in needs:
            spec = find_spec(module)
            if spec is None or spec.origin is None:  # an empty folder has no origin
                return None, {"ok": False, "kind": "missing", "module": module}
        framework = load()
        import numpy as np

        versions = {"numpy": np.__version__, "python": platform.python_version()}
        return framework, {"ok": True, "versions": framework.versions() | versions}
    except BaseException as error:  # noqa: BLE001 - some even exit
        if isinstance(error, ModuleNotFoundError) and error.name in needs:
            return None, {"ok": False, "kind": "missing", "module": error.name}
        return None, {"ok": False, "kind": "broken", "error": _last_line(error)}


def _last_line(error: BaseException) -> str:
    """The line of an import error that says what went wrong.

    TensorFlow puts a whole traceback into its message, and advice after that.
    """
    text = "".join(traceback.format_exception_only(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if re.match(r"[\w.]*(Error|Exception): ", line)]
    return (telling or lines)[-1][:LONGEST_ERROR]


def _answer(framework: Framework, header: dict[str, Any], arrays: Arrays) -> Message:
    match header:
        case {"do": "run"}:
            result, output = _run(framework, header, arrays)
            return result, {} if output is None else {"y": output}
        case {"do": "many", "runs": list(runs)}:
            own: list[dict[str, np.ndarray]] = [{} for _ in runs]
            for name, array in arrays.items():
                index, _, rest = name.partition("/")
                if not index.isdecimal() or int(index) >= len(runs):
                    raise RequestError(f"the array {name!r} belongs to no run")
                own[int(index)][rest] = array
            answers = [_run(framework, run, mine) for run, mine in zip(runs, own, strict=True)]
            outputs = {f"{i}/y": y for i, (_, y) in enumerate(answers) if y is not None}
            return {"ok": True, "results": [result for result, _ in answers]}, outputs
        case {"do": "sweep"}:
            return _swept(framework, header, arrays)
    raise RequestError(f"nothing to do: {str(header)[:LONGEST_ERROR]}")


def _swept(framework: Framework, header: dict[str, Any], arrays: Arrays) -> Message:
    from deconvcalc.checkers.workers.sweep import sweep

    try:
        sweeper = framework.sweeper(arrays["x"], arrays["w"])
        return sweep(sweeper, header, arrays)
    except (KeyError, ValueError, IndexError) as error:
        raise RequestError(f"cannot be swept: {type(error).__name__}: {error}") from error


def _run(
    framework: Framework, run: Mapping[str, Any], arrays: Arrays
) -> tuple[dict[str, Any], np.ndarray | None]:
    """One forward pass: the result, and the output if there is one."""
    try:
        inputs = [arrays[name] for name in run["inputs"]]
        steps = [_step(step, arrays) for step in run["steps"]]
        dtype = run["dtype"]
    except (KeyError, TypeError, AttributeError) as error:
        raise RequestError(f"cannot be run: {type(error).__name__}: {error}") from error
    if dtype not in DTYPES or not inputs:
        raise RequestError(f"cannot be run: {len(inputs)} inputs of {dtype!r}")
    index = 0
    start = time.perf_counter()
    try:
        values = [framework.tensor(array, dtype) for array in inputs]
        for index, step in enumerate(steps):  # noqa: B007 - a refusal names it
            result = framework.build_and_run(step, values, dtype)
            # A pool may return its indices too.
            values = [result[0] if isinstance(result, tuple) else result]
        output = framework.array(values[0])
    except Exception as error:  # noqa: BLE001 - whatever a framework raises is a refusal
        return {"ok": False, "error": _first_line(error), "step": index}, None
    return {"ok": True, "seconds": time.perf_counter() - start}, output


def _step(step: Mapping[str, Any], arrays: Arrays) -> Step:
    name, indices = step["name"], step.get("indices")
    if not name.isidentifier() or name.startswith("_"):
        raise RequestError(f"not the name of a layer: {name!r}")
    return Step(
        name,
        {key: _tuples(value) for key, value in step.get("arguments", {}).items()},
        [arrays[weight] for weight in step.get("weights", ())],
        None if indices is None else arrays[indices],
    )


def _tuples(value: Any) -> Any:
    """The value with every list in it made a tuple."""
    if isinstance(value, list):
        return tuple([_tuples(item) for item in value])
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value


def _first_line(error: Exception) -> str:
    """A refusal in one line, without colours and without where Keras and TensorFlow were."""
    text = re.sub(r"\x1b\[[\d;]*m|\{\{function_node [^}]*\}\}", "", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].startswith("Exception encountered when calling"):
        del lines[0]
    first = f": {lines[0]}" if lines else ""
    return f"{type(error).__name__}{first}"[:LONGEST_ERROR]
