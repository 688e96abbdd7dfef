"""Real layers against the reference: sizes, values and the adjoint identity."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from deconvcalc.checkers.names import CHECKERS, read_names
from deconvcalc.checkers.problem import Placed, Problem, adjoint
from deconvcalc.checkers.process import Worker, WorkerError
from deconvcalc.checkers.verdict import TOLERANCE, Verdict
from deconvcalc.dialects import ALL_DIALECTS
from deconvcalc.errors import CheckError, QueryError
from deconvcalc.layers import Layer
from deconvcalc.translation import Conversion, convert
from deconvcalc.translation.code import call_text
from deconvcalc.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Status", "confirm", "recheck", "start", "status", "verify", "worker"]

_WORKERS: dict[str, Worker] = {}


def worker(name: str, place: int = 0) -> Worker:
    """The process of a checker, the same one for every question; sweeps use several."""
    key = f"{name} {place}" if place else name
    if key not in _WORKERS:
        _WORKERS[key] = Worker(name)
    return _WORKERS[key]


def start(names: Iterable[str]) -> None:
    """Let the frameworks load side by side; nothing waits for them yet."""
    for name in names:
        if CHECKERS[name]:
            worker(name).start()


class Status(Value):
    """Whether a checker can be used here.

    Attributes:
        name: of the checker.
        state: "ready"; "missing" where its framework is not installed, "broken" where it does not
            load; or what happened to its process.
        versions: of the framework, its backend, numpy and Python.
        reason: where it is not ready, why.
        hint: the way out, for a missing framework the install command.
    """

    __slots__ = _fields = ("name", "state", "versions", "reason", "hint")
    name: str
    state: str
    versions: dict[str, str]
    reason: str | None
    hint: str | None

    def __init__(self, **fields: Any) -> None:
        self._set(**dict.fromkeys(self._fields) | {"versions": {}} | fields)

    __hash__ = None  # type: ignore[assignment]  # versions are a dict


def status(name: str) -> Status:
    """Load a checker's framework in its process, and say whether it can be used."""
    if CHECKERS[name] is None:
        return Status(name=name, state="ready", versions=_own_versions())
    try:
        return Status(name=name, state="ready", versions=worker(name).versions)
    except WorkerError as error:
        return Status(name=name, state=error.kind, reason=error.message, hint=error.hint)


def _own_versions() -> dict[str, str]:
    import sys

    return {"numpy": np.__version__, "python": sys.version.split()[0]}


def verify(
    layer: Layer | Sequence[Layer] | Any,
    size: Any = None,
    checkers: str | Sequence[str] = ("torch", "keras"),
    *,
    dtype: str = "float32",
    channels: tuple[int, int] | None = None,
    seed: int = 0,
) -> tuple[Verdict, ...]:
    """Build real layers, run them forward on a CPU, and compare sizes and values.

    The layers are written in each framework as `convert` writes them, get the same random weights,
    bias and input, and are compared with a reference that is computed by loops. A convolution is
    run together with its transpose: <Lx, y> = <x, L*y>.

    Args:
        layer: a layer, several, first to last, or an answer of `solve`.
        size: the input size, an int or one per axis; for an answer its own by default. Where
            neither the layer nor the size says how many axes there are, there are two. An answer
            that several inputs fit is built once, as its code says, and run at the smallest and the
            largest of them.
        checkers: names: "numpy" (the loops against the arithmetic), "torch", "keras" (Keras on
            TensorFlow), "keras[torch]" (Keras on PyTorch), "onnx" (ONNX Runtime, float32 alone for
            most layers).
        dtype: "float32" or "float64".
        channels: how many go into the first layer and come out of those that leave it open, each
            times its groups; by default 2 and 3.
        seed: of the random numbers.

    Returns:
        One verdict a checker, in the order asked for; of two sizes that at the smaller one, unless
        only the larger one is not ok.

    Raises:
        SizeError: a layer refuses its size.
        CheckError: there is too much to compute, or no reference for the values.
        QueryError: an unknown checker.
        TypeError: a wrong type.

    >>> from deconvcalc import ConvTranspose, verify
    >>> verify(ConvTranspose(6, stride=2), 28, checkers="numpy")
    (<numpy: ok>,)
    """
    names = read_names(checkers)
    if dtype not in [*TOLERANCE]:  # what cannot be hashed, too
        known = " or ".join(TOLERANCE)
        raise QueryError(f"dtype must be {known}, not {dtype!r}", rule="dtype")
    layers, sizes, settled = _layers(layer, size)
    start(names)
    problems = [Problem(layers, size, channels=channels, seed=seed) for size in sizes]
    return tuple([_at_all(name, problems, dtype, settled=settled) for name in names])


