"""Pasted text to layers. The text is read as a syntax tree and never evaluated.

One call of a framework is read by its dialect's table: `nn.Conv2d(3, 8, 5)`,
`keras.layers.Conv2D(8, 5)`. The library's own notation is read too: `ConvTranspose(6, stride=2)`.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import TYPE_CHECKING, Any

from deconvcalc import layers
from deconvcalc.dialects import CHANNELS, DIALECTS, OPEN, REQUIRED, Call, Given
from deconvcalc.errors import DeconvcalcError, NotationError, QueryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deconvcalc.layers import Layer

__all__ = ["parse"]

LONGEST = 10_000
"""How many characters a text may have."""

DEEPEST = 40
"""How many brackets may be open at once."""

MOST_DIGITS = 100
"""How many digits a number may have."""

_NAMED = re.compile(r"\s*\([\w.]{1,200}\):\s*")
_BRACKETS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}
_LONGEST_MESSAGE = 400


def parse(text: str, *, dialect: str | None = None) -> Layer:
    """Read one layer from pasted text.

    Args:
        text: a call such as `nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1)`,
            `layers.Conv2DTranspose(3, 4, strides=2, padding="same")` or
            `ConvTranspose(4, stride=2)`. An assignment (`self.up = ...`), a trailing comma, a
            Keras call on a tensor (`Conv2D(8, 3)(x)`) and a line that PyTorch prints of a model
            (`(up): ConvTranspose2d(...)`) are read through. Channels may be names or expressions:
            sizes do not depend on them, and they are left open.
        dialect: whose names and rules count, "torch" or "keras"; by default the name tells. Where
            PyTorch, Keras and the library share a name, the first of them that knows the keywords
            is meant. With its module, as in `dc.Upsample(2)`, a name is never shared.

    Returns:
        The canonical layer.

    Raises:
        NotationError: text that is not one such call, an unknown name or argument, or a call that
            the framework refuses; with a caret under the fault.
        TypeError: `text` is no string.

    >>> parse("nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1)").output_size((14, 14))
    (28, 28)
    >>> parse("Conv2DTranspose(3, 3, strides=2, padding='same')").padding
    Explicit(0, 1)
    """
    if not isinstance(text, str):
        raise TypeError(f"parse reads text, not {type(text).__name__}")
    if dialect is not None and dialect not in DIALECTS:
        known = ", ".join(DIALECTS)
        raise QueryError(f"unknown dialect {dialect!r}; known are {known}", rule="dialect")
    return _Reader(text).layer(dialect)


class _Reader:
    """Reads one text; every error shows the text."""

    def __init__(self, text: str) -> None:
        self.given = text
        named = _NAMED.match(text)  # a line of a printed model: (conv): Conv2d(...)
        self.skipped = named.end() if named else len(text) - len(text.lstrip())
        text = text[self.skipped :].strip().rstrip(",; \t\r\n\f\v")
        # Lines may end as on other systems; every character keeps its place.
        self.text = text.replace("\r\n", " \n").replace("\r", "\n")
        self.starts = [0]
        for line in self.text.split("\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)

    def fail(
        self, message: str, at: ast.AST | int, rule: str | None = None, hint: str | None = None
    ) -> NotationError:
        """The error with its caret at a node or a position."""
        position = self.skipped + (at if isinstance(at, int) else self.position(at))
        if len(message) > _LONGEST_MESSAGE:
            message = message[:_LONGEST_MESSAGE] + "..."
        return NotationError(message, text=self.given, position=position, rule=rule, hint=hint)

    def position(self, node: ast.AST) -> int:
        """Where a node starts, in characters (the tree counts bytes)."""
        row, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        start = self.starts[row - 1]
        line = self.text[start : self.starts[row] - 1]
        return start + len(line.encode()[:column].decode(errors="ignore"))

    def layer(self, dialect: str | None) -> Layer:
        """The layer that the text says."""
        call = self.call()
        spec = self.spec(call, dialect)
        layer: Layer = self.made(call, spec, own=_OWN.get(spec.name) is spec)
        return layer

    def call(self) -> ast.Call:
        """The one call in the text."""
        self.check_size()
        tree = self.tree()
        if len(tree.body) != 1:
            where = tree.body[1] if tree.body else 0
            raise self.fail("this is not one layer", where, hint=_HINT)
        node: ast.AST = tree.body[0]
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.Expr)) and node.value is not None:
            node = node.value
        if isinstance(node, ast.Tuple) and len(node.elts) == 1:
            node = node.elts[0]  # a comma, and a comment behind it
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Call):
            node = node.func  # Keras: layer(...)(x)
        if not isinstance(node, ast.Call):
            raise self.fail("this is no call of a layer", node, hint=_HINT)
        return node

    def check_size(self) -> None:
        """Refuse text that is empty, long or deep before the parser sees it."""
        if not self.text:
            raise self.fail("there is no text to read", 0, hint=_HINT)
        if len(self.text) > LONGEST:
            raise self.fail(f"the text is longer than {LONGEST} characters", LONGEST)
        if len(self.text) <= MOST_DIGITS and sum(map(self.text.count, "([{")) <= DEEPEST:
            return  # too short for any of the faults below
        depth = digits = 0
        for position, character in enumerate(self.text):
            depth += _BRACKETS.get(character, 0)
            if depth > DEEPEST:
                raise self.fail(f"more than {DEEPEST} brackets are open", position)
            digits = digits + 1 if character.isdigit() else 0
            if digits > MOST_DIGITS:
                start = position - MOST_DIGITS
                raise self.fail(f"a number has more than {MOST_DIGITS} digits", start)

    def tree(self) -> ast.Module:
        """The syntax tree of the text."""
        try:
            with warnings.catch_warnings(action="ignore"):  # about a stray backslash, say
                return ast.parse(self.text)
        except SyntaxError as error:
            row, column = error.lineno or 1, error.offset or 1
            start = self.starts[min(row, len(self.starts)) - 1]
            position = min(max(start + column - 1, 0), len(self.text))
            raise self.fail(f"this cannot be read: {error.msg}", position, hint=_HINT) from None
        except (ValueError, RecursionError, MemoryError):
            raise self.fail("this cannot be read", 0, hint=_HINT) from None

    def path(self, node: ast.expr) -> list[str]:
        """The dotted name of a call."""
        names: list[str] = []
        while isinstance(node, ast.Attribute):
            names.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            raise self.fail("a layer is called by its name", node, hint=_HINT)
        return [node.id, *reversed(names)]

    def spec(self, call: ast.Call, dialect: str | None) -> Call:
        """Whose call it is: by the dialect asked for, the module's name, or the layer's name."""
        *prefix, name = self.path(call.func)
        tables = _tables(prefix, dialect)
        found = [calls[name] for calls in tables.values() if name in calls]
        if not found:
            raise self.fail(
                f"{name} is no layer of {' or '.join(tables)} that is known here",
                call.func,
                rule="name",
                hint=_nearest(name, [known for calls in tables.values() for known in calls]),
            )
        keywords = [keyword.arg for keyword in call.keywords]
        fitting = [spec for spec in found if all(_takes(spec, keyword) for keyword in keywords)]
        if any(map(_has_rule, [*call.args, *[keyword.value for keyword in call.keywords]])):
            fitting = [spec for spec in found if spec is _OWN.get(name)]
        return (fitting or found)[0]

    def made(self, call: ast.Call, spec: Call, *, own: bool) -> Any:
        """What a call makes: its arguments read, bound and handed on.

        What the layer refuses is shown in the text.
        """
        nodes = self.bind(call, spec)
        torch = spec is DIALECTS["torch"].calls.get(spec.name)
        values = {
            name: (torch and _printed(node, name)) or self.value(node, name, own=own)
            for name, node in nodes.items()
        }
        for name, default in spec.parameters:
            if values.setdefault(name, default) is REQUIRED:
                raise self.fail(
                    f"{spec.name} needs {name}", call.func, rule=name, hint=_signature(spec)
                )
        try:
            return spec.make(Given(spec, values))
        except DeconvcalcError as error:
            # A layer names its own fields: its factor is the scale_factor of the call.
            rule = error.rule or ""
            names = [name for name in nodes if name == rule]
            names += [name for name in nodes if rule and rule in name]
            node = nodes[names[0]] if names else call.func
            rule = names[0] if names else rule
            raise self.fail(error.message, node, rule=rule, hint=error.hint) from None
        except TypeError as error:
            names = [name for name in nodes if name in str(error)]
            node = nodes[names[0]] if names else call.func
            raise self.fail(str(error), node, rule=names[0] if names else None) from None

    def bind(self, call: ast.Call, spec: Call) -> dict[str, ast.expr]:
        """The nodes of the arguments by the names of their parameters."""
        names = [name for name, _ in spec.parameters]
        free = names[: spec.positional]
        nodes: dict[str, ast.expr] = {}
        for index, node in enumerate(call.args):
            if isinstance(node, ast.Starred):
                raise self.fail("*arguments cannot be read: write them out", node)
            if index >= len(free):
                raise self.fail(
                    f"{spec.name} takes at most {len(free)} arguments without a name",
                    node,
                    hint=_signature(spec),
                )
            nodes[free[index]] = node
        for keyword in call.keywords:
            if keyword.arg is None:
                raise self.fail("**arguments cannot be read: write them out", keyword.value)
            if keyword.arg in nodes:
                raise self.fail(f"{keyword.arg} is given twice", keyword, rule=keyword.arg)
            if not _takes(spec, keyword.arg):
                raise self.fail(
                    f"{spec.name} has no argument {keyword.arg}",
                    keyword,
                    rule=keyword.arg,
                    hint=_nearest(keyword.arg, names),
                )
            nodes[keyword.arg] = keyword.value
        return nodes

    def value(self, node: ast.expr, name: str, *, own: bool) -> Any:
        """The value of a literal. Other expressions stay closed: only what does not matter may be.

        `own` is for the library's notation, which has padding rules and nothing that does not
        matter.
        """
        match node:
            case ast.Constant(value):
                if type(value) is int and value >= 10**MOST_DIGITS:
                    raise self.fail(f"{name} has more than {MOST_DIGITS} digits", node, rule=name)
                return value
            case ast.Tuple(items) | ast.List(items):
                values = [self.value(item, name, own=own) for item in items]
                return tuple(values) if isinstance(node, ast.Tuple) else values
            case ast.UnaryOp(ast.USub() | ast.UAdd() as sign, ast.Constant() as operand):
                value = self.value(operand, name, own=own)
                if type(value) in (int, float):
                    return -value if isinstance(sign, ast.USub) else value
            case ast.Call(ast.Name("float"), [ast.Constant(str(word))], []):
                if word.lower().lstrip("+-") in ("inf", "infinity", "nan"):
                    return float(word)
            case ast.Call(func) if own and (rule := _rule(func)):
                return self.made(node, _RULES[rule], own=True)
        if not own and (name in _PASSED_ON or name.endswith(_OPAQUE)):
            return None
        if name in CHANNELS and isinstance(node, _EXPRESSIONS):
            return None if own else OPEN
        raise self.fail(
            f"{name} must be written as a number, text, True, False, None or a tuple of them",
            node,
            rule=name,
            hint="Names and expressions are not evaluated: put the value in.",
        )


def _rule(func: ast.expr) -> str | None:
    """The padding rule that a call names: Same(...), dc.Same(...)."""
    match func:
        case ast.Name(rule) | ast.Attribute(ast.Name("dc" | "deconvcalc"), rule):
            return rule if rule in _RULES else None
    return None


def _printed(node: ast.expr, name: str) -> str | None:
    """A word that PyTorch prints without quotes, as in `padding=same`."""
    word = node.id if isinstance(node, ast.Name) else None
    return word if word in _PRINTED.get(name, ()) else None


def _has_rule(node: ast.expr) -> bool:
    """Whether an argument holds a padding rule, which only the library's own layers take."""
    match node:
        case ast.Call(func):
            return _rule(func) is not None
        case ast.Tuple(items) | ast.List(items):
            return any(map(_has_rule, items))
    return False


