"""What a trace builds up: the model, node by node, and each node at the traced input.

A tensor carries its node and its dimensions, each an int or a function of the inputs, as an
attribute. All tensors are meta tensors: they have shapes and no memory.
"""

from __future__ import annotations

import sys
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from deconvcalc.errors import (
    DeconvcalcError,
    QueryError,
    SizeError,
    TraceError,
    UnknownOperationError,
)
from deconvcalc.layers import Layer
from deconvcalc.model.conditions import Condition
from deconvcalc.model.extents import Along
from deconvcalc.model.graph import Model
from deconvcalc.model.operations import Given
from deconvcalc.model.run import Fault, Run
from deconvcalc.tracing.torch.arguments import Dim, Sizes, at_traced, size_of
from deconvcalc.tracing.torch.catching import catches
from deconvcalc.tracing.torch.guards import Guards
from deconvcalc.tracing.torch.known import Known, at, flat, forget, laid_out, mark, tensors_in
from deconvcalc.tracing.torch.shapes import positive
from deconvcalc.tracing.torch.sizes import Size
from deconvcalc.tracing.where import is_standard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from deconvcalc.model.extents import Extent
    from deconvcalc.model.graph import Node
    from deconvcalc.model.operations import Operation
    from deconvcalc.tracing.path import InputSpec

__all__ = ["Call", "Known", "Tracer", "laid_out"]

TORCH = str(Path(torch.__file__).parent)
HERE = str(Path(__file__).parents[2])
MOST_ELEMENTS = 2**20
"""A result of so many elements at most is asked for on a CPU, to hear why it cannot be."""

LARGEST = 2**59
"""So many elements a result has at most: torch counts their bytes in 64 bits."""

CAUGHT = "the code catches the failure"

REFUSALS = (RuntimeError, ValueError, IndexError, TypeError, AssertionError)
"""What torch's functions raise about shapes that they do not take."""


class UnexplainedError(TraceError):
    """Torch does not do what the rules say, at some inputs: nobody knows at which."""


class Scope:
    """A call of a module: its path, and whether a node of its own name is there already."""

    __slots__ = ("kind", "leaf", "path", "used")

    def __init__(self, path: str, kind: str, leaf: bool) -> None:
        self.path, self.kind, self.leaf, self.used = path, kind, leaf, False


