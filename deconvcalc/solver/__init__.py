"""From sizes to parameters: every layer that turns one size into another, best first."""

from __future__ import annotations

from typing import Any

from deconvcalc.errors import QueryError
from deconvcalc.solver.answers import Answer, Answers
from deconvcalc.solver.query import Query, read_query
from deconvcalc.solver.ranking import Ranked
from deconvcalc.solver.runs import Found, find_runs

__all__ = ["Answer", "Answers", "solve"]


def solve(
    target: Any,
    *,
    source: Any = None,
    op: str = "conv_transpose",
    dialect: str = "torch",
    kernel_size: Any = None,
    stride: Any = None,
    padding: Any = None,
    output_padding: Any = None,
    dilation: Any = None,
    factor: Any = None,
    ceil_mode: bool = False,
    shared: bool | None = None,
    where: Any = None,
) -> Answers:
    """All layers that turn one size into another, best first.

    Args:
        target: the output size, an int or a tuple of one per axis; or text in n, the input size,
            such as "2*n" or "ceil(n/2)": then the answers are right for every n.
        source: the input size, likewise; None makes it the unknown.
        op: "conv_transpose", "conv", "max_pool", "avg_pool", "resize_conv" (an upsampling by a
            factor, then a convolution of stride 1), "pixel_shuffle", or "any" of them.
        dialect: whose layers: "torch", "keras", or "any" for both, equal layers once.
        kernel_size: what it may be. Every bound is an int, a range, or a list or set of ints; a
            tuple has one of these per axis. By default 1 to 11, or to twice the largest stride
            if that is more; 1 to 8 for pools.
        stride: likewise; by default 1 to 8.
        padding: likewise; by default 0 to dilation*(kernel_size - 1), half the kernel for pools.
            Keras reads "same" and "valid" here, PyTorch too for a convolution.
        output_padding: likewise; by default all that the framework takes. For Keras, "none" is
            its None.
        dilation: likewise; by default 1.
        factor: how much a resize or a pixel shuffle enlarges; by default 1 to 8.
        ceil_mode: whether the last window of a pool may hang over the end.
        shared: whether all axes have the same parameters. By default those axes do that have the
            same sizes and bounds.
        where: for a target in n, which n are meant, as text such as "n % 2 == 0"; by default all
            whose target is at least 1.

    Returns:
        The answers, a lazy sequence: complete within the bounds, ranked as `docs/why/ranking.md`
        says. Where there is none, `answers.reason` says why, and what is near. For a target in n,
        `answers.partly` has the layers that refuse some n.

    Raises:
        QueryError: a bound that is empty, below its least value or without meaning here; sizes
            and bounds of different axes; bounds too wide to go through.
        TypeError: a wrong type.

    >>> answers = solve(7, source=4)
    >>> len(answers), answers[0].layers
    (81, (ConvTranspose(3, stride=2, padding=1),))
    >>> solve("2*n")[0].layers
    (ConvTranspose(4, stride=2, padding=1),)
    """
    bounds = {
        "kernel_size": kernel_size,
        "stride": stride,
        "padding": padding,
        "output_padding": output_padding,
        "dilation": dilation,
        "factor": factor,
    }
    if type(target) not in (int, tuple) and _is_in_n(target):
        from deconvcalc.solver.in_n import solve_in_n

        if source is not None:
            raise QueryError(
                "a target in n has n for its source",
                rule="source",
                hint="Leave source out, or give the target as a number.",
            )
        question = {"op": op, "dialect": dialect, "shared": shared, "ceil_mode": ceil_mode}
        return solve_in_n(target, where, question | bounds)
    if where is not None:
        raise QueryError(
            "where says which n are meant, and the target has no n",
            rule="where",
            hint='Give a target in n, such as "2*n".',
        )
    return answer(read_query(target, source, op, dialect, shared, ceil_mode, **bounds))


def _is_in_n(target: Any) -> bool:
    """Whether a target is text, or an expression that was read from it."""
    return isinstance(target, str) or hasattr(target, "evaluate")


def answer(query: Query) -> Answers:
    """The answers to a question that was read already."""
    return Answers(query, Ranked({op: _runs(query, op) for op in query.ops}))


def _runs(query: Query, op: str) -> list[Found]:
    """For each group of axes the runs of one operation; cut short where one has none."""
    spaces = query.spaces[op]
    made: list[Found] = []
    for group in query.groups:
        space = spaces[group[0]]
        if query.sources is None:
            from deconvcalc.solver.inputs import find_inputs

            targets = tuple([query.targets[i] for i in group])
            made.append(find_inputs(space, targets, alone=len(query.groups) == 1))
        else:
            made.append(find_runs(space, query.pairs(group)))
        if not made[-1].total:
            break
    return made
