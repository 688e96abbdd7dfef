"""Sets of sizes as people say them."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from deconvcalc.sets.classes import FULL, Classes
from deconvcalc.sets.sizes import LISTED, Sizes
from deconvcalc.sets.steps import Piece, joined_steps, piecewise

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = ["text_of"]

_MOST_WEIGHED = 256
"""Up to so many pieces before the start, the shortest way to tell them is looked for."""


def text_of(sizes: Sizes) -> str:
    """A set in a line."""
    if sizes.horizon is not None:
        return f"{text_of(_continued(sizes))} (known for n ≤ {sizes.horizon})"
    if not sizes:
        return "no n"
    if sizes.is_finite:
        return _finite(sizes, alone=True)
    begin, missing, extra = _told(sizes)
    main = _main(sizes._tail, begin)
    if missing:
        main += f"{',' if ', ' in main else ''} except {_excepted(missing)}"
    return f"{main}, or {_finite(extra)}" if extra else main


def _continued(sizes: Sizes) -> Sizes:
    """A set without its horizon: what its last piece says up to there goes on for ever."""
    steps = [*piecewise(sizes._head), (sizes.start, sizes._tail)]
    if sizes._head and sizes.horizon is not None:
        first, last, classes = sizes._head[-1]
        goes_on = (classes.next(last + 1) or 0) > sizes.horizon
        if goes_on and classes.count(first, last) > 2:
            steps = [*piecewise(sizes._head[:-1]), (first, classes)]
    return Sizes._made(joined_steps(steps))


def _told(sizes: Sizes) -> tuple[int, Sizes, Sizes]:
    """Where the classes are said to begin, and what is missing and extra then: the fewest."""
    tail, head = sizes._tail, Sizes._made(piecewise(sizes._head))
    if len(head._head) > _MOST_WEIGHED:
        return tail.next(sizes.start) or 0, Sizes.none(), head
    usual = Sizes._span(tail, 1, sizes.start - 1)
    extra, missing, shared = head - usual, usual - head, head & usual
    begins = [piece.first for piece in shared._head[:LISTED]]

    def cost(begin: int) -> tuple[int, int]:
        absent, added = missing.count(begin), extra.count() + shared.count(1, begin - 1)
        return absent + added + bool(absent) + bool(added), -begin

    begin = min([tail.next(sizes.start) or 0, *begins], key=cost)
    early = shared & Sizes.between(1, begin - 1)
    extra = extra | early
    # What the classes hold too may be told again where that is shorter.
    again = [piece for piece in head._head if extra.count(piece.first, piece.last)]
    if 2 * _length(again) < _length(extra._head):
        extra = Sizes._made(piecewise(again))
    return begin, missing & Sizes.between(begin), extra


def _length(pieces: Sequence[Piece]) -> int:
    """About how long it is to tell these pieces."""
    return sum([1 if piece.classes == FULL else 3 for piece in pieces])


def _main(classes: Classes, begin: int) -> str:
    if classes == FULL:
        return "any n ≥ 1" if begin == 1 else f"n ≥ {begin}"
    text = _named(classes)
    implied = 1 if classes.modulus > 2 else classes.next(1)
    return text if begin == implied else f"{text}, n ≥ {begin}"


def _named(classes: Classes) -> str:
    """The classes in words."""
    if classes.modulus == 2:
        return "n odd" if 1 in classes else "n even"
    held = classes.modulus - len(classes.marked) if classes.negated else len(classes.marked)
    if classes.negated and (held > LISTED or held > 4 * len(classes.marked)):
        listed, sign = classes.marked, "≢"
    else:
        listed, sign = classes.residues(), "≡"
    return f"n {sign} {_alternatives(listed)} (mod {classes.modulus})"


def _alternatives(numbers: tuple[int, ...]) -> str:
    if len(numbers) == 1:
        return str(numbers[0])
    if len(numbers) > 2 * LISTED:
        shown = ", ".join(map(str, numbers[:LISTED]))
        return f"{shown}, … or {numbers[-1]} ({len(numbers)} classes)"
    return ", ".join(map(str, numbers[:-1])) + f" or {numbers[-1]}"


def _finite(sizes: Sizes, *, alone: bool = False) -> str:
    """A finite set as a clause: the pieces that repeat by their classes, the others listed."""
    repeating = [p for p in sizes._head if p.classes != FULL and p.size() > LISTED]
    if len(repeating) > 3:
        repeating = []
    clauses = [_bounded(piece) for piece in repeating]
    listed = _list([piece for piece in sizes._head if piece not in repeating])
    if listed:
        sole = "=" if listed.isdecimal() else "in"
        bare = alone and not clauses and ".." in listed and "{" not in listed
        clauses.append(listed if bare else f"n {sole} {listed}")
    return ", or ".join(clauses)


def _excepted(sizes: Sizes) -> str:
    text = _finite(sizes)
    if ", or " in text or "mod" in text or "even" in text or "odd" in text:
        return f"({text})"
    return text.removeprefix("n = ").removeprefix("n in ")


def _bounded(piece: Piece) -> str:
    first, last, classes = piece
    text = _named(classes)
    if classes.next(1) == first:
        return f"{text}, n ≤ {last}"
    return f"{text}, {first} ≤ n ≤ {last}"


def _list(pieces: Sequence[Piece]) -> str:
    """Pieces as one number, one range, or a list in braces, shortened where it is long."""
    if not pieces:
        return ""
    items: list[str] = []
    for piece in pieces:
        dense = piece.classes == FULL
        if dense and (
            piece.last - piece.first > 1 or (piece.first < piece.last and not pieces[1:])
        ):
            items.append(f"{piece.first}..{piece.last}")
        else:
            items += map(str, islice(piece.members(), 2 * LISTED + 1))
        if len(items) > 2 * LISTED:
            break
    if len(items) == 1:
        return items[0]
    if len(items) <= 2 * LISTED:
        return f"{{{', '.join(items)}}}"
    total = sum([piece.size() for piece in pieces])
    return f"{{{', '.join(items[:LISTED])}, … {pieces[-1].last}}} ({total} numbers)"
