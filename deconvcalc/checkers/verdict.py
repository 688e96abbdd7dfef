"""What a checker found."""

from __future__ import annotations

from typing import Any

from deconvcalc.values import Value

__all__ = ["TOLERANCE", "Verdict"]

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
"""How far values may lie apart, as a part of the largest, by the kind of floats."""


class Verdict(Value):
    """What one checker says of layers at one size.

    Attributes:
        checker: its name.
        ok: whether it confirms the size and the values.
        layers: the canonical layers, as text that `deconvcalc.parse` reads.
        size: the input sizes.
        expected: the output sizes by the arithmetic.
        found: the output sizes that came out, or None where nothing did.
        error: the largest absolute difference of a value from the reference, or None.
        scale: the largest absolute value of the reference, or None.
        tolerance: the error may be this part of the scale.
        adjoint: how far <Lx, y> and <x, L*y> lie apart, as a part of the sum of their terms'
            absolute values, for the convolution L and its transpose L* with the same weights; None
            for other layers.
        dtype: the floats that the layers ran in.
        seed, channels: what the weights and the input were drawn from, so that it can be run again.
        how: "layers": real layers; "functional": the functions behind them; "loops": the reference.
        built: what was built, a call each.
        versions: of the framework, its backend, numpy and Python.
        seconds: how long the checker took.
        fault: where it is not ok, what kind of fault: "missing" or "broken" (the framework),
            "died", "timeout" or "protocol" (its process), "impossible" (the framework has no such
            layers), "refused" (it has, and refuses them), "size", "values" or "adjoint" (they
            differ); else None.
        reason: where it is not ok, why; else None.
    """

    __slots__ = _fields = (
        "checker",
        "ok",
        "layers",
        "size",
        "expected",
        "found",
        "error",
        "scale",
        "tolerance",
        "adjoint",
        "dtype",
        "seed",
        "channels",
        "how",
        "built",
        "versions",
        "seconds",
        "fault",
        "reason",
    )
    checker: str
    ok: bool
    layers: tuple[str, ...]
    size: tuple[int, ...]
    expected: tuple[int, ...]
    found: tuple[int, ...] | None
    error: float | None
    scale: float | None
    tolerance: float
    adjoint: float | None
    dtype: str
    seed: int
    channels: tuple[int, int]
    how: str
    built: tuple[str, ...]
    versions: dict[str, str]
    seconds: float
    fault: str | None
    reason: str | None

    def __init__(self, **fields: Any) -> None:
        self._set(**dict.fromkeys(self._fields) | fields)

    __hash__ = None  # type: ignore[assignment]  # versions are a dict

    def __bool__(self) -> bool:
        """Whether it is ok."""
        return self.ok

    def to_record(self) -> dict[str, Any]:
        """The verdict as plain data: a certificate, which `deconvcalc.recheck` runs again."""
        record = dict(zip(self._fields, self._values(), strict=True))
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in record.items()
        }

    def __repr__(self) -> str:
        said = "ok" if self.ok else f"not ok: {self.reason}"
        return f"<{self.checker}: {said}>"
