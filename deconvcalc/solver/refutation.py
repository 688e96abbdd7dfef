"""The proof in three lines that there is no answer: the formula, what it allows, hence no."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from deconvcalc.derivation import Proof, Step, derive
from deconvcalc.derivation.proof import in_words
from deconvcalc.dialects import DIALECTS
from deconvcalc.formulas import Multiple, Spread, Window
from deconvcalc.layers import Conv, ConvTranspose, MaxPool, PixelShuffle, Upsample
from deconvcalc.solver.choices import Choices
from deconvcalc.solver.reasons import _first, _on, _Search
from deconvcalc.terms import Term, letter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deconvcalc.solver.answers import Answer, Answers
    from deconvcalc.solver.in_n import AnswersInN
    from deconvcalc.solver.query import Query, Space

__all__ = ["refute", "refute_in_n"]

MOST_STEPS = 12
"""So many strides or factors are gone through one by one."""

FEW = 8
"""At so many n a layer for a target in n is looked for."""


def refute(answers: Answers) -> Proof:
    """Why a question about sizes has no answer."""
    query, bounds = answers.query, _bounds(answers)
    for axis in range(len(query.targets)):
        # An answer for one axis alone has one axis.
        alone = _on(query, (axis,)).replaced(axes=None)
        if not _Search().solves(alone):
            where = f"axis {axis}: " if len(query.targets) > 1 else ""
            return _of_one_axis(alone, bounds, where, answers)
    return _of_several(answers, bounds)


# One axis that has no answer by itself.


def _of_one_axis(query: Query, bounds: str, where: str, answers: Answers) -> Proof:
    search = _Search()
    target = query.targets[0]
    below, above = (_size(search.nearest(query, side)) for side in (-1, 1))
    allowed = f"{where}{_input(query)} {_reached(query)}, within {bounds}"
    if search.cut or (below is None and above is None):
        return _proof(query, f"{allowed}: {answers.reason.text}", f"no layer gives {target}")
    if above is None:
        allowed += f"; the largest is {_witness(query, below)}"
        hence = f"{target} > {below}: no layer gives {target}"
    elif below is None:
        allowed += f"; the smallest is {_witness(query, above)}"
        hence = f"{target} < {above}: no layer gives {target}"
    else:
        allowed += f"; next to {target} are {_witness(query, below)} and {_witness(query, above)}"
        hence = f"{below} < {target} < {above} with nothing between: no layer gives {target}"
    return _proof(query, allowed, hence)


def _input(query: Query) -> str:
    return "some n" if query.sources is None else f"n = {query.sources[0]}"


def _reached(query: Query) -> str:
    """What each stride or factor makes of the input, on both sides of the target."""
    if len(query.ops) > 1:
        return f"gives {query.targets[0]} by no operation"
    op = query.ops[0]
    space, name, key = query.spaces[op][0], *_step(op)
    steps: Choices = getattr(space, key)
    if len(steps) > MOST_STEPS:
        return f"never gives {query.targets[0]}"
    return f"gives {_by_step(query, op, name, key, steps)}"


def _by_step(query: Query, op: str, name: str, key: str, steps: Choices) -> str:
    """How each of them fails; neighbours that fail alike stand together.

    "at most 19, 23, 27 with s = 1..3" has a size for each, or one size for all.
    """
    groups: list[tuple[str, list[str], list[int]]] = []
    for step in steps:
        way, size = _sides(_at_step(query, op, key, step))
        if not groups or groups[-1][0] != way:
            groups.append((way, [], []))
        groups[-1][1].append(size)
        groups[-1][2].append(step)
    parts = []
    for way, sizes, numbers in groups:
        shown = way.format(", ".join(sizes if len(set(sizes)) > 1 else sizes[:1]))
        parts.append(f"{shown} with {name} = {_listed(numbers)}")
    return "; ".join(parts)


def _sides(query: Query) -> tuple[str, str]:
    """How one stride or factor fails, and by which sizes."""
    search = _Search()
    below, above = (_size(search.nearest(query, side)) for side in (-1, 1))
    if search.cut:  # a nearer size may have been left out
        return "other sizes", ""
    if below is None and above is None:
        return "nothing", ""
    if above is None:
        return "at most {}", str(below)
    if below is None:
        return "at least {}", str(above)
    return "{}, with nothing between,", f"{below} and {above}"


def _listed(numbers: list[int]) -> str:
    if len(numbers) > 2 and numbers == [*range(numbers[0], numbers[-1] + 1)]:
        return f"{numbers[0]}..{numbers[-1]}"
    return ", ".join(map(str, numbers))


def _step(op: str) -> tuple[str, str]:
    return ("f", "factor") if op in ("resize_conv", "pixel_shuffle") else ("s", "stride")


def _at_step(query: Query, op: str, key: str, step: int) -> Query:
    """The question with one stride or factor, all other bounds as they are."""

    def settled(space: Space) -> Space:
        kept = {
            name: getattr(space, name)
            for name in ("kernel_size", "dilation", "factor")
            if name != key
        }
        bounds = space.bounds.replace(**kept, **{key: Choices.one(step)})
        return space.replaced(bounds=bounds)

    return query.replaced(spaces={op: tuple([settled(space) for space in query.spaces[op]])})


def _size(found: Any) -> int | None:
    number: int | None = found[0] if isinstance(found, tuple) else found
    return number


def _witness(query: Query, size: int | None) -> str:
    """A size that can be had, and the arithmetic of the first layer that gives it."""
    best: Answer | None = _first(query.replaced(targets=(size,)))
    if best is None:  # too many to look for it
        return str(size)
    source = best.smallest_source
    derived = derive(best.layers, source).axes[0]
    last = derived.links[-1]
    if len(derived.links) > 1 or last.term.put_in().kind == "number":
        return f"{size}, of {', then '.join(map(str, best.layers))}"
    return f"{last.term.put_in()} = {size}, of {best.layers[0]}"


# Axes that have answers, but not together.


def _of_several(answers: Answers, bounds: str) -> Proof:
    query = answers.query
    for group in query.groups:
        text = _apart(query, group)
        if text is not None:
            return _proof(query, *text)
    below, above = answers.reason.nearest
    allowed = f"within {bounds}, {answers.reason.text}"
    near = [str(size) for size in (below, above) if size is not None]
    allowed += f"; the nearest sizes are {' and '.join(near)}" if near else ""
    return _proof(query, allowed, "no single layer has all axes")


def _apart(query: Query, group: tuple[int, ...]) -> tuple[str, str] | None:
    """Why axes that share their parameters cannot all have their sizes; None if not so simple."""
    if query.sources is None:
        return None
    pairs = query.pairs(group)
    for n, m in pairs:
        for other, size in pairs:
            if n == other and m != size:
                same = f"the axes share their parameters, and equal inputs n = {n} give equal sizes"
                return same, f"{m} and {size} differ: no layer gives both"
    if query.ops != ("conv_transpose",) or len(pairs) < 2:
        return None
    (n, m), (other, size) = pairs[:2]
    ratio = Fraction(size - m, other - n)
    strides = query.spaces["conv_transpose"][group[0]].stride
    asked = f"({other} - {n})*s = {size} - {m}"
    shared = f"the axes share s, ke, before and after, so their difference is {asked}: s = {ratio}"
    if ratio.denominator > 1 or ratio.numerator not in strides:
        return shared, f"s is one of {strides}, and {ratio} is not: no layer gives both"
    return None


# Targets in n.


def refute_in_n(answers: AnswersInN) -> Proof:
    """Why no layer gives a target for every n."""
    query, asked = answers.query, answers.asked
    meant = "for every n" if asked.where is None else f"for every n with {asked.where}"
    hence = f"no layer within {_bounds(answers)} gives {asked.target} {meant}"
    if len(query.ops) == 1 and next(iter(asked.members(asked.start)), None) is not None:
        op = query.ops[0]
        name, key = _step(op)
        rise, run = asked.map.slope
        widens = op in ("conv_transpose", "resize_conv", "pixel_shuffle")
        needed = Fraction(rise, run) if widens else Fraction(run, rise) if rise else None
        each = name if widens else f"1/{name}"
        far = f"in the long run {asked.target} rises by {Fraction(rise, run)} with each n"
        if needed is None:
            return _proof(query, f"{far}, and m by {each}, which is more", hence)
        steps: Choices = getattr(query.spaces[op][0], key)
        if needed.denominator > 1 or needed.numerator not in steps:
            settled = f"{far}, and m by {each}, so {name} = {needed}; {name} is one of {steps}"
            return _proof(query, settled, hence)
        missed = _missed(answers, _at_step(query, op, key, needed.numerator))
        if missed is not None:
            settled = f"{far}, and m by {each}, so {name} = {needed}; {missed}"
            return _proof(query, settled, hence)
    return _proof(query, answers.reason.text, hence)


def _missed(answers: AnswersInN, query: Query) -> str | None:
    """One n whose target no layer gives, of a few that are meant; None without any."""
    from itertools import islice

    for n in islice(answers.asked.members(1), FEW):
        target = answers.asked.map(n)
        alone = query.replaced(targets=(target,), sources=(n,))
        if not _Search().solves(alone):
            way, size = _sides(alone)
            return f"n = {n} then gives {way.format(size).rstrip(',')}, and {target} is asked"
    return None


# The lines.


def _proof(query: Query, allowed: str, hence: str) -> Proof:
    return Proof(
        (
            _formula(query),
            Step("bounds", allowed, in_words(allowed)),
            Step("hence", hence, in_words(hence)),
        )
    )


def _formula(query: Query) -> Step:
    shown = {str(term): (term, source) for term, source in map(_term, _spaces(query))}
    terms = [term for term, _ in shown.values()]
    sources = dict.fromkeys([source for _, source in shown.values()])
    named = _named(query)
    text = " or ".join([f"m = {term}" for term in terms])
    tex = " \\text{ or } ".join([f"m = {term.latex}" for term in terms])
    tail = f", with {named}" if named else ""
    return Step("formula", text + tail, tex + (in_words(tail) if tail else ""), ", ".join(sources))


def _spaces(query: Query) -> Iterator[Space]:
    return (query.spaces[op][0] for op in query.ops)


def _term(space: Space) -> tuple[Term, str]:
    """The formula of an operation in letters, and its source."""
    n = letter("n")
    if space.op == "conv_transpose":
        return Spread(1, 1, 0, 0).traced(n), ConvTranspose.source
    if space.op == "pixel_shuffle":
        return Multiple(1).traced(n), PixelShuffle.source
    if space.op == "resize_conv":
        return Window(1, 1, 0, 0).traced(Multiple(1).traced(n)), Upsample.source
    window = Window(1, 1, 0, 0, space.ceil_mode).traced(n)
    return window, (Conv if space.op == "conv" else MaxPool).source


def _named(query: Query) -> str:
    """What the letters are, in the words of the bounds."""
    if query.ops == ("pixel_shuffle",):
        return ""
    kernel = "ke = d*(k - 1) + 1"
    if query.dialect == "any" or len(query.ops) > 1:
        return kernel
    if query.dialect != "torch":
        return f"{kernel}, before and after as the padding of {DIALECTS[query.dialect].title} says"
    if query.ops == ("conv_transpose",):
        return f"{kernel}, before = p, after = p - op"
    return f"{kernel}, before = after = p"


def _bounds(answers: Answers) -> str:
    """The bounds searched, as they are typed."""
    merged: dict[str, str] = {}
    for bounds in answers.bounds.values():
        for name, text in bounds.items():
            merged.setdefault(name, text)
    short = {"kernel_size": "k", "stride": "s", "padding": "p", "output_padding": "op"}
    short |= {"dilation": "d", "factor": "f"}
    shown = ", ".join([f"{short[name]} {text}" for name, text in merged.items()])
    return shown.replace("dilation*(kernel_size-1)", "d(k-1)").replace("kernel_size", "k")
