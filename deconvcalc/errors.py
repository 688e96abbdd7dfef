"""What can go wrong, as one family of errors that carry fields as well as text."""

from __future__ import annotations

from typing import Any

__all__ = [
    "CheckError",
    "ConversionError",
    "DeconvcalcError",
    "DialectError",
    "LayerError",
    "NotationError",
    "QueryError",
    "SizeError",
    "SpecError",
    "TraceError",
    "UndecidedError",
    "UnknownOperationError",
]


class DeconvcalcError(ValueError):
    """Root of every error that deconvcalc raises about values.

    Attributes:
        layer: the layer in question, if one is.
        axis: the index of the axis, if one is.
        size: the input size, if one is.
        rule: the name of the rule or of the argument that was broken.
        hint: the way out.
    """

    def __init__(
        self,
        message: str,
        *,
        layer: Any = None,
        axis: int | None = None,
        size: Any = None,
        rule: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.message = message
        self.layer = layer
        self.axis = axis
        self.size = size
        self.rule = rule
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class LayerError(DeconvcalcError):
    """A layer that no framework can mean, for example a kernel of size 0."""


class SizeError(DeconvcalcError):
    """A size that a layer refuses, for example an input smaller than its window."""


class DialectError(DeconvcalcError):
    """A call that its framework refuses, for example an output_padding as large as the stride."""


class QueryError(DeconvcalcError):
    """A question that cannot be asked, for example an empty range of strides."""


class SpecError(DeconvcalcError):
    """A description of a model that cannot be read: its rule names the key at fault.

    Attributes:
        where: the file and the line, as in "unet.toml:12".
    """

    def __init__(
        self,
        message: str,
        *,
        where: str,
        rule: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(f"{where}: {message}", rule=rule, hint=hint)
        self.where = where

    def __reduce__(self) -> Any:
        return _spec_again, (self.message, self.__dict__)


def _spec_again(message: str, fields: dict[str, Any]) -> SpecError:
    """The same error on the other side of a pickle."""
    error = SpecError("", where="")
    error.__dict__.update(fields)
    error.args = (message,)
    return error


class UndecidedError(DeconvcalcError):
    """A question about all n that would need more work than the stated limit."""


class CheckError(DeconvcalcError):
    """A check that cannot be made, for example of values that no reference knows."""


class ConversionError(DeconvcalcError):
    """A layer that no layers of a framework can be; the message says why."""


class TraceError(DeconvcalcError):
    """A model that cannot be traced, for example one whose own code raises."""


class UnknownOperationError(TraceError):
    """An operation of a model that is not known, and that may change sizes.

    Attributes:
        operation: its name in the model, to be said what it does.
    """

    def __init__(self, message: str, *, operation: str = "", hint: str | None = None) -> None:
        super().__init__(message, rule="operation", hint=hint)
        self.operation = operation


class NotationError(DeconvcalcError):
    """Text that cannot be read. It shows the text with a caret under the fault.

    Attributes:
        text: the text as it was given.
        position: the index of the character at fault; where the text ends too soon, its length.
    """

    def __init__(
        self,
        message: str,
        *,
        text: str,
        position: int,
        rule: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, rule=rule, hint=hint)
        self.text = text
        self.position = position

    def __reduce__(self) -> Any:
        return _again, (type(self), self.message, self.__dict__)

    def __str__(self) -> str:
        """Show the message, the line of the text around the fault, and a caret under it."""
        start = self.text.rfind("\n", 0, self.position) + 1
        line = self.text[start:].split("\n", 1)[0]
        column = self.position - start
        if len(line) > _WIDTH:
            cut = max(0, min(column - _WIDTH // 2, len(line) - _WIDTH))
            line, column = line[cut : cut + _WIDTH], column - cut
        # Tabs would move the caret, and control characters would reach the terminal.
        line = "".join([character if character.isprintable() else " " for character in line])
        parts = [self.message, f"  {line}", "  " + " " * column + "^"]
        if self.hint:
            parts.append(f"  {self.hint}")
        return "\n".join(parts)


def _again(kind: type[NotationError], message: str, fields: dict[str, Any]) -> NotationError:
    """The same error on the other side of a pickle."""
    error = kind(message, text="", position=0)
    error.__dict__.update(fields)
    return error


_WIDTH = 100
"""How much of a long line an error shows."""
