"""All answers where the input is the unknown: each layer with the inputs that give the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deconvcalc.errors import QueryError
from deconvcalc.formulas import Spread, Window, effective_kernel
from deconvcalc.sizemap import Progression, SizeMap
from deconvcalc.solver.modes import BITS, admitted, written
from deconvcalc.solver.runs import Found, Part, Run, flags_of, misaligned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deconvcalc.solver.query import Space

__all__ = ["find_inputs"]

MOST_LAYERS = 300_000
"""How many layers are looked at one by one where no source is named."""


def find_inputs(space: Space, targets: tuple[int, ...], *, alone: bool = True) -> Found:
    """Every layer of a space with the inputs that it takes to the targets, one run a layer.

    Not `alone`, beside axes with other parameters, a layer has a run for "same" too where that
    takes fewer inputs: another axis may be written by "same" only.

    Raises:
        QueryError: the bounds leave too many layers to look at each.
    """
    if not space.modes:
        return Found((), [])
    _check_work(space)
    shuffles = space.op == "pixel_shuffle"
    runs = _shuffles(space, targets) if shuffles else _windows(space, targets, alone)
    return Found((), [Part.of(space, run, run.pairs or ()) for run in runs])


def _windows(space: Space, targets: tuple[int, ...], alone: bool) -> Iterator[Run]:
    preimages: dict[tuple[int, int, int], Progression] = {}
    for s in space.stride:
        for d in space.dilation:
            for k in space.kernel_size:
                ke = effective_kernel(k, d)
                for before, after in dict.fromkeys(_sides(space, k, s, d)):
                    found = []
                    for m in targets:
                        # The inputs depend on the padding by its sum alone.
                        key = (s, ke - before - after, m)
                        if space.ceil_mode or key not in preimages:
                            preimages[key] = _preimage(space, ke, s, before, after, m)
                        found.append(preimages[key])
                    if not all(found):
                        continue
                    for factor in space.factor if space.op == "resize_conv" else (1,):
                        placed = (k, s, d, before, after)
                        yield from _runs(space, targets, placed, found, factor, alone)


def _check_work(space: Space) -> None:
    kernels = len(space.kernel_size)
    pads = len(space.padding) if space.padding else space.kernel_size.last * space.dilation.last
    extra = 1
    if space.same or space.fits or (space.transposed and not space.output_padding):
        extra = space.stride.last
    work = kernels * pads * len(space.stride) * len(space.dilation) * extra
    if space.op in ("pixel_shuffle", "resize_conv"):
        work = len(space.factor) * (work if space.op == "resize_conv" else 1)
    if work > 20 * MOST_LAYERS:
        raise QueryError(
            f"without a source these bounds leave some {work:.0e} layers to look at",
            rule="source",
            hint="Name the source (--from), or narrow kernel_size, stride or padding.",
        )


def _sides(space: Space, k: int, s: int, d: int) -> Iterator[tuple[int, int]]:
    """The paddings or crops that some mode of the space may have."""
    ke = effective_kernel(k, d)
    for mode in space.modes:
        if mode.kind == "free":
            top = k // 2 if mode.half else ke - 1 + space.bounds.margin
            pads = space.padding if space.padding is not None else range(top + 1)
            extras: Iterable[int] = (0,)
            if space.transposed:
                limit = max(s, d) if mode.lax else s
                extras = range(limit)
                if space.output_padding is not None:
                    extras = tuple(space.output_padding.between(0, limit - 1))
            for p in pads:
                for extra in extras:
                    yield p, p - extra
        elif mode.kind == "none":
            for extra in range(s) if space.transposed else (0,):
                yield 0, -extra
        else:
            for kept in range(1, s + 1):
                total = ke - kept if space.transposed else max(ke - kept, 0)
                before = max(total, 0) // 2
                yield before, total - before


def _preimage(space: Space, ke: int, s: int, before: int, after: int, m: int) -> Progression:
    formula: Window | Spread = (
        Spread(ke, s, before, after)
        if space.transposed
        else Window(ke, s, before, after, space.ceil_mode)
    )
    result: SizeMap = formula.on(SizeMap.identity())
    return result.preimage(m)


def _runs(
    space: Space,
    targets: tuple[int, ...],
    placed: tuple[int, int, int, int, int],
    found: list[Progression],
    factor: int,
    alone: bool,
) -> Iterator[Run]:
    """The runs of one layer, if inputs are left that some mode of the space takes."""
    # PyTorch's padded average is another layer than Keras's: each is looked at alone.
    apart = space.op == "avg_pool" and placed[3:] != (0, 0)
    for bits in BITS.values() if apart else (-1,):
        run = _run(space, targets, placed, found, factor, bits, -1)
        if run is None:
            continue
        yield run
        if not alone and space.same:
            fewer = _run(space, targets, placed, found, factor, bits, ~run.allowed)
            if fewer is not None:
                fewer.wider = run.allowed
                yield fewer


def _run(
    space: Space,
    targets: tuple[int, ...],
    placed: tuple[int, int, int, int, int],
    found: list[Progression],
    factor: int,
    bits: int,
    asked: int,
) -> Run | None:
    """The run of one layer that modes among `bits` write, with the inputs that `asked` take."""
    k, s, d, before, after = placed
    sources, pairs = [], []
    modes = allowed = bits
    for m, inputs in zip(targets, found, strict=True):
        masks = {}
        for n in _ends(space, inputs):
            mask = written(space, n, k, s, d, before, after) & bits
            within = admitted(space, mask, k, d, before, after) & asked
            if within and n % factor == 0:
                masks[n] = mask, within
        if not masks:
            return None
        taken = list(masks)
        for n in (taken[0], taken[-1]):
            modes &= masks[n][0]
            allowed &= masks[n][1]
            pairs.append((n // factor, m))
        sources.append(Progression(taken[0] // factor, taken[-1] // factor))
    pairs = list(dict.fromkeys(pairs))
    line = (s, d, effective_kernel(k, d) - before - after, before - after, factor)
    sizes = tuple(pairs)
    flags = flags_of(space.op, sizes, line, k) | misaligned(space.op, sizes, line)
    marks = (flags, modes, allowed)
    return Run(space, line, range(k, k + 1), marks, pairs=sizes, sources=tuple(sources))


def _ends(space: Space, inputs: Progression) -> Progression | tuple[int, ...]:
    """The inputs to look at: all where a rule depends on them, the two ends where none does."""
    if not inputs or space.same or space.fits:
        return inputs
    return tuple(dict.fromkeys((inputs[0], inputs[-1])))


def _shuffles(space: Space, targets: tuple[int, ...]) -> Iterator[Run]:
    for factor in space.factor.between(1, min(targets)):
        if all(m % factor == 0 for m in targets):
            pairs = tuple([(m // factor, m) for m in dict.fromkeys(targets)])
            line = (1, 1, 1, 0, factor)
            mask = sum({mode.bit for mode in space.modes})
            sources = tuple([Progression(m // factor, m // factor) for m in targets])
            flags = flags_of(space.op, pairs, line, 1)
            marks = (flags, mask, mask)
            yield Run(space, line, range(1, 2), marks, pairs=pairs, sources=sources)
