"""The kinds of assertion, each with its key in the file, its schema and its rule.

`KINDS` is the one list of them: the reader of files, the JSON schema, the documentation and the
tests go over it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from deconvcalc.assertions.admitted import admissible, admits
from deconvcalc.assertions.budgets import max_macs, max_memory, max_parameters
from deconvcalc.assertions.finding import Case, Kind
from deconvcalc.assertions.layout import aligned, checkerboard, field, min_field, nodes, stride
from deconvcalc.assertions.outcome import Outcome
from deconvcalc.assertions.outputs import output, output_channels, output_for_all
from deconvcalc.assertions.plans import plan
from deconvcalc.assertions.subject import Subject
from deconvcalc.assertions.verifying import verify
from deconvcalc.checkers.names import CHECKERS
from deconvcalc.errors import CheckError, DeconvcalcError, QueryError, UndecidedError
from deconvcalc.sets import LimitError
from deconvcalc.tracing.loading import FRAMEWORKS, RAISED, raised

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["KINDS", "decide", "outcome_of"]

LARGEST = 10**18
"""Numbers in files go up to this."""

_NUMBER = {"type": "integer", "minimum": 0, "maximum": LARGEST}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 10_000}
_COUNT = {"type": "integer", "minimum": 1, "maximum": LARGEST}


def _named(alternatives: list[dict[str, Any]]) -> dict[str, Any]:
    """What is said of the output, or of nodes by their names."""
    table = {
        "type": "object",
        "properties": {},
        "additionalProperties": {"oneOf": alternatives},
        "description": "By the names of nodes.",
    }
    return {"oneOf": [*alternatives, table]}


_OUTPUT = _named(
    [_COUNT, _TEXT, {"type": "array", "items": {"oneOf": [_COUNT, _TEXT]}, "maxItems": 3}]
)
"""A size; or, for all inputs, a function of n."""

_CONDITION = {
    "oneOf": [
        _TEXT,
        {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 9},
        {"type": "object", "properties": {}, "additionalProperties": _TEXT},
    ]
}
_PIXELS = _named(
    [_NUMBER, _TEXT, {"type": "array", "items": {"oneOf": [_NUMBER, _TEXT]}, "maxItems": 3}]
)

_ALL = (
    Kind("output", "the size that comes out of an input", output, _OUTPUT, asks="input"),
    Kind(
        "output_for_all",
        "the size that comes out, as a function of n, for every input that meets `inputs`",
        output_for_all,
        _OUTPUT,
        asks="inputs",
        key="output",
    ),
    Kind(
        "output_channels",
        "how many channels come out",
        output_channels,
        _named([_COUNT]),
        asks="any",
    ),
    Kind(
        "admissible",
        "the inputs that run: these, and no others",
        admissible,
        _CONDITION,
        asks="near",
    ),
    Kind("admits", "inputs that run, and others may", admits, _CONDITION, asks="near"),
    Kind(
        "aligned",
        "whether every two branches that are merged have their pixel centres at the same places",
        aligned,
        {"type": "boolean"},
        asks="input",
    ),
    Kind(
        "checkerboard",
        "whether a transposed convolution gives neighbouring outputs different numbers of taps",
        checkerboard,
        {"type": "boolean"},
        asks="any",
    ),
    Kind("max_parameters", "at most so many parameters", max_parameters, _NUMBER, asks="any"),
    Kind("max_macs", "at most so many multiply-accumulates", max_macs, _NUMBER, asks="input"),
    Kind(
        "max_memory",
        "at most so many bytes of activations, in float32, for one input",
        max_memory,
        _NUMBER,
        asks="input",
    ),
    Kind("field", "how many input pixels a place of the output sees", field, _PIXELS, asks="input"),
    Kind(
        "min_field",
        "how many input pixels a place of the output sees at least",
        min_field,
        _PIXELS,
        asks="input",
    ),
    Kind("stride", "how many input pixels a step of the output is", stride, _PIXELS, asks="input"),
    Kind(
        "nodes",
        "which layers the nodes are that are named, each as a call",
        nodes,
        {
            "type": "object",
            "properties": {},
            "additionalProperties": _TEXT,
            "description": "By the names of nodes.",
        },
        asks="any",
    ),
    Kind(
        "plan",
        "the sizes, channels and costs that its file says are those of its stages",
        plan,
        {"type": "string", "minLength": 1, "maxLength": 4_000},
        asks="none",
    ),
    Kind(
        "verify",
        "checkers that build real layers and run them, or the model itself",
        verify,
        {"type": "array", "items": {"enum": [*CHECKERS]}, "minItems": 1, "maxItems": 10},
        asks="input",
    ),
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
"""Every kind of assertion, by its name."""


def decide(
    kind: str,
    model: Any,
    value: Any,
    *,
    input: Any = None,  # noqa: A002 - what it is called in files
    inputs: Any = None,
    channels: Any = None,
    name: str | None = None,
    where: str | None = None,
) -> Outcome:
    """Decide one assertion about Python objects.

    Args:
        kind: a key of `KINDS`.
        model: whatever `dc.trace` takes: a layer, a list of layers, a `Model`, a torch module, a
            Keras model, a path or pasted text; or a `Trace`, or a `Subject`.
        value: what must hold, as the key of the kind has it in files.
        input: the size that is asked about, where the kind asks for one.
        inputs: the condition in n that is asked for, where the kind does.
        channels: of the input, where the model does not say.
        name: what the outcome is called; by default what the model prints.
        where: the file and line of it.

    Raises:
        QueryError: an unknown kind, or one without the input that it asks for.

    >>> import deconvcalc as dc
    >>> decide("output", dc.ConvTranspose(6, stride=2), 60, input=28).state
    'passed'
    >>> print(decide("output", dc.PixelShuffle(2), 61, input=30, name="up").text())
    FAILED up (output)
      expected  61
      got       60
      because     m = n*factor    with factor = 2
                    = 30*2
                    = 60
                  source       torch.nn.PixelShuffle, section Shape
                  in n         2*n,  for n >= 1
                  no loss      every n that is taken
                  same output  30
      nearest   h: no input gives 61
                w: no input gives 61
    """
    if kind not in KINDS:
        from deconvcalc.notation import nearest

        raise QueryError(f"unknown kind of assertion {kind!r}", hint=nearest(kind, list(KINDS)))
    asked = KINDS[kind]
    if asked.asks == "input" and input is None:
        raise QueryError(f"{kind} needs an input: give input=28, or (28, 30)", rule="input")
    if asked.asks == "inputs" and inputs is None:
        raise QueryError(f'{kind} needs conditions: give inputs="n % 32 == 0"', rule="inputs")
    subject = model if isinstance(model, Subject) else Subject(model, channels=channels)
    called = name or _called(subject.model)

    def ready() -> Case:
        from deconvcalc.assertions.subject import read_size

        return Case(subject, value, None if input is None else read_size(input), inputs)

    return outcome_of(asked, ready, called, where)


def _called(model: Any) -> str:
    if isinstance(model, str):
        text = model
    elif type(model).__module__.startswith("deconvcalc."):
        text = repr(model)
    else:
        text = type(model).__name__
    return text if len(text) <= 60 else f"{text[:60]}..."


def outcome_of(kind: Kind, ready: Callable[[], Case], name: str, where: str | None) -> Outcome:
    """Decide a case, once it is ready; what is in the way becomes an outcome too.

    Args:
        kind: its kind.
        ready: makes the case, which may load a model.
        name: what the check is called.
        where: the file and line that it stands at.
    """
    begun = time.perf_counter()

    def error(fault: str, message: str, hint: str | None = None, expected: str = "") -> Outcome:
        return Outcome(
            name,
            kind.name,
            "error",
            expected=expected,
            got=message,
            where=where,
            hint=hint,
            fault=fault,
            seconds=time.perf_counter() - begun,
        )

    try:
        case = ready()
        found = kind.decide(case)
    except DeconvcalcError as fault:
        return error(_fault(fault), _said(fault), fault.hint)
    except ImportError as fault:
        package = (fault.name or "").partition(".")[0]
        if package not in FRAMEWORKS:
            return error("raised", raised(fault, "the model").message)
        if isinstance(fault, ModuleNotFoundError):
            return error("missing", f"{package} is not installed", f"pip install {package}")
        return error("broken", f"{package} is broken: {fault}")
    except SystemExit as fault:  # no model's code ends the run, least of all with success
        return error("raised", raised(fault, "the model").message)
    except TypeError as fault:
        if "is no model" not in str(fault):
            raise
        return error("unreadable", str(fault))
    return Outcome(
        name,
        kind.name,
        "passed" if found.ok else "failed",
        expected=found.expected,
        got=found.got,
        derivation=found.derivation,
        nearest=found.nearest,
        where=where,
        hint=found.hint,
        seconds=time.perf_counter() - begun,
    )


def _said(error: DeconvcalcError) -> str:
    """What an error says without its hint, which stands in a line of its own."""
    text = str(error)
    tail = f"\n  {error.hint}"
    return text.removesuffix(tail) if error.hint else text


def _fault(error: DeconvcalcError) -> str:
    if isinstance(error, (UndecidedError, LimitError)):
        return "undecided"
    if error.rule in ("vacuous", "undecided", "forbidden", "missing", "broken"):
        return str(error.rule)
    if error.rule == RAISED:
        return "raised"
    if error.rule in FRAMEWORKS:
        return "missing"
    return "undecided" if isinstance(error, CheckError) else "unreadable"
