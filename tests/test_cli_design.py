"""deconvcalc design: what it prints, how it ends, and what it refuses."""

from __future__ import annotations

import csv
import json
from io import StringIO
from typing import TYPE_CHECKING

import pytest

import deconvcalc as dc
from tests.test_cli import ESCAPES, on_terminal
from tests.test_cli import invoke as invoked

if TYPE_CHECKING:
    from click.testing import Result


def invoke(typed: str) -> Result:
    return invoked(*typed.split())


def test_a_table_names_space_and_proof() -> None:
    done = invoke("design 224 --from 7 --stages 1..6 --channels 512:3 --top 2")
    assert done.exit_code == 0
    assert "the 2 best by parameters: the exact optimum within this space" in done.stdout
    assert "7→7→14→28→56→112→224" in done.stdout
    assert not ESCAPES.search(done.stdout)


def test_json_is_the_python_result() -> None:
    typed = "design 28 --from 7 --channels 8:3 --cost macs+2*parameters --through 14 --format json"
    document = json.loads(invoke(typed).stdout)
    found = dc.design(
        28, source=7, channels=(8, 3), cost={"macs": 1, "parameters": 2}, through=[14]
    )
    record = found.to_record()
    assert {name: document[name] for name in record} == json.loads(json.dumps(record))
    assert document["schema"] == 1
    assert document["query"]["target"] == 28


def test_csv_has_a_line_a_design() -> None:
    done = invoke("design 28 --from 7 --cost parameters,memory --format csv")
    rows = list(csv.DictReader(StringIO(done.stdout)))
    found = dc.design(28, source=7, cost=["parameters", "memory"])
    assert [int(row["memory"]) for row in rows] == [plan.memory for plan in found]


def test_markdown_and_a_terminal() -> None:
    assert "| k2s2 k2s2 |" in invoke("design 28 --from 7 --format markdown").stdout
    printed, code = on_terminal("design", "28", "--from", "7", "--top", "1")
    assert code == 0
    assert "7→14→28" in printed


def test_code_is_that_of_the_first_design() -> None:
    for framework in ("torch", "keras"):
        done = invoke(f"design 28 --from 7 --channels 64:3 -k 4 --code {framework}")
        plan = dc.design(28, source=7, channels=(64, 3), kernel_size=4)[0]
        assert done.stdout == plan.code(framework) + "\n"
    both = invoke("design 28 --from 7 -k 4 --code torch --top 2").stdout
    assert "class Design1(" in both
    assert "class Design2(" in both


def test_every_option_reaches_the_library() -> None:
    done = invoke(
        "design 224x288 --from 7x9 --op conv-transpose --op resize-conv --no-checkerboard "
        "--aligned --overlap --growth 2 --divisor kernel-size=stride --budget macs=1e9 "
        "--through 14x18 --receptive-field 3 --no-bias -k 2..4 -d 1 --top 1 --format json"
    )
    space = json.loads(done.stdout)["space"]
    assert space["op"] == "conv_transpose, resize_conv"
    assert space["checkerboard"] == "none"
    assert space["divisors"] == "stride divides kernel_size"
    assert space["budgets"] == "macs at most 1,000,000,000"
    assert space["through"] == "14x18"
    assert space["receptive_field"] == "at least 3x3"
    assert space["bias"] == "none"
    assert done.exit_code == 0


@pytest.mark.parametrize("typed", ["32n", "ceil(n/8) --axes 1 --op any"])
def test_targets_in_n(typed: str) -> None:
    done = invoke(f"design {typed} --top 1")
    assert done.exit_code == 0
    assert "for every n" in done.stdout


def test_channels_to_choose_from() -> None:
    done = invoke("design 28 --from 7 --stages 2 --channels 9:8|6:3 --format json -k 4")
    assert json.loads(done.stdout)["designs"][0]["channels"] == [9, 6, 3]
    done = invoke("design 28 --from 7 --stages 2 --channels 9,8|6,3 --format json -k 4")
    assert json.loads(done.stdout)["designs"][0]["channels"] == [9, 6, 3]


def test_the_first_design_is_confirmed() -> None:
    done = invoke("design 14 --from 7 --channels 4:2 -k 4 --top 1 --verify numpy")
    assert done.exit_code == 0
    assert "numpy" in done.stdout


def test_no_design_ends_with_1_and_says_why() -> None:
    done = invoke("design 225 --from 7 -k 4 -s 2 -p 1")
    assert done.exit_code == 1
    for text in ("padding forbids it", "224 and 448", "0..3"):
        assert text in done.stdout
    done = invoke("design 225 --from 7 -k 4 -s 2 -p 1 --format csv")
    assert done.exit_code == 1
    assert not done.stdout
    assert "padding forbids it" in done.stderr
    record = json.loads(invoke("design 225 --from 7 -k 4 -s 2 -p 1 --format json").stdout)
    assert record["reason"]["nearest"] == {"below": 224, "above": 448}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("28", "source is missing"),
        ("28 --from 7 --channels 512", "no channels"),
        ("28 --from 7 --channels 0:3", "channels"),
        ("28 --from 7 --cost time", "no cost"),
        ("28 --from 7 --cost macs+macs", "no cost"),
        ("28 --from 7 --budget macs", "no budget"),
        ("28 --from 7 --budget macs=much", "no number"),
        ("28 --from 7 --budget macs,memory=3", "one cost"),
        ("28 --from 7 --divisor volume=2", "divisors"),
        ("28 --from 7 --growth fast", "no number"),
        ("28 --from 7 --op max-pool", "no max-pool"),
        ("28 --from 7 --stages 0", "stages"),
        ("28 --from 7 --through 3", "through"),
        ("n*n", "n"),
        ("14x7 --from 7x14", "shrinks"),
    ],
)
def test_what_makes_no_sense_ends_with_2(typed: str, said: str) -> None:
    done = invoke(f"design {typed}")
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.output
