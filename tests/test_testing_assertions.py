"""`dc.testing`: what holds passes, what is wrong by one fails, and nothing passes for nothing."""

from __future__ import annotations

import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import deconvcalc as dc
from deconvcalc.assertions import KINDS
from deconvcalc.assertions.finding import Finding, Kind
from deconvcalc.testing import (
    assert_admissible,
    assert_holds,
    assert_output_size,
    strategies,
    suite,
)

UNET = "docs/examples/unet.toml"


@settings(max_examples=80)
@given(st.data(), st.integers(1, 40))
def test_the_size_that_comes_out_passes_and_no_other(data: st.DataObject, n: int) -> None:
    layer = data.draw(strategies.layers(axes=1, takes=n))
    found = layer.output_size((n,))
    assume(found)
    assert_output_size([layer], (n,), found)
    for wrong in (found[0] - 1, found[0] + 1):
        if wrong >= 1:
            with pytest.raises(AssertionError):
                assert_output_size([layer], (n,), (wrong,))


@pytest.mark.parametrize(
    ("model", "size", "output"),
    [
        (dc.ConvTranspose(6, stride=2), 28, 60),
        ([dc.MaxPool(2), dc.Upsample(2)], (28, 31), (28, 30)),
        ("nn.Sequential(nn.Conv2d(3, 8, 3), nn.MaxPool2d(2))", "28x30", "13x14"),
        (dc.parse("nn.Conv1d(3, 8, 3)"), 28, 26),
        ([dc.Pad(1), dc.parse("nn.Conv3d(3, 8, 3)")], 28, (28, 28, 28)),
        (UNET, 64, {"pool2": 16, "skip1": (64, 64)}),
        (Path(UNET), {"image": (32, 64)}, (32, 64)),
        (dc.trace(UNET, 64), 32, 32),
        (dc.MaxPool(2), "n >= 2", "n//2"),
        (dc.MaxPool(2), dc.Sizes.congruent(1, 2, start=3), "(n - 1)//2"),
        (UNET, ["n % 8 == 0", "n % 4 == 0"], ["n", "n"]),
    ],
    ids=[
        "layer",
        "layers",
        "text",
        "one axis",
        "three axes",
        "nodes",
        "path",
        "trace",
        "condition",
        "set",
        "axes apart",
    ],
)
def test_models_and_sizes_of_every_kind(model: Any, size: Any, output: Any) -> None:
    assert_output_size(model, size, output)
    with pytest.raises(AssertionError):
        assert_output_size(model, size, _wrong(output))


def _wrong(output: Any) -> Any:
    """An output that is wrong by one along some axis."""
    if isinstance(output, dict):
        return {name: _wrong(one) for name, one in output.items()}
    if isinstance(output, (tuple, list)):
        return type(output)([*output[:-1], _wrong(output[-1])])
    if isinstance(output, int):
        return output + 1
    first, sign, last = output.rpartition("x")
    return f"{first}x{int(last) + 1}" if sign else f"{output} + 1"


def test_a_dynamic_model() -> None:
    model = dc.Model()
    image = model.input(channels=3)
    down = model.add(dc.Conv(3, stride=2, padding=1), image)
    model.output(model.add(dc.Concat(), model.add(dc.ConvTranspose(2, stride=2), down), image))
    assert_output_size(model, 32, 32)
    assert_admissible(model, "n even")
    with pytest.raises(AssertionError, match="nearest"):
        assert_output_size(model, 33, 33)


def test_which_inputs_run() -> None:
    assert_admissible(UNET, "n % 4 == 0")
    assert_admissible(UNET, ["n % 4 == 0", "n ≡ 0 (mod 4)"])
    assert_admissible(UNET, {"h": "n % 4 == 0", "w": "n % 4 == 0"})
    assert_admissible(UNET, dc.Sizes.congruent(0, 4))
    assert_admissible(UNET, "n % 8 == 0", at_least=True)
    for condition, text in {
        "n % 8 == 0": "4x8 runs, and is not stated|4 runs, and is not stated|4x8",
        "n % 2 == 0": "2 does not run",
        "n % 4 == 0 or n == 5": "5 does not run|does not run",
    }.items():
        with pytest.raises(AssertionError, match=text):
            assert_admissible(UNET, condition)
    with pytest.raises(AssertionError):
        assert_admissible(UNET, "n even", at_least=True)


