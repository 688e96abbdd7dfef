"""What a check of a file is about, made into a model when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.assertions.plans import read_plan
from deconvcalc.assertions.subject import Subject
from deconvcalc.errors import QueryError
from deconvcalc.notation import parse
from deconvcalc.tracing.loading import here_first, load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from deconvcalc.assertions.finding import Options

__all__ = ["SUFFIXES", "Source", "project_of", "within"]

SUFFIXES = (".toml", ".onnx", ".keras")
"""What a model's file may be."""

MOST_BYTES = 10_000_000
"""The file of a design may have so many bytes."""

MARKS = ("pyproject.toml", ".git")
"""What stands at the top of a project."""


class Source:
    """What a check is about, as it is written.

    Args:
        kind: "layer", "layers", "code", "plan" or "model".
        said: what the key has.
        folder: where the file stands.
        root: the top of the project.
        arguments: for a class or a function that makes the model.
        channels: of the input.
        assume: what unknown operations do.
    """

    def __init__(
        self,
        kind: str,
        said: Any,
        folder: Path,
        root: Path,
        *,
        arguments: Mapping[str, Any] | None = None,
        channels: Any = None,
        assume: Mapping[str, str] | None = None,
    ) -> None:
        self.kind, self.said, self.folder, self.root = kind, said, folder, root
        self.arguments = {name: _plain(one) for name, one in (arguments or {}).items()}
        self.channels, self.assume = channels, assume
        self._subject: Subject | None = None

    @property
    def is_imported(self) -> bool:
        """Whether it names a module, whose code runs when it is loaded."""
        return self.kind == "model" and not self.said.lower().endswith(SUFFIXES)

    def subject(self, options: Options) -> Subject:
        """The model; it is made once.

        Raises:
            QueryError: something that is forbidden, or cannot be read.
            ImportError: a framework is missing or broken.
        """
        if self.is_imported and options.no_import:
            raise QueryError(
                f"{self.said} would be imported, which --no-import forbids",
                rule="forbidden",
                hint="Leave --no-import out if you trust this project, or select other checks.",
            )
        if self._subject is None:
            self._subject = Subject(
                self._model(options), channels=self.channels, assume=self.assume
            )
        return self._subject

    def text(self, options: Options) -> str:
        """What stands in the file that it names.

        Raises:
            QueryError: it lies outside of the project, cannot be read, or is too large.
        """
        path = self._path(options)
        try:
            with path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
            text = content.decode()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise QueryError(f"{path.name} cannot be read: {why}", rule=self.kind) from None
        if len(content) > MOST_BYTES:
            raise QueryError(f"{path.name} has more than {MOST_BYTES:,} bytes", rule=self.kind)
        return text

    def _path(self, options: Options) -> Path:
        path = self.folder / str(self.said)
        if not options.outside:
            within(path, self.root)
        return path

    def _model(self, options: Options) -> Any:
        if self.arguments and not self.is_imported:
            raise QueryError(
                "arguments are for a class or a function, as package.module:attribute",
                rule="arguments",
            )
        if self.kind == "layer":
            return parse(self.said)
        if self.kind == "layers":
            return [parse(one) for one in self.said]
        if self.kind == "code":
            if "(" not in self.said:
                raise QueryError(
                    f"{self.said[:60]!r} is no code of layers",
                    rule="code",
                    hint="Paste nn.Sequential(...) or keras.Sequential([...]).",
                )
            return self.said
        if self.kind == "plan":
            return read_plan(self.text(options)).model()
        if not self.is_imported:
            return self._path(options)
        with here_first(self.folder):
            return load(self.said, self.arguments)


def _plain(value: Any) -> Any:
    """Lists as tuples: classes take those."""
    return tuple(map(_plain, value)) if isinstance(value, list) else value


def project_of(path: Path) -> Path:
    """The top of the project that a file stands in: the nearest folder that is marked as one."""
    folder = path.absolute().parent
    for one in (folder, *folder.parents):
        if any((one / mark).exists() for mark in MARKS):
            return one
    return folder


def within(path: Path, root: Path) -> None:
    """Refuse a file outside of the project, also behind a link.

    Raises:
        QueryError: it is, or links lead round in a circle.
    """
    try:
        inside = path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError) as error:
        raise QueryError(f"{path.name} cannot be found: {error}", rule="model") from None
    if not inside:
        raise QueryError(
            f"{path.name} lies outside of the project, {root.name or root}",
            rule="forbidden",
            hint="Allow it by --allow-outside if you trust this file.",
        )
