"""Pasted text to layers. The text is read as a syntax tree and never evaluated.

One call of a framework is read by its dialect's table: `nn.Conv2d(3, 8, 5)`,
`keras.layers.Conv2D(8, 5)`. The library's own notation is read too: `ConvTranspose(6, stride=2)`.
"""

from __future__ import annotations

import ast
from typing import Any

from deconvcalc import layers
from deconvcalc.dialects import DIALECTS, REQUIRED, Call, Dialect, Given
from deconvcalc.errors import DeconvcalcError, NotationError, QueryError
from deconvcalc.layers import Layer

__all__ = ["parse"]

LONGEST = 10_000
DEEPEST = 40
_BRACKETS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}
_RULES = {"Explicit": layers.Explicit, "Same": layers.Same, "ToSize": layers.ToSize}
_KINDS = {
    name: getattr(layers, name)
    for name in layers.__all__
    if name not in {*_RULES, "Layer", "Padding"}
}


def parse(text: str, *, dialect: str | None = None) -> Layer:
    """Read one layer from pasted text.

    Args:
        text: a call such as `nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1)`,
            `layers.Conv2DTranspose(3, 4, strides=2, padding="same")` or `ConvTranspose(4, stride=2)`.
            An assignment (`self.up = ...`), a trailing comma and a Keras call on a tensor
            (`Conv2D(8, 3)(x)`) are read through.
        dialect: whose names and rules count, "torch" or "keras"; by default the name tells.

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
        self.text = text.strip().rstrip(",;").rstrip()
        self.starts = [0]
        for line in self.text.split("\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)

    def fail(
        self, message: str, at: ast.AST | int, rule: str | None = None, hint: str | None = None
    ) -> NotationError:
        """The error with its caret at a node or a position."""
        position = at if isinstance(at, int) else self.position(at)
        return NotationError(message, text=self.text, position=position, rule=rule, hint=hint)

    def position(self, node: ast.AST) -> int:
        """Where a node starts, in characters (the tree counts bytes)."""
        row, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        start = self.starts[row - 1]
        line = self.text[start : self.starts[row] - 1]
        return start + len(line.encode()[:column].decode(errors="ignore"))

    def layer(self, dialect: str | None) -> Layer:
        """The layer that the text says."""
        call = self.call()
        path = self.path(call.func)
        name, prefix = path[-1], path[:-1]
        own = prefix in (["dc"], ["deconvcalc"]) or (not prefix and name not in _AMBIGUOUS)
        if dialect is None and own and name in _KINDS:
            return self.canonical(call, _KINDS[name])
        owner = self.dialect(call, name, prefix, dialect)
        return self.build(call, owner.calls[name])

    def call(self) -> ast.Call:
        """The one call in the text."""
        self.check_size()
        try:
            tree = ast.parse(self.text)
        except SyntaxError as error:
            row, column = error.lineno or 1, error.offset or 1
            start = self.starts[min(row, len(self.starts)) - 1]
            position = min(max(start + column - 1, 0), max(len(self.text) - 1, 0))
            raise self.fail(f"this cannot be read: {error.msg}", position, hint=_HINT) from None
        except (ValueError, RecursionError, MemoryError):
            raise self.fail("this cannot be read", 0, hint=_HINT) from None
        if len(tree.body) != 1:
            where = tree.body[1] if tree.body else 0
            raise self.fail("this is not one layer", where, hint=_HINT)
        node: ast.AST = tree.body[0]
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.Expr)) and node.value is not None:
            node = node.value
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
        depth = 0
        for position, character in enumerate(self.text):
            depth += _BRACKETS.get(character, 0)
            if depth > DEEPEST:
                raise self.fail(f"more than {DEEPEST} brackets are open", position)

    def path(self, node: ast.expr) -> list[str]:
        """The dotted name of a call."""
        names: list[str] = []
        while isinstance(node, ast.Attribute):
            names.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            raise self.fail("a layer is called by its name", node, hint=_HINT)
        return [node.id, *reversed(names)]

    def dialect(
        self, call: ast.Call, name: str, prefix: list[str], wanted: str | None
    ) -> Dialect:
        """Whose call it is: by the dialect asked for, the module's name, or the layer's name."""
        candidates = [DIALECTS[wanted]] if wanted else list(DIALECTS.values())
        if prefix and not wanted:
            named = [d for d in candidates if any(part in d.prefixes for part in prefix)]
            # tf.keras.layers names both Keras and TensorFlow; the first that knows the call wins.
            candidates = named or candidates
        for dialect in candidates:
            if name in dialect.calls:
                return dialect
        titles = " or ".join(dialect.title for dialect in candidates)
        known = [known for dialect in candidates for known in dialect.calls]
        if not prefix and not wanted:
            known += _KINDS
        raise self.fail(
            f"{name} is no layer of {titles} that is known here",
            call.func,
            rule="name",
            hint=_nearest(name, known),
        )

    def build(self, call: ast.Call, spec: Call) -> Layer:
        """Bind the arguments to the parameters and make the layer."""
        nodes = self.bind(call, spec)
        values = {name: self.value(node, name) for name, node in nodes.items()}
        for name, default in spec.parameters:
            if name not in values and default is REQUIRED:
                raise self.fail(
                    f"{spec.name} needs {name}", call.func, rule=name, hint=_signature(spec)
                )
        given = {name: values.get(name, default) for name, default in spec.parameters}
        return self.make(lambda: spec.make(Given(spec, given)), call, nodes)

    def make(self, build: Any, call: ast.Call, nodes: dict[str, ast.expr]) -> Layer:
        """Make the layer; what it refuses is shown in the text."""
        try:
            layer: Layer = build()
        except (DeconvcalcError, TypeError) as error:
            message = error.message if isinstance(error, DeconvcalcError) else str(error)
            rule = getattr(error, "rule", None) or next(
                (name for name in nodes if name in message), None
            )
            node = nodes.get(rule or "", call.func)
            hint = getattr(error, "hint", None)
            raise self.fail(message, node, rule=rule, hint=hint) from None
        return layer

    def bind(self, call: ast.Call, spec: Call) -> dict[str, ast.expr]:
        """The nodes of the arguments by the names of their parameters."""
        names = [name for name, _ in spec.parameters]
        nodes: dict[str, ast.expr] = {}
        for index, node in enumerate(call.args):
            if isinstance(node, ast.Starred):
                raise self.fail("*arguments cannot be read: write them out", node)
            if index >= len(names):
                raise self.fail(
                    f"{spec.name} takes at most {len(names)} positional arguments",
                    node,
                    hint=_signature(spec),
                )
            nodes[names[index]] = node
        for keyword in call.keywords:
            if keyword.arg is None:
                raise self.fail("**arguments cannot be read: write them out", keyword.value)
            if keyword.arg in nodes:
                raise self.fail(f"{keyword.arg} is given twice", keyword, rule=keyword.arg)
            if keyword.arg not in names and not (spec.open_ended and keyword.arg in _PASSED_ON):
                raise self.fail(
                    f"{spec.name} has no argument {keyword.arg}",
                    keyword,
                    rule=keyword.arg,
                    hint=_nearest(keyword.arg, names),
                )
            nodes[keyword.arg] = keyword.value
        return nodes

    def canonical(self, call: ast.Call, kind: type[Layer]) -> Layer:
        """A layer in the library's own notation."""
        arguments = []
        for node in call.args:
            if isinstance(node, ast.Starred):
                raise self.fail("*arguments cannot be read: write them out", node)
            arguments.append(self.value(node, "argument", literal=True))
        keywords: dict[str, Any] = {}
        nodes: dict[str, ast.expr] = {}
        for keyword in call.keywords:
            if keyword.arg is None:
                raise self.fail("**arguments cannot be read: write them out", keyword.value)
            if keyword.arg in keywords:
                raise self.fail(f"{keyword.arg} is given twice", keyword, rule=keyword.arg)
            keywords[keyword.arg] = self.value(keyword.value, keyword.arg, literal=True)
            nodes[keyword.arg] = keyword.value
        return self.make(lambda: kind(*arguments, **keywords), call, nodes)

    def value(self, node: ast.expr, name: str, *, literal: bool = False) -> Any:
        """The value of a literal. Other expressions stay closed: only names that do not matter."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, (ast.Tuple, ast.List)):
            items = [self.value(item, name, literal=literal) for item in node.elts]
            return tuple(items) if isinstance(node, ast.Tuple) else items
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
            inner = self.value(node.operand, name, literal=literal)
            if isinstance(inner, (int, float)) and not isinstance(inner, bool):
                return -inner if isinstance(node.op, ast.USub) else inner
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            rule = _RULES.get(node.func.id)
            if rule is not None and not node.keywords:
                arguments = [self.value(item, name, literal=True) for item in node.args]
                return self.make(lambda: rule(*arguments), node, {})
        if not literal and (name in _PASSED_ON or name.endswith(_OPAQUE)):
            return None
        raise self.fail(
            f"{name} must be written as a number, text, True, False, None or a tuple of them",
            node,
            rule=name,
            hint="Names and expressions are not evaluated: put the value in.",
        )


_AMBIGUOUS = frozenset(name for d in DIALECTS.values() for name in d.calls if name in _KINDS)
"""Names of the library that are names of a framework too: without `dc.`, the framework's is meant."""

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

_OPAQUE = ("_initializer", "_regularizer", "_constraint")
_HINT = "Give one call, for example: nn.Conv2d(3, 8, kernel_size=3, stride=2, padding=1)"


def _nearest(name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    lowered = {item.lower(): item for item in known}
    near = get_close_matches(name.lower(), lowered, n=3, cutoff=0.6)
    if near:
        return "Did you mean " + " or ".join(lowered[item] for item in near) + "?"
    return "Known are: " + ", ".join(sorted(set(known))[:12]) + (", ..." if len(known) > 12 else "")


def _signature(spec: Call) -> str:
    shown = [
        name if default is REQUIRED else f"{name}={default!r}"
        for name, default in spec.parameters[:8]
    ]
    tail = ", ..." if len(spec.parameters) > 8 else ""
    return f"{spec.name}({', '.join(shown)}{tail})"
