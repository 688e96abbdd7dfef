"""The frameworks' own rules in plain loops, and the order of answers counted from its definition.

Nothing here comes from the package. A question is answered by trying every call of a framework
within the bounds; a call is known by where it puts its windows, and equal ones are one layer.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = [
    "OPERATIONS",
    "Bounds",
    "Facts",
    "Layer",
    "Question",
    "Style",
    "TooManyError",
    "Window",
    "axis_calls",
    "facts",
    "key",
    "place",
    "ranked",
    "solve",
    "styles",
]

OPERATIONS = ("conv_transpose", "resize_conv", "pixel_shuffle", "conv", "max_pool", "avg_pool")
POOLS = ("max_pool", "avg_pool")
ENLARGING = ("conv_transpose", "resize_conv", "pixel_shuffle")


class Bounds(NamedTuple):
    """What one axis may choose from; None is the default of the operation."""

    kernel_size: tuple[int, ...] | None = None
    stride: tuple[int, ...] | None = None
    padding: tuple[int, ...] | frozenset[str] | None = None
    output_padding: tuple[int | str, ...] | None = None
    dilation: tuple[int, ...] | None = None
    factor: tuple[int, ...] | None = None

    def strides(self) -> tuple[int, ...]:
        return self.stride or tuple(range(1, 9))

    def kernels(self, op: str) -> tuple[int, ...]:
        if self.kernel_size is not None:
            return self.kernel_size
        most = 8 if op in POOLS else 11
        if op not in (*POOLS, "resize_conv"):
            most = max(most, 2 * max(self.strides()))
        return tuple(range(1, most + 1))

    def dilations(self, op: str) -> tuple[int, ...]:
        given = self.dilation or (1,)
        return tuple(d for d in given if d == 1) if op == "avg_pool" else given

    def factors(self) -> tuple[int, ...]:
        return self.factor or tuple(range(1, 9))


class Question(NamedTuple):
    """Sizes and bounds, one of each for every axis; `rank` None is for any number of axes."""

    op: str
    dialect: str
    targets: tuple[int, ...]
    sources: tuple[int, ...] | None
    bounds: tuple[Bounds, ...]
    groups: tuple[tuple[int, ...], ...]
    rank: int | None
    ceil_mode: bool = False

    def operations(self) -> tuple[str, ...]:
        return OPERATIONS if self.op == "any" else (self.op,)

    def frameworks(self) -> tuple[str, ...]:
        return ("torch", "keras") if self.dialect == "any" else (self.dialect,)


class Window(NamedTuple):
    """One axis of a layer at one input size; crops for a transposed window."""

    factor: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int


class Layer(NamedTuple):
    """One layer at one input size; `counted` says whether a padded mean counts its padding."""

    op: str
    windows: tuple[Window, ...]
    counted: bool | None


class Style(NamedTuple):
    """What a call says once for all of its axes."""

    framework: str
    padding: str
    extra: str = "int"


def styles(op: str, framework: str) -> tuple[Style, ...]:
    """All ways to write the padding of a layer."""
    if framework == "torch":
        numbers = Style("torch", "numbers")
        return (numbers, Style("torch", "same")) if op in ("conv", "resize_conv") else (numbers,)
    if op == "pixel_shuffle":
        return ()
    extras = ("int", "none") if op == "conv_transpose" else ("int",)
    return tuple(Style("keras", word, extra) for word in ("valid", "same") for extra in extras)


# Sizes.


@cache
def full_length(n: int, k: int, s: int, d: int) -> int:
    """How far the last copy of the taps reaches, by laying them down."""
    return 1 + max(j * s for j in range(n)) + max(q * d for q in range(k))


@cache
def count_windows(n: int, ke: int, s: int, before: int, after: int) -> int:
    """How many windows fit, by sliding one."""
    count = 0
    start = -before
    while start + ke <= n + after:
        count += 1
        start += s
    return count


@cache
def count_ceil(n: int, ke: int, s: int, p: int) -> int:
    """PyTorch's count with ceil_mode: round up; no window starts in the padding at the end."""
    span = n + 2 * p - ke
    count = -(-span // s) + 1
    if (count - 1) * s >= n + p:
        count -= 1
    return count


def same_pads(n: int, ke: int, s: int) -> tuple[int, int]:
    """TensorFlow's padding for ceil(n / s) windows."""
    count = -(-n // s)
    total = max((count - 1) * s + ke - n, 0)
    return total // 2, total - total // 2


# Calls.


def place(
    op: str, style: Style, n: int, k: int, s: int, d: int, p: int, extra: int, *, ceil_mode: bool
) -> tuple[int, int, int] | None:
    """(before, after, output size) of a call on one axis, or None where it is refused."""
    ke = d * (k - 1) + 1
    if op == "conv_transpose":
        placed = _place_transposed(style, n, k, s, d, p, extra)
    elif style.framework == "torch":
        placed = _place_torch(op, style, n, k, s, d, p, ceil_mode=ceil_mode)
    elif ceil_mode or (op in POOLS and d > 1):
        return None
    else:
        before, after = (0, 0) if style.padding == "valid" else same_pads(n, ke, s)
        placed = before, after, count_windows(n, ke, s, before, after)
    return placed if placed is not None and placed[2] >= 1 else None


def _place_transposed(
    style: Style, n: int, k: int, s: int, d: int, p: int, extra: int
) -> tuple[int, int, int] | None:
    ke = d * (k - 1) + 1
    full = full_length(n, k, s, d)
    if style.framework == "torch":
        return (p, p - extra, full - 2 * p + extra) if extra < s or extra < d else None
    if style.extra == "int" and extra >= s:
        return None
    if style.padding == "valid":
        m = (n - 1) * s + max(ke, s) if style.extra == "none" else full + extra
        return 0, full - m, m
    if style.extra == "int" and ke % 2 + extra < 1:
        return None  # builds, and fails when it runs
    m = n * s if style.extra == "none" else (n - 1) * s + ke % 2 + extra
    before = max(full - m, 0) // 2
    return before, full - m - before, m


def _place_torch(
    op: str, style: Style, n: int, k: int, s: int, d: int, p: int, *, ceil_mode: bool
) -> tuple[int, int, int] | None:
    ke = d * (k - 1) + 1
    if style.padding == "same":
        before = (ke - 1) // 2
        after = ke - 1 - before
        return (before, after, count_windows(n, ke, s, before, after)) if s == 1 else None
    if op in POOLS and (p > k // 2 or (op == "avg_pool" and d > 1)):
        return None
    if op in POOLS and ceil_mode:
        return p, p, count_ceil(n, ke, s, p)
    return p, p, count_windows(n, ke, s, p, p)


def _paddings(op: str, style: Style, bounds: Bounds, k: int, d: int) -> Iterable[int]:
    """The numbers of padding that the bounds admit in a style; (0,) where it takes no number."""
    words = bounds.padding if isinstance(bounds.padding, frozenset) else None
    if style.padding != "numbers":
        if words is not None:
            return (0,) if style.padding in words else ()
        searched = bounds.padding is None and style.framework == "keras"
        return (0,) if searched else ()
    if words is not None:
        # PyTorch reads "valid" as 0, for a convolution alone.
        return (0,) if op in ("conv", "resize_conv") and "valid" in words else ()
    if isinstance(bounds.padding, tuple):
        return bounds.padding
    return range(k // 2 + 1) if op in POOLS else range(d * (k - 1) + 1)


def _extras(op: str, style: Style, bounds: Bounds, s: int, d: int) -> Iterable[int]:
    """The numbers of output_padding that the bounds admit in a style."""
    if op != "conv_transpose":
        return (0,)
    given = bounds.output_padding
    if style.extra == "none":
        return (0,) if given is None or "none" in given else ()
    if given is None:
        return range(max(s, d))
    return [extra for extra in given if isinstance(extra, int)]


Call = tuple[int, int, int, int, int, int]
"""(factor, k, s, d, padding, output_padding)"""


def axis_calls(op: str, style: Style, bounds: Bounds) -> Iterator[Call]:
    """Every call on one axis within the bounds, accepted or not."""
    for factor in bounds.factors() if op == "resize_conv" else (1,):
        strides = bounds.strides() if op != "resize_conv" else (1,)
        if op == "resize_conv" and bounds.stride is not None and 1 not in bounds.stride:
            return
        for k in bounds.kernels(op):
            for s in strides:
                for d in bounds.dilations(op):
                    for p in _paddings(op, style, bounds, k, d):
                        for extra in _extras(op, style, bounds, s, d):
                            yield factor, k, s, d, p, extra


def _windows_to(
    question: Question, op: str, style: Style, axis: int, sources: Iterable[int]
) -> dict[Window, set[int]]:
    """The windows of one axis that give its target, with the inputs that they take to it."""
    found: dict[Window, set[int]] = {}
    target = question.targets[axis]
    for factor, k, s, d, p, extra in axis_calls(op, style, question.bounds[axis]):
        for n in sources:
            if n * factor > _longest(target, k, s, d, p):
                break
            ceil_mode = question.ceil_mode and op in POOLS
            placed = place(op, style, n * factor, k, s, d, p, extra, ceil_mode=ceil_mode)
            if placed is None or placed[2] != target:
                continue
            if too_short(question, op, style, k, n):
                continue
            found.setdefault(Window(factor, k, s, d, *placed[:2]), set()).add(n)
    return found


def too_short(question: Question, op: str, style: Style, k: int, n: int) -> bool:
    """Whether nn.AvgPool3d refuses the input: it alone does not count the padding here."""
    return op == "avg_pool" and style.framework == "torch" and question.rank == 3 and n < k


def _longest(target: int, k: int, s: int, d: int, p: int) -> int:
    """No longer input gives the target: a window drops less than s, a crop takes at most 2p."""
    return (target + 1) * s + d * k + 2 * p


class TooManyError(Exception):
    """A question has more answers than were wanted."""


def solve(question: Question, most: int = 10**9) -> dict[Layer, set[tuple[int, ...]]]:
    """All layers that give the targets, with the inputs, of one size an axis, that they take.

    Raises:
        TooManyError: more than `most` layers and inputs.
    """
    answers: dict[Layer, set[tuple[int, ...]]] = {}
    for op in question.operations():
        for framework in question.frameworks():
            if op == "pixel_shuffle":
                _add_shuffles(answers, question, framework)
                continue
            for style in styles(op, framework):
                _add_layers(answers, question, op, style, most)
    return answers


def _add_layers(
    answers: dict[Layer, set[tuple[int, ...]]],
    question: Question,
    op: str,
    style: Style,
    most: int,
) -> None:
    axes = range(len(question.targets))
    found = []
    for axis in axes:
        sources = question.sources
        known = range(1, 10**9) if sources is None else (sources[axis],)
        found.append(_windows_to(question, op, style, axis, known))
        if not found[-1]:
            return
    # Axes that share their parameters have one window in common.
    choices = [set.intersection(*[set(found[axis]) for axis in g]) for g in question.groups]
    if prod(map(len, choices)) > most:
        raise TooManyError
    for chosen in product(*choices):
        windows = [chosen[0]] * len(axes)
        for window, group in zip(chosen, question.groups, strict=True):
            for axis in group:
                windows[axis] = window
        if _together(op, style.framework, windows):
            padded = op == "avg_pool" and any(w.before or w.after for w in windows)
            layer = Layer(op, tuple(windows), style.framework == "torch" if padded else None)
            inputs = [found[axis][windows[axis]] for axis in axes]
            if prod(map(len, inputs)) > most:
                raise TooManyError
            answers.setdefault(layer, set()).update(product(*inputs))


def _together(op: str, framework: str, windows: Iterable[Window]) -> bool:
    """Keras has no convolution with a stride on one axis and a dilation on any."""
    if framework != "keras" or op in POOLS:
        return True
    windows = list(windows)
    return max(w.stride for w in windows) == 1 or max(w.dilation for w in windows) == 1


def _add_shuffles(
    answers: dict[Layer, set[tuple[int, ...]]], question: Question, framework: str
) -> None:
    """nn.PixelShuffle takes one factor, and enlarges two axes."""
    if not styles("pixel_shuffle", framework) or question.rank not in (None, 2):
        return
    factors = set.intersection(*[set(bounds.factors()) for bounds in question.bounds])
    for factor in factors:
        inputs = tuple(m // factor for m in question.targets)
        exact = all(m % factor == 0 for m in question.targets)
        if exact and (question.sources is None or question.sources == inputs):
            windows = (Window(factor, 1, 1, 1, 0, 0),) * len(inputs)
            answers[Layer("pixel_shuffle", windows, None)] = {inputs}


# Facts.


class Facts(NamedTuple):
    """What a layer is ranked by, for the worst of its inputs."""

    holes: bool
    aligned: bool
    symmetric: bool
    checkerboard: bool
    overlap: bool
    in_both: bool
    dilated: bool
    shift: Fraction
    taps: tuple[object, ...]


@cache
def has_hole(op: str, window: Window, n: int, m: int) -> bool:
    """Whether an output gets nothing, or a window sees nothing but padding."""
    if op == "pixel_shuffle":
        return False
    factor, k, s, d, before, _ = window
    if op == "conv_transpose":
        reached = {j * s + q * d - before for j in range(n) for q in range(k)}
        return not reached.issuperset(range(m))
    for i in range(m):
        start = i * s - before
        if not any(0 <= start + q * d < n * factor for q in range(k)):
            return True
    return False


@cache
def interior_taps(k: int, s: int, d: int) -> frozenset[int]:
    """How many taps each phase of the output gets, far from the ends."""
    return frozenset(sum((x - q * d) % s == 0 for q in range(k)) for x in range(s))


@cache
def largest_shift(op: str, window: Window, n: int, m: int) -> Fraction:
    """How far an output's centre lies from where a plain resize has it, in input pixels.

    A transposed window has the centre of output i at (i + before - (ke - 1)/2)/s, a window at
    i*s - before + (ke - 1)/2, which is (that + 1/2)/factor - 1/2 before the upsampling; a plain
    resize has it at (i + 1/2)*n/m - 1/2. All of these are counted in parts of one unit.
    """
    if op == "pixel_shuffle":
        return Fraction(0)
    factor, k, s, d, before, _ = window
    span = d * (k - 1)
    scale = s if op == "conv_transpose" else factor
    worst = 0
    for i in range(m):
        if op == "conv_transpose":
            centre = (2 * (i + before) - span) * m
        else:
            centre = (2 * (i * s - before) + span + 1 - factor) * m
        plain = ((2 * i + 1) * n - m) * scale
        worst = max(worst, abs(centre - plain))
    return Fraction(worst, 2 * scale * m)


def idle(op: str, n: int, m: int) -> bool:
    """Whether the stride does nothing: one input is spread, or one window is taken."""
    return n == 1 if op in ENLARGING else m == 1


def _step(op: str, window: Window) -> int:
    return window.factor if op in ("resize_conv", "pixel_shuffle") else window.stride


def written_by(
    question: Question, framework: str, layer: Layer, inputs: set[tuple[int, ...]]
) -> bool:
    """Whether one call of a framework is this layer, for all of these inputs."""
    op, ceil = layer.op, question.ceil_mode
    if not _together(op, framework, layer.windows):
        return False
    if layer.counted is not None and layer.counted != (framework == "torch"):
        return False
    if op == "pixel_shuffle":
        return framework == "torch"
    return any(
        all(
            _written(op, style, window, sizes[axis] * window.factor, ceil)
            and not too_short(question, op, style, window.kernel, sizes[axis])
            for sizes in inputs
            for axis, window in enumerate(layer.windows)
        )
        for style in styles(op, framework)
    )


@cache
def _written(op: str, style: Style, window: Window, n: int, ceil: bool) -> bool:
    """Whether a call of this style, whatever its numbers, is this window."""
    _, k, s, d, before, after = window
    sides = before, after
    pads = range(before, before + 1) if style.padding == "numbers" and before >= 0 else (0,)
    for p in pads:
        for extra in range(max(s, d)) if op == "conv_transpose" else (0,):
            placed = place(op, style, n, k, s, d, p, extra, ceil_mode=ceil and op in POOLS)
            if placed is not None and placed[:2] == sides:
                return True
    return False


def facts(question: Question, layer: Layer, inputs: set[tuple[int, ...]]) -> Facts:
    """Everything that the order looks at, counted."""
    op, windows = layer.op, layer.windows
    spread = op == "conv_transpose"
    each = [
        (windows[axis], n, question.targets[axis])
        for axis in range(len(windows))
        for n in sorted({sizes[axis] for sizes in inputs})
    ]
    shifts = [(n, largest_shift(op, window, n, m)) for window, n, m in each]
    taps: list[tuple[int, ...]] = []
    for axis, (_, k, s, d, _, _) in enumerate(windows):
        group = next(group for group in question.groups if axis in group)
        single = all(sizes[other] == 1 for sizes in inputs for other in group)
        counts = {k} if not spread else {1} if single else interior_taps(k, s, d)
        taps.append(tuple(sorted(counts)))
    return Facts(
        holes=any(has_hole(op, window, n, m) for window, n, m in each),
        aligned=all(2 * shift <= 1 or (n == 1 and op in ENLARGING) for n, shift in shifts),
        symmetric=all(window.before == window.after for window in windows),
        checkerboard=spread
        and any(n > 1 and len(interior_taps(*window[1:4])) > 1 for window, n, _ in each),
        overlap=all(idle(op, n, m) or _overlaps(op, window) for window, n, m in each),
        in_both=all(
            written_by(question, framework, layer, inputs) for framework in ("torch", "keras")
        ),
        dilated=any(window.dilation > 1 for window in windows),
        shift=max(shift for _, shift in shifts),
        taps=taps[0] if taps.count(taps[0]) == len(taps) else tuple(taps),
    )


def _overlaps(op: str, window: Window) -> bool:
    if op == "pixel_shuffle":
        return window.factor == 1
    spans = window.dilation * (window.kernel - 1) + 1
    # A pool need not mix neighbours, but it should read every input.
    return spans >= window.stride if op in POOLS else spans > window.stride


def key(
    question: Question, layer: Layer, inputs: set[tuple[int, ...]], known: Facts
) -> tuple[Any, ...]:
    """The place of an answer in the published order."""
    op = layer.op
    strides, kernels, rest = [], [], []
    for group in question.groups:
        window = layer.windows[group[0]]
        step = _step(op, window)
        below = False
        for axis in group:
            m = question.targets[axis]
            for n in {sizes[axis] for sizes in inputs}:
                small = step * n < m if op in ENLARGING else step * m < n
                below = below or (small and not idle(op, n, m))
        strides.append((below, -step if below else step))
        k = window.kernel
        late = k < 3 and op not in POOLS
        kernels.append((late, -k if late else k))
        skew = window.before - window.after
        kept = window.dilation * (k - 1) + 1 - window.before - window.after
        rest.append((OPERATIONS.index(op), window.dilation, abs(skew), skew, kept))
    return (
        known.holes,
        not known.aligned,
        not known.symmetric,
        known.checkerboard,
        not known.overlap,
        not known.in_both,
        known.dilated,
        strides,
        op in POOLS,
        kernels,
        known.shift,
        rest,
        layer.counted is False,
    )


def ranked(
    question: Question, found: Mapping[Layer, set[tuple[int, ...]]]
) -> list[tuple[Layer, set[tuple[int, ...]], Facts]]:
    """Answers with their inputs and facts, best first."""
    each = [(layer, inputs, facts(question, layer, inputs)) for layer, inputs in found.items()]
    return sorted(each, key=lambda item: key(question, *item))
