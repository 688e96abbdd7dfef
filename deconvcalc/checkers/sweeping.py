"""Thousands of configurations at once: a framework's sizes and values against the library's.

The functions behind the layers are run (`torch.nn.functional`, `keras.ops`), not the layers, which
take longer to build than to run. A layer decides where the functions leave one of its rules out,
and a stated fraction is built as real layers as well.

    python -m deconvcalc.checkers.sweeping torch keras --count 20000
"""

from __future__ import annotations

import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deconvcalc.checkers import ledger
from deconvcalc.checkers.configuration import Configuration, lethal
from deconvcalc.checkers.confirming import start, worker
from deconvcalc.checkers.table import Table
from deconvcalc.checkers.verdict import TOLERANCE
from deconvcalc.checkers.workers.sweep import REFUSED, SKIPPED, uncollected
from deconvcalc.errors import CheckError, QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from deconvcalc.checkers.process import Worker

    Array = NDArray[Any]

__all__ = ["Configuration", "Disagreement", "Sweep", "draw", "sweep"]

FRAMEWORKS = ("torch", "keras")
"""The frameworks that can be swept."""

PIECE = {"torch": (250, 2_500), "keras": (25, 500)}
"""How many configurations one request carries at least and at most: a second's worth or less."""

ENOUGH = {"torch": 2_500, "keras": 1_000}
"""For how many configurations a process is worth its start."""

PROCESSES = 3
"""How many processes share a part at most. More would wait for the comparison, and each takes
hundreds of megabytes."""

TICK = 0.02
"""After how many seconds it is looked, after Ctrl-C, whether all have stopped."""

LARGEST_SIZE = 4096
"""The largest size, kernel, stride, dilation or padding of a sweep."""


class Disagreement(NamedTuple):
    """A configuration, and what both sides make of it.

    Attributes:
        configuration: what was run.
        framework: the framework's name.
        kind: "size"; "values", they differ; or "layer", the layer does not do what the function
            does.
        theirs: the size that came out, or None where the framework refuses.
        ours: the size by the library, or None where it refuses.
        detail: the refusal, or how far values lie apart.
        entry: the reason that the ledger gives, or None where the ledger does not know it.
    """

    configuration: Configuration
    framework: str
    kind: str
    theirs: int | None
    ours: int | None
    detail: str
    entry: str | None

    def __str__(self) -> str:
        call = self.configuration.call(self.framework)
        theirs = "refused" if self.theirs is None else self.theirs
        ours = "refused" if self.ours is None else self.ours
        text = f"{call} on {self.configuration.size}: {self.framework} {theirs}, deconvcalc {ours}"
        return f"{text} ({self.kind}: {self.detail})" if self.detail else f"{text} ({self.kind})"


class Sweep(NamedTuple):
    """What a sweep found.

    Attributes:
        framework: its name.
        total: how many configurations there were.
        agreed: how many are the same on both sides, values included.
        refused: how many of those both sides refuse.
        disagreements: what differs, and is not in the ledger.
        known: what differs, and is in the ledger.
        screened: what was not run: it would end the process of the framework.
        functional: how many the functions decided.
        layers: how many real layers decided, because the functions leave their rule out.
        built: how many of the functional ones were built as real layers as well.
        fraction: what part of all was to be built as well.
        seed: of the numbers, and of the choice which are built.
        versions: of the framework, its backend, numpy and Python.
        seconds: how long it took, without the start of the framework.
    """

    framework: str
    total: int
    agreed: int
    refused: int
    disagreements: tuple[Disagreement, ...]
    known: tuple[Disagreement, ...]
    screened: tuple[Configuration, ...]
    functional: int
    layers: int
    built: int
    fraction: float
    seed: int
    versions: dict[str, str]
    seconds: float

    def __bool__(self) -> bool:
        """Whether everything agrees or is in the ledger."""
        return not self.disagreements

    def to_record(self) -> dict[str, Any]:
        """The sweep as plain data."""
        record = self._asdict()
        for name in ("disagreements", "known"):
            record[name] = [_record(one) for one in record[name]]
        record["screened"] = [one.to_record() for one in self.screened]
        return record

    def __str__(self) -> str:
        lines = [f"{name:<26}{value}" for name, value in self.rows()]
        lines += [f"  {one}" for one in self.disagreements]
        return "\n".join(lines)

    def rows(self) -> list[tuple[str, str]]:
        """The summary, line by line."""
        versions = ", ".join(
            [f"{name} {version}" for name, version in self.versions.items() if name != "backend"]
        )
        return [
            ("framework", f"{self.framework} ({versions})"),
            ("configurations", f"{self.total:,}"),
            ("agree", f"{self.agreed:,}, of which both refuse {self.refused:,}"),
            ("in the ledger", f"{len(self.known):,}"),
            ("disagree", f"{len(self.disagreements):,}"),
            ("decided by functions", f"{self.functional:,}"),
            ("decided by layers", f"{self.layers:,}, whose rules the functions leave out"),
            ("built as layers too", f"{self.built:,} ({self.fraction:.2%} asked for)"),
            ("not run", f"{len(self.screened):,}, which would end the process"),
            ("seed", f"{self.seed}"),
            ("seconds", f"{self.seconds:.2f}"),
        ]

    def markdown(self) -> str:
        """The summary as a table."""
        lines = [f"| {name} | {value} |" for name, value in self.rows()[1:]]
        head = self.rows()[0]
        return "\n".join([f"| {head[0]} | {head[1]} |", "| --- | --- |", *lines])


