"""The derivation of one axis: its layers, and the form in n of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.derivation.proof import Proof, Step, in_words
from deconvcalc.derivation.ranges import lossless, sources
from deconvcalc.errors import DeconvcalcError
from deconvcalc.sizemap import Progression
from deconvcalc.sizemap.chains import Chain, chain
from deconvcalc.terms import letter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from deconvcalc.derivation.link import Link
    from deconvcalc.sets import Sizes
    from deconvcalc.sizemap import SizeMap

__all__ = ["AxisDerivation"]


class AxisDerivation(Proof):
    """The derivation of one axis.

    Args:
        axis: the axis; None where one derivation is for all.
        source: the input size, or None for every n.
        target: the output size, or None.
        links: the layers, first to last.
        in_n: the simplified form, for every n, neighbouring floors merged; None where a layer has
            no exact map.
        steps: the steps.
    """

    __slots__ = ("axis", "in_n", "links", "source", "target")
    _fields = ("axis", "source", "target", "links", "in_n", "steps")
    axis: int | None
    source: int | None
    target: int | None
    links: tuple[Link, ...]

    in_n: str | None

    def __init__(
        self, axis: int | None, source: int | None, links: tuple[Link, ...], in_n: str | None = None
    ) -> None:
        target = None if source is None else links[-1].term.value
        self._set(axis=axis, source=source, target=target, links=links)
        maps = self.maps
        if maps is not None:
            in_n = str(maps[0] if len(maps) == 1 else chain(maps))
        self._set(in_n=in_n)
        self._set(steps=tuple(self._made()))

    @property
    def maps(self) -> tuple[SizeMap, ...] | None:
        """The exact map of each layer, or None where one has none."""
        maps = tuple([link.map for link in self.links if link.map is not None])
        return maps if len(maps) == len(self.links) else None

    @property
    def map(self) -> Chain | None:
        """The exact map of all layers, neighbouring floors merged; None where one has none."""
        return None if self.maps is None else chain(self.maps)

    @property
    def domain(self) -> Progression | None:
        """The inputs that the layers take; None where they are no single progression."""
        return None if self.map is None else self.map.domain

    @property
    def lossless(self) -> Sizes | None:
        """The inputs at which no floor drops and no ceiling adds anything; None where not known.

        That is at most one residue class, cut by the domain, however many layers there are.
        """
        from deconvcalc.sets import Sizes

        found = None if self.maps is None else lossless(self.links)
        return None if found is None else Sizes.from_progression(found)

    @property
    def rounds(self) -> bool:
        """Whether any layer has a floor or a ceiling."""
        return any(link.term.roundings() for link in self.links)

    @property
    def same_output(self) -> Progression | None:
        """All inputs that give the same output; None without a size, or if no progression."""
        if self.target is None or self.map is None:
            return None
        floors = self.map.floors
        if len(floors) == 1:
            return floors[0].preimage(self.target)
        start, stop = sources(floors, self.target, self.target)
        domain = self.domain
        if domain is None:
            return None
        stop = domain.stop if stop is None else stop
        stop = stop if domain.stop is None or stop is None else min(stop, domain.stop)
        start = max(start, domain.start)
        return Progression(start + -start % domain.step, stop, domain.step)

    def to_sympy(self, symbol: Any = None) -> Any:
        """The simplified form as a sympy expression, in a positive integer n by default.

        Raises:
            DeconvcalcError: a layer is no single floor.
        """
        import sympy

        if self.map is None:
            raise DeconvcalcError("a layer has no exact map, and so no form in n", rule="size_map")
        result = sympy.Symbol("n", integer=True, positive=True) if symbol is None else symbol
        for floor in self.map.floors:
            inner = floor.slope * result + floor.offset
            # Left as it stands: sympy's own work on nested floors grows faster than their number.
            whole = floor.divisor == 1
            result = inner if whole else sympy.floor(inner / floor.divisor, evaluate=False)
        return result

    def _made(self) -> Iterable[Step]:
        if self.axis is not None:
            shown = "" if self.source is None else f": {self.source} → {self.target}"
            yield Step("axis", f"axis {self.axis}{shown}", in_words(f"axis {self.axis}"))
        for place, link in enumerate(self.links, 1):
            if len(self.links) > 1:
                sizes = f": {link.size} → {link.term.value}" if self.source is not None else ""
                text = f"{place}. {link.layer}{sizes}"
                yield Step("layer", text, in_words(text))
            yield from link.steps()
        if len(self.links) > 1:
            text = f"all {len(self.links)} layers"
            yield Step("layer", text, in_words(text))
        if self.map is None:
            text = self.in_n or "no single floor: the formula stays as it stands"
            yield Step("in n", text, in_words(text))
            return
        yield self._form(self.map)
        yield self._whole()
        if self.same_output is not None:
            text = str(self.same_output)
            yield Step("same output", text, in_words(f"the same for {text}"))

    def _form(self, whole: Chain) -> Step:
        domain = self.domain
        shown = "the n that all layers take" if domain is None else str(domain)
        left = letter(self.links[-1].result).latex
        where = in_words(f" for {shown}")
        tex = f"{left} = {_latex_of(whole.floors)} {where}"
        return Step("in n", f"{self.in_n},  for {shown}", tex)

    def _whole(self) -> Step:
        text = str(self.lossless) if self.rounds else "every n that is taken"
        tex = in_words(f"nothing is lost for {text}")
        return Step("lossless", text, tex)

    def to_record(self) -> dict[str, Any]:
        """The derivation as plain data."""
        return {
            "axis": self.axis,
            "source": self.source,
            "target": self.target,
            "layers": [
                {
                    "layer": link.layer,
                    "source": link.source,
                    "formula": str(link.term),
                    "letters": link.letters,
                    "dropped": link.dropped,
                }
                for link in self.links
            ],
            "in_n": self.in_n,
            "domain": _shown(self.domain),
            "lossless": _shown(self.lossless),
            "same_output": _shown(self.same_output),
            "steps": [step.to_record() for step in self.steps],
        }


def _shown(value: Any) -> str | None:
    return None if value is None else str(value)


def _latex_of(floors: Sequence[SizeMap]) -> str:
    """A chain of maps in LaTeX."""
    inner, is_sum = "n", False
    for floor in floors:
        if floor.slope == 0:
            inner, is_sum = str(floor.offset // floor.divisor), False
            continue
        whole, rest = divmod(floor.offset, floor.divisor)
        if floor.divisor == 1:
            whole, rest = 0, whole
        bracketed = f"\\left({inner}\\right)" if is_sum else inner
        factor = {1: inner, -1: f"-{bracketed}"}.get(floor.slope, f"{floor.slope} {bracketed}")
        text = factor + (_signed(rest) if rest else "")
        is_sum = bool(rest)  # a map of slope 1 is merged with the one before
        if floor.divisor > 1:
            text = f"\\left\\lfloor\\frac{{{text}}}{{{floor.divisor}}}\\right\\rfloor"
            text, is_sum = text + (_signed(whole) if whole else ""), bool(whole)
        inner = text
    return inner


def _signed(value: int) -> str:
    return f" + {value}" if value > 0 else f" - {-value}"
