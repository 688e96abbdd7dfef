"""Pasted text to layers. The text is read as a syntax tree and never evaluated.

One call of a framework is read by its dialect's table: `nn.Conv2d(3, 8, 5)`,
`keras.layers.Conv2D(8, 5)`. The library's own notation is read too: `ConvTranspose(6, stride=2)`.
A whole chain of them is read as its layers: `nn.Sequential(...)`, `keras.Sequential([...])`.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import TYPE_CHECKING, Any

from deconvcalc import layers
from deconvcalc.dialects import ALL_DIALECTS, CHANNELS, DIALECTS, OPEN, REQUIRED, Call, Given
from deconvcalc.errors import DeconvcalcError, NotationError, QueryError
from deconvcalc.values import MOST_AXES, Value

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from deconvcalc.layers import Layer

__all__ = ["Pasted", "layer_of", "nearest", "parse", "parse_model"]

LONGEST = 10_000
"""How many characters the text of a layer may have."""

LONGEST_MODEL = 200_000
"""How many characters the text of a model may have."""

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
        dialect: whose names and rules count, "torch", "keras" or "onnx"; by default the name tells.
            Where PyTorch, Keras and the library share a name, the first of them that knows the
            keywords is meant. With its module, as in `dc.Upsample(2)`, a name is never shared, and
            ONNX's operators are meant only so: `onnx.Conv(kernel_shape=[3, 3])`.

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
    if dialect is not None and dialect not in ALL_DIALECTS:
        known = ", ".join(ALL_DIALECTS)
        raise QueryError(f"unknown dialect {dialect!r}; known are {known}", rule="dialect")
    return _Reader(text).layer(dialect)


class Pasted(Value):
    """One layer of a chain, as it stands in pasted text.

    Args:
        name: its name in the chain, as the framework makes it: `1.0`, `conv2d_2`, or its own.
        layer: the canonical layer; None where only the shape that it gets tells what it is.
        call: the name of the call.
        dialect: whose call it is, or None: the library's own, or one that is taken on trust.
        arguments: what the call was given, with its defaults.
        position: the index of its first character.
        line: the line that it stands on.
    """

    __slots__ = _fields = ("name", "layer", "call", "dialect", "arguments", "position", "line")
    name: str
    layer: Layer | None
    call: str
    dialect: str | None
    arguments: dict[str, Any]
    position: int
    line: int

    def __init__(
        self,
        name: str,
        layer: Layer | None,
        call: str,
        dialect: str | None,
        arguments: dict[str, Any],
        position: int,
        line: int,
    ) -> None:
        self._set(name=name, layer=layer, call=call, dialect=dialect, arguments=arguments)
        self._set(position=position, line=line)


def parse_model(
    text: str, *, same: Container[str] = (), trusting: bool = False
) -> tuple[Pasted, ...]:
    """Read a chain of layers from pasted text. Nothing in it is evaluated.

    Args:
        text: `nn.Sequential(...)`, `keras.Sequential([...])`, a list of calls, or one call; chains
            may stand inside chains, and children have names by `OrderedDict([("name", call)])`.
            What PyTorch prints of a Sequential is read likewise.
            `model = keras.Sequential()` with lines of `model.add(...)` is read too, and lines that
            import something are passed over.
        same: the names of calls that are not known and leave sizes as they are.
        trusting: whether every call that is not known is taken for one of those.

    Returns:
        The layers, in order.

    Raises:
        NotationError: text that is no such chain, a call that is not known, or one that its
            framework refuses; with a caret under the fault.
        TypeError: `text` is no string.

    >>> chain = parse_model("nn.Sequential(nn.Conv2d(3, 8, 3), nn.Sequential(nn.ReLU()))")
    >>> [(one.name, one.layer) for one in chain]
    [('0', Conv(3, in_channels=3, out_channels=8, axes=2)), ('1.0', Identity(name='ReLU'))]
    """
    if not isinstance(text, str):
        raise TypeError(f"parse_model reads text, not {type(text).__name__}")
    return tuple(_ModelReader(text, same, trusting).chain())


def layer_of(kind: str, fields: Mapping[str, Any]) -> Layer:
    """A layer of the library from its name and its fields.

    Raises:
        QueryError: there is no such layer, or it has no such field, or needs another one.
        DeconvcalcError: the layer refuses a value.

    >>> layer_of("Conv", {"kernel_size": 3, "stride": 2})
    Conv(3, stride=2)
    """
    spec = _OWN.get(kind)
    if spec is None:
        raise QueryError(
            f"{kind} is no layer of deconvcalc", rule="kind", hint=nearest(kind, list(_OWN))
        )
    known = [name for name, _ in spec.parameters]
    for name in fields:
        if name not in known:
            raise QueryError(f"{kind} has no field {name}", rule=name, hint=nearest(name, known))
    for name, default in spec.parameters:
        if default is REQUIRED and name not in fields:
            raise QueryError(f"{kind} needs {name}", rule="kind", hint=_signature(spec))
    layer: Layer = spec.make(Given(spec, {**dict(spec.parameters), **fields}))
    return layer


class _Reader:
    """Reads one text; every error shows the text."""

    def __init__(self, text: str, longest: int = LONGEST) -> None:
        self.given, self.longest = text, longest
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
        if len(self.text) > self.longest:
            raise self.fail(f"the text is longer than {self.longest} characters", self.longest)
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
                hint=nearest(name, [known for calls in tables.values() for known in calls]),
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
                    hint=nearest(keyword.arg, names),
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


class _ModelReader(_Reader):
    """Reads a chain of layers."""

    def __init__(self, text: str, same: Container[str], trusting: bool) -> None:
        super().__init__(text, LONGEST_MODEL)
        self.text = _as_calls(self.text)
        self.same, self.trusting = same, trusting
        self.counts: dict[str, int] = {}

    def chain(self) -> Iterator[Pasted]:
        """The layers of the text."""
        self.check_size()
        lines = [
            line for line in self.tree().body if not isinstance(line, (ast.Import, ast.ImportFrom))
        ]
        if not lines:
            raise self.fail("there is no layer in this text", 0, hint=_MODEL_HINT)
        head, *rest = lines
        value, name = self.assigned(head)
        yield from self.members(value, "", None, alone=True)
        place = _length(value)
        for line in rest:
            added = _added(line, name)
            if added is None:
                hint = _MODEL_HINT
                if isinstance(line, (ast.Assign, ast.AnnAssign)):
                    hint = "Their order stands in forward: " + hint
                raise self.fail("this is not one chain of layers", line, hint=hint)
            yield from self.members(added, str(place), "keras")
            place += 1

    def assigned(self, line: ast.stmt) -> tuple[ast.expr, str | None]:
        """The value of a line, and the name that it is given."""
        name = None
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            name = line.targets[0].id
        if isinstance(line, (ast.Assign, ast.AnnAssign, ast.Expr)) and line.value is not None:
            return line.value, name
        raise self.fail("this is no chain of layers", line, hint=_MODEL_HINT)

    def members(
        self, node: ast.expr, name: str, dialect: str | None, *, alone: bool = False
    ) -> Iterator[Pasted]:
        """The layers of a call or a list of calls."""
        match node:
            case ast.List(items) | ast.Tuple(items) if alone:
                yield from self.all([(None, one) for one in items], name, dialect)
            case ast.Call(func) if not isinstance(func, ast.Call):
                *prefix, called = self.path(func)
                if called == "Sequential":
                    theirs = _whose(prefix, node)
                    yield from self.all(self.children(node), name, theirs or dialect)
                else:
                    yield from self.one(node, name or "0", dialect)
            case ast.Call(ast.Call() as inner):  # Keras: layer(...)(x)
                yield from self.members(inner, name, dialect)
            case _:
                raise self.fail("this is no call of a layer", node, hint=_MODEL_HINT)

    def all(
        self, items: Sequence[tuple[str | None, ast.expr]], name: str, dialect: str | None
    ) -> Iterator[Pasted]:
        """The layers of all children of a chain, called after their places."""
        for place, (given, item) in enumerate(items):
            own = str(place) if given is None else given
            yield from self.members(item, f"{name}.{own}" if name else own, dialect)

    def children(self, call: ast.Call) -> list[tuple[str | None, ast.expr]]:
        """What a Sequential is made of, with names where they are given."""
        for keyword in call.keywords:
            if keyword.arg is None:
                raise self.fail("**arguments cannot be read: write them out", keyword.value)
            if keyword.arg not in ("name", "layers", "trainable") and not _is_printed(keyword):
                raise self.fail(f"Sequential has no argument {keyword.arg}", keyword)
        if any(map(_is_printed, call.keywords)):
            return [(str(one.arg)[len(_PRINTED_CHILD) :], one.value) for one in call.keywords]
        given = [*call.args, *[one.value for one in call.keywords if one.arg == "layers"]]
        for node in given:
            if isinstance(node, ast.Starred):
                raise self.fail("*layers cannot be read: write them out", node)
        match given:
            case [ast.List(items) | ast.Tuple(items)]:
                return [(None, one) for one in items]
            case [ast.Call(func, arguments, keywords)] if self.path(func)[-1] == "OrderedDict":
                return [
                    *[pair for one in arguments for pair in self.pairs(one)],
                    *[(one.arg, one.value) for one in keywords],
                ]
        return [(None, one) for one in given]

    def pairs(self, node: ast.expr) -> Iterator[tuple[str | None, ast.expr]]:
        """The names and calls of a dict, or of a list of pairs."""
        found: list[tuple[ast.expr | None, ast.expr]]
        match node:
            case ast.Dict(keys, values):
                found = list(zip(keys, values, strict=True))
            case ast.List(items) | ast.Tuple(items):
                found = [self.pair(one) for one in items]
            case _:
                raise self.fail("names and layers come as pairs here", node, hint=_MODEL_HINT)
        for name, value in found:
            if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
                raise self.fail("the name of a layer is text", name or node, rule="name")
            yield name.value, value

    def pair(self, node: ast.expr) -> tuple[ast.expr, ast.expr]:
        """A name and a call."""
        if isinstance(node, (ast.Tuple, ast.List)) and len(node.elts) == 2:
            return node.elts[0], node.elts[1]
        raise self.fail("names and layers come as pairs here", node, hint=_MODEL_HINT)

    def one(self, call: ast.Call, place: str, dialect: str | None) -> Iterator[Pasted]:
        """One layer; in front of it, the input that Keras lets it name."""
        *prefix, called = self.path(call.func)
        keywords = {one.arg: one.value for one in call.keywords}
        if any(map(_is_printed, call.keywords)):
            raise self.fail(
                f"{called} is no chain: the order of its parts stands in its forward",
                call,
                hint="Name it as package.module:attribute, or paste one of its Sequentials.",
            )
        if called in _INPUTS and not (dialect == "torch" or "nn" in prefix):
            shape = keywords.get("shape", keywords.get("batch_shape"))
            yield self.input(shape if shape is not None else [*call.args, None][0], call, keywords)
            return
        if called in self.same:
            yield self.pasted(layers.Identity(called), call, called, place, None, {})
            return
        try:
            spec = self.spec(call, dialect)
        except NotationError as error:
            if self.trusting:
                yield self.pasted(layers.Identity(called), call, called, place, None, {})
                return
            error.hint = f"{error.hint}\n  {_TRUST.format(called)}"
            raise
        whose = next((d.name for d in DIALECTS.values() if d.calls.get(spec.name) is spec), None)
        if whose == "keras" and "input_shape" in keywords:
            yield self.input(keywords["input_shape"], call, {})
        nodes = self.bind(call, spec)
        values = dict(spec.parameters) | {
            name: self.argument(node, name) for name, node in nodes.items()
        }
        layer = None
        if (whose, spec.name) not in _BY_SHAPE:
            layer = self.made(call, spec, own=whose is None)
        name = self.kerasly(spec.name, keywords) if whose == "keras" else place
        yield self.pasted(layer, call, spec.name, name, whose, values)

    def argument(self, node: ast.expr, name: str) -> Any:
        """The value of an argument, or None where it is no literal."""
        try:
            return self.value(node, name, own=False)
        except NotationError:
            return None

    def input(
        self, shape: ast.expr | None, call: ast.Call, keywords: Mapping[str | None, ast.expr]
    ) -> Pasted:
        """The shape that a Keras model gives its input, channels last."""
        sizes = None if shape is None else self.value(shape, "shape", own=False)
        if not isinstance(sizes, (tuple, list)) or not 0 < len(sizes) <= MOST_AXES + 2:
            raise self.fail("the shape of an input is a tuple", shape or call, rule="shape")
        if "batch_shape" in keywords:
            sizes = sizes[1:]
        for one in sizes:
            if one is not None and (type(one) is not int or one < 1):
                raise self.fail(
                    "a shape has ints of at least 1, and None", shape or call, rule="shape"
                )
        return self.pasted(None, call, "Input", "", "keras", {"shape": tuple(sizes)})

    def kerasly(self, called: str, keywords: Mapping[str | None, ast.expr]) -> str:
        """The name of a Keras layer: its own, or that of its kind and a number."""
        match keywords.get("name"):
            case ast.Constant(str(name)):
                return name
        kind = _WORDS.sub("_", called).lower()
        number = self.counts.get(kind, 0)
        self.counts[kind] = number + 1
        return f"{kind}_{number}" if number else kind

    def pasted(
        self,
        layer: Layer | None,
        call: ast.Call,
        called: str,
        name: str,
        dialect: str | None,
        arguments: dict[str, Any],
    ) -> Pasted:
        """A layer with its place in the text."""
        position = self.position(call)
        line = self.text.count("\n", 0, position) + 1
        return Pasted(name, layer, called, dialect, arguments, self.skipped + position, line)


def _as_calls(text: str) -> str:
    """What PyTorch prints of a Sequential, written as calls. Every character keeps its place.

    A child `(name): Layer()` becomes the keyword argument `__name=Layer()`.
    """
    lines = text.split("\n")
    for place, line in enumerate(lines):
        found = _CHILD.match(line)
        if found is None:
            continue
        comma = " " if place == 0 or lines[place - 1].rstrip().endswith("(") else ","
        name = f"{_PRINTED_CHILD}{found[2]}="
        indent = comma + found[1][1:]
        lines[place] = indent + name + line[len(indent) + len(name) :]
    return "\n".join(lines)


def _is_printed(keyword: ast.keyword) -> bool:
    return keyword.arg is not None and keyword.arg.startswith(_PRINTED_CHILD)


def _added(line: ast.stmt, model: str | None) -> ast.expr | None:
    """What a line `model.add(layer)` adds."""
    match line:
        case ast.Expr(ast.Call(ast.Attribute(ast.Name(name), "add"), [item], [])) if name == model:
            return item
    return None


def _length(node: ast.expr) -> int:
    """How many children a chain has that others are added to."""
    match node:
        case ast.Call(_, [ast.List(items)]):
            return len(items)
        case ast.Call(_, items):
            return len(items)
    return 1


def _whose(prefix: list[str], call: ast.Call) -> str | None:
    """Whose Sequential it is: by its module; PyTorch's takes no list, and prints its children."""
    for dialect in DIALECTS.values():
        if not dialect.prefixes.isdisjoint(prefix):
            return dialect.name
    if any(map(_is_printed, call.keywords)):
        return "torch"
    if not call.args or isinstance(call.args[0], (ast.List, ast.Tuple)):
        return "keras"
    return "torch"


_CHILD = re.compile(r"([ \t]+)\((\w{1,200})\): ")
_PRINTED_CHILD = "__"
"""Marks the names of children that PyTorch printed."""

_INPUTS = ("Input", "InputLayer")
_BY_SHAPE = {("torch", "Unflatten")}
"""Calls that make channels: no layer by themselves, whose axes are spatial."""

_WORDS = re.compile(r"(?<=.)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])")
_MODEL_HINT = "Give one chain, as in nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), or a list."
_TRUST = "If it leaves sizes as they are, say so: --assume {0}=same"


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
    known = [ALL_DIALECTS[dialect]] if dialect else [*DIALECTS.values()]
    if not dialect:
        # tf.keras.layers names both Keras and TensorFlow; the first that knows the call is meant.
        known = [d for d in ALL_DIALECTS.values() if not d.prefixes.isdisjoint(prefix)] or known
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


def nearest(name: str, known: list[str]) -> str:
    """The known name that is meant, as a question; or what is known."""
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