def _record(one: Disagreement) -> dict[str, Any]:
    return one._asdict() | {"configuration": one.configuration.to_record()}


def sweep(
    configurations: Iterable[Configuration],
    checker: str = "torch",
    *,
    fraction: float = 0.01,
    seed: int = 0,
    functional: bool = True,
) -> Sweep:
    """Run configurations in a framework, and compare sizes, refusals and values.

    Every configuration is run by the function behind its layer, or by a real layer where the
    function leaves a rule out. Values are compared with a reference that walks the windows of the
    layer that the library reads from the call. The functions are run in several processes where
    there are several processors, and layers in one; what is found does not depend on that.

    Args:
        configurations: calls with sizes, such as `draw` gives.
        checker: "torch" or "keras".
        fraction: what part of them is also built as real layers, which must do the same.
        seed: of the numbers, and of the choice which are built.
        functional: whether functions are run at all; otherwise every configuration is built.

    Raises:
        QueryError: an unknown framework, a fraction outside 0..1, or numbers that are too large.
        CheckError: the framework is missing, or its process died.
    """
    wanted = list(configurations)
    _check_framework(checker)
    if not 0 <= fraction <= 1:
        raise QueryError(f"fraction must be from 0 to 1, not {fraction!r}", rule="fraction")
    parts = _parts(wanted, checker, fraction, seed, functional=functional)
    processes = {part.name: _processes(part) for part in parts}
    versions = [one.versions for some in processes.values() for one in some]  # they are loaded
    begun = time.perf_counter()
    pieces = _run(parts, processes, checker, seed, functional=functional)
    return Sweep(
        framework=checker,
        fraction=fraction,
        seed=seed,
        versions=versions[0],
        seconds=time.perf_counter() - begun,
        **_added(pieces),
    )


class _Part(NamedTuple):
    """Configurations that processes of one name run.

    Attributes:
        name: of the processes.
        wanted: the configurations.
        chosen: the places that are built as real layers too.
        cuts: where pieces begin, and where the last one ends.
        most: how many processes run them.
    """

    name: str
    wanted: list[Configuration]
    chosen: Array
    cuts: list[int]
    most: int


