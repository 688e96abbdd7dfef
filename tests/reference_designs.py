"""Designs by brute force: every chain of stages, by loops over ints, without the designer.

A problem is drawn as the arguments of `dc.design`. Its stages, chains, constraints and costs are
worked out here from their definitions: taps are counted one by one, fields by going through the
taps of a signal without ends, shifts as fractions at both ends.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import product
from math import ceil, prod
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

__all__ = ["Brute", "Chain", "Link", "Part", "Problem", "cost_of", "drawn", "per_stage"]

POOLS = ("max_pool", "avg_pool")


class Problem(NamedTuple):
    """The arguments of a question; whether it is a decoder; a target in n as a function."""

    target: Any
    arguments: dict[str, Any]
    up: bool
    axes: int
    symbolic: Callable[[int], int] | None = None


class Part(NamedTuple):
    """What a stage does along one axis."""

    kernel_size: int
    stride: int
    padding: int
    output_padding: int
    dilation: int
    factor: int


class Link(NamedTuple):
    """One stage of a chain."""

    op: str
    parts: tuple[Part, ...]
    choice: int
    source: tuple[int, ...]
    target: tuple[int, ...]
    channels: tuple[int, int]
    sizes: tuple[tuple[int, ...], ...]  # after it, at the source and at each sample in n


Chain = tuple[Link, ...]


@cache
def size_after(op: str, part: Part, n: int) -> int | None:
    """The size after a stage, or None where PyTorch refuses."""
    k, s, p, extra, d, factor = part
    span = d * (k - 1) + 1
    if op == "conv_transpose":
        m = (n - 1) * s - 2 * p + span + extra
    else:
        if op == "resize_conv":
            n *= factor
        if n + 2 * p < span:
            return None
        m = (n + 2 * p - span) // s + 1
        if op == "pixel_shuffle":
            m *= factor
    return m if m >= 1 else None


# Constraints, from their definitions.


@cache
def tap_counts(part: Part) -> set[int]:
    """How many taps interior outputs of a transposed window get, by counting them."""
    k, s, _, _, d, _ = part
    far = 3 * (d * k + s)
    hits = [0] * (2 * far)
    for j in range(-far, 3 * far):
        for q in range(k):
            place = j * s + q * d
            if 0 <= place < len(hits):
                hits[place] += 1
    return set(hits[far : far + s])


@cache
def reads_all(part: Part) -> bool:
    """Whether the windows of a long signal read every input of its inside."""
    k, s, _, _, d, _ = part
    far = 3 * (d * k + s)
    read = {j * s + q * d for j in range(-far, 3 * far) for q in range(k)}
    return all(place in read for place in range(far, far + s))


@cache
def has_hole(op: str, part: Part, n: int, m: int) -> bool:
    """Whether an output gets no tap, or an input is read by no window."""
    k, s, p, extra, d, _ = part
    if op != "conv_transpose":
        return not reads_all(part)
    if extra > p or 0 in tap_counts(part):
        return True
    if d == 1:
        return False
    taps = {j * s + q * d for j in range(n) for q in range(k)}
    return any(x not in taps for x in range(p, p + m))


@cache
def is_aligned(op: str, part: Part, n: int, m: int) -> bool:
    """Whether pixel centres move by at most half an input pixel: they do so most at an end."""
    k, s, p, _, d, factor = part
    middle = Fraction(d * (k - 1), 2)
    half = Fraction(1, 2)
    if op == "resize_conv":
        n *= factor
    if op == "pixel_shuffle":
        m //= factor
    shifts = []
    for i in (0, m - 1):
        plain = (i + half) * Fraction(n, m) - half
        if op == "conv_transpose":
            shifts.append(abs((i + p - middle) / s - plain))
        else:
            shifts.append(abs(i * s - p + middle - plain))
    return max(shifts) <= half * (factor if op == "resize_conv" else 1)


def field(ops: list[str], parts: list[Part]) -> int:
    """How many inputs the output that sees most spans, in a signal without ends."""
    period = prod(
        [
            part.factor * (part.stride if op == "conv_transpose" else 1)
            for op, part in zip(ops, parts, strict=True)
        ]
    )
    widest = 0
    for i in range(period):
        seen = {i}
        for op, part in zip(reversed(ops), reversed(parts), strict=True):
            seen = {source for place in seen for source in sees(op, part, place)}
            if not seen:
                break
            seen = {min(seen), *sorted(seen)[1:-1], max(seen)}
        if seen:
            widest = max(widest, max(seen) - min(seen) + 1)
    return widest


def sees(op: str, part: Part, place: int) -> set[int]:
    """Which inputs of a stage one of its outputs sees."""
    k, s, p, _, d, factor = part
    if op == "conv_transpose":
        x = place + p
        return {(x - q * d) // s for q in range(k) if (x - q * d) % s == 0}
    if op == "pixel_shuffle":
        place //= factor
    found = {place * s - p + q * d for q in range(k)}
    return {x // factor for x in found} if op == "resize_conv" else found


# Costs, from their definitions.


def measured(link: Link, *, bias: bool) -> tuple[int, int, int]:
    """Parameters, multiply-accumulates, and the bytes of a layer's input and output at most."""
    inputs, outputs = link.channels
    n, m = prod(link.source), prod(link.target)
    taps = prod([part.kernel_size for part in link.parts])
    factors = prod([part.factor for part in link.parts])
    if link.op in POOLS:
        return 0, 0, 4 * (inputs * n + outputs * m)
    made = outputs * factors if link.op == "pixel_shuffle" else outputs
    parameters = taps * inputs * made + (made if bias else 0)
    if link.op == "conv_transpose":
        places, held = n, [inputs * n + outputs * m]
    elif link.op == "resize_conv":
        large = n * factors
        places, held = m, [inputs * n + inputs * large, inputs * large + outputs * m]
    elif link.op == "pixel_shuffle":
        places = m // factors
        held = [inputs * n + made * places, made * places + outputs * m]
    else:
        places, held = m, [inputs * n + outputs * m]
    return parameters, taps * inputs * made * places, 4 * max(held)


