"""PyTorch modules and functions as models of exact sizes: they run on meta tensors.

The code runs as it is, on tensors without memory. Each function of torch that it calls becomes a
node; sizes that it reads remember what they are, and its comparisons of sizes become guards.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import QueryError
from deconvcalc.model.admissible import region
from deconvcalc.model.graph import AXIS_NAMES
from deconvcalc.tracing.path import InputSpec, Path, Traced
from deconvcalc.tracing.ways import MOST_WAYS, SECONDS, all_ways
from deconvcalc.tracing.where import raised_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deconvcalc.model.admissible import Region

__all__ = ["inputs_of", "traced"]

MOST_PLACES = 3
"""A warning names so many lines."""


def inputs_of(model: Any, size: Any, channels: Any = None) -> tuple[InputSpec, ...]:
    """The inputs of a module or a function: the arguments that it needs.

    Args:
        model: the module or the function.
        size: the spatial sizes, of all inputs; or a dict of them by name, which also says which
            arguments are inputs. One int is for as many axes as the first layer has.
        channels: the channels, of all inputs, or a dict of them by name. None takes those that the
            first layer wants; a name with None has no channel axis.

    Raises:
        QueryError: no size, or channels that nobody knows.
    """
    if size is None:
        raise QueryError(
            "the size of the input is not given",
            rule="input_size",
            hint="Give the spatial sizes, such as input_size=(127, 127); any will do.",
        )
    call = getattr(model, "forward", model)
    parameters = inspect.signature(call).parameters.values()
    names = [
        one.name
        for one in parameters
        if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    if isinstance(size, dict):
        names = list(size)
    elif not names:
        names = [one.name for one in parameters][:1] or ["input"]
    specs: list[InputSpec] = []
    for name in names:
        sizes = size[name] if isinstance(size, dict) else size
        several = isinstance(sizes, (tuple, list))
        sizes = tuple(sizes) if several else (sizes,) * _first_axes(model)
        deep = channels.get(name) if isinstance(channels, dict) else channels
        if deep is None and not (isinstance(channels, dict) and name in channels):
            deep = _first_channels(model)
        if len(sizes) not in AXIS_NAMES:
            raise QueryError(
                f"an input has at most {max(AXIS_NAMES)} spatial axes, not {len(sizes)}",
                rule="size",
                hint="Give the spatial sizes alone, without batch and channels.",
            )
        axes = AXIS_NAMES[len(sizes)]
        if specs:
            axes = tuple([f"{name}.{one}" for one in axes])
        specs.append(InputSpec(name, deep, sizes, axes))
    return tuple(specs)


def _first_axes(model: Any) -> int:
    """How many axes the first layer has whose class is named for them; an image's, if none is."""
    for one in model.modules() if hasattr(model, "modules") else ():
        name = type(one).__name__
        if name[-2:] in ("1d", "2d", "3d"):
            return int(name[-2])
    return 2


def _first_channels(model: Any) -> int:
    """The channels that the first layer of a module takes."""
    for one in model.modules() if hasattr(model, "modules") else ():
        for name in ("in_channels", "in_features", "num_features"):
            found = getattr(one, name, None)
            if isinstance(found, int):
                return found
    raise QueryError(
        "how many channels the input has is not known",
        rule="channels",
        hint="Give channels=3, for example.",
    )


