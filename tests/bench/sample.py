"""Spaces: drawing plans, and judging encoded ones, against building them as torch modules on meta.

A search that only builds has nothing else: on meta nothing is computed, and no weight is stored.
Before the clock starts it is shown that both say the same: parameters, and the size of a forward
pass on meta. Each round has plans of its own. What is timed of the other side is building alone.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from itertools import count
from math import nan
from typing import TYPE_CHECKING, Any

from deconvcalc.designer.spaces import DesignSpace
from tests.bench import Row, medians

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deconvcalc.designer.plans import Plan

NAME = "sample"
SEED = 20261123
ROUNDS = 11
BUILT = 200
DRAWN = 10_000
JUDGED = 1_000_000
CHECKED = 300
SAMPLE_LIMIT = 1 / 30
JUDGE_LIMIT = 1 / 500


def space() -> DesignSpace:
    """Decoders of up to six stages, some 10^10 of them."""
    return DesignSpace(224, source=7, stages=range(1, 7), growth=4, channels=(512, 3))


def run() -> list[Row]:
    """Draw plans, then judge encoded ones."""
    if not find_spec("torch"):
        return [_row(case, "torch (not installed)", nan, nan, None) for case in ("draw", "judge")]
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as elsewhere:
        elsewhere.submit(check).result()
    import numpy as np

    made = space()
    seeds = count(SEED)
    fresh = iter(
        [made.sample(np.random.default_rng(next(seeds)), BUILT) for _ in range(2 * ROUNDS)]
    )
    vectors = iter(
        [made.sample(np.random.default_rng(next(seeds)), JUDGED, encoded=True) for _ in range(3)]
    )
    judge(made, next(vectors)[:1])  # the tables are made once
    drawn = medians(
        {
            "ours": lambda: made.sample(np.random.default_rng(next(seeds)), DRAWN),
            "torch": lambda: [built(plan) for plan in next(fresh)],
        },
        ROUNDS,
    )
    judged = medians(
        {
            "ours": _some(made, vectors),
            "torch": lambda: [built(plan) for plan in next(fresh)],
        },
        ROUNDS,
    )
    rival = "torch modules on meta"
    return [
        _row("draw a plan", rival, drawn["ours"] / DRAWN, drawn["torch"] / BUILT, SAMPLE_LIMIT),
        _row(
            "validity and parameters of an encoded plan",
            rival,
            judged["ours"] / _SOME,
            judged["torch"] / BUILT,
            JUDGE_LIMIT,
        ),
    ]


_SOME = 100_000
"""So many vectors are judged a round."""


def _some(made: DesignSpace, vectors: Iterator[Any]) -> Any:
    """What judges the next vectors each time that it is called."""
    parts = iter([row for rows in vectors for row in rows.reshape(-1, _SOME, rows.shape[1])])
    return lambda: judge(made, next(parts))


def judge(made: DesignSpace, vectors: Any) -> Any:
    """Ours: which vectors are plans, and how many parameters they have."""
    return made.valid(vectors), made.costs(vectors)


def built(plan: Plan) -> Any:
    """The other way: the plan as a torch module on meta."""
    from torch import nn

    return nn.Sequential(
        *[
            nn.ConvTranspose2d(
                *stage.channels,
                stage.kernel_size,
                stage.stride,
                stage.padding,
                stage.output_padding,
                device="meta",
            )
            for stage in plan.stages
        ]
    )


def check() -> None:
    """Both ways say the same of plans; of vectors that are none, torch refuses or misses."""
    import numpy as np
    import torch

    made = space()
    rng = np.random.default_rng(SEED)
    plans = made.sample(rng, CHECKED)
    vectors = made.encode(plans)
    assert made.valid(vectors).all()
    costs = made.costs(vectors).tolist()
    for plan, cost, sizes in zip(plans, costs, made.sizes(vectors).tolist(), strict=True):
        module = built(plan)
        assert cost == sum(one.numel() for one in module.parameters()), plan
        image = torch.empty(1, 512, 7, 7, device="meta")
        assert module(image).shape[2:] == (224, 224), plan
        assert sizes[len(plan)] == [224, 224]


def _row(case: str, rival: str, ours: float, theirs: float, limit: float | None) -> Row:
    return Row(
        case=case,
        ours="DesignSpace",
        rival=rival,
        ours_seconds=ours,
        rival_seconds=theirs,
        limit=limit,
    )