def per_stage(stage: Any) -> Any:
    """A cost of a user: of a stage, with fractions that floats hold exactly."""
    kernel = stage.kernel_size
    first = kernel if isinstance(kernel, int) else kernel[0]
    return first * 0.25 + stage.channels[1] % 5 + (stage.op == "conv")


def _per_link(link: Link) -> Fraction:
    return Fraction(link.parts[0].kernel_size, 4) + link.channels[1] % 5 + (link.op == "conv")


NAMES = ("parameters", "macs", "memory")


def cost_of(chain: Chain, cost: Any, *, bias: bool) -> Fraction:
    """What a chain costs, exactly."""
    if callable(cost):
        return sum([_per_link(link) for link in chain], Fraction(0))
    rows = [measured(link, bias=bias) for link in chain]
    totals = sum([row[0] for row in rows]), sum([row[1] for row in rows])
    values = dict(zip(NAMES, (*totals, max([row[2] for row in rows])), strict=True))
    weights = {cost: 1} if isinstance(cost, str) else cost
    return sum([Fraction(weight) * values[name] for name, weight in weights.items()], Fraction(0))


# Chains.


class Brute:
    """All chains of a problem.

    Args:
        problem: the problem.

    Attributes:
        options: what a stage may be: an operation and its parts along each axis, in any order.
    """

    def __init__(self, problem: Problem) -> None:
        self.given = given = problem.arguments
        self.axes = problem.axes
        self.up = problem.up
        self.symbolic = problem.symbolic
        self.bias = given.get("bias", True)
        # In n: all of these are looked at; the last one shows what the shift tends to.
        self.samples = (*range(1, 26), 10**6) if self.symbolic else ()
        self.sources = self._each(given["source"])
        if self.symbolic is None:
            self.targets: tuple[int, ...] = self._each(problem.target)
        else:
            self.targets = tuple([self.symbolic(n) for n in self.sources])
        self.stages = self._listed(given["stages"])
        self.growth = self._growth()
        self.options = list(self._options())

    def _each(self, value: Any) -> tuple[Any, ...]:
        return tuple(value) if isinstance(value, tuple) else (value,) * self.axes

    @staticmethod
    def _listed(value: Any) -> list[int]:
        return [value] if isinstance(value, int) else sorted(set(value))

    def ops(self) -> tuple[str, ...]:
        given = self.given.get("op")
        if given is None:
            return ("conv_transpose",) if self.up else ("conv",)
        return (given,) if isinstance(given, str) else tuple(given)

    def _growth(self) -> Fraction | None:
        given = self.given.get("growth")
        if given == "any":
            return None
        if given is not None:
            return Fraction(given)
        most = 2
        for n, m in zip(self.sources, self.targets, strict=True):
            low, high = (n, m) if self.up else (m, n)
            while low * most ** self.stages[-1] < high:
                most += 1
        return Fraction(most)

    # What a stage may be.

    def _bound(self, name: str, axis: int) -> list[int] | None:
        given = self.given.get(name)
        if isinstance(given, tuple):
            given = given[axis]
        if given is not None:
            return self._listed(given)
        most = 8 if self.growth is None else ceil(self.growth)
        if name == "stride":
            return list(range(1, most + 1))
        if name == "factor":
            return list(range(min(2, most), most + 1))
        if name == "dilation":
            return [1]
        if name == "kernel_size":
            strides = self._bound("stride", axis) or []
            return list(range(1, max(8, 2 * strides[-1]) + 1))
        return None

    def _options(self) -> Iterator[tuple[str, tuple[Part, ...]]]:
        for op in self.ops():
            each = [list(self._parts(op, axis)) for axis in range(self.axes)]
            for parts in product(*each):
                if self.given.get("shared", True) and len(set(parts)) > 1:
                    continue
                if op == "pixel_shuffle" and len({part.factor for part in parts}) > 1:
                    continue
                yield op, parts

    def _parts(self, op: str, axis: int) -> Iterator[Part]:
        enlarges = op in ("resize_conv", "pixel_shuffle")
        plain = enlarges or (op == "conv" and self.up)
        strides = [1] if plain else self._bound("stride", axis) or []
        factors = self._bound("factor", axis) or [] if enlarges else [1]
        dilations = [1] if op == "avg_pool" else self._bound("dilation", axis) or []
        kernels = self._bound("kernel_size", axis) or []
        for k, s, d, factor in product(kernels, strides, dilations, factors):
            if k == 1 and d > 1:
                continue
            pads = self._bound("padding", axis)
            if pads is None:
                pads = list(range(k // 2 + 1 if op in POOLS else d * (k - 1) + 1))
            extras = self._bound("output_padding", axis)
            if op != "conv_transpose":
                extras = [0]
            elif extras is None:
                extras = list(range(max(s, d)))
            for p, extra in product(pads, extras):
                if (op in POOLS and p > k // 2) or extra >= max(s, d):
                    continue
                part = Part(k, s, p, extra, d, factor)
                if self._wanted(op, part):
                    yield part

    def _wanted(self, op: str, part: Part) -> bool:
        """What a part must fulfil whatever its sizes."""
        given = self.given
        transposed = op == "conv_transpose"
        if transposed and not given.get("checkerboard", True) and len(tap_counts(part)) > 1:
            return False
        if given.get("overlap") and part.dilation * (part.kernel_size - 1) + 1 <= part.stride:
            return False
        if not given.get("holes", False):
            if transposed and (part.output_padding > part.padding or 0 in tap_counts(part)):
                return False
            if not transposed and not reads_all(part):
                return False
        for name, by in (given.get("divisors") or {}).items():
            if name in Part._fields:
                divisor = getattr(part, by) if isinstance(by, str) else by
                if getattr(part, name) % divisor:
                    return False
        return True

    # All chains.

    def chains(self) -> list[Chain]:
        """Every chain that is as asked."""
        found: list[Chain] = []
        rows = (self.sources, *[(n,) * self.axes for n in self.samples])
        for stages in self.stages:
            for ids, deep in self.channels(stages):
                self._extend((), rows, stages, ids, deep, found)
        return [chain for chain in found if self._fits(chain)]

    def _ends(self) -> tuple[tuple[int, ...], ...]:
        """What the source, and each sample, must become."""
        function = self.symbolic or (lambda n: n)
        return (self.targets, *[(function(n),) * self.axes for n in self.samples])

    def channels(self, stages: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        """For a number of stages the choices, and the channels before and after each stage."""
        given = self.given.get("channels")
        none = (0,) * stages
        if given is None:
            yield none, (1,) * (stages + 1)
        elif isinstance(given, list):
            places = [[one] if isinstance(one, int) else list(one) for one in given]
            if len(places) != stages + 1:
                return
            for ids in product(*[range(len(place)) for place in places[1:]]):
                made = [place[i] for place, i in zip(places[1:], ids, strict=True)]
                yield ids, (places[0][0], *made)
        elif len(given) == 2:
            first, last = given
            if self.up:
                halves = [first]
                for _ in range(stages - 1):
                    halves.append(max(halves[-1] // 2, 1))
                yield none, (*halves, last)
            else:
                # In order, the first stage says how many follow.
                ahead = [max(last // 2**rest, 1) for rest in range(stages - 1, -1, -1)]
                yield (stages - 1, *none[1:]), (first, *ahead)
        else:
            first, between, last = given
            for ids in product(range(len(between)), repeat=stages - 1):
                yield (*ids, 0), (first, *[between[i] for i in ids], last)

    def _extend(
        self,
        chain: Chain,
        rows: tuple[tuple[int, ...], ...],
        stages: int,
        ids: tuple[int, ...],
        deep: tuple[int, ...],
        found: list[Chain],
    ) -> None:
        place, ends = len(chain), self._ends()
        if place == stages:
            # For a target in n the source only says where costs are counted.
            first = 1 if self.samples else 0
            if rows[first:] == ends[first:]:
                found.append(chain)
            return
        for op, parts in self.options:
            if op in POOLS and deep[place] != deep[place + 1]:
                continue
            after = []
            for row, end in zip(rows, ends, strict=True):
                if self.samples and min(end) < 1:  # an n that is not meant
                    after.append(end)
                    continue
                sizes = [size_after(op, part, n) for part, n in zip(parts, row, strict=True)]
                if not self._stage_fits(op, parts, row, sizes, end):
                    break
                after.append(tuple([m for m in sizes if m is not None]))
            else:
                turn = deep[place], deep[place + 1]
                link = Link(op, parts, ids[place], rows[0], after[0], turn, tuple(after))
                self._extend((*chain, link), tuple(after), stages, ids, deep, found)

    def _stage_fits(
        self,
        op: str,
        parts: tuple[Part, ...],
        row: tuple[int, ...],
        sizes: list[int | None],
        end: tuple[int, ...],
    ) -> bool:
        given = self.given
        by = (given.get("divisors") or {}).get("size", 1)
        for part, n, m, target in zip(parts, row, sizes, end, strict=True):
            if m is None or m % by:
                return False
            low, high = (n, m) if self.up else (m, n)
            if low > high or (m > target if self.up else m < target):
                return False
            if self.growth is not None and self._grows_more(low, high):
                return False
            if given.get("aligned") and not is_aligned(op, part, n, m):
                return False
            hollow = part.dilation > 1 and not self.samples and not given.get("holes", False)
            if hollow and has_hole(op, part, n, m):
                return False
        return True

    def _grows_more(self, low: int, high: int) -> bool:
        """Whether a stage grows more than it may; an encoder in n at its rate, from far on."""
        assert self.growth is not None
        if self.symbolic is None or self.up:
            return high > self.growth * low
        return high > 10**4 and high > self.growth * (low + 3)

    def _fits(self, chain: Chain) -> bool:
        """What a chain must fulfil as a whole."""
        given = self.given
        if self.symbolic is None:
            passed = [chain[0].source, *[link.target for link in chain]]
            if any(self._each(size) not in passed for size in given.get("through", ())):
                return False
        for text in given.get("through", ()) if self.symbolic else ():
            function = IN_N[text]
            pairs = zip(self.samples, self._ends()[1:], strict=True)
            sizes = tuple([(function(n),) * self.axes for n, end in pairs if min(end) >= 1])
            if not any(link.sizes[-len(sizes) :] == sizes for link in chain):
                return False
        by = (given.get("divisors") or {}).get("channels", 1)
        if any(link.channels[1] % by for link in chain):
            return False
        wanted = given.get("receptive_field")
        if wanted is not None:
            ops = [link.op for link in chain]
            for axis, least in enumerate(self._each(wanted)):
                if field(ops, [link.parts[axis] for link in chain]) < least:
                    return False
        budgets = given.get("budgets") or {}
        bounds = budgets.items() if isinstance(budgets, dict) else budgets
        return all(cost_of(chain, cost, bias=self.bias) <= Fraction(most) for cost, most in bounds)


# Problems.

IN_N_UP: dict[str, Callable[[int], int]] = {
    "n": lambda n: n,
    "2*n": lambda n: 2 * n,
    "4*n": lambda n: 4 * n,
    "2*n + 1": lambda n: 2 * n + 1,
    "4*n - 2": lambda n: 4 * n - 2,
    "n + 2": lambda n: n + 2,
}
IN_N_DOWN: dict[str, Callable[[int], int]] = {
    "n//2": lambda n: n // 2,
    "ceil(n/2)": lambda n: -(-n // 2),
    "n//4": lambda n: n // 4,
    "ceil(n/4)": lambda n: -(-n // 4),
    "n - 2": lambda n: n - 2,
    "(n - 1)//2": lambda n: (n - 1) // 2,
}


IN_N = IN_N_UP | IN_N_DOWN
HALFWAY = {"4*n": "2*n", "n//4": "n//2", "ceil(n/4)": "ceil(n/2)"}


def drawn(rng: random.Random) -> Problem:
    """A small problem with some of all constraints."""
    while True:
        problem = _drawn(rng)
        brute = Brute(problem)
        options, most = len(brute.options), brute.stages[-1]
        channels = sum(1 for _ in brute.channels(most))
        if not options or options**most * channels > (3_000 if problem.symbolic else 12_000):
            continue
        chains = brute.chains()
        if len(chains) > rng.choice((0, 1, 20, 60)) or rng.random() < 0.1:
            return _with_budget(rng, problem, brute, chains)


def _drawn(rng: random.Random) -> Problem:
    up, axes, symbolic = rng.random() < 0.6, rng.choice((1, 2, 2)), rng.random() < 0.2
    given: dict[str, Any] = {"axes": axes} | _bounds(rng, up=up, axes=axes, symbolic=symbolic)
    _add_constraints(rng, given)
    last = rng.choice((1, 2, 2) if symbolic else (1, 2, 3, 3, 4))
    given["stages"] = rng.choice((last, range(1, last + 1), [last, max(last - 2, 1)]))
    if axes == 2 and not symbolic and rng.random() < 0.3:
        given["shared"] = False
    _add_channels(rng, given, last, up=up)
    if symbolic:
        return _in_n(rng, given, up=up, axes=axes)
    return _with_sizes(rng, given, up=up, axes=axes)


def _some(rng: random.Random, values: Any, most: int) -> list[int]:
    return sorted(set(rng.sample(list(values), rng.randint(1, most))))


def _bounds(rng: random.Random, *, up: bool, axes: int, symbolic: bool) -> dict[str, Any]:
    """What a stage may be."""
    ops = ["conv_transpose", "resize_conv", "conv"] if up else ["conv", "max_pool", "avg_pool"]
    if up and axes == 2:
        ops.append("pixel_shuffle")
    given: dict[str, Any] = {}
    if rng.random() < 0.6:
        given["op"] = rng.sample(ops, rng.randint(1, 2))
    given["kernel_size"] = range(1, 5) if symbolic else _some(rng, range(1, 6), 4)
    given["stride"] = [1, 2] if symbolic else _some(rng, (1, 2, 2, 3), 3)
    given["factor"] = _some(rng, (1, 2, 3), 2)
    if rng.random() < 0.2:
        given["dilation"] = rng.choice(([1, 2], 2))
    if rng.random() < 0.4 and not symbolic:
        given["padding"] = _some(rng, range(3), 2)
    if rng.random() < 0.4 and not symbolic:
        given["output_padding"] = _some(rng, range(2), 2)
    if rng.random() < 0.3:
        given["growth"] = rng.choice((2, 3, 1.5, "any"))
    return given


def _add_constraints(rng: random.Random, given: dict[str, Any]) -> None:
    """Those that do not speak of sizes."""
    for name, chance in (("holes", 0.3), ("aligned", 0.15), ("overlap", 0.2)):
        given[name] = rng.random() < chance
    if rng.random() < 0.3:
        given["bias"] = rng.random() < 0.5
    if rng.random() < 0.3:
        given["checkerboard"] = rng.random() < 0.3
    if rng.random() < 0.25:
        given["divisors"] = rng.choice(
            (
                {"kernel_size": "stride"},
                {"size": 2},
                {"stride": 1, "kernel_size": 2},
                {"channels": 2},
            )
        )


def _in_n(rng: random.Random, given: dict[str, Any], *, up: bool, axes: int) -> Problem:
    """A target in n."""
    target, function = rng.choice(list((IN_N_UP if up else IN_N_DOWN).items()))
    if target == "n" and given.get("op") == ["conv"]:
        del given["op"]  # these would be an encoder's
    given.setdefault("growth", 2)
    given["source"] = rng.randint(8, 12)
    if "size" in given.get("divisors", ()):
        del given["divisors"]  # sizes in n are multiples for hardly any target
    if target in HALFWAY and rng.random() < 0.4:
        given["through"] = [HALFWAY[target]]
    if "dilation" not in given and rng.random() < 0.2:
        given["receptive_field"] = rng.randint(2, 6)
    return Problem(target, given, up, axes, function)


def _add_channels(rng: random.Random, given: dict[str, Any], last: int, *, up: bool) -> None:
    kind = rng.random()
    if set(given.get("op", ())) & {*POOLS} and "conv" not in given["op"]:
        kind = 1.0  # a pool keeps its channels: nothing else may be asked
    if kind < 0.3:
        given["channels"] = (16, 3) if up else (3, 16)
    elif kind < 0.4:
        given["channels"] = [rng.choice((4, 3)), *[rng.choice((2, 4, [6, 4])) for _ in range(last)]]
        given["stages"] = last
    elif kind < 0.55:
        given["channels"] = (8, [4, 2, 8][: rng.randint(1, 3)], 2)


def _with_sizes(rng: random.Random, given: dict[str, Any], *, up: bool, axes: int) -> Problem:
    """Sizes that some stages lead between, mostly, and constraints that speak of them."""
    source = tuple([rng.randint(1, 5) if up else rng.randint(8, 24) for _ in range(axes)])
    if rng.random() < 0.5:
        source = source[:1] * axes
    fixed = given | {"source": source}
    brute = Brute(Problem(source, fixed | {"growth": "any"}, up, axes))
    sizes = [source]
    most: Any = {None: 2, "any": 8}.get(given.get("growth"), given.get("growth"))
    for _ in range(rng.choice(brute.stages)):
        for _ in range(40):
            if not brute.options:
                break
            op, parts = rng.choice(brute.options)
            after = [size_after(op, part, n) for part, n in zip(parts, sizes[-1], strict=True)]
            pairs = [
                (n, m) if up or m is None else (m, n) for n, m in zip(sizes[-1], after, strict=True)
            ]
            if all(m is not None and n <= m <= most * n for n, m in pairs):
                sizes.append(tuple([m for m in after if m is not None]))
                break
    target = sizes[-1]
    if target == source or rng.random() < 0.1:
        target = tuple([n + 3 if up else max(n - 3, 1) for n in source])
    if rng.random() < 0.15 and len(sizes) > 1:
        given["through"] = [rng.choice(sizes)]
        low, high = (source, target) if up else (target, source)
        inside = zip(low, given["through"][0], high, strict=True)
        if not all(a <= b <= c for a, b, c in inside):
            del given["through"]
    if rng.random() < 0.15 and given.get("dilation") is None:
        given["receptive_field"] = rng.randint(2, 9)
    plain = axes == 2 and len(set(source)) == len(set(target)) == 1 and rng.random() < 0.5
    if plain:
        return Problem(target[0], given | {"source": source[0]}, up, axes)
    return Problem(target, given | {"source": source}, up, axes)


def _with_budget(
    rng: random.Random, problem: Problem, brute: Brute, chains: list[Chain]
) -> Problem:
    """The same with budgets that some chains keep, now and then."""
    if not chains or rng.random() < 0.75:
        return problem
    costs: list[Any] = [*NAMES, {"parameters": 1, "macs": 0.5}, per_stage]
    pairs = []
    for cost in rng.sample(costs, rng.randint(1, 2)):
        values = sorted([cost_of(chain, cost, bias=brute.bias) for chain in chains])
        pairs.append((cost, values[rng.randrange(len(values))]))
    return problem._replace(arguments=problem.arguments | {"budgets": pairs})
