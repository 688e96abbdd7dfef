"""What the nodes of an ONNX file are called, and where in the user's code they come from."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from deconvcalc.tracing.where import short

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deconvcalc.tracing.onnx_file import OnnxNode

__all__ = ["Names", "where"]

SCOPES = "pkg.torch.onnx.name_scopes"
CLASSES = "pkg.torch.onnx.class_hierarchy"
STACK = "pkg.torch.onnx.stack_trace"

ARITHMETIC = frozenset({"Shape", "Constant", "Gather", "Unsqueeze", "Cast", "Floor"})
"""What modules write beside their layers, to compute sizes."""

NUMBER = re.compile(r"_\d+$")
FRAME = re.compile(r'File "([^"\n]+)", line (\d+)')
FRAMEWORK = re.compile(r"[\\/](site-packages|dist-packages)[\\/]")


class Names:
    """Names for the nodes of a graph: the paths of a torch module where its export kept them.

    Args:
        nodes: all nodes of the graph.
    """

    def __init__(self, nodes: Iterable[OnnxNode]) -> None:
        self._kinds: defaultdict[str, set[str]] = defaultdict(set)
        for path, kind in filter(None, map(_old_path, nodes)):
            if kind not in ARITHMETIC:
                self._kinds[path].add(kind)
        held = [*self._kinds]
        self._above = {
            ".".join(parts[:i]) for parts in map(_split, held) for i in range(len(parts))
        }
        self._taken: Counter[str] = Counter()

    def of(self, node: OnnxNode) -> str:
        """The name of the next node of the model that stands for a node of the graph."""
        return self.fresh(self._wanted(node))

    def fresh(self, name: str) -> str:
        """The name, with a number where it is taken."""
        self._taken[name] += 1
        count = self._taken[name]
        if count == 1:
            return name
        other = f"{name}#{count}"
        return other if not self._taken[other] else self.fresh(other)

    def _wanted(self, node: OnnxNode) -> str:
        scoped = _new_path(node)
        if scoped is not None:
            return scoped
        old = _old_path(node)
        if old is not None:
            path, kind = self._again(old[0], node), old[1]
            # A module that does one thing, once or again, is a layer.
            alone = len(self._kinds[path]) == 1 and path not in self._above
            return path if alone and path else ".".join(filter(None, (path, kind.lower())))
        outputs = [name for name in node.outputs if name]
        return node.name or (outputs[0] if outputs else f"{node.op.lower()}_{node.index}")

    def _again(self, path: str, node: OnnxNode) -> str:
        """The path of a module that is called again: its second call is written relu_1."""
        first = ".".join([NUMBER.sub("", part) for part in _split(path)])
        own = any(name.startswith(f"{path}.") for name in node.inputs)  # conv_1.weight
        return path if own or self._kinds.get(first) != self._kinds.get(path) else first


def _split(path: str) -> list[str]:
    return path.split(".")


def _listed(text: str | None) -> list[str]:
    """A list of texts, as torch's exporter prints it."""
    if not text or len(text) > 10_000:
        return []
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return []
    return [str(one) for one in found] if isinstance(found, list) else []


def _new_path(node: OnnxNode) -> str | None:
    """The path that torch's exporter keeps beside a node: a module's own, or that and a function's.

    A function within a module of torch itself is that module.
    """
    scopes, classes = _listed(node.metadata.get(SCOPES)), _listed(node.metadata.get(CLASSES))
    if len(scopes) < 2 or len(classes) != len(scopes):
        return None
    path, kind = scopes[-2], classes[-2]
    if kind.startswith("torch.nn.modules.") and not kind.startswith("torch.nn.modules.container"):
        return path or node.op.lower()
    called = NUMBER.sub("", scopes[-1])
    return f"{path}.{called}" if path else called


def _old_path(node: OnnxNode) -> tuple[str, str] | None:
    """The path in a name such as /layer1/layer1.0/conv/Conv_1, and the operator."""
    if not node.name.startswith("/"):
        return None
    *parts, last = node.name[1:].split("/")
    kind = NUMBER.sub("", last)
    path: list[str] = []
    for before, part in zip(["", *parts], parts, strict=False):
        # A part may begin with what stands before it: layer1.0 is child 0 of layer1.
        path.append(part.removeprefix(f"{before}.") if before else part)
    return ".".join(path), kind


def where(node: OnnxNode) -> str | None:
    """The file and line of the user's code that a node comes from, if the exporter kept it."""
    frames = FRAME.findall(node.metadata.get(STACK, ""))
    own = [frame for frame in frames if not FRAMEWORK.search(frame[0])]
    if not own:
        return None
    file, line = own[-1]
    return f"{short(file)}:{line}"
