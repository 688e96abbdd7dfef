"""Sweeps: thousands of configurations of a framework against the library, and the ledgers."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deconvcalc as dc
from deconvcalc.checkers import ledger, sweeping, table
from deconvcalc.checkers.configuration import Configuration, lethal
from deconvcalc.checkers.confirming import worker
from deconvcalc.checkers.process import ROOT, WorkerError
from deconvcalc.checkers.reference import forward
from deconvcalc.checkers.sweeping import FRAMEWORKS, draw, main, sweep
from deconvcalc.checkers.table import Table
from deconvcalc.errors import QueryError
from deconvcalc.formulas import Spread, shared
from deconvcalc.layers import AvgPool
from tests.test_workers import gone

if TYPE_CHECKING:
    from pathlib import Path

    from deconvcalc.checkers.sweeping import Sweep

both = pytest.mark.parametrize("framework", FRAMEWORKS)


def need(framework: str) -> None:
    pytest.importorskip(framework, exc_type=ImportError)
    if framework == "keras":
        pytest.importorskip("tensorflow", exc_type=ImportError)


def holds(found: Sweep, count: int) -> None:
    """Everything agrees or is in the ledger, and refusals count."""
    assert found, found
    assert found.total == count
    assert found.agreed + len(found.known) + len(found.screened) == count
    assert found.functional + found.layers + len(found.screened) == count
    assert 0.2 <= found.refused / count <= 0.4, found
    assert len(found.known) <= ledger.MOST * count
    assert len(found.screened) <= 0.005 * count
    assert 0.009 * count <= found.built <= 0.01 * count


# What is drawn.


@both
def test_the_same_seed_draws_the_same_and_nothing_twice(framework: str) -> None:
    drawn = draw(framework, 3_000, 5)
    assert drawn == draw(framework, 3_000, 5)
    assert drawn != draw(framework, 3_000, 6)
    assert len(set(drawn)) == 3_000
    assert {one.operation for one in drawn} == {"Conv", "ConvTranspose", "MaxPool", "AvgPool"}
    assert {one.axes for one in drawn} == {1, 2, 3}


@both
def test_a_row_and_a_call_say_all_of_a_configuration(framework: str) -> None:
    for one in draw(framework, 500, 1):
        assert Configuration.of_row(one.row()) == one
        name, arguments = one.arguments(framework)
        assert one.call(framework).startswith(("nn.", "layers."))
        assert name in one.call(framework)
        assert all(repr(value) in one.call(framework) for value in arguments.values())


def test_more_than_there_is_cannot_be_drawn() -> None:
    with pytest.raises(QueryError, match="not enough different calls"):
        draw("keras", 10_000, sizes=1)


# The library's side, without a framework.


@both
def test_values_are_those_of_the_loops(framework: str) -> None:
    drawn = [one for one in draw(framework, 600, 3) if one.size <= 16]
    found = Table(drawn, framework, 0)
    found.predict()
    ends = np.cumsum(np.maximum(found.sizes, 0))
    compared = 0
    for one, size, end in zip(drawn, found.sizes.tolist(), ends.tolist(), strict=True):
        single = one._replace(axes=1)
        if size < 1:
            continue
        layer: Any = dc.parse(single.call(framework))
        sign = -1 if one.operation == "MaxPool" else 1
        x, w = sign * found.x[None, : one.size], found.w[None, None, : one.kernel_size]
        expected = forward(layer, x, {"kernel": w, "bias": np.zeros(1)})[0]
        np.testing.assert_allclose(found.values[end - size : end], expected, atol=1e-12)
        compared += 1
    assert compared > 150


@both
def test_what_the_library_says_is_what_it_says_of_the_text(framework: str) -> None:
    drawn = draw(framework, 1_000, 4, sizes=2)
    found = Table(drawn, framework, 0)
    found.predict()
    for one, size in zip(drawn, found.sizes.tolist(), strict=True):
        try:
            sizes: Any = dc.parse(one.call(framework)).output_size((one.size,) * one.axes)
        except dc.DeconvcalcError:
            assert size == -1
            assert found.refusal(one)
        else:
            assert sizes == (size,) * one.axes


# Real frameworks.


@pytest.mark.framework
@both
def test_a_fixed_sweep_agrees(framework: str) -> None:
    need(framework)
    holds(sweep(draw(framework, 2_000, 0), framework), 2_000)


@pytest.mark.framework
@pytest.mark.slow
@both
def test_a_large_sweep_agrees(framework: str) -> None:
    need(framework)
    holds(sweep(draw(framework, 20_000, 1), framework), 20_000)


@pytest.mark.framework
@both
def test_layers_do_what_functions_do(framework: str) -> None:
    need(framework)
    drawn = draw(framework, 200, 2, sizes=1)
    found = sweep(drawn, framework, fraction=1)
    assert found, found
    assert found.built == len(drawn) - len(found.screened)
    built = sweep(drawn, framework, fraction=0, functional=False)
    assert built, built
    assert (built.functional, built.built) == (0, 0)
    assert (built.agreed, built.refused) == (found.agreed, found.refused)


@pytest.mark.framework
def test_what_the_functions_of_keras_leave_out_is_decided_by_layers() -> None:
    need("keras")
    plain = Configuration("ConvTranspose", 1, 3, 2, 1, "same", None, False, True, 5)
    hidden = [
        plain._replace(output_padding=2),
        plain._replace(output_padding=-1),
        plain._replace(dilation=2),
        plain._replace(stride=0),
        Configuration("Conv", 1, 3, 1, 3, "valid", None, False, True, 4),
    ]
    found = sweep([plain, *hidden], "keras", fraction=0)
    assert found, found
    assert (found.functional, found.layers, found.refused) == (1, 5, 5)


@pytest.mark.framework
def test_what_would_end_the_process_is_listed_and_not_run() -> None:
    need("keras")
    fatal = Configuration("MaxPool", 1, 5, 2, 1, "valid", None, False, True, 3)
    assert lethal(fatal)
    found = sweep([fatal, fatal._replace(size=9)], "keras", fraction=1)
    assert found.screened == (fatal,)
    assert (found.total, found.agreed, found.built) == (2, 1, 1)


@pytest.mark.framework
def test_a_wrong_rule_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    need("torch")
    right = Spread.size
    with monkeypatch.context() as patch:
        patch.setattr(Spread, "size", lambda self, n: right(self, n) + int(self.stride == 3))
        shared.cache_clear()  # maps that were made before, and then those of the wrong rule
        found = sweep(draw("torch", 500, 3), "torch", fraction=0)
    shared.cache_clear()
    assert not found
    wrong = [one for one in found.disagreements if one.kind == "size"]
    assert len(wrong) > 10
    assert all(one.configuration.stride == 3 for one in wrong)
    assert all(one.configuration.operation == "ConvTranspose" for one in wrong)
    assert str(wrong[0]).startswith("nn.ConvTranspose")
    assert str(wrong[0]) in str(found)


@pytest.mark.framework
def test_a_missing_refusal_is_found_with_the_words_of_the_framework(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    need("torch")
    written = Configuration.arguments

    def half(self: Configuration, framework: str) -> tuple[str, dict[str, Any]]:
        most = self._replace(padding=min(int(self.padding), self.kernel_size // 2))
        return written(most, framework)

    monkeypatch.setattr(Configuration, "arguments", half)
    one = Configuration("MaxPool", 1, 4, 2, 1, 3, None, False, True, 9)
    (found,) = sweep([one], "torch", fraction=0).disagreements
    assert (found.theirs, found.ours) == (None, 5)
    assert "at most half of kernel size" in found.detail


@pytest.mark.framework
@pytest.mark.parametrize("operation", ["Conv", "ConvTranspose", "MaxPool", "AvgPool"])
def test_a_shifted_value_is_found(monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    need("torch")
    read = Table._read

    def shifted(self: Table, one: Configuration) -> tuple[int, ...]:
        k, s, d, before, *rest = read(self, one)
        return k, s, d, before + (one.operation == operation), *rest

    monkeypatch.setattr(table.Table, "_read", shifted)
    found = sweep(draw("torch", 400, 1), "torch", fraction=0)
    assert {one.kind for one in found.disagreements} == {"values"}
    assert {one.configuration.operation for one in found.disagreements} == {operation}
    assert len(found.disagreements) > 10


@pytest.mark.framework
def test_a_wrong_crop_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    need("keras")
    one = Configuration("ConvTranspose", 1, 4, 1, 1, "same", None, False, True, 6)
    assert sweep([one], "keras", fraction=0)
    layer: Any = dc.parse(one.call("keras"))
    assert layer.padding == dc.Explicit(1, 2)
    read = Table._read

    def crossed(self: Table, one: Configuration) -> tuple[int, ...]:
        k, s, d, before, after, *rest = read(self, one)
        return k, s, d, after, before, *rest

    monkeypatch.setattr(Table, "_read", crossed)
    (found,) = sweep([one], "keras", fraction=0).disagreements
    assert found.kind == "values"


@pytest.mark.framework
def test_a_layer_that_differs_from_its_function_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    need("torch")
    ask = sweeping._ask

    def other(*given: Any) -> Any:
        found = ask(*given)
        return found._replace(layer_values=found.layer_values + 1)

    monkeypatch.setattr(sweeping, "_ask", other)
    found = sweep(draw("torch", 100, 1), "torch", fraction=0.1)
    assert {one.kind for one in found.disagreements} == {"layer"}


@pytest.mark.framework
def test_the_summary_says_what_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    need("torch")
    drawn = draw("torch", 200, 0)
    found = sweep(drawn, "torch", fraction=0.05, seed=3)
    text = str(found)
    assert f"torch {found.versions['torch']}" in text
    assert "200" in text
    assert f"both refuse {found.refused}" in text
    assert "5.00% asked for" in text
    record = json.loads(json.dumps(found.to_record()))
    assert (record["total"], record["built"], record["seed"]) == (200, 10, 3)
    assert record["disagreements"] == []
    lines = found.markdown().splitlines()
    assert lines[1] == "| --- | --- |"
    assert len(lines) == len(text.splitlines()) + 1
    assert main(["torch", "--count", "100", "--markdown"]) == 0
    printed = capsys.readouterr().out
    assert "sweeping torch --count 100 --seed 0 --fraction 0.01" in printed
    assert "| --- | --- |" in printed


# The ledgers.


@both
def test_an_entry_says_what_it_must(framework: str) -> None:
    for entry in ledger.entries(framework):
        assert entry["predicate"] in ledger.PREDICATES
        assert entry["link"].startswith("https://")
        assert entry["reason"].endswith(".")
        assert entry["version"]
        assert entry["examples"]
        for written in entry["examples"]:
            one, theirs, ours = ledger.example(written)
            assert theirs != ours
            assert ledger.PREDICATES[entry["predicate"]](one, theirs, ours)


def test_an_entry_is_about_its_own_case_alone() -> None:
    for framework in FRAMEWORKS:
        for entry in ledger.entries(framework):
            for written in entry["examples"]:
                one, theirs, ours = ledger.example(written)
                assert ledger.explains(framework, one, theirs, ours) == entry["reason"]
                for other in (
                    (one._replace(operation="Conv"), theirs, ours),
                    (one._replace(size=one.size + 1), theirs, ours),
                    (one, 1, ours),
                    (one, theirs, 1),
                ):
                    assert ledger.explains(framework, *other) is None


@pytest.mark.framework
@both
def test_the_examples_still_hold(framework: str) -> None:
    need(framework)
    for entry in ledger.entries(framework):
        examples = [ledger.example(written) for written in entry["examples"]]
        # Of real layers: without oneDNN the functions refuse some of them.
        wanted = [one for one, _, _ in examples]
        found = sweep(wanted, framework, fraction=0, functional=False)
        assert [(one.configuration, one.theirs, one.ours) for one in found.known] == examples
        assert not found.disagreements
        assert {one.entry for one in found.known} == {entry["reason"]}


# Several processes.


@given(st.integers(0, 30_000), st.integers(1, 4), st.sampled_from(FRAMEWORKS))
def test_pieces_cover_all_and_end_small(count: int, processes: int, framework: str) -> None:
    least, most = sweeping.PIECE[framework]
    cuts = sweeping._cuts(count, framework, processes)
    assert (cuts[0], cuts[-1]) == (0, count)
    lengths = [end - first for first, end in itertools.pairwise(cuts)]
    assert all(least <= length <= most for length in lengths[:-1])
    assert lengths[:-1] == sorted(lengths[:-1], reverse=True)
    for first, length in zip(cuts, lengths, strict=False):
        assert length <= max(least, (count - first) // (2 * processes))


class Process:
    """A framework that refuses all, and takes its time; it notes what it was asked."""

    versions: ClassVar[dict[str, str]] = {"none": "1"}

    def __init__(self, pause: float) -> None:
        self.pause = pause
        self.asked: list[int] = []
        self.busy = threading.Lock()

    def start(self) -> None:
        """There is nothing to start."""

    def ask(self, header: dict[str, Any], arrays: dict[str, Any]) -> Any:
        assert self.busy.acquire(blocking=False), "asked twice at once"
        count = len(arrays["rows"])
        time.sleep(self.pause * (count > 1))
        self.asked.append(count)
        self.busy.release()
        nothing = np.zeros(0)
        answer = {"sizes": np.full(count, -1), "by": np.zeros(count), "values": nothing}
        layers = {"layer sizes": np.full(len(arrays["layers"]), -1), "layer values": nothing}
        return {"errors": ["no"] if header.get("errors") else []}, answer | layers


@pytest.mark.parametrize("slow", [0, 1, 2])
def test_what_is_found_does_not_depend_on_who_is_quick(
    monkeypatch: pytest.MonkeyPatch, slow: int
) -> None:
    monkeypatch.setitem(sweeping.ENOUGH, "keras", 100)
    drawn = draw("keras", 700, 5)
    found = []
    for processors in (1, 3):
        made: dict[tuple[str, int], Process] = {}

        def process(name: str, place: int, made: dict[Any, Process] = made) -> Process:
            return made.setdefault((name, place), Process(0.02 * (place == slow)))

        monkeypatch.setattr(sweeping, "worker", process)
        monkeypatch.setattr(sweeping, "_processors", lambda count=processors: count)
        found.append(sweep(drawn, "keras", fraction=0.1)._replace(seconds=0))
        names = [("keras[plain]", place) for place in range(processors)]
        assert sorted(made) == [("keras", 0), *names]
        assert all(made[name].asked for name in names)
    assert found[0].total == 700
    assert len(found[0].disagreements) > 300
    assert found[0] == found[1]


def test_layers_are_built_in_one_process_and_few_are_run_in_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: dict[tuple[str, int], Process] = {}
    monkeypatch.setattr(sweeping, "_processors", lambda: 4)
    monkeypatch.setattr(sweeping, "worker", lambda *key: made.setdefault(key, Process(0)))
    drawn = draw("torch", 6_000, 1)
    sweep(drawn, "torch", fraction=0, functional=False)
    assert [*made] == [("torch", 0)]
    sweep(drawn, "torch", fraction=0)
    assert [*made] == [("torch", 0), ("torch", 1)]
    made.clear()
    sweep(drawn[:4_000], "torch", fraction=0)
    assert [*made] == [("torch", 0)]


@pytest.mark.framework
def test_two_processes_find_what_one_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    need("torch")
    monkeypatch.setitem(sweeping.ENOUGH, "torch", 500)
    drawn = draw("torch", 1_500, 6)
    found = []
    for processors in (1, 2):
        monkeypatch.setattr(sweeping, "_processors", lambda count=processors: count)
        found.append(sweep(drawn, "torch")._replace(seconds=0))
    assert found[0] == found[1]
    assert found[0]
    assert worker("torch", 1).running


@pytest.mark.framework
def test_a_death_ends_the_sweep_and_not_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    need("torch")
    monkeypatch.setattr(sweeping, "_processors", lambda: 2)
    monkeypatch.setitem(sweeping.ENOUGH, "torch", 500)
    drawn = draw("torch", 1_500, 7)
    assert sweep(drawn, "torch")
    ask = sweeping._ask

    def deadly(process: Any, *given: Any) -> Any:
        if process is worker("torch", 1):
            process.kill()
        return ask(process, *given)

    with monkeypatch.context() as patch:
        patch.setattr(sweeping, "_ask", deadly)
        with pytest.raises(WorkerError, match="the process of torch died"):
            sweep(drawn, "torch")
    assert sweep(drawn, "torch")


SLOW = """
import pathlib, time
__version__ = "0"
def set_num_threads(count): pass
def set_grad_enabled(on): pass
class Slow:
    def __getattr__(self, name):
        pathlib.Path({asked!r}).touch()
        time.sleep(60)