def _own(kind: type[Any]) -> Call:
    """The call of a class of the library, as its constructor reads."""
    init: Any = kind.__init__
    code, named = init.__code__, dict(init.__kwdefaults__ or {})
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    positional = names[: code.co_argcount - 1]
    defaults = init.__defaults__ or ()
    named |= zip(positional[len(positional) - len(defaults) :], defaults, strict=True)
    parameters = tuple([(name, named.get(name, REQUIRED)) for name in names])

    def make(given: Given) -> Any:
        return kind(**given.values)

    return Call(kind.__name__, None, parameters, make, positional=len(positional))


_RULES = {kind.__name__: _own(kind) for kind in (layers.Explicit, layers.Same, layers.ToSize)}
_OWN = {
    name: _own(getattr(layers, name))
    for name in layers.__all__
    if name not in {*_RULES, "Layer", "Padding"}
}


def _tables(prefix: list[str], dialect: str | None) -> dict[str, Mapping[str, Call]]:
    """The calls that a name may mean, by whose they are."""
    if dialect is None and prefix in (["dc"], ["deconvcalc"]):
        return {"deconvcalc": _OWN}
    known = [DIALECTS[dialect]] if dialect else [*DIALECTS.values()]
    if not dialect:
        # tf.keras.layers names both Keras and TensorFlow; the first that knows the call is meant.
        known = [d for d in known if not d.prefixes.isdisjoint(prefix)] or known
    tables: dict[str, Mapping[str, Call]] = {d.title: d.calls for d in known}
    return tables if dialect or prefix else tables | {"deconvcalc": _OWN}


