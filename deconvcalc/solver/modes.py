"""Which modes of padding a concrete window is written in: what a framework, and a question, admits.

A window is known by its kernel k, stride s, dilation d, and by `before` and `after`: padding for a
window, crops for a transposed one. Everything here is decided at one such point.
"""

from __future__ import annotations

from functools import cache

from deconvcalc.dialects import DIALECTS, Dialect, Mode
from deconvcalc.formulas import SameWindow, effective_kernel
from deconvcalc.solver.query import OPERATIONS, Space

__all__ = ["BITS", "admitted", "dilated_in_both", "in_both", "written"]

BITS = {
    name: sum({mode.bit for modes in dialect.modes.values() for mode in modes})
    for name, dialect in DIALECTS.items()
}
"""For each dialect the bits of its modes."""


OPERATION_MODES = {
    op: tuple([(dialect, dialect.modes[op]) for dialect in DIALECTS.values()]) for op in OPERATIONS
}
"""Every dialect with its modes, by operation."""


@cache
def in_both(mask: int) -> bool:
    """Whether every dialect has a mode in the mask."""
    return all(mask & bits for bits in BITS.values())


def dilated_in_both(op: str, s: int) -> bool:
    """Whether every dialect has a dilated window of this stride."""
    return all(_dilates(dialect, op, s) for dialect in DIALECTS.values())


def written(space: Space, n: int, k: int, s: int, d: int, before: int, after: int) -> int:
    """The mask of all modes, of any dialect, that write this window at input size n."""
    mask = 0
    for dialect, modes in OPERATION_MODES[space.op]:
        if d > 1 and not _dilates(dialect, space.op, s):
            continue
        for mode in modes:
            if space.transposed:
                fits = _spread_fits(mode, k, s, d, before, after)
            elif space.ceil_mode and mode.kind != "free":
                fits = False
            else:
                fits = _window_fits(mode, n, k, s, d, before, after)
                fits = fits and not (mode.fits_3d and space.axes == 3 and n < k)
            if fits:
                mask |= mode.bit
    return mask


def _dilates(dialect: Dialect, op: str, s: int) -> bool:
    if op in ("max_pool", "avg_pool"):
        return dialect.pool_dilation and op == "max_pool"
    return dialect.stride_with_dilation or s == 1


def _spread_fits(mode: Mode, k: int, s: int, d: int, before: int, after: int) -> bool:
    if mode.kind == "free":
        limit = max(s, d) if mode.lax else s
        return before >= 0 and 0 <= before - after < limit
    if before != (0 if mode.kind == "none" else max(before + after, 0) // 2):
        return False
    ke = effective_kernel(k, d)
    if not mode.extra:
        return bool(after == (min(ke - s, 0) if mode.kind == "none" else ke - before - s))
    # With output_padding=0 an even kernel builds with "same", and fails when it runs.
    least = 0 if mode.kind == "none" or ke % 2 else 1
    return least <= _extra(mode, ke, before, after) < s


def _extra(mode: Mode, ke: int, before: int, after: int) -> int:
    """The output_padding that a mode would write for these crops."""
    if mode.kind == "free":
        return before - after
    return -after if mode.kind == "none" else ke - before - after - ke % 2


def _window_fits(mode: Mode, n: int, k: int, s: int, d: int, before: int, after: int) -> bool:
    if mode.unit_stride and s != 1:
        return False
    if mode.kind == "free":
        return before == after >= 0 and (not mode.half or before <= k // 2)
    if mode.kind == "none":
        return before == after == 0
    return SameWindow(effective_kernel(k, d), s).pads(n) == (before, after)


def admitted(space: Space, mask: int, k: int, d: int, before: int, after: int) -> int:
    """The modes, of those in which a window is written, in which the question admits it."""
    allowed = 0
    for mode in space.modes:
        if mask & mode.bit and _within(space, mode, k, d, before, after):
            allowed |= mode.bit
    return allowed


def _within(space: Space, mode: Mode, k: int, d: int, before: int, after: int) -> bool:
    """Whether padding and output_padding, as the mode names them, lie within the bounds."""
    ke = effective_kernel(k, d)
    if mode.kind == "free":
        if space.padding is not None:
            if before not in space.padding:
                return False
        elif space.bounds.words is not None:  # "valid" in a framework with numbers
            if before:
                return False
        elif before >= ke + space.bounds.margin:
            return False
    if not space.transposed or space.output_padding is None or not mode.extra:
        return True
    return _extra(mode, ke, before, after) in space.output_padding