class nn:
    functional = Slow()
"""

INTERRUPTED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from deconvcalc.checkers import confirming, sweeping
from deconvcalc.checkers.process import Worker
sweeping._processors = lambda: 2
names = ("torch", "torch 1")
for name in names:
    confirming._WORKERS[name] = Worker("torch", environment={"PYTHONPATH": sys.argv[1]})
try:
    drawn = sweeping.draw("torch", 5_000)
    [confirming._WORKERS[name].versions for name in names]
    print(*[confirming._WORKERS[name].pid for name in names], flush=True)
    sweeping.sweep(drawn, "torch")
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_waits_for_no_answer(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    (tmp_path / "torch").mkdir()
    source = SLOW.format(asked=str(asked))
    (tmp_path / "torch" / "__init__.py").write_text(source, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as running:
        assert running.stdout is not None
        pids = [int(pid) for pid in running.stdout.readline().split()]
        end = time.monotonic() + 30
        while not asked.exists() and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.2)
        running.send_signal(signal.SIGINT)
        try:
            printed, _ = running.communicate(timeout=20)
        finally:
            running.kill()
    assert printed == "interrupted\n"
    assert running.returncode == 0
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)


# What cannot be swept.


def test_what_makes_no_sense_is_refused() -> None:
    one = Configuration("Conv", 1, 3, 1, 1, 0, None, False, True, 9)
    with pytest.raises(QueryError, match="unknown framework 'jax'"):
        sweep([one], "jax")
    with pytest.raises(QueryError, match="unknown framework 'jax'"):
        draw("jax", 5)
    with pytest.raises(QueryError, match="fraction must be from 0 to 1"):
        sweep([one], "torch", fraction=2)


@pytest.mark.framework
def test_sizes_have_bounds() -> None:
    need("torch")
    one = Configuration("Conv", 1, 3, 1, 1, 0, None, False, True, 9)
    for wrong in (one._replace(size=0), one._replace(kernel_size=10**6)):
        with pytest.raises(QueryError, match="a sweep takes sizes from 1"):
            sweep([wrong], "torch")
    empty = sweep([], "torch")
    assert (empty.total, empty.agreed, bool(empty)) == (0, 0, True)


@both
def test_a_missing_framework_is_named(framework: str, capsys: pytest.CaptureFixture[str]) -> None:
    if find_spec(framework):
        pytest.skip(f"{framework} is installed")
    with pytest.raises(WorkerError, match=f"{framework} is not installed"):
        sweep(draw(framework, 10), framework)
    assert main([framework, "--count", "10"]) == 1
    assert f'pip install "deconvcalc[{framework}]"' in capsys.readouterr().err


def test_an_average_is_over_what_counts() -> None:
    one = Configuration("AvgPool", 1, 4, 2, 1, 2, None, True, False, 5)
    found = Table([one, one._replace(count_include_pad=True)], "torch", 0)
    found.predict()
    layers = [
        AvgPool(4, stride=2, padding=2, ceil_mode=True, count_include_pad=c) for c in (False, True)
    ]
    expected = [forward(layer, found.x[None, :5], {})[0] for layer in layers]
    np.testing.assert_allclose(found.values, np.concatenate(expected))