def _parts(
    wanted: list[Configuration], checker: str, fraction: float, seed: int, *, functional: bool
) -> list[_Part]:
    """Who runs what: at least one part, which may be empty."""
    quick, rest = _apart(wanted, checker) if functional else ([], wanted)
    shares = [(f"{checker}[plain]", quick), (checker, rest)]
    parts = []
    for name, some in [share for share in shares if share[1]] or shares[1:]:
        # One process of the slow way, which has the smaller part, and one where layers are built.
        shared = functional and (some is quick or checker == "torch")
        most = min(_processors(), PROCESSES, max(1, len(some) // ENOUGH[checker])) if shared else 1
        chosen = _chosen(len(some), fraction, seed)
        parts.append(_Part(name, some, chosen, _cuts(len(some), checker, most), most))
    return parts


def _processors() -> int:
    """How many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # Windows and macOS
        return os.cpu_count() or 1


def _cuts(count: int, checker: str, processes: int) -> list[int]:
    """Where pieces begin, and the end.

    Whichever process is free takes the next piece. The last ones are small, so that all processes
    end at about the same time.
    """
    least, most = PIECE[checker]
    cuts = [0]
    while cuts[-1] < count:
        left = count - cuts[-1]
        cuts.append(cuts[-1] + min(left, max(least, min(most, left // (2 * processes)))))
    return cuts


def _processes(part: _Part) -> list[Worker]:
    """The processes of a part, loading side by side."""
    processes = [worker(part.name, place) for place in range(part.most)]
    for process in processes:
        process.start()
    return processes


def _apart(
    wanted: list[Configuration], checker: str
) -> tuple[list[Configuration], list[Configuration]]:
    """What TensorFlow runs without oneDNN too, which is quicker, and the rest.

    Without it, TensorFlow 2.21 refuses a dilated transposed convolution, and with three axes it
    puts the windows of `same` elsewhere where they are smaller than the stride.
    """
    if checker != "keras":
        return [], wanted
    slow = [
        one.dilation > 1
        if one.operation == "ConvTranspose"
        else one.axes == 3 and one.kernel_size < one.stride
        for one in wanted
    ]
    rows = [*zip(wanted, slow, strict=True)]
    return [one for one, apart in rows if not apart], [one for one, apart in rows if apart]


def _run(
    parts: list[_Part],
    processes: dict[str, list[Worker]],
    checker: str,
    seed: int,
    *,
    functional: bool,
) -> list[dict[str, Any]]:
    """The counts and rows of all pieces, part by part.

    While the frameworks run pieces, the library's side of them is worked out here. The parts
    advance together.
    """
    places = [(i, j) for i, part in enumerate(parts) for j in range(len(part.cuts) - 1)]
    places.sort(key=lambda place: parts[place[0]].cuts[place[1]] / parts[place[0]].cuts[-1])
    found: dict[tuple[int, int], dict[str, Any]] = {}
    with uncollected(), ExitStack() as lanes:
        ways = [lanes.enter_context(_lane(processes[part.name])) for part in parts]
        waiting = []
        for i, j in places:
            first, end = parts[i].cuts[j : j + 2]
            table = Table(parts[i].wanted[first:end], checker, seed)
            table.check(LARGEST_SIZE)
            chosen = parts[i].chosen
            both = chosen[(chosen >= first) & (chosen < end)] - first
            both = np.setdiff1d(both, table.screened)
            waiting.append(((i, j), table, ways[i](_ask, table, both, functional)))
        for place, table, answer in waiting:
            table.predict()
            raw = answer.result()

            def again(
                row: int, table: Table = table, ask: Callable[..., Any] = ways[place[0]]
            ) -> str:
                return str(ask(_words, table, row).result())

            found[place] = _compare(table, raw, again)
    return [found[place] for place in sorted(found)]


@contextmanager
def _lane(processes: list[Worker]) -> Iterator[Callable[..., Future[Any]]]:
    """What asks whichever of some processes is free, a thread each.

    After an error nothing more is asked, and Ctrl-C does not wait for answers.
    """
    free: SimpleQueue[Worker] = SimpleQueue()
    for process in processes:
        free.put(process)

    def asked(question: Callable[..., Any], *given: Any) -> Any:
        process = free.get()
        try:
            return question(process, *given)
        finally:
            free.put(process)

    threads = ThreadPoolExecutor(len(processes))
    answers: list[Future[Any]] = []

    def ask(*given: Any) -> Future[Any]:
        answers.append(threads.submit(asked, *given))
        return answers[-1]

    try:
        yield ask
    except KeyboardInterrupt:
        threads.shutdown(wait=False, cancel_futures=True)
        while not all(answer.done() for answer in answers):
            for process in processes:  # again: one may just have been started
                process.kill()
            time.sleep(TICK)
        raise
    finally:
        threads.shutdown(cancel_futures=True)


def _added(pieces: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts and rows of all pieces."""
    nothing: dict[str, Any] = dict.fromkeys(COUNTS, 0) | dict.fromkeys(ROWS, ())
    return {name: sum([piece[name] for piece in pieces], nothing[name]) for name in nothing}


COUNTS = ("total", "agreed", "refused", "functional", "layers", "built")
ROWS = ("disagreements", "known", "screened")
"""What the sweeps of some pieces add up to."""


class _Found(NamedTuple):
    """What the framework made of a piece."""

    sizes: Array
    by: Array
    values: Array
    both: Array
    layer_sizes: Array
    layer_values: Array


def _chosen(count: int, fraction: float, seed: int) -> Array:
    """The places that are built as real layers too."""
    return np.random.default_rng(seed + 1).permutation(count)[: round(fraction * count)]


def _ask(process: Worker, table: Table, both: Array, functional: bool) -> _Found:
    """Ask the framework for all of a table."""
    arrays: dict[str, Array] = {
        "rows": table.rows,
        "x": table.x,
        "w": table.w,
        "layers": both,
        "screened": table.screened,
    }
    _, answer = process.ask({"do": "sweep", "functional": functional}, arrays)
    layers = answer["layer sizes"], answer["layer values"]
    return _Found(answer["sizes"], answer["by"], answer["values"], both, *layers)


def _words(process: Worker, table: Table, place: int) -> str:
    """The words of a refusal, for which the framework is asked again."""
    nothing = np.zeros(0, np.int64)
    arrays: dict[str, Array] = {
        "rows": table.rows[place : place + 1],
        "x": table.x,
        "w": table.w,
        "layers": nothing,
        "screened": nothing,
    }
    answer, _ = process.ask({"do": "sweep", "errors": True}, arrays)
    return " ".join(answer["errors"][0].split())[:200]


def _compare(table: Table, found: _Found, words: Callable[[int], str]) -> dict[str, Any]:
    """Sizes first, then values, then the layers that were built: the counts and rows of a piece."""
    tolerance = TOLERANCE["float32"]
    run = found.sizes != SKIPPED
    faults = {int(i): ("size", "") for i in np.flatnonzero(run & (found.sizes != table.sizes))}
    for place, gap in table.gaps(found.sizes, found.values, tolerance):
        faults[place] = ("values", f"values differ by {gap:.2g} of their largest")
    for place in _layers_differ(table, found, tolerance):
        faults.setdefault(place, ("layer", "a real layer does something else than its function"))
    differing = [
        _disagreement(table, found, words, place, *fault) for place, fault in sorted(faults.items())
    ]
    agreed = run.copy()
    agreed[list(faults)] = False
    layers = int(found.by.sum())
    return {
        "total": len(table.wanted),
        "agreed": int(agreed.sum()),
        "refused": int((agreed & (found.sizes == REFUSED)).sum()),
        "disagreements": tuple([one for one in differing if one.entry is None]),
        "known": tuple([one for one in differing if one.entry is not None]),
        "screened": tuple([table.wanted[place] for place in table.screened.tolist()]),
        "functional": int(run.sum()) - layers,
        "layers": layers,
        "built": len(found.both),
    }


def _layers_differ(table: Table, found: _Found, tolerance: float) -> list[int]:
    """The places where a layer and its function differ."""
    sizes = found.sizes[found.both]
    wrong = set(found.both[sizes != found.layer_sizes].tolist())
    ends = np.cumsum(np.maximum(found.sizes, 0) ** table.axes)
    axes = table.axes[found.both]
    begin = 0
    for place, size, count in zip(
        found.both.tolist(), found.layer_sizes.tolist(), axes.tolist(), strict=True
    ):
        numbers = max(size, 0) ** count
        mine = found.layer_values[begin : begin + numbers]
        begin += numbers
        if place in wrong or not numbers:
            continue
        theirs = found.values[ends[place] - numbers : ends[place]]
        finite = np.isfinite(theirs)
        gap = np.abs(mine[finite] - theirs[finite]).max(initial=0.0)
        scale = np.abs(theirs[finite]).max(initial=0.0)
        if not gap <= tolerance * scale or not np.array_equal(finite, np.isfinite(mine)):
            wrong.add(place)
    return sorted(wrong)


def _disagreement(
    table: Table, found: _Found, words: Callable[[int], str], place: int, kind: str, detail: str
) -> Disagreement:
    """A disagreement with its reason."""
    one = table.wanted[place]
    theirs, ours = [int(sizes[place]) for sizes in (found.sizes, table.sizes)]
    if kind == "size" and theirs == REFUSED:
        detail = words(place)
    elif kind == "size" and ours == REFUSED:
        detail = table.refusal(one)
    said = None if theirs == REFUSED else theirs
    mine = None if ours == REFUSED else ours
    entry = ledger.explains(table.framework, one, said, mine) if kind == "size" else None
    return Disagreement(one, table.framework, kind, said, mine, detail, entry)


# Drawn configurations.

SIZES_A_CALL = 10
"""With how many sizes a call is drawn."""

SIZES = {1: range(1, 49), 2: range(1, 13), 3: range(1, 8)}
"""By the number of axes, the sizes that are drawn."""


def draw(
    framework: str, count: int, seed: int = 0, *, sizes: int = SIZES_A_CALL
) -> list[Configuration]:
    """Different configurations, the same for the same seed; the framework refuses 20 to 40 of 100.

    Args:
        framework: "torch" or "keras".
        count: how many.
        seed: of the draw.
        sizes: with how many sizes each call comes at most. A call is read once for all of them.

    Raises:
        QueryError: an unknown framework.

    >>> one = draw("torch", 1)[0]
    >>> one.call("torch"), one.size
    ('nn.ConvTranspose1d(1, 1, 2, stride=-1, padding=2, dilation=3)', 48)
    """
    _check_framework(framework)
    rng = random.Random(f"{framework} {seed}")
    make = _torch_call if framework == "torch" else _keras_call
    calls: set[Configuration] = set()
    drawn: list[Configuration] = []
    killing = misses = 0
    while len(drawn) < count:
        one = make(rng, len(calls) % BREAKS == 0)
        if one in calls:
            misses += 1
            if misses > MISSES:
                raise QueryError(
                    f"there are not enough different calls for {count} configurations",
                    rule="count",
                    hint="Draw each call with more sizes.",
                )
            continue
        misses = 0
        calls.add(one)
        possible = SIZES[one.axes]
        for size in rng.sample(possible, min(sizes, len(possible))):
            placed = one._replace(size=size)
            if framework == "keras" and lethal(placed):
                killing += 1
                if RARE * killing > len(drawn):
                    killing -= 1
                    continue
            drawn.append(placed)
    return drawn[:count]


BREAKS = 6
"""One call of so many breaks a rule whatever the size."""

MISSES = 100
"""After so many calls in a row that are already there, no new one is looked for."""

RARE = 400
"""One of so many may be such that it would end the process."""


def _check_framework(framework: str) -> None:
    if framework not in FRAMEWORKS:
        known = ", ".join(FRAMEWORKS)
        raise QueryError(
            f"unknown framework {framework!r}", rule="framework", hint=f"Known are: {known}."
        )


def _one_of(rng: random.Random, *weighted: tuple[Any, int]) -> Any:
    """One of some values, by their weights."""
    values, weights = zip(*weighted, strict=True)
    return rng.choices(values, weights)[0]


def _operation(rng: random.Random) -> tuple[str, int]:
    name = _one_of(rng, ("ConvTranspose", 5), ("Conv", 3), ("MaxPool", 1), ("AvgPool", 1))
    return name, _one_of(rng, (1, 95), (2, 4), (3, 1))


def _torch_call(rng: random.Random, broken: bool) -> Configuration:
    """A call of PyTorch; a broken one has an argument that is refused."""
    operation, axes = _operation(rng)
    k = rng.randint(1, 10 if axes == 1 else 5)
    s = _one_of(rng, (1, 4), (2, 4), (3, 2), (4, 1), (rng.randint(5, 8), 1))
    d = _one_of(rng, (1, 5), (2, 2), (3, 1), (4, 1)) if operation != "AvgPool" else 1
    extra: int | None = None
    room = k // 2 if operation.endswith("Pool") else d * (k - 1)
    padding: int | str = rng.randint(0, room)
    if operation == "Conv" and rng.random() < 0.2:
        padding = _one_of(rng, ("same", 1), ("valid", 1))
        s = 1 if padding == "same" else s
    if operation == "ConvTranspose":
        extra = _one_of(rng, (0, 1), (rng.randrange(max(s, d)), 1))
    one = Configuration(operation, axes, k, s, d, padding, extra, False, True, 1)
    if operation.endswith("Pool"):
        one = one._replace(ceil_mode=rng.random() < 0.5)
    if operation == "AvgPool":
        one = one._replace(count_include_pad=rng.random() < 0.5)
    return _torch_broken(rng, one) if broken else one


def _torch_broken(rng: random.Random, one: Configuration) -> Configuration:
    """A call with one argument that PyTorch refuses."""
    ways: list[dict[str, Any]] = [{"padding": -1}, {"stride": rng.randint(-1, 0)}]
    if one.operation.endswith("Pool"):
        ways += 3 * [{"padding": one.kernel_size // 2 + rng.randint(1, 2)}]
    if one.operation == "ConvTranspose":
        ways += 3 * [{"output_padding": max(one.stride, one.dilation) + rng.randrange(2)}]
    if one.operation == "Conv":
        ways += [{"padding": "same", "stride": rng.randint(2, 4)}, {"kernel_size": 0}]
    if one.operation != "AvgPool":
        ways.append({"dilation": 0})
    return one._replace(**rng.choice(ways))


def _keras_call(rng: random.Random, broken: bool) -> Configuration:
    """A call of Keras; a broken one has an argument that is refused."""
    operation, axes = _operation(rng)
    k = rng.randint(1, 20 if axes == 1 else 5)
    s = _one_of(rng, (1, 6), (2, 5), (3, 3), (rng.randint(4, 8), 3))
    d, extra = 1, None
    word = _one_of(rng, ("valid", 1), ("same", 1))
    if operation.startswith("Conv") and s == 1:
        d = rng.randint(1, 5)
    if operation == "Conv":
        word = _one_of(rng, ("valid", 4), ("same", 3), ("causal", 3 if axes == 1 else 0))
    if operation == "ConvTranspose" and rng.random() < 0.5:
        extra = rng.randrange(s)
    one = Configuration(operation, axes, k, s, d, word, extra, False, True, 1)
    return _keras_broken(rng, one) if broken else one


def _keras_broken(rng: random.Random, one: Configuration) -> Configuration:
    """A call with one argument that Keras refuses."""
    ways: list[dict[str, Any]] = [{"stride": rng.randint(-1, 0)}, {"kernel_size": 0}]
    if one.operation.startswith("Conv"):
        ways += [{"dilation": 0}, *3 * [{"stride": 2, "dilation": 2}]]
    if one.operation == "ConvTranspose":
        ways += [{"output_padding": -1}, *3 * [{"output_padding": one.stride + rng.randrange(2)}]]
    return one._replace(**rng.choice(ways))


def main(arguments: Sequence[str] | None = None) -> int:
    """Sweep some frameworks and print what was found; 1 where something disagrees."""
    import argparse

    parser = argparse.ArgumentParser(prog=COMMAND, description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("frameworks", nargs="+", choices=FRAMEWORKS)
    parser.add_argument("--count", type=int, default=2_000, help="configurations a framework")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fraction", type=float, default=0.01, help="built as layers as well")
    parser.add_argument("--markdown", action="store_true", help="print tables")
    given = parser.parse_args(arguments)
    start(given.frameworks)
    good = True
    for framework in given.frameworks:
        wanted = draw(framework, given.count, given.seed)
        try:
            found = sweep(wanted, framework, fraction=given.fraction, seed=given.seed)
        except CheckError as error:
            sys.stderr.write(f"{error}\n")
            good = False
            continue
        good = good and bool(found)
        options = f"--count {given.count} --seed {given.seed} --fraction {given.fraction:g}"
        text = found.markdown() if given.markdown else str(found)
        sys.stdout.write(f"{COMMAND} {framework} {options}\n\n{text}\n\n")
    return 0 if good else 1


COMMAND = "python -m deconvcalc.checkers.sweeping"


if __name__ == "__main__":
    raise SystemExit(main())
