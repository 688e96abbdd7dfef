"""The sequence of answers: what it refuses, what it sorts by, and what its slices say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import deconvcalc as dc

if TYPE_CHECKING:
    from collections.abc import Callable

UP = dc.ConvTranspose(3)
ANSWERS: Any = dc.solve(7, source=4)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda: ANSWERS["x"], TypeError, "ints and slices, not str"),
        (lambda: ANSWERS[1.0], TypeError, "ints and slices, not float"),
        (lambda: ANSWERS.ranked_by(3), TypeError, "not 3"),
        (lambda: ANSWERS.ranked_by("code"), dc.QueryError, "unknown criterion 'code'"),
        (lambda: ANSWERS.ranked_by("to_record"), dc.QueryError, "unknown criterion"),
        (lambda: ANSWERS.first(foo=1), dc.QueryError, "unknown fact 'foo'"),
        (lambda: ANSWERS[0].spelled("onnx"), dc.QueryError, "torch, keras"),
        (lambda: dc.compose([UP, 3]), TypeError, "3 is no layer"),  # type: ignore[list-item]
        (lambda: dc.compose(UP), TypeError, r"compose\(\[layer\]\)"),  # type: ignore[arg-type]
        (lambda: dc.accepted(UP), TypeError, r"layer.size_map\(\)"),  # type: ignore[arg-type]
        (lambda: dc.agreement([UP], UP), TypeError, r"compose\("),  # type: ignore[arg-type]
        (lambda: dc.preimage([UP], 5), TypeError, "no map and no int"),  # type: ignore[arg-type]
    ],
)
def test_what_makes_no_sense_is_refused(
    ask: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ask()


FACTS = ["kernel_size", "stride", "padding", "output_padding", "dilation", "factor", "taps", "op"]


@pytest.mark.parametrize("fact", [*FACTS, "source", "smallest_source", "target", "sides", "shift"])
@pytest.mark.parametrize(
    "question",
    [
        {"target": (7, 14), "source": (4, 7), "kernel_size": [1, 2, 3], "stride": 2},
        {"target": 8, "source": 4, "op": "any", "dialect": "any", "kernel_size": [2, 3]},
        {"target": 7, "op": "conv", "dialect": "any", "kernel_size": [2, 3], "stride": [1, 2]},
        {"target": (6, 7), "op": "conv", "dialect": "keras", "kernel_size": [2, 3], "stride": 2},
        {"target": "ceil(n/2)", "op": "conv", "dialect": "any", "kernel_size": [2, 3]},
    ],
    ids=str,
)
def test_answers_are_ranked_by_any_fact(question: dict[str, Any], fact: str) -> None:
    answers = dc.solve(**question)
    there, back = answers.ranked_by(fact), answers.ranked_by(f"-{fact}")
    assert len(there) == len(back) == len(answers) > 1
    assert sorted(map(repr, there)) == sorted(map(repr, back)) == sorted(map(repr, answers))


def test_axes_are_compared_one_after_the_other() -> None:
    ranked = dc.solve((7, 14), source=(4, 7)).ranked_by("kernel_size")
    kernels = [answer.kernel_size for answer in ranked]
    pairs = [k if isinstance(k, tuple) else (k, k) for k in kernels]
    assert pairs == sorted(pairs)
    assert {type(k) for k in kernels} == {int, tuple}


def test_an_empty_slice_is_no_reason() -> None:
    assert len(ANSWERS[5:5]) == 0
    assert ANSWERS[5:5].reason is None
    assert ANSWERS[5:5].ranked_by("shift").reason is None
    assert dc.solve("2n")[3:3].reason is None
    assert ANSWERS[5:5].proof is None
    assert dc.solve("2n")[3:3].proof is None
    hopeless = dc.solve(100, source=4, stride=8)
    assert hopeless[:5].reason.names == hopeless.reason.names


@pytest.mark.parametrize(
    ("target", "question", "text"),
    [
        (14, {"source": 7, "output_padding": "none"}, "no conv transpose of PyTorch has this"),
        (7, {"source": 4, "padding": "same"}, "no conv transpose of PyTorch has this"),
        (5, {"source": 5, "op": "conv", "kernel_size": 2}, 'padding "same", which gives'),
    ],
)
def test_reasons_name_what_the_framework_lacks_or_has(
    target: int, question: dict[str, Any], text: str
) -> None:
    reason = dc.solve(target, **question).reason
    assert text in reason.text
    assert reason.answer is not None


def test_reasons_name_no_setting_that_would_not_help() -> None:
    assert dc.solve(5, source=5, op="conv", kernel_size=2, padding="same")
    for question in ({"padding": 1}, {"stride": 2}, {"source": 7}):
        given: dict[str, Any] = {"source": 5, "op": "conv", "kernel_size": 2, **question}
        reason = dc.solve(5, **given).reason
        assert reason is None or "same" not in reason.text
    assert (
        "setting"
        not in dc.solve(19, source=4, stride=2, dialect="keras", padding="same").reason.text
    )
