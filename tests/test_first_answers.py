"""The answers that the design names, and sizes and bounds too large to go through."""

from __future__ import annotations

from itertools import islice
from typing import Any, cast

import pytest

import deconvcalc as dc
from deconvcalc.solver import Answer

HUGE = 10**12


def torch_call(answer: Answer | None) -> tuple[Any, ...]:
    """(kernel, stride, padding, output_padding)."""
    assert answer is not None
    return answer.kernel_size, answer.stride, answer.padding, answer.output_padding


@pytest.mark.parametrize("n", [2, 3, 4, 5, 7, 8, 28, 100, 1023, HUGE])
def test_doubling(n: int) -> None:
    assert torch_call(dc.solve(2 * n, source=n)[0]) == (4, 2, 1, 0)


@pytest.mark.parametrize(
    ("source", "target", "first"),
    [
        (32, 256, (16, 8, 4, 0)),
        (1, 4, (4, 1, 0, 0)),
        (28, 60, (6, 2, 0, 0)),
        (4, 7, (3, 2, 1, 0)),
    ],
)
def test_first_answer(source: int, target: int, first: tuple[int, ...]) -> None:
    answers = dc.solve(target, source=source)
    assert torch_call(answers[0]) == torch_call(answers.best) == first


def test_four_to_seven() -> None:
    answers = dc.solve(7, source=4)
    assert len(answers) == 81
    assert answers[0].checkerboard
    assert answers[0].taps == (1, 2)
    assert answers[0].shift == pytest.approx(3 / 14)
    assert answers[0].spelled("keras") == {
        "kernel_size": 3,
        "strides": 2,
        "padding": "same",
        "output_padding": 0,
    }
    assert torch_call(answers[1]) == (5, 2, 2, 0)
    clean = answers.first(checkerboard=False)
    assert clean is not None
    assert torch_call(clean) == (4, 2, 2, 1)
    assert answers[7] == clean  # number 8
    assert all(answer.checkerboard for answer in answers[:7])


def test_default_bounds_are_stated() -> None:
    assert dc.solve(7, source=4).bounds == {
        "conv_transpose": {
            "kernel_size": "1..16",
            "stride": "1..8",
            "padding": "0..dilation*(kernel_size-1)",
            "output_padding": "any",
            "dilation": "1",
        }
    }


def test_one_input_needs_no_stride() -> None:
    first = dc.solve(4, source=1)[0]
    assert first.aligned
    assert first.overlap
    assert not first.checkerboard
    assert dc.solve(7, source=1)[0].stride == 1


def test_resize_then_convolve() -> None:
    doubled = dc.solve(56, source=28, op="resize_conv")
    assert (dc.Upsample(2), dc.Conv(1)) in doubled
    assert (dc.Upsample(2), dc.Conv(3, padding=1)) in doubled
    assert doubled[0].factor == 2
    assert doubled[0].kernel_size == 3
    seven = dc.solve(7, source=4, op="resize-conv")
    assert (dc.Upsample(2), dc.Conv(2)) in seven
    assert (dc.Upsample(2), dc.Conv(3)) not in seven


@pytest.mark.parametrize("n", [1, 2, 7, 28, 513, HUGE])
def test_a_convolution_of_one_keeps_every_size(n: int) -> None:
    layer = dc.parse("nn.Conv2d(512, 16, 1)")
    assert layer.output_size(n) == n
    assert layer in dc.solve((n, n), source=(n, n), op="conv")


def test_halving() -> None:
    first = dc.solve(14, source=28, op="conv")[0]
    assert (first.kernel_size, first.stride, first.padding) == (4, 2, 1)
    pool = dc.solve(14, source=28, op="max_pool", dialect="any")[0]
    assert pool.output_size(28) == 14


SIZES = [
    ("conv_transpose", HUGE, 2 * HUGE),
    ("conv_transpose", HUGE, 2 * HUGE - 1),
    ("conv", 2 * HUGE, HUGE),
    ("max_pool", 3 * HUGE + 1, HUGE),
    ("avg_pool", 3 * HUGE + 1, HUGE),
    ("resize_conv", HUGE, 3 * HUGE - 2),
    ("pixel_shuffle", HUGE, 8 * HUGE),
    ("any", HUGE, 2 * HUGE),
]