def _at_all(name: str, problems: Sequence[Problem], dtype: str, *, settled: bool) -> Verdict:
    """The verdict at the first size, or the first that is not ok.

    Where the size is not settled, the layers that are built are the same at every size.
    """
    dialect = CHECKERS[name]
    made = None
    if not settled and dialect is not None:
        first = problems[0]
        made = [convert(one.layer.replace(axes=len(one.sizes)), to=dialect) for one in first.placed]
    verdicts = []
    for problem in problems:
        verdicts.append(confirm(name, problem, dtype=dtype, conversions=made))
        if not verdicts[-1].ok:
            return verdicts[-1]
    return verdicts[0]


def recheck(certificate: dict[str, Any]) -> Verdict:
    """Run the check of a certificate (`Verdict.to_record`) again, with the same numbers.

    Raises:
        CheckError: it is no certificate.
        DeconvcalcError: its layers cannot be read.
    """
    from deconvcalc.notation import parse

    try:
        layers = [parse(text) for text in certificate["layers"]]
        (found,) = verify(
            layers,
            tuple(certificate["size"]),
            [certificate["checker"]],
            dtype=certificate["dtype"],
            channels=tuple(certificate["channels"]),
            seed=certificate["seed"],
        )
    except (KeyError, TypeError) as error:
        raise CheckError(
            f"this is no certificate: {error}", hint="Give what Verdict.to_record() returned."
        ) from None
    return found


def _layers(layer: Any, size: Any) -> tuple[tuple[Layer, ...], list[Any], bool]:
    """The layers and the sizes, from a layer, several, or an answer; whether there is one size.

    For an answer with several inputs, the smallest and the largest are checked.
    """
    sizes, settled = [size], True
    if isinstance(layer, Layer):
        layers: tuple[Any, ...] = (layer,)
    elif hasattr(layer, "layers"):
        layers = tuple(layer.layers)
        if size is None:
            sizes = [*dict.fromkeys([layer.smallest_source, layer.largest_source])]
            settled = layer.only_source is not None
    else:
        layers = tuple(layer) if isinstance(layer, (list, tuple)) else ()
    if not layers or not all(isinstance(item, Layer) for item in layers):
        raise TypeError(f"verify takes a layer, several or an answer, not {layer!r}")
    if sizes == [None]:
        raise TypeError("verify needs the input size")
    return layers, sizes, settled


class _FaultError(Exception):
    """Why a verdict is not ok, by kind and as a sentence."""

    def __init__(self, kind: str, reason: str) -> None:
        self.kind = kind
        self.reason = reason
        super().__init__(reason)


def confirm(
    name: str,
    problem: Problem,
    *,
    dtype: str = "float32",
    conversions: Sequence[Conversion] | None = None,
) -> Verdict:
    """The verdict of one checker.

    Args:
        name: of the checker.
        problem: the layers with their numbers.
        dtype: "float32" or "float64".
        conversions: what each layer becomes in the framework; by default what `convert` says.
    """
    begun = time.perf_counter()
    facts: dict[str, Any] = {
        "checker": name,
        "ok": False,
        "layers": tuple([f"dc.{layer}" for layer in problem.layers]),
        "size": problem.sizes,
        "expected": problem.expected,
        "tolerance": TOLERANCE[dtype],
        "dtype": dtype,
        "seed": problem.seed,
        "channels": problem.channels,
        "how": "layers" if CHECKERS[name] else "loops",
        "built": (),
        "versions": {},
    }
    try:
        if CHECKERS[name] is None:
            _by_loops(problem, facts)
        else:
            _by_framework(name, problem, facts, conversions)
        facts["ok"] = True
    except _FaultError as fault:
        facts |= {"fault": fault.kind, "reason": fault.reason}
    except WorkerError as error:
        facts |= {"fault": error.kind, "reason": str(error)}
    return Verdict(**facts, seconds=time.perf_counter() - begun)


def _compare(result: Array, problem: Problem, facts: dict[str, Any]) -> None:
    """Sizes first, then values; a number that is none is no agreement."""
    reference = problem.reference
    facts["found"] = result.shape[1:]
    if result.shape[1:] != problem.expected:
        raise _FaultError("size", f"{_x(result.shape[1:])} came out, not {_x(problem.expected)}")
    if result.shape != reference.shape:
        raise _FaultError("size", f"{len(result)} channels came out, not {len(reference)}")
    finite = np.isfinite(reference)
    # Infinities, and what is no number, have to stand in the same places.
    if not np.array_equal(result[~finite], reference[~finite], equal_nan=True):
        raise _FaultError("values", "infinite values differ")
    facts["scale"] = scale = float(np.abs(reference[finite]).max(initial=0.0))
    facts["error"] = error = float(np.abs(result[finite] - reference[finite]).max(initial=0.0))
    if not error <= facts["tolerance"] * scale:
        raise _FaultError("values", f"values differ by up to {error:.2g}, of at most {scale:.2g}")


