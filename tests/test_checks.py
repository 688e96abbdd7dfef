"""Kinds of assertion: the right statement passes, and one that is wrong by one fails."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import deconvcalc as dc
from deconvcalc.assertions import KINDS, Outcome, Subject, decide, read
from deconvcalc.assertions.conditions import condition_of, sizes_where
from deconvcalc.assertions.outcome import FAULTS
from deconvcalc.assertions.subject import MOST_KEPT
from deconvcalc.errors import DeconvcalcError, NotationError, QueryError
from deconvcalc.expressions import parse_condition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def skip_model(*, pads: Any = 1, kernel: int = 4, stride: int = 2, crop: Any = 0) -> dc.Model:
    """Down by a stride, up again, and beside what came in."""
    model = dc.Model()
    image = model.input(channels=3)
    down = model.add(dc.Conv(3, stride=stride, padding=1, out_channels=8), image, name="down")
    up = model.add(
        dc.ConvTranspose(kernel, stride=stride, padding=pads, out_channels=8), down, name="up"
    )
    skip = image if not crop else model.add(dc.Crop(crop), image, name="cropped")
    model.output(model.add(dc.Concat(), up, skip, name="skip"))
    return model


def even_model(before: int = 0) -> dc.Model:
    """A pool and its way back, whose pixels lie where those of the skip lie, unless shifted."""
    model = dc.Model()
    image = model.input(channels=2)
    down = model.add(dc.AvgPool(2), image, name="down")
    up = model.add(dc.ConvTranspose(2, stride=2, out_channels=2), down, name="up")
    if before:
        up = model.add(dc.Pad(((before, 0), (0, 0))), up, name="padded")
        up = model.add(dc.Crop(((0, before), (0, 0))), up, name="cropped")
    model.output(model.add(dc.Add(), up, image, name="sum"))
    return model


PASTED = "nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Conv2d(8, 4, 3, padding=1))"


class Mutation(NamedTuple):
    """What holds, and what is wrong by one."""

    model: Callable[[], Any]
    right: Any
    wrong: tuple[Any, ...]
    input: Any = None
    inputs: Any = None


MUTATIONS: dict[str, list[Mutation]] = {
    "output": [
        Mutation(lambda: dc.ConvTranspose(6, stride=2), 60, (59, 61), 28),
        Mutation(lambda: dc.ConvTranspose(6, stride=2), (60, 64), ((60, 65), (61, 64)), (28, 30)),
        Mutation(lambda: PASTED, "14x15", ("14x14", "15x15", "15x14"), "28x30"),
        Mutation(skip_model, {"down": 14, "skip": 28}, ({"down": 15}, {"skip": [28, 29]}), 28),
        Mutation(lambda: dc.Pad(((1, 2), (1, 1))), (31, 30), ((30, 30), (31, 31)), 28),
    ],
    "output_for_all": [
        Mutation(skip_model, "n", ("n + 1", "n - 1", "n // 2 * 2 + 1"), None, "n % 2 == 0"),
        Mutation(lambda: PASTED, "ceil(n/2)", ("n//2", "ceil(n/2) + 1"), None, "n >= 1"),
        Mutation(
            lambda: PASTED, ["(n+1)//2", "ceil(n/2)"], (["n//2", "ceil(n/2)"],), None, "n > 2"
        ),
    ],
    "output_channels": [
        Mutation(lambda: PASTED, 4, (3, 5)),
        Mutation(skip_model, {"up": 8, "skip": 11}, ({"up": 9, "skip": 11}, {"skip": 12})),
    ],
    "admissible": [
        Mutation(
            skip_model, "n % 2 == 0", ("n % 3 == 0", "n % 2 == 1", "n % 1 == 0", "n % 4 == 0")
        ),
        Mutation(lambda: dc.Conv(5), "n >= 5", ("n >= 4", "n >= 6")),
        Mutation(
            lambda: dc.Conv((5, 3)),
            {"h": "n >= 5", "w": "n >= 3"},
            ({"h": "n >= 5", "w": "n >= 4"}, {"h": "n >= 4", "w": "n >= 3"}),
        ),
    ],
    "admits": [
        Mutation(skip_model, "n % 4 == 0", ("n % 3 == 0", "n % 4 == 1", "n >= 2")),
        Mutation(lambda: dc.Conv(5), ["n >= 5", "n >= 6"], (["n >= 5", "n >= 4"],)),
    ],
    "aligned": [
        Mutation(even_model, True, (False,), 28),
        Mutation(lambda: even_model(1), False, (True,), 28),
        Mutation(lambda: skip_model(kernel=3, crop=((0, 1), (0, 1))), True, (False,), 28),
        Mutation(lambda: skip_model(kernel=3, crop=((1, 0), (0, 1))), False, (True,), 28),
    ],
    "checkerboard": [
        Mutation(skip_model, False, (True,)),
        Mutation(lambda: dc.ConvTranspose(3, stride=2), True, (False,)),
        Mutation(lambda: dc.ConvTranspose(5, stride=2), True, (False,)),
    ],
    "max_parameters": [
        Mutation(lambda: PASTED, 224 + 292, (224 + 291,)),
        Mutation(lambda: "nn.Linear(10, 3)", 33, (32,)),
    ],
    "max_macs": [
        Mutation(lambda: PASTED, (216 + 288) * 14 * 14, ((216 + 288) * 14 * 14 - 1,), 28),
    ],
    "max_memory": [
        Mutation(
            lambda: PASTED, 4 * (3 * 28**2 + 12 * 14**2), (4 * (3 * 28**2 + 12 * 14**2) - 1,), 28
        ),
    ],
    "field": [
        Mutation(lambda: PASTED, 7, (6, 8), 28),
        Mutation(lambda: [dc.Conv((3, 5), axes=2)], [3, 5], ([3, 4], [4, 5]), 28),
        Mutation(lambda: [dc.Conv(3), dc.GlobalPool()], "all", (28, 27), 28),
    ],
    "min_field": [
        Mutation(lambda: PASTED, 7, (8,), 28),
        Mutation(skip_model, {"down": 3}, ({"down": 4},), 28),
    ],
    "stride": [
        Mutation(lambda: PASTED, 2, (1, 3, "1/2"), 28),
        Mutation(lambda: dc.ConvTranspose(4, stride=2), "1/2", (2, "1/3"), 28),
    ],
    "nodes": [
        Mutation(
            skip_model,
            {"up": "ConvTranspose(4, stride=2, padding=1)", "down": "nn.Conv2d(3, 8, 3, 2, 1)"},
            (
                {"up": "ConvTranspose(4, stride=2, padding=((1, 2), (1, 1)))"},
                {"up": "ConvTranspose(4, stride=3, padding=1)"},
                {"up": "ConvTranspose(4, stride=2, padding=1, out_channels=9)"},
                {"skip": "ConvTranspose(4, stride=2, padding=1)"},
            ),
        ),
    ],
    "plan": [],  # designs are made below
    "verify": [
        # The loops against the arithmetic need no framework; what is wrong is put into them.
        Mutation(lambda: PASTED, ["numpy"], (), 9),
    ],
}
"""For every kind what holds of some model, and what is wrong by one."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_tells_right_from_wrong_by_one(kind: str) -> None:
    assert kind in MUTATIONS, f"{kind} has no test"
    for one in MUTATIONS[kind]:
        subject = Subject(one.model())
        settings = {"input": one.input, "inputs": one.inputs, "where": "deconvcalc.toml:7"}
        found = decide(kind, subject, one.right, **settings)
        assert found.state == "passed", found.text()
        assert found.text().count("\n") == 0
        for value in one.wrong:
            wrong = decide(kind, subject, value, **settings)
            assert wrong.state == "failed", (value, wrong.text())
            assert wrong.expected, value
            assert wrong.got, value
            assert wrong.expected != wrong.got
            assert "deconvcalc.toml:7" in wrong.text()
            assert wrong.exit_code == 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_tells_a_model_that_is_wrong_by_one_stride(kind: str) -> None:
    """What holds of each model no longer holds, or is no longer known, where it changes."""
    changed: dict[str, tuple[Any, Any, Any, Any]] = {
        "output": (lambda: dc.ConvTranspose(6, stride=3), 60, 28, None),
        "output_for_all": (lambda: skip_model(stride=3), "n", None, "n % 2 == 0"),
        "output_channels": (lambda: PASTED.replace("8, 4", "8, 5"), 4, None, None),
        "admissible": (lambda: skip_model(stride=3, kernel=5), "n % 2 == 0", None, None),
        "admits": (lambda: skip_model(stride=3, kernel=5), "n % 4 == 0", None, None),
        "aligned": (lambda: even_model(1), True, 28, None),
        "checkerboard": (lambda: skip_model(stride=3), False, None, None),
        "max_parameters": (lambda: PASTED.replace("8, 4", "8, 5"), 516, None, None),
        "max_macs": (lambda: PASTED.replace("stride=2", "stride=1"), 504 * 14 * 14, 28, None),
        "max_memory": (lambda: PASTED.replace("stride=2", "stride=1"), 18_816, 28, None),
        "field": (lambda: PASTED.replace("stride=2", "stride=3"), 7, 28, None),
        "min_field": (lambda: PASTED.replace("stride=2", "stride=1"), 7, 28, None),
        "stride": (lambda: PASTED.replace("stride=2", "stride=3"), 2, 28, None),
        "nodes": (
            lambda: skip_model(stride=3),
            {"down": "Conv(3, stride=2, padding=1)"},
            None,
            None,
        ),
        "plan": (lambda: "nn.ReLU()", "{}", None, None),
        "verify": (lambda: "nn.ReLU()", ["numpy"], 9, None),
    }
    make, value, size, inputs = changed[kind]
    assert decide(kind, make(), value, input=size, inputs=inputs).state != "passed"