@pytest.mark.parametrize(("op", "source", "target"), SIZES)
def test_sizes_of_a_million_millions(op: str, source: int, target: int) -> None:
    dilated: dict[str, Any] = {"dilation": range(1, 5)} if "conv" in op else {}
    answers = dc.solve(target, source=source, op=op, dialect="any", **dilated)
    assert len(answers) > 0
    assert all(answer.output_size(source) == target for answer in answers)


@pytest.mark.parametrize(("op", "source", "target"), SIZES)
def test_large_sizes_have_the_answers_of_small_ones(op: str, source: int, target: int) -> None:
    """Where the rest is the same, so are the layers: nothing but the shift depends on the size."""
    answers = dc.solve(target, source=source, op=op, dialect="any")
    less = HUGE - 10**6
    ratio = round(target / source) if target > source else 1
    steps = round(source / target) if source > target else 1
    smaller = dc.solve(target - less * ratio, source=source - less * steps, op=op, dialect="any")
    assert {answer.layers for answer in answers} == {answer.layers for answer in smaller}


def test_unknown_source_of_a_large_target() -> None:
    """2n - 2 + 6 - 2p for a padding of 0 to 5; an output padding of 1 makes it odd."""
    answers = dc.solve(2 * HUGE + 4, kernel_size=6, stride=2)
    assert answers.sources == [HUGE + p for p in range(6)]


ENDLESS = range(1, HUGE + 1)


class Counted:
    """Calls of a function, counted."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.calls = 0

    def __call__(self, *arguments: Any) -> Any:
        self.calls += 1
        return self.function(*arguments)


@pytest.mark.parametrize("dilation", [1, range(1, 5)])
@pytest.mark.parametrize("dialect", ["torch", "any"])
@pytest.mark.parametrize(
    ("op", "source", "target"),
    [
        ("conv_transpose", 4, 7),
        ("conv_transpose", 1, 7),
        ("conv_transpose", 28, 56),
        ("conv", 28, 14),
        ("max_pool", 28, 14),
        ("resize_conv", 4, 7),
    ],
)
def test_kernels_without_end(
    op: str,
    source: int,
    target: int,
    dialect: str,
    dilation: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = Counted(Answer.__init__)
    monkeypatch.setattr(Answer, "__init__", lambda *given: made(*given))  # noqa: PLW0108  # a method is bound
    if source < 5 and dilation != 1:
        # Too few inputs for a rule: each kernel would have to be looked at.
        return
    answers = dc.solve(
        target, source=source, op=op, dialect=dialect, kernel_size=ENDLESS, dilation=dilation
    )
    assert answers.total > 10**11 or op == "max_pool"
    for index in (0, 10**11, -1, answers.total // 2):
        if index < answers.total:
            answer = answers[index]
            assert answer.output_size(source) == target
            assert answer in answers
    assert len(answers[5:25]) == 20
    assert made.calls < 10
    shown = list(islice(answers, 50))
    assert shown == list(answers[:50])
    assert answers[:50].to_records() == [answer.to_record() for answer in shown]


def test_a_kernel_of_a_million_millions_is_an_answer() -> None:
    answers = dc.solve(8, source=4, kernel_size=ENDLESS)
    assert dc.ConvTranspose(4, stride=2, padding=1) in answers
    assert dc.ConvTranspose(HUGE, stride=2, padding=HUGE // 2 - 1) in answers
    assert dc.ConvTranspose(HUGE, stride=2, padding=HUGE // 2) not in answers
    assert dc.ConvTranspose(HUGE + 2, stride=2, padding=HUGE // 2) not in answers


def test_kernels_and_paddings_may_be_large() -> None:
    wide = range(HUGE + 1)
    answers = dc.solve(
        7, source=4, kernel_size=ENDLESS, stride=range(1, 9), padding=wide, output_padding=wide
    )
    assert answers.total > HUGE
    assert torch_call(answers[0]) == (3, 2, 1, 0)


@pytest.mark.parametrize("name", ["stride", "dilation"])
def test_strides_and_dilations_are_gone_through_up_to_a_limit(name: str) -> None:
    with pytest.raises(dc.QueryError, match=f"{name} .* leaves more than") as caught:
        dc.solve(7, source=4, **cast("Any", {name: ENDLESS}))
    assert name in str(caught.value.hint)


def test_two_axes_of_kernels_without_end() -> None:
    answers = dc.solve((7, 14), source=(4, 7), kernel_size=ENDLESS)
    assert answers.total > 10**22
    assert answers[0].kernel_size == (3, 4)
    middle = answers[answers.total // 2]
    assert middle.output_size((4, 7)) == (7, 14)
    assert middle in answers
