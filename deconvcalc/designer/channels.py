"""How many channels each stage gives: none said, halving, doubling, listed, or to be chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.errors import QueryError
from deconvcalc.values import Value, integer

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MOST_STAGES", "Channels", "Chosen", "Doubling", "Halving", "Listed", "read_channels"]

MOST_STAGES = 64
"""A design has at most so many stages."""

MOST = 10**9
"""Channel counts go up to this."""


class Channels(Value):
    """The rule for channels. A state is what a later stage needs to know of the ones before.

    Nothing said: 1 channel everywhere, so costs are those for a pair of channels.
    """

    __slots__ = ()

    @property
    def start(self) -> int:
        """The state before the first stage."""
        return 1

    def steps(self, depth: int, state: int, stages: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """What a stage may do to the channels: (choice, channels that come out, state, ends).

        Args:
            depth: how many stages are before it.
            state: the state before it.
            stages: the numbers of stages that are meant.
        """
        made = depth + 1
        if made in stages:
            yield from self._last(depth, state)
        if made < stages[-1]:
            yield from self._between(depth, state, stages)

    def _last(self, depth: int, state: int) -> Iterator[tuple[int, ...]]:  # noqa: ARG002
        yield 0, 1, 1, 1

    def _between(
        self,
        depth: int,  # noqa: ARG002  # others need it
        state: int,  # noqa: ARG002
        stages: tuple[int, ...],  # noqa: ARG002
    ) -> Iterator[tuple[int, ...]]:
        yield 0, 1, 1, 0

    def count(self, state: int) -> int:
        """How many channels there are in a state."""
        return state

    @property
    def choices(self) -> int:
        """How many ids of channel choices there are at most."""
        return 1

    def fits(self, stages: tuple[int, ...]) -> tuple[int, ...]:
        """The numbers of stages that the rule has channels for."""
        return stages

    def __str__(self) -> str:
        return "1 everywhere"


class Halving(Channels):
    """Half at each stage, rounded down, and at the last one what is said: 512, 256, ..., 3."""

    __slots__ = _fields = ("first", "last")
    first: int
    last: int

    def __init__(self, first: int, last: int) -> None:
        self._set(first=first, last=last)

    @property
    def start(self) -> int:
        """The channels of the input."""
        return self.first

    def _last(self, depth: int, state: int) -> Iterator[tuple[int, ...]]:  # noqa: ARG002
        yield 0, self.last, self.last, 1

    def _between(
        self,
        depth: int,  # noqa: ARG002
        state: int,
        stages: tuple[int, ...],  # noqa: ARG002
    ) -> Iterator[tuple[int, ...]]:
        half = max(state // 2, 1)
        yield 0, half, half, 0

    def __str__(self) -> str:
        return f"{self.first}, halved at each stage, {self.last} at the end"


class Doubling(Channels):
    """The same read backwards, for an encoder: 3, ..., 256, 512.

    A state is how many stages are still to come, below 0; at the start it is 0. So how many there
    are is chosen at the first stage, and the choice is their number less 1.
    """

    __slots__ = _fields = ("first", "last")
    first: int
    last: int

    def __init__(self, first: int, last: int) -> None:
        self._set(first=first, last=last)

    @property
    def start(self) -> int:
        """Not yet said how many stages follow."""
        return 0

    def count(self, state: int) -> int:
        """How many channels there are in a state."""
        return self.first if state == 0 else max(self.last >> -state, 1)

    def _last(self, depth: int, state: int) -> Iterator[tuple[int, ...]]:
        if depth == 0 or state == -1:
            yield 0, self.last, 0, 1

    def _between(
        self, depth: int, state: int, stages: tuple[int, ...]
    ) -> Iterator[tuple[int, ...]]:
        ahead = [total - 1 for total in stages if total > 1] if depth == 0 else [-state - 1]
        for rest in ahead:
            if rest >= 1:
                yield (0 if depth else rest), max(self.last >> rest, 1), -rest, 0

    @property
    def choices(self) -> int:
        """As many as there can be stages."""
        return MOST_STAGES

    def __str__(self) -> str:
        return f"{self.first}, then doubled at each stage up to {self.last}"


class Listed(Channels):
    """For the input and for each stage one count, or several to choose from."""

    __slots__ = _fields = ("places",)
    places: tuple[tuple[int, ...], ...]

    def __init__(self, places: tuple[tuple[int, ...], ...]) -> None:
        self._set(places=places)

    @property
    def start(self) -> int:
        """The channels of the input."""
        return self.places[0][0]

    @property
    def choices(self) -> int:
        """The longest list."""
        return max(map(len, self.places))

    def fits(self, stages: tuple[int, ...]) -> tuple[int, ...]:
        """As many stages as are listed."""
        return tuple([one for one in stages if one == len(self.places) - 1])

    def _last(self, depth: int, state: int) -> Iterator[tuple[int, ...]]:  # noqa: ARG002
        for i, count in enumerate(self.places[depth + 1]):
            yield i, count, count, 1

    def _between(
        self,
        depth: int,
        state: int,  # noqa: ARG002
        stages: tuple[int, ...],  # noqa: ARG002
    ) -> Iterator[tuple[int, ...]]:
        for i, count in enumerate(self.places[depth + 1]):
            yield i, count, count, 0

    def __str__(self) -> str:
        return ", ".join(["|".join(map(str, place)) for place in self.places])


class Chosen(Channels):
    """The stages between the first and the last choose from one list."""

    __slots__ = _fields = ("first", "between", "last")
    first: int
    between: tuple[int, ...]
    last: int

    def __init__(self, first: int, between: tuple[int, ...], last: int) -> None:
        self._set(first=first, between=between, last=last)

    @property
    def start(self) -> int:
        """The channels of the input."""
        return self.first

    @property
    def choices(self) -> int:
        """The length of the list."""
        return len(self.between)

    def _last(self, depth: int, state: int) -> Iterator[tuple[int, ...]]:  # noqa: ARG002
        yield 0, self.last, self.last, 1

    def _between(
        self,
        depth: int,  # noqa: ARG002
        state: int,  # noqa: ARG002
        stages: tuple[int, ...],  # noqa: ARG002
    ) -> Iterator[tuple[int, ...]]:
        for i, count in enumerate(self.between):
            yield i, count, count, 0

    def __str__(self) -> str:
        between = "|".join(map(str, self.between))
        return f"{self.first}, then {between} at each stage, {self.last} at the end"


HINT = (
    "Give (512, 3) to halve at each stage and end with 3, a list of one count for the input and "
    "for each stage, or (512, [256, 128, 64], 3) to choose from the list in between."
)


def read_channels(value: Any, direction: str) -> Channels:
    """The rule that a user means.

    Raises:
        QueryError: a count below 1 or too large, an empty list, a list for no stage.
        TypeError: something else.
    """
    if value is None:
        return Channels()
    if isinstance(value, tuple) and len(value) == 2 and all(map(_is_count, value)):
        first, last = _count(value[0]), _count(value[1])
        return Halving(first, last) if direction == "up" else Doubling(first, last)
    if (
        isinstance(value, tuple)
        and len(value) == 3
        and _is_count(value[0])
        and _is_count(value[2])
        and not _is_count(value[1])
    ):
        return Chosen(_count(value[0]), _listed(value[1]), _count(value[2]))
    if isinstance(value, list):
        places = tuple([(_count(one),) if _is_count(one) else _listed(one) for one in value])
        if len(places) < 2:
            raise QueryError(
                "channels lists fewer than two counts: the input has some, and each stage",
                rule="channels",
                hint=HINT,
            )
        if len(places[0]) > 1:
            raise QueryError("the input has one count of channels", rule="channels", hint=HINT)
        return Listed(places)
    raise TypeError(f"channels must be a pair, a list or (first, list, last), not {value!r}")


def _is_count(value: Any) -> bool:
    return integer(value) is not None


def _count(value: Any) -> int:
    number = integer(value)
    if number is None:
        raise TypeError(f"channels must be ints of at least 1, not {value!r}")
    if not 1 <= number <= MOST:
        raise QueryError(
            f"channels must be from 1 to {MOST:,}, not {number}", rule="channels", hint=HINT
        )
    return number


def _listed(value: Any) -> tuple[int, ...]:
    if not isinstance(value, (list, tuple, range, set, frozenset)):
        raise TypeError(f"channels to choose from must be a list of ints, not {value!r}")
    if len(value) > 1_000:
        raise QueryError("channels lists more than 1,000 counts", rule="channels", hint=HINT)
    found = tuple(dict.fromkeys([_count(one) for one in value]))
    if isinstance(value, (set, frozenset)):
        found = tuple(sorted(found))
    if not found:
        raise QueryError("channels to choose from are an empty list", rule="channels", hint=HINT)
    return found