def test_a_layer_whose_values_are_wrong_is_not_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    from deconvcalc.checkers import reference

    right = reference.forward
    name = "deconvcalc.checkers.problem.forward"
    monkeypatch.setattr(name, lambda *args: right(*args)[..., :-1])
    found = decide("verify", PASTED, ["numpy"], input=9)
    assert found.state == "failed"
    assert "5 x 4 came out, not 5 x 5" in found.got


# Designs in files.


def design() -> dict[str, Any]:
    """What `to_json` of a design gives."""
    if find_spec("deconvcalc.designer") is None:
        pytest.skip("there are no designs yet")
    made: Any = getattr(dc, "design")  # noqa: B009 - it may not be there yet
    found = made(28, source=7, stages=2, kernel_size=4, channels=(8, 4))[0]
    record: dict[str, Any] = json.loads(found.to_json())
    return record


def changed_by_one(record: Any) -> Iterator[Any]:
    """The record with one of its numbers larger by one, for every number in it."""
    items = record.items() if isinstance(record, dict) else enumerate(record)
    for key, value in items:
        if isinstance(value, (dict, list)):
            changes: Iterator[Any] = changed_by_one(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            changes = iter([value + 1])
        else:
            continue
        for change in changes:
            copy = record.copy()
            copy[key] = change
            yield copy


def test_a_design_in_a_file_is_as_it_says(tmp_path: Path) -> None:
    record = design()
    (tmp_path / "decoder.json").write_text(json.dumps(record), encoding="utf-8")
    spec = tmp_path / "deconvcalc.toml"
    spec.write_text(
        '[[check]]\nname = "decoder"\nplan = "decoder.json"\ninput = 7\noutput = 28\n'
        f'max_parameters = {record["parameters"]}\nadmits = "n > 1"\n',
        encoding="utf-8",
    )
    checks = read(spec).checks
    assert [one.kind.name for one in checks] == ["output", "admits", "max_parameters", "plan"]
    assert [one.run().state for one in checks] == ["passed"] * 4
    count = 0
    for wrong in changed_by_one(record):
        count += 1
        (tmp_path / "decoder.json").write_text(json.dumps(wrong), encoding="utf-8")
        found = read(spec).checks[-1].run()
        assert found.state == "failed", (wrong, found.text())
    assert count > 20
    for text in ("{}", "[]", "{", '"' + "x" * 10_000_001):
        (tmp_path / "decoder.json").write_text(text, encoding="utf-8")
        found = read(spec).checks[-1].run()
        assert (found.state, found.fault) == ("error", "unreadable")
    (tmp_path / "decoder.json").unlink()
    assert read(spec).checks[-1].run().fault == "unreadable"


# Nothing passes vacuously.


@pytest.mark.parametrize(
    ("kind", "model", "value", "settings", "fault"),
    [
        ("admits", PASTED, "n < 1", {}, "vacuous"),
        ("admissible", PASTED, "n % 2 == 0 and n % 2 == 1", {}, "vacuous"),
        ("output_for_all", PASTED, "n//2", {"inputs": "n == 0"}, "vacuous"),
        ("aligned", PASTED, True, {"input": 28}, "vacuous"),
        ("aligned", PASTED, False, {"input": 28}, "vacuous"),
        ("verify", "nn.Sequential(nn.ReLU())", ["numpy"], {"input": 28}, "vacuous"),
        ("max_parameters", [dc.Conv(3)], 10**9, {}, "undecided"),
        ("max_macs", [dc.Conv(3)], 10**9, {"input": 28}, "undecided"),
        ("output_channels", [dc.MaxPool(2)], 3, {}, "undecided"),
        (
            "min_field",
            "nn.Sequential(nn.Flatten(), nn.Linear(4, 2))",
            1,
            {"input": 2},
            "unreadable",
        ),
        ("output", PASTED, {}, {"input": 28}, "unreadable"),
        ("output", PASTED, {"2": 28}, {"input": 28}, "unreadable"),
        ("output_for_all", PASTED, "n n n", {"inputs": "n > 1"}, "unreadable"),
        ("admits", PASTED, "n %% 2", {}, "unreadable"),
        ("admits", PASTED, [], {}, "unreadable"),
        ("admits", PASTED, ["n > 1"] * 3, {}, "unreadable"),
        ("admits", PASTED, {"h": "n > 1"}, {}, "unreadable"),
        ("field", PASTED, "many", {"input": 28}, "unreadable"),
        ("stride", PASTED, "1/0", {"input": 28}, "unreadable"),
        ("output", "no.such(", 3, {"input": 28}, "unreadable"),
        ("verify", PASTED, ["abacus"], {"input": 28}, "unreadable"),
        ("admissible", [dc.Upsample(0.29)], "n >= 4", {}, "undecided"),
        ("admits", [dc.Upsample(0.29)], "n >= 4", {}, "undecided"),
        ("output_for_all", [dc.Upsample(0.5)], "n//2", {"inputs": "n >= 2"}, "undecided"),
    ],
)
def test_what_shows_nothing_is_an_error(
    kind: str, model: Any, value: Any, settings: dict[str, Any], fault: str
) -> None:
    found = decide(kind, model, value, **settings)
    assert found.state == "error", found.text()
    assert found.fault == fault
    assert found.got
    assert found.exit_code == (1 if fault == "undecided" else 2)


def test_sizes_of_a_float_scale_hold_up_to_their_horizon() -> None:
    model = [dc.Upsample(0.29)]
    assert decide("admits", model, "4 <= n <= 1048576", input=28)
    assert decide("admits", model, "3 <= n <= 1048576", input=28).state == "failed"
    assert decide("admits", model, "4 <= n <= 1048577", input=28).fault == "undecided"


def test_a_model_that_does_not_run_fails_every_kind_that_asks_at_an_input() -> None:
    for kind, one in KINDS.items():
        if one.asks == "input":
            value = {"aligned": True, "verify": ["numpy"]}.get(kind, 10**9)
            found = decide(kind, Subject(skip_model()), value, input=27)
            assert found.state == "failed", kind
            assert "does not run at 27x27: 2 faults" in found.got
            assert "26 or 28" in found.nearest[0]
            assert "2*floor((h + 1)/2)" in found.text()


def test_a_missing_framework_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from deconvcalc.checkers.confirming import worker

    for fault in ("missing", "broken"):
        monkeypatch.setattr(worker("onnx"), "_failure", ("no onnx here", fault, "pip install it"))
        found = decide("verify", PASTED, ["numpy", "onnx"], input=9)
        assert (found.state, found.fault, found.exit_code) == ("error", fault, 3)
        assert (found.got, found.hint) == ("no onnx here", "pip install it")


# Axes that depend on each other.


def pinned() -> Any:
    return "nn.Sequential(nn.Conv2d(3, 4, 2, stride=2), nn.Flatten(), nn.Linear(256, 10))"


def test_axes_that_depend_on_each_other_are_run_one_by_one() -> None:
    assert decide("admits", pinned(), ["n == 16", "16 <= n <= 17"], input=16)
    found = decide("admits", pinned(), ["n == 16", "16 <= n <= 18"], input=16)
    assert found.state == "failed"
    assert "16x18 does not run" in found.got
    assert decide("admits", pinned(), "16 <= n <= 1000", input=16).state == "failed"
    assert decide("admissible", pinned(), "n == 16", input=16).state in ("failed", "error")


def test_every_outcome_tells_of_the_same_input_as_brute_force() -> None:
    """The least input at which a function is wrong is the one that is named."""
    for text in ("n//2", "(n+1)//3", "n", "2*n", "n//2 + n//7"):
        found = decide("output_for_all", PASTED, text, inputs="n >= 1")
        function = dc.compose([dc.Conv(3, stride=2, padding=1), dc.Conv(3, padding=1)])
        from deconvcalc.expressions import parse_target

        target = parse_target(text)
        first = next(n for n in range(1, 100) if function(n) != target.evaluate(n))
        assert found.state == "failed"
        assert found.expected.endswith(f"{target.evaluate(first)} at {first}")
        assert found.got.startswith(f"{function(first)} at ")


def test_one_model_is_asked_at_inputs_of_any_kind() -> None:
    layer = Subject(dc.ConvTranspose(6, stride=2))
    sizes: list[tuple[Any, Any]] = [
        (28, 60),
        ((28, 30), (60, 64)),
        ((8, 28, 30), (20, 60, 64)),
        ((28,), (60,)),
        ({"h": 28, "w": 30}, (60, 64)),
        (28, 60),
    ]
    for size, wanted in sizes:
        assert decide("output", layer, wanted, input=size), size
    for text, wanted in (("nn.Conv1d(3, 8, 3)", (26,)), ("nn.Conv3d(3, 8, 3)", (26, 26, 26))):
        assert decide("output", dc.parse(text), wanted, input=28)
        assert decide("admissible", dc.parse(text), "n >= 3")
    features = Subject("nn.Linear(8, 2)")
    for _ in range(2):
        assert decide("output", features, (), input=())
        assert decide("output", features, (), input=28)
        assert decide("output", features, 2, input=28).state == "failed"
        assert decide("output", features, (), input=(28,)).fault == "unreadable"
        assert decide("output", features, (), input={"input": ()})
    network = Subject(skip_model())
    asked: list[Any] = [28, 30, (28, 30), {"h": 28, "w": 32}, {"input": (30, 28)}]
    for size in asked:
        assert decide("output", network, {"down": 14}, input=size).state in ("passed", "failed")
    assert decide("output", network, {"down": 14}, input=(28, 28, 28)).fault == "unreadable"
    traced = dc.trace(skip_model(), 28)
    assert decide("output", traced, 30, input=30)


def test_a_model_is_kept_at_no_more_than_some_inputs() -> None:
    subject = Subject(dc.ConvTranspose(6, stride=2))
    assert all(decide("output", subject, 2 * n + 4, input=n) for n in range(1, 200))
    assert len(subject._at) <= MOST_KEPT
    assert len(subject._traces) <= MOST_KEPT


# Conditions.


@st.composite
def sets(draw: st.DrawFn) -> dc.Sizes:
    marks = st.lists(st.booleans(), max_size=12)
    head, mask = draw(marks), draw(marks.filter(bool))
    found = dc.Sizes.periodic(head, mask)
    if draw(st.booleans()):
        found &= dc.Sizes.between(1, draw(st.integers(1, 60)))
    return found


@given(sets())
def test_a_set_is_written_as_a_condition_and_read_again(held: dc.Sizes) -> None:
    if not held:
        with pytest.raises(QueryError, match="no condition"):
            condition_of(held)
        return
    assert sizes_where(condition_of(held)) == held


TERMS = st.recursive(
    st.one_of(st.just("n"), st.integers(0, 9).map(str)),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.integers(0, 5), inner).map(lambda t: f"{t[0]}*({t[1]})"),
        st.tuples(inner, st.sampled_from(["//", "%"]), st.integers(1, 7)).map(
            lambda t: f"(({t[0]}) {t[1]} {t[2]})"
        ),
    ),
    max_leaves=4,
)
COMPARED = st.tuples(TERMS, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), TERMS).map(
    " ".join
)


