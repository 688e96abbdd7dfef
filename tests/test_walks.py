"""Walks through layered graphs, against lists of all of them."""

from __future__ import annotations

import random
from itertools import chain, islice, product, repeat
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deconvcalc.designer.rows import Tables, draw_rows
from deconvcalc.designer.walks import Walks, pick

if TYPE_CHECKING:
    from collections.abc import Iterator


class Drawn:
    """A small graph drawn at random, with dead ends and states that nothing leads to."""

    def __init__(self, rng: random.Random) -> None:
        self.depth = rng.randint(0, 4)
        self.start = 0
        states, choices = rng.randint(1, 4), rng.randint(1, 5)
        self.table = {
            (depth, state): [
                (choice, rng.randrange(states), "not looked at")
                for choice in range(choices)
                if rng.random() < 0.7
            ]
            for depth in range(self.depth)
            for state in range(states)
        }
        ends = rng.choice((0.05, 0.4))
        self.ends = {
            (depth, state)
            for depth in range(self.depth + 1)
            for state in range(states)
            if rng.random() < ends
        }

    def arcs(self, depth: int, state: int) -> list[tuple[int, int, str]]:
        return self.table[depth, state]

    def final(self, depth: int, state: int) -> bool:
        return (depth, state) in self.ends


class Regular:
    """A graph with the same choices everywhere, whose walks end at its full depth."""

    def __init__(self, depth: int, choices: int, states: int) -> None:
        self.start = 0
        self.depth = depth
        self.table = [
            [(choice, (state + choice) % states) for choice in range(choices)]
            for state in range(states)
        ]

    def arcs(self, depth: int, state: int) -> list[tuple[int, int]]:
        return self.table[state] if depth < self.depth else []

    def final(self, depth: int, state: int) -> bool:
        return depth == self.depth and state >= 0


def every(graph: Drawn) -> Iterator[tuple[int, ...]]:
    """All walks, by recursion from the start."""

    def onwards(depth: int, state: int, walk: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if graph.final(depth, state):
            yield walk
        if depth < graph.depth:
            for choice, after, _ in graph.arcs(depth, state):
                yield from onwards(depth + 1, after, (*walk, choice))

    return onwards(0, graph.start, ())


@given(st.integers(0, 10**9))
def test_walks_are_counted_ordered_and_ranked(seed: int) -> None:
    rng = random.Random(seed)
    graph = Drawn(rng)
    expected = sorted(every(graph))
    walks = Walks(graph)
    assert walks.total == len(expected)
    assert list(walks) == expected
    assert [walks.at(rank) for rank in range(len(expected))] == expected
    assert [walks.rank(walk) for walk in expected] == list(range(len(expected)))
    for walk in expected:
        states = walks.states(walk)
        assert states is not None
        assert len(states) == len(walk) + 1
    known = set(expected)
    for _ in range(20):
        walk = tuple(rng.choices(range(-1, 6), k=rng.randint(0, graph.depth + 1)))
        assert (walks.rank(walk) is not None) == (walk in known)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.integers(0, 10**9))
def test_a_number_falls_into_the_part_that_its_digits_say(sizes: list[int], seed: int) -> None:
    sums = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    total = sums[-1]
    if not total:
        return
    rng = random.Random(seed)
    rank = rng.randrange(total)
    # The digits of a number just above and just below rank/total + 1/total.
    expected_low = sum(end <= rank for end in sums)
    low, high = (rank << 192) // total + 1, ((rank + 1) << 192) // total - 1
    for digits in (low, high):
        words = [digits >> shift & (1 << 64) - 1 for shift in (128, 64, 0)]
        assert pick(sums, words[0], iter(words[1:])) == expected_low


def test_every_walk_is_drawn_with_its_share_of_all_words() -> None:
    """With words of all values of their first bits, each walk is drawn as often as any other."""
    tried = 0
    for seed in range(100):
        graph = Drawn(random.Random(seed))
        walks = Walks(graph)
        if not 2 <= walks.total <= 8 or graph.depth > 2:
            continue
        tried += 1
        drawn = dict.fromkeys(walks, 0)
        steps = 240
        for first in range(steps):
            for second in range(steps if graph.depth > 1 else 1):
                words = iter([(2 * x + 1 << 64) // (2 * steps) for x in (first, second)])
                drawn[walks.draw(words)] += 1
        share = sum(drawn.values()) / walks.total
        # Where a border falls between two words, one column of them may stand on either side.
        assert all(abs(count - share) <= 2 * steps for count in drawn.values())
    assert tried > 5


def test_more_words_are_read_where_one_leaves_it_open() -> None:
    border = (1 << 64) // 3
    words: Iterator[Any] = iter([0, 1])
    assert pick((1, 3), border, words) == 0
    assert list(words) == [1]
    assert pick((1, 3), border, iter([(1 << 64) - 1])) == 1
    with pytest.raises(StopIteration):
        pick((1, 3), border, iter([]))
    assert pick((1, 2), 1 << 63, iter([])) == 1
    assert pick((1, 2), (1 << 63) - 1, iter([])) == 0


def test_walks_too_many_for_any_machine_word() -> None:
    walks = Walks(Regular(60, 100, 7))
    assert walks.total == 100**60
    rng = random.Random(1)
    for rank in (0, walks.total - 1, rng.randrange(walks.total)):
        walk = walks.at(rank)
        assert walks.rank(walk) == rank == int("".join(f"{choice:02d}" for choice in walk))
    assert walks.draw(repeat(0)) == (0,) * 60
    assert walks.draw(repeat((1 << 64) - 1)) == (99,) * 60
    assert list(islice(walks, 2)) == [walks.at(0), walks.at(1)]


@given(st.integers(0, 10**9))
def test_rows_of_genes_are_drawn_and_followed_as_walks_are(seed: int) -> None:
    import numpy as np

    graph = Drawn(random.Random(seed))
    walks = Walks(graph)
    tables = Tables(walks, 5)
    encoded = [tuple(choice + 1 for choice in walk) for walk in walks]
    expected = [genes + (0,) * (graph.depth - len(genes)) for genes in encoded]
    every_row = list(product(range(-1, 8), repeat=graph.depth))
    rows = np.array(every_row, int).reshape(len(every_row), graph.depth)
    valid = np.concatenate([states[-1] != 0 for _, _, states in tables.follow(rows)])
    assert [row for row, good in zip(every_row, valid.tolist(), strict=True) if good] == expected
    if not expected:
        return
    words = np.random.default_rng(seed).integers(0, 1 << 64, (50, graph.depth), dtype=np.uint64)
    words[0], words[1] = 0, (1 << 64) - 1
    drawn = draw_rows(walks, words, repeat(5))
    one_by_one = [walks.draw(chain(row, repeat(5))) for row in words.tolist()]
    assert [tuple(gene - 1 for gene in row if gene) for row in drawn.tolist()] == one_by_one
    assert {tuple(row) for row in drawn.tolist()} <= set(expected)


def test_rows_on_a_border_read_more_words_too() -> None:
    import numpy as np

    border = (1 << 64) // 3
    for more, gene in ((0, 1), (1 << 63, 2)):
        words = np.array([[border - 1], [border], [border + 1]], np.uint64)
        rows = draw_rows(Walks(Regular(1, 3, 3)), words, repeat(more))
        assert rows.tolist() == [[1], [gene], [2]]