_PASSED_ON = frozenset(
    {
        "name",
        "dtype",
        "trainable",
        "input_shape",
        "batch_input_shape",
        "activity_regularizer",
        "activation",
        "device",
        "data_format",
        "autocast",
        "seed",
    }
)
"""Arguments that do not change sizes, and that Keras takes everywhere."""

_EXPRESSIONS = (
    ast.Name,
    ast.Attribute,
    ast.Subscript,
    ast.BinOp,
    ast.UnaryOp,
    ast.Call,
    ast.IfExp,
)
"""What a count of channels may be but a number."""

_PRINTED = {
    "padding": ("same", "valid"),
    "padding_mode": ("zeros", "reflect", "replicate", "circular"),
}
"""What PyTorch prints without quotes."""

_OPAQUE = ("_initializer", "_regularizer", "_constraint")
_HINT = "Give one call, for example: nn.Conv2d(3, 8, kernel_size=3, stride=2, padding=1)"


def _takes(spec: Call, keyword: str | None) -> bool:
    """Whether a call has an argument of that name."""
    if spec.open_ended and keyword in _PASSED_ON:
        return True
    return any(keyword == name for name, _ in spec.parameters)


def _nearest(name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    spelled: dict[str, list[str]] = {}
    for item in dict.fromkeys(known):
        spelled.setdefault(item.lower(), []).append(item)
    near = get_close_matches(name.lower(), spelled, n=3, cutoff=0.6)
    if near:
        return f"Did you mean {' or '.join([item for low in near for item in spelled[low]])}?"
    return "Known are: " + ", ".join(sorted(set(known))[:12]) + (", ..." if len(known) > 12 else "")


def _signature(spec: Call) -> str:
    shown = [
        name if default is REQUIRED else f"{name}={default!r}"
        for name, default in spec.parameters[:8]
    ]
    tail = ", ..." if len(spec.parameters) > 8 else ""
    return f"{spec.name}({', '.join(shown)}{tail})"