@given(COMPARED, COMPARED, st.sampled_from(["{}", "not ({})", "{} and {}", "{} or {}"]))
def test_a_condition_is_the_set_of_the_sizes_at_which_it_holds(
    one: str, other: str, form: str
) -> None:
    text = form.format(one, other)
    held, condition = sizes_where(text), parse_condition(text)
    assert [n for n in range(1, 120) if n in held] == [
        n for n in range(1, 120) if condition.evaluate(n)
    ]


def test_conditions_on_lines_hold_at_any_magnitude() -> None:
    assert sizes_where("n >= 10**17") == dc.Sizes.between(10**17)
    assert sizes_where("n % 10**15 == 7") == dc.Sizes.congruent(7, 10**15)
    assert condition_of(dc.Sizes.congruent(10**15 - 1, 10**15)) == (
        "n % 1000000000000000 == 999999999999999"
    )
    with pytest.raises(NotationError):
        sizes_where("n // n == 1")


# Outcomes.


def test_an_outcome_reads_back_from_its_record() -> None:
    for kind in ("output", "admits"):
        found = decide(kind, skip_model(), 29 if kind == "output" else "n > 1", input=28)
        again = Outcome.from_record(found.to_record())
        assert again == found
        assert again.text() == found.text()


def test_a_kind_that_is_not_known_names_the_nearest() -> None:
    with pytest.raises(QueryError, match="unknown kind of assertion 'outputs'") as caught:
        decide("outputs", PASTED, 3, input=3)
    assert "output" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("kind", "words"), [("output", "needs an input"), ("output_for_all", "needs conditions")]
)
def test_a_kind_without_its_input_is_refused(kind: str, words: str) -> None:
    with pytest.raises(QueryError, match=words):
        decide(kind, PASTED, "n")


