"""Answers in closed form: for each stride and mode the relation between the parameters left free.

A family is a relation with conditions, in the letters of a mode: k, p, op, d, and r, which is what
the floor of a window drops. The relation is the size formula at the sizes asked for; the conditions
are the rules of the mode and the bounds of the question. Counting and going through the answers is
left to the runs, so the closed form and the answers stand apart, and the tests hold them together.

One layer may be written in several modes. It belongs to the first of them, as it is spelled, and
the others have the condition that it is not written in an earlier one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from deconvcalc.dialects import DIALECTS
from deconvcalc.errors import QueryError
from deconvcalc.solver.answers import Answer, Answers
from deconvcalc.solver.closed_forms import Setting, closed_form, numbers_of
from deconvcalc.solver.membership import located
from deconvcalc.solver.modes import BITS
from deconvcalc.solver.ranking import Ranked, one_layer
from deconvcalc.symbols import holds, latex, letter, substituted, text
from deconvcalc.values import integer

if TYPE_CHECKING:
    from deconvcalc.dialects import Mode
    from deconvcalc.solver.closed_forms import Form
    from deconvcalc.solver.runs import Pair, Run

__all__ = ["Family", "families_of"]

MOST_FAMILIES = 10_000
"""So many families are made of one question."""

_IN_N: Any = ("n",)
"""The sources of a question whose target is in n."""

Mix = tuple[list["Run"], ...]
"""For each group of axes some runs; all their combinations are answers."""


class Family:
    """Answers with the same closed form.

    Attributes:
        op: the operation.
        dialect: the dialect whose parameters the letters are.
        mode: the mode of padding, as the framework names it.
        count: how many answers there are within the bounds.
    """

    def __init__(self, answers: Answers, key: _Key, mixes: list[Mix]) -> None:
        self._answers = answers
        self._key = key
        self._mixes = mixes
        self.op = key.op
        self.dialect = key.dialect
        self.mode = key.mode.name
        self.count = 0
        for mix in mixes:
            size = 1
            for runs in mix:
                size *= sum([len(run) for run in runs])
            self.count += size

    @cached_property
    def _forms(self) -> list[Form]:
        """The closed form of each group of axes."""
        query = self._answers.query
        alone = len(query.groups) == 1
        spaces = query.spaces[self.op]
        earlier = []
        for mode in spaces[0].modes:
            if mode == self._key.mode:
                break
            if all(mode in space.modes for space in spaces):
                earlier.append(mode)
        forms = []
        for place, group in enumerate(query.groups):
            runs = [run for mix in self._mixes for run in mix[place]]
            setting = Setting(
                spaces[group[0]],
                _pairs(self._answers, self.op, place),
                self._key.mode,
                earlier,
                DIALECTS[self.dialect],
                runs,
                "" if alone else f"_{group[0]}",
                query.sources == _IN_N,
            )
            forms.append(closed_form(setting, self._key.steps[place]))
        return forms

    @property
    def fixed(self) -> dict[str, int]:
        """What is a number throughout, by letter, such as {"s": 2}.

        Where groups of axes have parameters of their own, a letter has the index of the first axis
        of its group: "s_0".
        """
        return {name: number for form in self._forms for name, number in form.fixed.items()}

    @property
    def letters(self) -> tuple[Any, ...]:
        """The letters left free, as sympy symbols."""
        return tuple([symbol for form in self._forms for symbol in form.letters])

    @property
    def relation(self) -> Any:
        """The relation that gives the target: an Eq, an And of several, or true where any does."""
        import sympy

        return sympy.And(*[form.relation for form in self._forms])

    @cached_property
    def conditions(self) -> tuple[Any, ...]:
        """What else must hold, bounds included, as sympy conditions.

        Numbers for the letters are an answer of this family if and only if they fulfil the
        relation and all conditions.
        """
        import sympy

        found = [condition for form in self._forms for condition in form.conditions]
        dilated = [form.dilated for form in self._forms]
        strided = [form.strided for form in self._forms]
        if not DIALECTS[self.dialect].stride_with_dilation and self.op in (
            "conv_transpose",
            "conv",
        ):
            found.append(sympy.Or(sympy.Not(sympy.Or(*dilated)), sympy.Not(sympy.Or(*strided))))
        columns = zip(*[form.apart for form in self._forms], strict=True)
        found += [sympy.Or(*column) for column in columns]
        flat = [part for one in found for part in _parts(one)]
        return tuple([one for one in dict.fromkeys(flat) if one != sympy.true])

    @property
    def head(self) -> str:
        """What is fixed, in plain text: "s = 2"."""
        return ", ".join([f"{name} = {number}" for name, number in self.fixed.items()])

    @property
    def text(self) -> str:
        """The closed form in plain text: "s = 2: k = 2p + 1 - op, where ..."."""
        head = f"{self.head}: " if self.fixed else ""
        where = f", where {self.conditions_text}" if self.conditions else ""
        return f"{head}{self.relation_text}{where}"

    @property
    def conditions_text(self) -> str:
        """The conditions in plain text."""
        return ", ".join([text(condition) for condition in self.conditions])

    @property
    def relation_text(self) -> str:
        """The relation in plain text; "any k" where there is none."""
        if self.relation is not _true():
            return text(self.relation)
        names = [symbol.name for symbol in self.letters]
        return f"any {', '.join(names)}" if names else "this one"

    @property
    def latex(self) -> str:
        """The closed form as LaTeX."""
        fixed = [latex(letter(name)) + f" = {number}" for name, number in self.fixed.items()]
        relation = [] if self.relation is _true() else [latex(self.relation)]
        head = r",\; ".join([*fixed, *relation])
        conditions = [latex(condition) for condition in self.conditions]
        return r",\quad ".join([head, *conditions])

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Answer]:
        """All answers of the family, one after the other, in no particular order."""
        for mix in self._mixes:
            pairs = [_pairs(self._answers, self.op, place) for place in range(len(mix))]
            axes = [_singles(runs, sizes) for runs, sizes in zip(mix, pairs, strict=True)]
            for first in axes[0]:
                others = [_singles(*rest) for rest in zip(mix[1:], pairs[1:], strict=True)]
                for rest in product(*others):
                    yield self._answers._answer((first, *rest))

    def parameters(self, answer: Answer) -> dict[str, int]:
        """The numbers that the letters have in one of its answers.

        Raises:
            QueryError: the answer is not in the family.

        >>> from deconvcalc import solve
        >>> answers = solve(7, source=4)
        >>> family = next(one for one in answers.families() if answers[0] in one)
        >>> family.text[:18], family.parameters(answers[0])
        ('s = 2: k = 2p + 1 ', {'k': 3, 'p': 1, 'op': 0})
        """
        if answer not in self:
            raise QueryError(f"{answer} is not in the family {self.head}", rule="family")
        found: dict[str, int] = {}
        for place, form in enumerate(self._forms):
            run, k, _ = answer._pick[place]
            found |= numbers_of(form, self._key.mode, run, k)
        return found

    def __contains__(self, item: object) -> bool:
        """Whether an answer, a layer, or numbers for the letters are in the family.

        Numbers are a dict such as {"k": 3, "p": 1, "op": 0}, and are put into the closed form; r
        may be left out.
        """
        if isinstance(item, Mapping):
            return self._fits(item)
        layers = item.layers if isinstance(item, Answer) else item
        layers = layers if isinstance(layers, tuple) else (layers,)
        runs = located(self._answers.query, _whole(self._answers), layers)
        return runs is not None and _key_of(self._answers, runs) == self._key

    def _fits(self, numbers: Mapping[Any, Any]) -> bool:
        values: dict[Any, int] = {}
        names = {symbol.name: symbol for symbol in self.letters}
        for name, value in numbers.items():
            number = integer(value)
            if name not in names:
                raise QueryError(
                    f"{name!r} is no letter of the family {self.head}",
                    rule="family",
                    hint=f"Its letters are {', '.join(names)}." if names else "It has none.",
                )
            if number is None:
                raise TypeError(f"{name} must be an int, not {value!r}")
            values[names[name]] = number
        for form in self._forms:
            if form.rest is not None and form.rest not in values:
                rest = substituted(form.rest_of, values)
                if not rest.is_Integer:
                    continue
                values[form.rest] = int(rest)
        missing = [name for name, symbol in names.items() if symbol not in values]
        if missing:
            raise QueryError(
                f"no number for {', '.join(missing)}",
                rule="family",
                hint=f"Give a number for each of {', '.join(names)}; r may be left out.",
            )
        return all(holds(one, values) for one in (self.relation, *self.conditions))

    def to_record(self) -> dict[str, Any]:
        """The family as plain data."""
        return {
            "op": self.op,
            "dialect": self.dialect,
            "mode": self.mode,
            "fixed": self.fixed,
            "letters": [symbol.name for symbol in self.letters],
            "relation": self.relation_text,
            "conditions": [text(condition) for condition in self.conditions],
            "count": self.count,
            "latex": self.latex,
        }

    def __repr__(self) -> str:
        return f"<Family: {self.text}: {self.count}>"

    def __str__(self) -> str:
        return self.text


class _Key(NamedTuple):
    """What the answers of a family have in common.

    `place` is that of the operation in the question. `steps` has, for each group of axes, the
    stride (None where it does nothing, and is a letter), the factor, and whether the padding is a
    rule that depends on n.
    """

    op: str
    place: int
    dialect: str
    mode: Mode
    steps: tuple[tuple[int | None, int, bool], ...]


def families_of(answers: Answers) -> tuple[Family, ...]:
    """The families of all answers to a question: every answer is in exactly one.

    Raises:
        QueryError: the source is unknown; a slice or another order of answers; more than 10,000
            families.
    """
    query = answers.query
    if query.sources is None:
        raise QueryError(
            "families are for a known source, or for a target in n",
            rule="source",
            hint="Name the source (--from).",
        )
    _whole(answers)
    mixes: dict[_Key, list[Mix]] = {}
    for op in query.ops:
        tiers = [_tiers(answers, op, place) for place in range(len(query.groups))]
        for mix in product(*[tier.values() for tier in tiers]):
            key = _key_of(answers, tuple([runs[0] for runs in mix]))
            if key is not None:
                mixes.setdefault(key, []).append(mix)
            if len(mixes) > MOST_FAMILIES:
                raise QueryError(
                    f"there are more than {MOST_FAMILIES:,} families",
                    rule="stride",
                    hint="Narrow stride.",
                )

    def order(key: _Key) -> Any:
        modes = query.spaces[key.op][0].modes
        steps = [(s or 0, factor, rule) for s, factor, rule in key.steps]
        return key.place, tuple(DIALECTS).index(key.dialect), steps, modes.index(key.mode)

    found = [Family(answers, key, mixes[key]) for key in sorted(mixes, key=order)]
    return tuple([family for family in found if family.count])


def _tiers(answers: Answers, op: str, place: int) -> dict[Any, list[Run]]:
    """The runs of one group of axes, those together that are in the same families."""
    tiers: dict[Any, list[Run]] = {}
    for run in _whole(answers).runs(op, place):
        key = (_step(answers, place, run), run.modes, run.allowed, run.d > 1, run.s > 1)
        tiers.setdefault(key, []).append(run)
    return tiers


def _step(answers: Answers, place: int, run: Run) -> tuple[int | None, int, bool]:
    """The stride, or None where it does nothing; the factor; whether the padding is a rule."""
    idle = answers.query.sources != _IN_N and _idle(run.op, _pairs(answers, run.op, place))
    return None if idle else run.s, run.factor, run.rule is not None


def _idle(op: str, pairs: tuple[Pair, ...]) -> bool:
    """Whether the stride does nothing: one input is spread, or one window is taken."""
    if op in ("resize_conv", "pixel_shuffle"):
        return False
    return all((n if op == "conv_transpose" else m) == 1 for n, m in pairs)


def _key_of(answers: Answers, runs: tuple[Run, ...]) -> _Key | None:
    """The family of the answers with these runs; None where no layer has them together."""
    allowed = one_layer(list(runs))[1]
    op = runs[0].op
    for mode in answers.query.spaces[op][0].modes:
        if allowed & mode.bit:
            owner = next(name for name, bits in BITS.items() if bits & mode.bit)
            steps = tuple([_step(answers, place, run) for place, run in enumerate(runs)])
            return _Key(op, answers.query.ops.index(op), owner, mode, steps)
    return None


def _pairs(answers: Answers, op: str, place: int) -> tuple[Pair, ...]:
    return _whole(answers).found(op)[place].pairs


def _whole(answers: Answers) -> Ranked:
    """All answers as they were found."""
    if isinstance(answers._ranked, Ranked):
        return answers._ranked
    raise QueryError(
        "a slice or another order of answers has no families of its own",
        rule="families",
        hint="Ask the answers as solve() gave them.",
    )


def _singles(runs: list[Run], pairs: tuple[Pair, ...]) -> Iterator[Any]:
    """The answers of one group of axes."""
    for run in runs:
        for k in run.kernels:
            if k not in run.minus:
                yield run, k, run.pairs or pairs


def _true() -> Any:
    import sympy

    return sympy.true


def _parts(condition: Any) -> Iterator[Any]:
    """The conditions of a conjunction; low <= term <= high stays one."""
    import sympy

    if not isinstance(condition, sympy.And):
        yield condition
        return
    sides = {one.lhs for one in condition.args if one.is_Relational}
    if len(condition.args) == 2 and len(sides) == 1:
        yield condition
        return
    for part in condition.args:
        yield from _parts(part)