def test_several_things_are_told_together() -> None:
    stated: dict[str, Any] = {"output": 64, "aligned": True, "checkerboard": False}
    assert_holds(UNET, input=64, **stated, max_parameters=13_394)
    with pytest.raises(AssertionError) as caught:
        assert_holds(UNET, input=64, **stated | {"output": 63}, max_parameters=13_393)
    told = str(caught.value)
    assert told.count("FAILED") == 2
    assert "(output)" in told
    assert "(max_parameters)" in told


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_check_can_be_stated(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of files are the words of `assert_holds`, and each reaches its own rule."""
    kind, told = KINDS[name], []

    def decide(case: Any) -> Finding:
        told.append((case.value, case.input, case.inputs))
        return Finding(False, "this", "that")

    fields: Any = {"asks": kind.asks, "key": kind.key}
    monkeypatch.setitem(KINDS, name, Kind(name, kind.title, decide, kind.schema, **fields))
    asked: Any = {"inputs": "n even"} if kind.asks == "inputs" else {"input": 64}
    with pytest.raises(AssertionError, match=rf"\({name}\)\n  expected  this\n  got       that"):
        assert_holds(UNET, **asked, **{kind.key: "it"})
    assert told == [("it", asked.get("input"), asked.get("inputs"))]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: assert_admissible(UNET, "n < 1"), "no size n meets"),
        (lambda: assert_output_size(UNET, "n < 1", "n"), "no size n meets"),
        (lambda: assert_holds(UNET), "nothing is stated"),
        (lambda: assert_output_size(UNET, 64, "sixty"), "no size"),
        (lambda: assert_output_size("no_such.toml", 64, 64), "no_such.toml"),
        (lambda: assert_output_size(object(), 64, 64), "is no model"),
    ],
    ids=["admissible", "condition", "nothing", "no size", "no file", "no model"],
)
def test_what_shows_nothing_does_not_pass(make: Any, text: str) -> None:
    with pytest.raises(dc.CheckError, match=text):
        make()


def test_what_is_asked_wrong_is_said() -> None:
    with pytest.raises(dc.QueryError, match="max_parameters"):
        assert_holds(UNET, max_params=3)
    with pytest.raises(dc.QueryError, match="needs an input"):
        assert_holds(UNET, output=64)
    with pytest.raises(dc.QueryError, match="inputs needs something"):
        assert_holds(UNET, inputs="n even", max_parameters=20_000)
    with pytest.raises(dc.QueryError, match="needs an input"):
        assert_output_size(UNET, "n % 4 == 0", "n", verify="numpy")


def test_checkers_are_asked() -> None:
    assert_output_size(dc.ConvTranspose(6, stride=2), 8, 20, verify="numpy")
    with pytest.raises(dc.CheckError, match="tork"):
        assert_output_size(dc.MaxPool(2), 8, 4, verify="tork")


@pytest.mark.framework
def test_checkers_of_frameworks_and_live_modules() -> None:
    from torch import nn

    assert_output_size(dc.ConvTranspose(6, stride=2), 8, 20, verify=["torch"])
    assert_output_size(nn.Sequential(nn.Conv2d(3, 8, 3), nn.MaxPool2d(2)), 28, 13, verify="torch")
    assert_admissible(nn.PixelUnshuffle(2), "n even", channels=3)


def test_a_missing_framework_is_no_pass() -> None:
    code = (
        "import deconvcalc as dc\n"
        "from deconvcalc.checkers import confirming\n"
        "from deconvcalc.checkers.process import WorkerError\n"
        "def worker(*_): raise WorkerError('torch is not installed', kind='missing')\n"
        "confirming.worker = worker\n"
        "confirming.start = lambda names: None\n"
        "try: dc.testing.assert_output_size(dc.MaxPool(2), 8, 4, verify='torch')\n"
        "except dc.CheckError as error: print(error.rule, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("missing ERROR")


def test_the_line_is_that_of_the_caller() -> None:
    def deeper() -> None:
        assert_output_size(dc.MaxPool(2), 28, 15)

    line = deeper.__code__.co_firstlineno + 1
    with pytest.raises(AssertionError, match=rf"tests/test_testing_assertions\.py:{line}: MaxPool"):
        deeper()


# unittest.


def ran(tests: unittest.TestSuite) -> unittest.TestResult:
    found = unittest.TestResult()
    tests.run(found)
    return found


def test_checks_of_a_file_are_tests(tmp_path: Path) -> None:
    path = tmp_path / "deconvcalc.toml"
    layer = 'layer = "nn.MaxPool2d(2)"\n'
    path.write_text(
        f'[[check]]\nname = "right"\n{layer}input = 28\noutput = 14\n'
        f'[[check]]\nname = "wrong"\n{layer}input = 28\noutput = 15\n'
        f'[[check]]\nname = "nothing"\n{layer}admits = "n < 1"\n'
    )
    found = ran(suite(path))
    assert found.testsRun == 3
    ((failed, text),) = found.failures
    assert failed.id().endswith("deconvcalc.toml::wrong")
    assert "got       14" in text
    ((error, text),) = found.errors
    assert error.id().endswith("deconvcalc.toml::nothing")
    assert "no size n meets" in text


def test_checks_of_a_file_are_run_as_they_are_asked(tmp_path: Path) -> None:
    path = tmp_path / "deconvcalc.toml"
    path.write_text('[[check]]\nname = "net"\nmodel = "nets:make"\ninput = 8\noutput = 4\n')
    ((_, text),) = ran(suite(path, no_import=True)).errors
    assert "forbids" in text
    path.write_text('[[check]]\nname = "up"\nlayer = "nn.MaxPool2d(2)"\ninput = 8\noutput = 4\n')
    found = ran(suite(path, verify="numpy"))
    assert (found.testsRun, found.wasSuccessful()) == (2, True)
    with pytest.raises(dc.QueryError, match="tork"):
        suite(path, verify="tork")


@pytest.mark.parametrize("text", ["", "[[check]]\n", "x ="])
def test_a_file_without_checks_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "deconvcalc.toml"
    path.write_text(text)
    with pytest.raises(dc.SpecError):
        suite(path)


def test_a_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(dc.SpecError):
        suite(tmp_path / "none.toml")