def test_errors_of_models_keep_their_fields() -> None:
    found = decide("output", "nn.Conv2d(3, 8, kernel=3)", 3, input=28)
    assert found.state == "error"
    assert "^" in found.got
    assert found.fault in FAULTS
    with pytest.raises(DeconvcalcError):
        dc.trace("nn.Conv2d(3, 8, kernel=3)", 28)


def test_text_of_a_stranger_moves_no_cursor() -> None:
    found = Outcome("a\x1b[2Jb", "output", "failed", expected="1\x07", got="2\n::error::x")
    assert "\x1b" not in found.text()
    assert "\x07" not in found.text()


@pytest.mark.parametrize("kind", ["aligned", "checkerboard"])
@pytest.mark.parametrize("value", [1, 0, "no", None])
def test_yes_and_no_are_bools(kind: str, value: Any) -> None:
    found = decide(kind, Subject(skip_model()), value, input=28)
    assert (found.state, found.fault) == ("error", "unreadable")


@pytest.mark.parametrize("kind", ["max_parameters", "max_macs", "max_memory"])
@pytest.mark.parametrize("value", ["9", None, True, 1.5, float("inf"), float("nan")])
def test_budgets_are_whole_numbers(kind: str, value: Any) -> None:
    found = decide(kind, dc.Conv(3, in_channels=3, out_channels=8), value, input=28)
    assert (found.state, found.fault) == ("error", "unreadable")


@pytest.mark.parametrize("value", [8.0, True, "8", None])
def test_channels_are_whole_numbers(value: Any) -> None:
    layer = dc.Conv(3, in_channels=3, out_channels=8)
    assert decide("output_channels", layer, value).fault == "unreadable"


@pytest.mark.parametrize("value", [3, None, "MaxPool(2)"])
def test_nodes_are_said_by_their_names(value: Any) -> None:
    assert decide("nodes", dc.MaxPool(2), value).fault == "unreadable"


def test_no_model_ends_the_run() -> None:
    from deconvcalc.assertions.kinds import outcome_of

    def ends() -> Any:
        raise SystemExit(0)

    found = outcome_of(KINDS["output"], ends, "end", None)
    assert (found.state, found.fault) == ("error", "raised")