class Tracer:
    """One trace of one way.

    Attributes:
        model: what is known so far.
        run: the same at the traced input.
        guards: the comparisons of sizes.
        said: the faults at the traced input, with what torch said.
        passed: unknown operations that were let pass.
        unseen: values that conditions would need, and that the trace does not have.
        modules: the paths of modules that were called.
        scopes: the modules that are being called, the innermost last.
        asked: sizes asked of a transposed convolution that is being called.
        refused: what torch said last of a call whose sizes vary, where no rule explains it.
        explained: what torch said last that the code catches, where a guard tells it.
        error: what ended the trace, where the code that is traced may have caught it.
    """

    def __init__(
        self, specs: Sequence[InputSpec], point: Mapping[str, int], assume: Mapping[str, str]
    ) -> None:
        self.model = Model()
        self.point, self.assume = dict(point), assume
        self.run = Run(self.model, self.point)
        self.guards = Guards(self.where)
        self.said: list[Fault] = []
        self.passed: dict[str, None] = {}
        self.unseen: dict[str, None] = {}
        self.modules: dict[str, None] = {}
        self.used: set[str] = set()
        self.scopes: list[Scope] = [Scope("", "", leaf=False)]
        self.asked: Any = None
        self.error: DeconvcalcError | None = None
        self.refused: BaseException | None = None
        self.explained: BaseException | None = None
        self.owners: dict[str, Node] = {}
        self.inputs = [self._input(spec) for spec in specs]
        self._counts = dict.fromkeys([node.name for node in self.model.nodes], 1)
        self._metas: dict[int, tuple[Any, Any]] = {}
        self._places: dict[tuple[str, int], str] = {}

    def _input(self, spec: InputSpec) -> Any:
        node = self.model.input(spec.name, channels=spec.channels, axes=spec.axes)
        self.run.put(node)
        dims: tuple[Dim, ...] = (1, *([] if spec.channels is None else [spec.channels]))
        dims += spec.extents
        sizes = [one if isinstance(one, int) else one.at(self.point) for one in dims]
        return mark(torch.empty(sizes, device="meta"), Known(node, dims, True))

    # What is known of tensors.

    def known(self, tensor: Any) -> Known:
        """What is known of a tensor.

        Raises:
            TraceError: it comes from where the trace does not see.
        """
        found: Known | None = getattr(tensor, "_deconvcalc", None)
        if found is not None:
            return found
        if tensor.device.type == "meta":
            raise self.refuse(
                "a tensor comes from code that is not followed, such as a module made on the way",
                "Make modules in __init__, and write the rest with functions of torch.",
            )
        return Known(None, tuple(tensor.shape), False)

    def source(self, tensor: Any) -> Node:
        """The node of a tensor; a constant gets one when it is first needed."""
        found = self.known(tensor)
        if found.node is not None:
            return found.node
        shape = laid_out(found.dims)
        node = self.add(Given(found.name, shape.channels, shape.extents), (), found.name)
        mark(tensor, Known(node, found.dims, True))
        return node

    def sizes(self, tensor: Any) -> list[Any]:
        """The sizes of a tensor as code gets them."""
        found = self.known(tensor)
        pairs = zip(found.dims, tensor.shape, strict=True)
        return [size_of(self.guards, dim, value) for dim, value in pairs]

    def real(self, value: Any) -> Any:
        """Arguments for torch: plain numbers, and meta tensors alone."""
        return self._meta(at_traced(value))

    def _meta(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value if value.device.type == "meta" else self._copy(value)
        if type(value) in (tuple, list):
            return type(value)([self._meta(one) for one in value])
        if type(value) is dict:
            return {key: self._meta(one) for key, one in value.items()}
        if isinstance(value, slice):
            return value
        return value

    def _copy(self, tensor: Any) -> Any:
        """A meta tensor in the place of a real one; a plain number stays, as torch mixes it."""
        if not tensor.dim():
            return tensor
        key = id(tensor)
        if key not in self._metas:
            self._metas[key] = tensor, torch.empty_like(tensor, device="meta")
        return self._metas[key][1]

    # Names and places.

    def name(self, operation: str) -> str:
        """A name that no node has yet: the module's path, or that and the operation."""
        scope = self.scopes[-1]
        if scope.leaf and scope.path and not scope.used and operation != "pad":
            scope.used = True
            base = scope.path
        else:
            base = f"{scope.path}.{operation}" if scope.path else operation
        count = self._counts.get(base, 0) + 1
        self._counts[base] = count
        return base if count == 1 else f"{base}#{count}"

    def label(self, operation: str) -> str:
        """What an operation is called: its module's class, or itself."""
        scope = self.scopes[-1]
        return scope.kind if scope.leaf and scope.kind else operation

    def where(self) -> str | None:
        """The file and line of the code that is traced."""
        frame: Any = sys._getframe(2)
        while frame is not None:
            file = frame.f_code.co_filename
            if not file.startswith((TORCH, HERE, "<")) and not is_standard(file):
                return self._place(file, frame.f_lineno)
            if frame.f_code is _ENTRY:
                return None
            frame = frame.f_back
        return None

    def _place(self, file: str, line: int) -> str:
        key = file, line
        if key not in self._places:
            path = Path(file)
            shown = Path(*path.parts[-2:])
            if path.is_relative_to(Path.cwd()):
                shown = path.relative_to(Path.cwd())
            self._places[key] = f"{shown}:{line}"
        return self._places[key]

    def refuse(self, message: str, hint: str, operation: str | None = None) -> TraceError:
        """The error of a model that cannot be traced, with the module and the line."""
        path = self.scopes[-1].path
        where = self.where()
        at_ = "".join([f" in {path}" if path else "", f", {where}" if where else ""])
        made = TraceError(f"{message}{at_}", hint=hint)
        if operation is not None:
            made = UnknownOperationError(f"{message}{at_}", operation=operation, hint=hint)
        self.error = made
        return made

    def unexplained(self, message: str) -> TraceError:
        """The error of a way on which torch does what no rule says: its inputs are not known."""
        told = self.refuse(message, "please report it with the model")
        made = UnexplainedError(told.message, hint=told.hint)
        self.error = made
        return made

    # Nodes.

    def add(self, operation: Layer | Operation, sources: Sequence[Node], name: str) -> Node:
        """A node in the model, and its sizes at the traced input."""
        node = self.model.add(operation, *sources, name=self.name(name))
        node.where = self.where()
        self.owners.setdefault(self.scopes[-1].path, node)
        self.run.put(node)
        return node

    def emit(
        self,
        operation: Layer | Operation,
        tensors: Sequence[Any],
        go: Callable[[], Any],
        name: str,
        *,
        lead: tuple[Dim, ...] = (1,),
        dims: tuple[Dim, ...] | None = None,
        again: Callable[[Fault], str | None] | None = None,
        in_place: bool = False,
    ) -> Any:
        """A node for an operation on tensors, and its result.

        Args:
            operation: the operation.
            tensors: what it works on.
            go: has torch do it.
            name: what it is called.
            lead: the dimensions before the channels.
            dims: all dimensions of the result; by default `lead`, the channels and the sizes.
            again: asks torch about one fault, as if it were the only one.
            in_place: whether the result may be what went in.
        """
        sources = [self.source(tensor) for tensor in tensors]
        before = len(self.run.faults), len(self.run.repeated)
        node = self.add(operation, sources, name)
        if dims is None:
            dims = lead + flat(node.shape)
        expected = self._numbers(node, dims)
        if prod(expected) > LARGEST:
            raise self._too_large(node, expected)
        faults = self.run.faults[before[0] :]
        is_asked = self._is_caught(REFUSALS)
        try:
            result = go()
        except REFUSALS as error:
            if self._is_caught((type(error),)):
                raise self._as_way(node, before, faults, go, error) from None
            faults = faults or self.run.repeated[before[1] :]
            result = self._repaired(faults, error, go, again, expected, tensors)
        else:
            if faults and is_asked:  # meta tensors do not keep every rule
                raise self._as_way(node, before, faults, go, None) from None
            result = self._agreed(node, faults, result, expected)
            if is_asked:
                self._note_that(node)
        if isinstance(result, (tuple, list)):
            for one in result:
                mark(one, Known(node, dims, True))
            return result
        if any(result is one for one in tensors):
            if in_place:
                forget(result)
            else:
                result = result.detach()
        return mark(result, Known(node, dims, True))

    # Failures that the code catches are ways, as comparisons are.

    def _is_caught(self, kinds: tuple[type, ...]) -> bool:
        """Whether the user's code has a handler around this call for errors of some kinds."""
        return catches(sys._getframe(2), kinds, _is_users, _ENTRY)

    def _note_that(self, node: Node) -> None:
        """Note what a node asks as guards: other inputs go the handler's way."""
        for one in (*node.conditions, *_accepting(node)):
            for guard in _held(one, self.point):
                self.guards.note(guard.left, guard.relation, guard.right, CAUGHT)

    def _as_way(
        self,
        node: Node,
        before: tuple[int, int],
        faults: Sequence[Fault],
        go: Callable[[], Any],
        error: BaseException | None,
    ) -> BaseException:
        """The error that the code is going to catch: what fails is a guard, and no node is left.

        Where no rule explains it, or torch says it otherwise on a CPU, nothing is known of the
        inputs that go this way.
        """
        on_cpu = go.refusal() if isinstance(go, Call) else None
        failing = [
            one for one in (*node.conditions, *_accepting(node)) if not one.holds(self.point)
        ]
        known = bool(faults) and bool(failing) and on_cpu is not None
        if error is None:
            error = on_cpu or RuntimeError(faults[0].message)
        if on_cpu is not None and type(on_cpu) is type(error):
            error = on_cpu
        elif on_cpu is not None:
            known = False
        if known:
            for guard in _failed(failing[0]):
                self.guards.note(guard.left, guard.relation, guard.right, CAUGHT)
            self.explained = error
        else:
            self.refused = error
        self.model.withdraw(node)
        del self.run.shapes[node.index :]
        del self.run.faults[before[0] :], self.run.repeated[before[1] :]
        self.owners = {path: one for path, one in self.owners.items() if one is not node}
        return error

    def _too_large(self, node: Node, sizes: tuple[int, ...]) -> QueryError:
        at_ = f" ({node.where})" if node.where else ""
        self.error = QueryError(
            f"the input is too large for this model: {node.name} would give "
            f"{' x '.join(map(str, sizes))} elements{at_}, and torch counts up to 2**63 bytes",
            rule="input_size",
            hint="Take smaller sizes.",
        )
        return self.error

    def _repaired(
        self,
        faults: Sequence[Fault],
        error: BaseException,
        go: Callable[[], Any],
        again: Callable[[Fault], str | None] | None,
        expected: tuple[int, ...],
        tensors: Sequence[Any],
    ) -> Any:
        """What stands for a result that torch refuses to give, so that the trace goes on."""
        if not faults:
            if isinstance(go, Call) and go.always_fails():
                raise error  # an error of the code, whatever the sizes
            name = getattr(getattr(go, "func", go), "__name__", "a function")
            raise self.unexplained(
                f"{name}: torch says {_first_line(error)!r}, which no rule here explains"
            ) from error
        for fault in faults:
            self._tell(fault, self._words(fault, go, again, expected) or _first_line(error))
        dtype = tensors[0].dtype if tensors else torch.float32
        made = torch.empty(expected, device="meta", dtype=dtype)
        name = go.func.__name__ if isinstance(go, Call) else ""
        places = torch.empty(expected, device="meta", dtype=torch.int64)
        if name == "topk":
            return torch.return_types.topk((made, places))
        return (made, places) if name.endswith("_with_indices") else made

    def _agreed(
        self, node: Node, faults: Sequence[Fault], result: Any, expected: tuple[int, ...]
    ) -> Any:
        """A result of torch, whose shape has to be what the model says."""
        first = result[0] if isinstance(result, (tuple, list)) else result
        if tuple(first.shape) == expected and not faults:
            return result
        if not self.run.faults:
            raise self.unexplained(
                f"{node.name}: torch gives {tuple(first.shape)}, and {node.operation!r} {expected}"
            )
        for fault in faults:  # meta tensors do not keep every rule
            self._tell(fault, None)
        return torch.empty(expected, device="meta", dtype=first.dtype)

    def given(
        self,
        label: str,
        dims: tuple[Dim, ...],
        tensors: Sequence[Any],
        go: Callable[[], Any],
        name: str,
        conditions: Sequence[Condition] = (),
        *,
        again: Callable[[Fault], str | None] | None = None,
        in_place: bool = False,
        layer: Layer | None = None,
        mixes: bool = False,
        counted: bool = True,
    ) -> Any:
        """A node whose dimensions are computed already; `layer` is what it does at these sizes."""
        shape = laid_out(dims)
        held = [dim for tensor in tensors for dim in self.known(tensor).dims]
        made = list(conditions)
        made += [
            Condition(one, ">=", 1, "at least 1 element is left", axis)
            for axis, one in enumerate(shape.extents)
            if not positive(one, held)
        ]
        operation = Given(
            label, shape.channels, shape.extents, made, layer, mixes=mixes, counted=counted
        )
        return self.emit(operation, tensors, go, name, dims=dims, again=again, in_place=in_place)

    def _words(
        self,
        fault: Fault,
        go: Callable[[], Any],
        again: Callable[[Fault], str | None] | None,
        expected: tuple[int, ...],
    ) -> str | None:
        """What torch says of a fault on a CPU."""
        if again is not None:
            return again(fault)
        if isinstance(go, Call) and prod(expected) <= MOST_ELEMENTS:
            return go.words()
        return None

    def _numbers(self, node: Node, dims: tuple[Dim, ...]) -> tuple[int, ...]:
        """The dimensions at the traced input, as the run has them."""
        numbers = list(self.run.shapes[node.index].numbers or ())
        lead = len(dims) - len(numbers)
        values = [one if isinstance(one, int) else self._at(one) for one in dims[:lead]]
        return (*values, *numbers)

    def _at(self, one: Extent) -> int:
        try:
            return max(one.at(self.point), 1)
        except SizeError:
            return 1

    def _tell(self, fault: Fault, said: str | None) -> None:
        self.said.append(fault.with_words(said))

    def elsewhere(self) -> Iterator[dict[str, int]]:
        """Some other inputs, whose axes differ in size."""
        for step in range(1, 7):
            yield {
                name: size + step * (3 + 2 * place)
                for place, (name, size) in enumerate(self.point.items())
            }

    def same(self, tensor: Any, result: Any) -> Any:
        """A result that is its input under another name: no node."""
        if result is tensor:
            return tensor
        span = getattr(tensor, "_deconvcalc_span", None)
        if span is not None and not result.is_floating_point() and result.dtype != torch.bool:
            result._deconvcalc_span = span
        return mark(result, self.known(tensor))


class Call:
    """A call of torch that is still to be made, on meta tensors."""

    __slots__ = ("args", "func", "kwargs", "tracer")

    def __init__(self, tracer: Tracer, func: Any, args: Any, kwargs: Any) -> None:
        self.tracer, self.func, self.args, self.kwargs = tracer, func, args, dict(kwargs)

    def __call__(self) -> Any:
        """Make it."""
        return self.func(*self.tracer.real(self.args), **self.tracer.real(self.kwargs))

    def at(self, where: Mapping[str, int]) -> Any:
        """Make it with the sizes of another input.

        Raises:
            SizeError: a layer before it refuses its size there.
        """

        def swapped(value: Any) -> Any:
            if isinstance(value, torch.Tensor):
                sizes = [at(one, where) for one in self.tracer.known(value).dims]
                return torch.empty(sizes, device="meta", dtype=value.dtype)
            if type(value) is Size:
                return value.extent.at(where)
            if type(value) in (tuple, list, Sizes):
                return (list if type(value) is list else tuple)([swapped(one) for one in value])
            return at_traced(value)

        kwargs = {name: swapped(one) for name, one in self.kwargs.items()}
        return self.func(*swapped(tuple(self.args)), **kwargs)

    def always_fails(self) -> bool:
        """Whether it fails at other inputs too."""
        seen = 0
        for where in self.tracer.elsewhere():
            try:
                self.at(where)
            except SizeError:
                continue
            except REFUSALS:
                seen += 1
            else:
                return False
        return seen >= 2

    def words(self, keep: Callable[[Any], Sequence[int] | None] | None = None) -> str | None:
        """What torch says of it on a CPU, whose words differ; None where it says nothing.

        Args:
            keep: the sizes that a tensor has instead of its own.
        """

        def real(value: Any) -> Any:
            if isinstance(value, torch.Tensor):
                sizes = value.shape if keep is None else keep(value) or value.shape
                # One element, repeated without memory.
                return torch.zeros(1, dtype=value.dtype).expand(tuple(sizes))
            if type(value) in (tuple, list):
                return type(value)([real(one) for one in value])
            return value

        error = self._on_cpu(real)
        return None if error is None else _first_line(error)

    def refusal(self) -> BaseException | None:
        """What torch raises on a CPU; None where it does not, or where it would be too large."""

        def real(value: Any) -> Any:
            if isinstance(value, torch.Tensor):
                return torch.zeros(1, dtype=value.dtype).expand(tuple(value.shape))
            if type(value) in (tuple, list):
                return type(value)([real(one) for one in value])
            return value

        sizes = [prod(one.shape) for one in tensors_in((*self.args, *self.kwargs.values()))]
        return None if max(sizes, default=0) > MOST_ELEMENTS else self._on_cpu(real)

    def _on_cpu(self, real: Callable[[Any], Any]) -> BaseException | None:
        args = real(self.tracer.real(self.args))
        kwargs = {name: real(one) for name, one in self.tracer.real(self.kwargs).items()}
        try:
            self.func(*args, **kwargs)
        except REFUSALS as error:
            return error
        return None


def _is_users(frame: Any) -> bool:
    """Whether a frame is of code that is traced, and not of torch or Python."""
    file = frame.f_code.co_filename
    return not file.startswith((TORCH, HERE, "<")) and not is_standard(file)


def _accepting(node: Node) -> list[Condition]:
    """That the layers on the way accept their sizes, along each axis."""
    if not isinstance(node.operation, Layer):
        return []
    sizes = [one for one in node.shape.extents if one.variables]
    sizes = [one for one in sizes if not (isinstance(one, Along) and one.map.never_refuses())]
    return [Condition(one, "taken") for one in sizes]


def _held(one: Condition, point: Mapping[str, int]) -> list[Condition]:
    """A condition that holds, as guards."""
    left, right = one.left, one.right
    if one.relation == "matches":
        holding = [Condition(a, "==", b) for a, b in ((left, right), (left, 1), (right, 1))]
        return [next(each for each in holding if each.holds(point))]
    if one.relation == "divides":
        return [Condition(right % left, "==", 0)]
    return [one]


def _failed(one: Condition) -> list[Condition]:
    """A condition that does not hold, as guards."""
    left, right = one.left, one.right
    if one.relation == "matches":
        return [Condition(a, "!=", b) for a, b in ((left, right), (left, 1), (right, 1))]
    if one.relation == "divides":
        return [Condition(right % left, "!=", 0)]
    return [one.negated()]


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def entry(call: Callable[[], Any]) -> Any:
    """Run the code that is traced; frames outside of this one are not its own."""
    return call()


_ENTRY = entry.__code__