def _x(sizes: tuple[int, ...]) -> str:
    return " x ".join(map(str, sizes)) or "no axis"


def _products(one: Placed, x: Array, image: Array, y: Array, back: Array) -> float:
    """How far <Lx, y> and <x, L*y> lie apart, as a part of all that is added up."""
    bias = one.arrays.get("bias")
    if bias is not None:
        image = image - bias.reshape(-1, *(1 for _ in one.result))
    left, right = image * y, x * back
    return float(abs(left.sum() - right.sum()) / max(np.abs(left).sum(), np.abs(right).sum(), 1e-9))


def _check_adjoint(gap: float, facts: dict[str, Any]) -> None:
    facts["adjoint"] = gap
    if not gap <= facts["tolerance"]:
        raise _FaultError("adjoint", f"<Lx, y> and <x, L*y> differ by {gap:.2g} of their terms")


def _weights_there(problem: Problem) -> Array:
    """The y of the adjoint identity."""
    rng = np.random.default_rng(problem.seed + 1)
    return rng.standard_normal(problem.reference.shape, dtype=np.float32).astype(np.float64)


def _by_loops(problem: Problem, facts: dict[str, Any]) -> None:
    """The loops against the arithmetic: sizes, and a convolution against its transpose."""
    facts["versions"] = _own_versions()
    _compare(problem.reference, problem, facts)
    one = problem.placed[0]
    transpose = adjoint(one) if len(problem.placed) == 1 else None
    if transpose is not None:
        from deconvcalc.checkers.reference import forward

        y = _weights_there(problem)
        back = forward(transpose, y, {"kernel": one.arrays["kernel"]})
        _check_adjoint(_products(one, problem.x, problem.reference, y, back), facts)


def _by_framework(
    name: str,
    problem: Problem,
    facts: dict[str, Any],
    conversions: Sequence[Conversion] | None,
) -> None:
    dialect = str(CHECKERS[name])
    title = ALL_DIALECTS[dialect].title
    process = worker(name)
    facts["versions"] = process.versions
    if conversions is None:
        conversions = [convert(one.layer, to=dialect, size=one.sizes) for one in problem.placed]
    for made in conversions:
        if not made:
            raise _FaultError(
                "impossible", f"no layers of {title} give these numbers: {made.reason}"
            )
    run = _Run(dialect, facts["dtype"], problem.x)
    for one, made in zip(problem.placed, conversions, strict=True):
        run.add(one, made, one.arrays)
        facts["built"] += tuple([call_text(dialect, step, one.channels) for step in made.steps])
    result = run.ask(process, title)
    _compare(result, problem, facts)
    one = problem.placed[0]
    transpose = adjoint(one) if len(problem.placed) == 1 else None
    if transpose is None:
        return
    made = convert(transpose, to=dialect, size=one.result)
    if made:
        y = _weights_there(problem)
        run = _Run(dialect, facts["dtype"], y)
        turned = Placed.given(transpose, one.result, one.channels[::-1], one.arrays)
        run.add(turned, made, turned.arrays)
        try:
            back = run.ask(process, title)
        except _FaultError:
            return  # a framework without the transpose: it says nothing of the layer
        _check_adjoint(_products(one, problem.x, result, y, back), facts)


class _Run:
    """One forward pass: the steps of some layers, with their arrays in the framework's layout."""

    def __init__(self, dialect: str, dtype: str, x: Array) -> None:
        self.last = ALL_DIALECTS[dialect].channels_last
        self.dtype = dtype
        self.steps: list[dict[str, Any]] = []
        moved = np.moveaxis(x, 0, -1) if self.last else x
        self.arrays: dict[str, Array] = {"x": moved[None].astype(dtype)}

    def add(self, one: Placed, made: Conversion, arrays: dict[str, Array]) -> None:
        """Add the steps of one layer."""
        for step, weights in zip(made.steps, made.weights(arrays), strict=True):
            place = len(self.steps)
            names = [f"{place}/{index}" for index in range(len(weights))]
            for name, array in zip(names, weights, strict=True):
                self.arrays[name] = array.astype(self.dtype)
            told: dict[str, Any] = {"name": step.name, "arguments": step.at(one.channels)}
            told["weights"] = names
            if one.indices is not None and step.name.startswith("MaxUnpool"):
                told["indices"] = f"{place}/indices"
                self.arrays[told["indices"]] = one.indices[None]
            self.steps.append(told)

    def ask(self, process: Worker, title: str) -> Array:
        """The output, channels first and without the batch axis."""
        header = {"do": "run", "steps": self.steps, "dtype": self.dtype, "inputs": ["x"]}
        answer, arrays = process.ask(header, self.arrays)
        if not answer["ok"]:
            raise _FaultError("refused", f"{title} refuses it: {answer['error']}")
        result = arrays["y"][0].astype(np.float64)
        return np.moveaxis(result, -1, 0) if self.last else result
