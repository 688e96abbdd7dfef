"""First files of checks in tests: written, read, and run on a model that may have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.assertions import Spec, Subject, read
from deconvcalc.assertions.first import first_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deconvcalc.assertions import Outcome

__all__ = ["chosen", "faster", "first", "passes"]


def first(model: Any, size: Any, channels: Any, folder: Path) -> Spec:
    """The file that --init writes, read; it passes."""
    subject = Subject(model, channels=channels)
    path = folder / "deconvcalc.toml"
    text = first_file("nets:net", subject, subject.at(size), path, channels=channels)
    path.write_text(text, encoding="utf-8")
    spec = read(path)
    assert "output" in {check.kind.name for check in spec.checks}
    wrong = [found.text() for found in outcomes(spec, subject) if not found]
    assert not wrong
    return spec


def outcomes(spec: Spec, subject: Subject) -> Iterator[Outcome]:
    """What comes of the checks of a file where the model is this one."""
    for check in spec.checks:
        check.source.subject = lambda options: subject  # type: ignore[method-assign]  # noqa: ARG005
        yield check.run()


def passes(spec: Spec, model: Any, channels: Any) -> bool:
    return all(outcomes(spec, Subject(model, channels=channels)))


def faster(stride: Any) -> Any:
    if isinstance(stride, (tuple, list)):
        return type(stride)([one + 1 for one in stride])
    return stride + 1


def chosen(parts: list[Any], name: str) -> Any:
    """One of them, at another place in each model."""
    return parts[sum(name.encode()) % len(parts)]
