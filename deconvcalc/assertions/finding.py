"""What a kind of assertion is given, and what it finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.errors import CheckError
from deconvcalc.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deconvcalc.assertions.subject import Subject

__all__ = ["Case", "Finding", "Kind", "Options", "undecided", "vacuous"]


class Options(Value):
    """How checks are run.

    Args:
        verify: checkers that build and run every check with an input; () for none, None for what
            the file says.
        no_import: whether models by import path are forbidden, so that no code of a project runs.
        outside: whether files may lie outside of the project.
    """

    __slots__ = _fields = ("verify", "no_import", "outside")
    verify: tuple[str, ...] | None
    no_import: bool
    outside: bool

    def __init__(
        self,
        verify: Sequence[str] | None = None,
        *,
        no_import: bool = False,
        outside: bool = False,
    ) -> None:
        self._set(verify=None if verify is None else tuple(verify))
        self._set(no_import=no_import, outside=outside)


class Case(Value):
    """One question of a kind.

    Args:
        subject: what it is about, a `Subject`; None where the value is all that is needed.
        value: what the key of the kind says.
        input: the size that it is asked at, or None.
        inputs: the conditions in n that it is asked for, as written, or None.
    """

    __slots__ = _fields = ("subject", "value", "input", "inputs")
    subject: Any
    value: Any
    input: Any
    inputs: Any

    def __init__(
        self,
        subject: Subject | None,
        value: Any,
        input: Any = None,  # noqa: A002 - what it is called in files
        inputs: Any = None,
    ) -> None:
        self._set(subject=subject, value=value, input=input, inputs=inputs)


class Finding(Value):
    """What a kind found.

    Args:
        ok: whether what must hold does.
        expected: what must hold, as text.
        got: what there is.
        derivation: how that comes about, line by line.
        nearest: the nearest inputs that would do.
        hint: the way out.
    """

    __slots__ = _fields = ("ok", "expected", "got", "derivation", "nearest", "hint")
    ok: bool
    expected: str
    got: str
    derivation: tuple[str, ...]
    nearest: tuple[str, ...]
    hint: str | None

    def __init__(
        self,
        ok: bool,
        expected: str,
        got: str,
        derivation: Sequence[str] = (),
        nearest: Sequence[str] = (),
        hint: str | None = None,
    ) -> None:
        self._set(ok=ok, expected=expected, got=got, derivation=tuple(derivation))
        self._set(nearest=tuple(nearest), hint=hint)


class Kind(Value):
    """A kind of assertion.

    Args:
        name: what outcomes and `--select` call it.
        key: the key of a check in the file.
        title: what it says, in a few words, for the documentation.
        schema: what the key may hold, as JSON schema.
        decide: decides one case.
        asks: "input" where it needs a size, "inputs" where it needs conditions in n, "any" where it
            may be said of a size, or of all; "near" where a size only tells where to trace the
            model, "none" where it is of no use.
    """

    __slots__ = _fields = ("name", "key", "title", "schema", "decide", "asks")
    name: str
    key: str
    title: str
    schema: dict[str, Any]
    decide: Callable[[Case], Finding]
    asks: str

    def __init__(
        self,
        name: str,
        title: str,
        decide: Callable[[Case], Finding],
        schema: dict[str, Any],
        *,
        asks: str,
        key: str | None = None,
    ) -> None:
        self._set(name=name, key=key or name, title=title, schema=schema, decide=decide, asks=asks)


def vacuous(message: str, hint: str | None = None) -> CheckError:
    """The error of a check that would show nothing."""
    return CheckError(message, rule="vacuous", hint=hint)


def undecided(message: str, hint: str | None = None) -> CheckError:
    """The error of a check that nobody can decide here."""
    return CheckError(message, rule="undecided", hint=hint)