def traced(
    model: Any,
    inputs: Sequence[InputSpec],
    *,
    assume: Mapping[str, str] | None = None,
    most_ways: int = MOST_WAYS,
    seconds: float = SECONDS,
) -> Traced:
    """All ways through a PyTorch module, or a function of tensors, as models of exact sizes.

    The module is left as it was. It runs in eval mode, with a batch of 1, on meta tensors: neither
    parameters nor activations take memory.

    Args:
        model: the module, or a function.
        inputs: its inputs, in order.
        assume: unknown operations that leave sizes alone: `{"name": "same"}`.
        most_ways: how many ways at most.
        seconds: how long at most.

    Raises:
        UnknownOperationError: an operation that is not known and may change sizes.
        TraceError: code that asks for values of tensors, TorchScript, lazy modules.
        QueryError: inputs that the module does not take.
    """
    import torch

    from deconvcalc.tracing.torch.kinds import follow_numbers

    model = getattr(model, "_orig_mod", model)  # what torch.compile wrapped
    _check_arguments(model, inputs)
    found: dict[str, dict[str, None]] = {"passed": {}, "warnings": {}}
    start = {
        name: size
        for spec in reversed(inputs)
        for name, size in zip(spec.axes, spec.size, strict=True)
    }
    variables = list(dict.fromkeys(name for spec in inputs for name in spec.axes))

    unexplained: list[Region] = []

    def trace_at(point: dict[str, int]) -> Path:
        way, sure = _trace(model, inputs, point, assume or {}, found)
        if not sure:
            unexplained.append(region(variables, way.guards, guards=True))
        return way

    first = {name: start[name] for name in variables}
    with follow_numbers(model):
        ways, unknown = all_ways(variables, first, trace_at, most=most_ways, seconds=seconds)
    return Traced(
        "torch",
        ways,
        tuple(found["passed"]),
        {"torch": torch.__version__},
        tuple(found["warnings"]),
        [*unknown, *unexplained],
    )


def _check_arguments(model: Any, inputs: Sequence[InputSpec]) -> None:
    call = getattr(model, "forward", model)
    try:
        inspect.signature(call).bind(*inputs)
    except TypeError as error:
        raise QueryError(
            f"{type(model).__name__} does not take {len(inputs)} inputs: {error}",
            rule="inputs",
            hint="Say the inputs by name: a size for each argument.",
        ) from None


def _trace(
    model: Any,
    inputs: Sequence[InputSpec],
    point: dict[str, int],
    assume: Mapping[str, str],
    found: dict[str, dict[str, None]],
) -> tuple[Path, bool]:
    """The way that one input takes, and whether it is known why it fails, if it does."""
    import torch

    from deconvcalc.tracing.torch.known import tensors_in
    from deconvcalc.tracing.torch.mode import Mode
    from deconvcalc.tracing.torch.modules import as_traced, counted
    from deconvcalc.tracing.torch.tracer import Tracer, UnexplainedError, entry

    tracer = Tracer(inputs, point, assume)
    failed = result = None
    sure, words = True, None
    with (
        warnings.catch_warnings(),
        redirect_stdout(sys.stderr),
        as_traced(model, tracer),
        torch.no_grad(),
        Mode(tracer),
    ):
        warnings.simplefilter("ignore")
        try:
            result = entry(lambda: model(*tracer.inputs))
        except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever its own code raises
            if tracer.error is None:
                failed = _told(error, raised_at(error))
                words = str(error)
    if tracer.error is not None:
        if not isinstance(tracer.error, UnexplainedError):
            raise tracer.error
        failed, sure = f"{tracer.error.message} ({tracer.error.hint})", False
    elif tracer.refused is not None:
        sure = False
        if failed is None or words != str(tracer.refused):
            _warn(
                found,
                f"the code catches what torch says without a rule of ours ({tracer.refused}): "
                "inputs that go the same way are not known",
            )
    if failed is None:
        outputs = [one for one in tensors_in((result,)) if tracer.known(one).traced]
        nodes = [tracer.source(one) for one in outputs]
        if nodes:
            tracer.model.output(*dict.fromkeys(nodes))
        else:
            _warn(found, "no tensor comes out of the model")
    unused = counted(model, tracer)
    if unused and failed is None:
        _warn(found, f"parameters that nothing uses: {', '.join(unused)}")
    written = tracer.guards.written(words)
    if written:
        _warn(
            found,
            f"sizes become text ({', '.join(written[:MOST_PLACES])}): where code decides by what "
            "is put together from it, that is not seen",
        )
    for what in tracer.unseen:
        _warn(found, f"{what} are not known: whether they lie inside is not checked")
    found["passed"].update(tracer.passed)
    return Path(tracer.model, tracer.guards.conditions, failed, tracer.said), sure


def _warn(found: dict[str, dict[str, None]], text: str) -> None:
    found["warnings"][text] = None


def _told(error: BaseException, where: str | None) -> str:
    lines = str(error).strip().splitlines()
    words = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return f"{words} ({where})" if where else words
