"""Frameworks in processes of their own: what is said, and what happens when it is not."""

from __future__ import annotations

import io
import os
import pickle
import signal
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from deconvcalc.checkers import process, wire
from deconvcalc.checkers.process import Worker, WorkerError
from deconvcalc.checkers.workers import serve
from deconvcalc.errors import CheckError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deconvcalc.checkers.wire import Message

FAKES = {"PYTHONPATH": str(Path(__file__).with_name("fakes"))}
X = np.array([[[1.0, 2.0], [3.0, 4.0]]])

posix = pytest.mark.skipif(os.name != "posix", reason="needs signals")


def run(*steps: dict[str, Any], dtype: str = "float32") -> dict[str, Any]:
    return {"do": "run", "steps": list(steps), "dtype": dtype, "inputs": ["x"]}


def step(name: str, *weights: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments, "weights": list(weights)}


def fake(**options: Any) -> Worker:
    return Worker("torch", environment=FAKES, **options)


def framework_of(folder: Path, source: str, **options: Any) -> Worker:
    """A worker whose torch is some source text."""
    (folder / "torch").mkdir()
    (folder / "torch" / "__init__.py").write_text(source, encoding="utf-8")
    return Worker("torch", environment={"PYTHONPATH": str(folder)}, **options)


def gone(pid: int, limit: float = 10.0) -> bool:
    """Whether a process ends in time. One that waits for its parent to notice has ended."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
            stat = Path(f"/proc/{pid}/stat")
            if stat.exists() and stat.read_text(encoding="utf-8").split(")")[1].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False


# Messages


keys = st.text(max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
headers = st.dictionaries(
    keys,
    st.recursive(
        scalars, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=9
    ),
    max_size=4,
)
dtypes = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="="),
    hnp.unsigned_integer_dtypes(endianness="="),
    hnp.floating_dtypes(),
    hnp.complex_number_dtypes(),
)
shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
arrays = st.dictionaries(keys, hnp.arrays(dtypes, shapes), max_size=3)


def packed(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
    stream = io.BytesIO()
    wire.write(stream, header, arrays)
    return stream.getvalue()


def same(message: Message | None, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> bool:
    assert message is not None
    assert message[1].keys() == arrays.keys()
    for name, array in arrays.items():
        read = message[1][name]
        assert read.dtype == array.dtype
        assert read.shape == array.shape
        assert read.flags.writeable
        assert read.tobytes() == array.tobytes()
    return message[0] == header


@settings(max_examples=60)
@given(header=headers, arrays=arrays)
def test_a_message_comes_back(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    stream = io.BytesIO(packed(header, arrays) + packed({"second": 2}, {}))
    assert same(wire.read(stream), header, arrays)
    assert same(wire.read(stream), {"second": 2}, {})
    assert wire.read(stream) is None


def test_views_and_special_numbers_come_back() -> None:
    views = {"f": np.asfortranarray(np.ones((2, 3))), "back": np.arange(6)[::-2]}
    header = {"value": -np.inf, "text": "a\nb\u2028"}
    assert same(wire.read(io.BytesIO(packed(header, views))), header, views)


@settings(max_examples=60)
@given(header=headers, arrays=arrays, data=st.data())
def test_a_cut_message_is_an_error(
    header: dict[str, Any], arrays: dict[str, np.ndarray], data: st.DataObject
) -> None:
    whole = packed(header, arrays)
    length = data.draw(st.integers(0, len(whole) - 1))
    stream = io.BytesIO(whole[:length])
    if length == 0:
        assert wire.read(stream) is None
        return
    with pytest.raises(CheckError) as raised:
        wire.read(stream)
    assert raised.value.rule == wire.CUT


@settings(max_examples=60)
@given(arrays=arrays, data=st.data())
def test_a_corrupted_message_is_an_error_or_another_message(
    arrays: dict[str, np.ndarray], data: st.DataObject
) -> None:
    damaged = bytearray(packed({"do": "run"}, arrays))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        damaged[place] = data.draw(st.integers(0, 255))
    try:
        message = wire.read(io.BytesIO(bytes(damaged)))
    except CheckError:
        return
    assert message is not None
    assert type(message[0]) is dict


@given(st.binary(max_size=200))
def test_noise_is_an_error(noise: bytes) -> None:
    try:
        assert wire.read(io.BytesIO(noise)) is None
    except CheckError:
        assert noise


def npy(header: str, data: bytes = b"") -> bytes:
    """An npy file with a header of one's own."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"\x93NUMPY",
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,)}"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1)}", bytes(8)),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", bytes(9)),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", pickle.dumps([1])),
        npy("{'descr': '<U1', 'fortran_order': False, 'shape': (1,)}", bytes(4)),
        npy("{'descr': '|V0', 'fortran_order': False, 'shape': (10,)}"),
        npy("[1"),
        npy("(" * 500),
    ],
)
def test_a_damaged_array_is_an_error(file: bytes) -> None:
    line = b'{"header": {}, "arrays": [["x", %d]]}\n' % len(file)
    with pytest.raises(CheckError, match="array 'x'"):
        wire.read(io.BytesIO(line + file))


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"[]\n",
        b"{}\n",
        b'{"header": [], "arrays": []}\n',
        b'{"header": {}, "arrays": {}}\n',
        b'{"header": {}, "arrays": [["x"]]}\n',
        b'{"header": {}, "arrays": [["x", -1]]}\n',
        b'{"header": {}, "arrays": [["x", 1.5]]}\n',
        b'{"header": {}, "arrays": [["x", true]]}\n',
        b'{"header": {}, "arrays": [["x", 0], ["x", 0]]}\n',
        b'{"header": {}, "arrays": [["x", 1073741825]]}\n',
        b'{"header": {}, "arrays": [["x", ' + b"9" * 5000 + b"]]}\n",
        b"[" * 100_000 + b"\n",
        b"\xff\xfe\x00\n",
    ],
)
def test_a_wrong_header_is_an_error(line: bytes) -> None:
    with pytest.raises(CheckError) as raised:
        wire.read(io.BytesIO(line + bytes(100)))
    assert raised.value.rule is None
    assert len(str(raised.value)) < 400


def test_messages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    big = packed({}, {"x": np.zeros(1000)}), packed({"x": "y" * 1000}, {})
    monkeypatch.setattr(wire, "HEADER_LIMIT", 500)
    monkeypatch.setattr(wire, "ARRAYS_LIMIT", 8100)
    for message, header, arrays, word in (
        (big[0], {}, {"x": np.zeros(1000)}, "arrays"),
        (big[1], {"x": "y" * 1000}, {}, "header"),
    ):
        with pytest.raises(CheckError, match=word):
            wire.read(io.BytesIO(message))
        with pytest.raises(CheckError, match=word):
            packed(header, arrays)


@pytest.mark.parametrize("array", [np.array([{}]), np.array(["a"]), np.zeros(2, "i4,f4")])
def test_only_numbers_are_written(array: np.ndarray) -> None:
    with pytest.raises(CheckError, match="no number"):
        packed({}, {"x": array})


# Asking, with an imitation of PyTorch


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with fake(start_limit=20, limit=10) as process:
        yield process


def test_one_start_for_many_asks() -> None:
    with fake(start_limit=20) as own:
        assert not own.running
        assert own.starts == 0
        assert own.pid is None
        own.start()
        assert own.running
        assert own.versions["torch"] == "0.fake"
        assert set(own.versions) == {"torch", "numpy", "python"}
        for _ in range(20):
            assert own.ask(run(step("Scale", channels=2)), {"x": X})[0]["ok"]
        assert own.starts == 1
        pid = own.pid
    assert pid is not None
    assert gone(pid)
    assert not own.running
    own.close()


def test_what_a_framework_prints_is_not_the_answer(worker: Worker) -> None:
    weight = np.array([[2.0], [10.0]])
    header, arrays = worker.ask(run(step("Scale", "w", channels=2)), {"x": X, "w": weight})
    assert header["ok"] is True
    assert 0 <= header["seconds"] < 10
    assert arrays["y"].dtype == np.float32
    assert arrays["y"].tolist() == [[[2, 4], [30, 40]]]


def test_steps_follow_each_other_in_either_precision(worker: Worker) -> None:
    steps = [
        step("Scale", "w", channels=2),
        step("Take") | {"indices": "i"},
        step("Scale", "w", channels=2),
    ]
    given = {"x": X, "w": np.array([[0.1], [1.0]]), "i": np.array([1], np.int32)}
    (y,) = worker.ask(run(*steps, dtype="float64"), given)[1].values()
    assert y.dtype == np.float64
    assert y.tolist() == [[[2.0 * 0.1 * 0.1], [4.0]]]
    assert worker.ask(run(), {"x": X})[1]["y"].tolist() == X.tolist()


LONG = "\x1b[1m" + "12345 " * 999
KERAS = "Exception encountered when calling A.\n\n\x1b[1mwhy \x1b[0m\n\nArguments received"
SHAPES = "ValueError: weight of Scale has the shape (2, 1), not (1, 2, 2)"
COUNTS = "ValueError: Scale has the weights ['weight'], not 2"


@pytest.mark.parametrize(
    ("steps", "index", "error"),
    [
        ([step("Refuse")], 0, "RuntimeError: no such size"),
        ([step("Scale", channels=2), step("Refuse")], 1, "RuntimeError: no such size"),
        ([step("Refuse", message="")], 0, "RuntimeError"),
        ([step("Refuse", message=LONG)], 0, "RuntimeError: " + "12345 " * 47 + "1234"),
        ([step("Refuse", message=KERAS)], 0, "RuntimeError: why"),
        ([step("Nothing")], 0, "AttributeError: type object 'nn' has no attribute 'Nothing'"),
        ([step("Scale", "x", channels=2)], 0, SHAPES),
        ([step("Scale", "x", "x", channels=2)], 0, COUNTS),
        ([step("Echo", a=[1, [2]], b=-np.inf)], 0, "RuntimeError: {'a': (1, (2,)), 'b': -inf} ''"),
    ],
)
def test_a_refusal_is_an_answer(
    worker: Worker, steps: list[dict[str, Any]], index: int, error: str
) -> None:
    answer = worker.ask(run(*steps), {"x": X})
    assert answer == ({"ok": False, "error": error, "step": index}, {})
    assert worker.running


def test_many_runs_in_one_request(worker: Worker) -> None:
    scale, refuse = run(step("Scale", "w", channels=2)), run(step("Refuse"))
    given = {"0/x": X, "0/w": np.ones((2, 1)), "1/x": X, "2/x": X, "2/w": np.zeros((2, 1))}
    header, arrays = worker.ask({"do": "many", "runs": [scale, refuse, scale]}, given)
    assert header["ok"] is True
    assert [result["ok"] for result in header["results"]] == [True, False, True]
    assert header["results"][1] == {"ok": False, "error": "RuntimeError: no such size", "step": 0}
    assert {name: array.tolist() for name, array in arrays.items()} == {
        "0/y": X.tolist(),
        "2/y": [[[0, 0], [0, 0]]],
    }
    assert worker.ask({"do": "many", "runs": []}) == ({"ok": True, "results": []}, {})


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"do": "sing"},
        {"do": "many"},
        {"do": "many", "runs": [run()]},
        {"do": "many", "runs": []},
        {"do": "run"},
        run() | {"dtype": "float16"},
        run() | {"inputs": []},
        run() | {"inputs": ["z"]},
        run() | {"steps": [1]},
        run(step("nn.Scale")),
        run(step("_Scale")),
        run(step("Scale", "z", channels=2)),
        run({"name": 1}),
        run({"name": "Scale", "arguments": [1]}),
        run(step("Words")),
    ],
)
def test_nonsense_is_no_refusal(request_: dict[str, Any]) -> None:
    hello, answer = said_to(packed(request_, {"x": X}), Words)
    assert hello["ok"] is True
    assert "fault" in answer


class Words:
    """A framework in the process of the test; its layers give what is not made of numbers."""

    def versions(self) -> dict[str, str]:
        return {}

    def tensor(self, array: np.ndarray, dtype: str) -> Any:
        return array.astype(dtype)

    def build_and_run(self, step: serve.Step, values: list[Any], dtype: str) -> Any:
        assert values[0].dtype == dtype
        return np.array([step.name])

    def array(self, value: Any) -> np.ndarray:
        return np.asarray(value)

    def sweeper(self, x: np.ndarray, w: np.ndarray) -> Any:
        raise NotImplementedError


def said_to(messages: bytes, load: Callable[[], serve.Framework]) -> list[dict[str, Any]]:
    """The headers of what a worker says."""
    outgoing = io.BytesIO()
    serve._converse(io.BytesIO(messages), outgoing, (), load)
    outgoing.seek(0)
    return [message[0] for message in iter(lambda: wire.read(outgoing), None)]


def test_nonsense_is_an_error_of_the_one_who_asked() -> None:
    with fake(start_limit=20) as own:
        with pytest.raises(WorkerError, match=r"torch was not asked.*'sing'") as raised:
            own.ask({"do": "sing"})
        assert raised.value.kind == "protocol"
        with pytest.raises(TypeError):
            own.ask({"do": own})
        assert own.ask(run(), {"x": X})[0]["ok"]
        assert own.starts == 2


def test_the_worker_says_what_it_could_not_read() -> None:
    good = packed(run(), {"x": X})
    _, answer, fault = said_to(good + b"noise\n" + good, Words)
    assert answer["ok"] is True
    assert fault["fault"] == "not the header of a message: 'noise\\n'"


def test_names_are_checked() -> None:
    with pytest.raises(CheckError, match="no framework is called 'jax'"):
        Worker("jax")


# Frameworks that do not come


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed")
def test_missing() -> None:
    with Worker("torch", start_limit=20) as own:
        check_missing(own, "torch", 'pip install "deconvcalc[torch]"')


def test_missing_backend(tmp_path: Path) -> None:
    (tmp_path / "keras.py").touch()
    environment = {"PYTHONPATH": str(tmp_path), "KERAS_BACKEND": "no_such_backend"}
    with Worker("keras", start_limit=20, environment=environment) as own:
        check_missing(own, "no_such_backend", 'pip install "no_such_backend"')


def test_missing_when_imported(tmp_path: Path) -> None:
    source = "raise ModuleNotFoundError('No module', name='torch')"
    with framework_of(tmp_path, source, start_limit=20) as own:
        check_missing(own, "torch", 'pip install "deconvcalc[torch]"')


def test_an_empty_folder_is_no_framework(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "no_such_framework").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    hello = serve._hello(("no_such_framework",), lambda: pytest.fail("imported"))
    assert hello == (None, {"ok": False, "kind": "missing", "module": "no_such_framework"})


def check_missing(own: Worker, module: str, command: str) -> None:
    for _ in range(2):
        with pytest.raises(WorkerError, match=f"{module} is not installed") as raised:
            own.ask(run(), {"x": X})
        assert (raised.value.kind, raised.value.hint) == ("missing", command)
        with pytest.raises(WorkerError):
            _ = own.versions
    own.start()
    assert not own.running
    assert own.starts == 1


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("raise OSError('libgomp.so: no such file\\nadvice')", "OSError: libgomp.so: no such file"),
        ("import torch.no_such_part", "ModuleNotFoundError: No module named 'torch.no_such_part'"),
        ("raise ImportError('Traceback:\\n x\\nImportError: why\\n\\nadvice')", "ImportError: why"),
        ("1 +", "SyntaxError: invalid syntax"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("", "AttributeError: module 'torch' has no attribute 'set_num_threads'"),
    ],
)
def test_broken(tmp_path: Path, source: str, line: str) -> None:
    with framework_of(tmp_path, source, start_limit=20) as own:
        for _ in range(2):
            with pytest.raises(WorkerError) as raised:
                own.ask(run(), {"x": X})
            assert raised.value.kind == "broken"
            assert raised.value.message == f"torch cannot be imported: {line}"
        assert own.starts == 1
        assert not own.running


def test_an_import_that_hangs(tmp_path: Path) -> None:
    source = "print('waiting', flush=True)\nimport time\ntime.sleep(60)"
    with framework_of(tmp_path, source, start_limit=1) as own:
        own.start()
        pid = own.pid
        with pytest.raises(WorkerError, match="within 1 s\n  it wrote: waiting") as raised:
            own.ask(run(), {"x": X})
        assert raised.value.kind == "timeout"
        assert not own.running
        assert pid is not None
        assert gone(pid)


def test_an_import_that_dies(tmp_path: Path) -> None:
    with framework_of(tmp_path, "import os; os._exit(7)", start_limit=20) as own:
        for count in (1, 2):
            with pytest.raises(WorkerError, match="died: exit code 7") as raised:
                own.ask(run(), {"x": X})
            assert raised.value.kind == "died"
            assert own.starts == count


def test_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with fake() as own, pytest.raises(WorkerError, match="no process can be started") as raised:
        own.start()
    assert raised.value.kind == "died"


# Frameworks that go


def check_fails(own: Worker, request_: dict[str, Any], kind: str, text: str) -> None:
    """The request fails as it should, and the next one passes in a new process."""
    assert own.ask(run(), {"x": X})[0]["ok"]
    starts, pid = own.starts, own.pid
    with pytest.raises(WorkerError, match=text) as raised:
        own.ask(request_, {"x": X})
    assert raised.value.kind == kind
    assert not own.running
    assert pid is not None
    assert gone(pid)
    assert own.ask(run(), {"x": X})[0]["ok"]
    assert own.starts == starts + 1


def test_a_run_that_hangs() -> None:
    with fake(start_limit=20, limit=1) as own:
        request_ = run(step("Sleep", seconds=60))
        check_fails(own, request_, "timeout", "torch gave no answer within 1 s")


def test_callers_from_several_threads_take_turns(worker: Worker) -> None:
    def ask(number: int) -> float:
        x = np.full((1, 2, 2), float(number))
        return float(worker.ask(run(step("Scale", channels=2)), {"x": x})[1]["y"][0, 0, 0])

    starts = worker.starts
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(40))) == list(range(40))
    assert worker.starts == max(starts, 1)


@posix
def test_deaths(worker: Worker) -> None:
    words = r"\n  it wrote: (.*\n)*  these are\n  my last \[31mwords$"
    check_fails(worker, run(step("Die")), "died", "torch died: exit code 3" + words)
    for number in (signal.SIGKILL, signal.SIGFPE):
        request_ = run(step("Die", number=int(number)))
        check_fails(worker, request_, "died", f"torch died: {number.name}{words}")


@posix
def test_killed_in_the_middle() -> None:
    with fake(start_limit=20) as own:
        assert own.versions
        killer = subprocess.Popen(
            [sys.executable, "-c", f"import os, time; time.sleep(0.4); os.kill({own.pid}, 9)"]
        )
        with killer, pytest.raises(WorkerError, match="died: SIGKILL") as raised:
            own.ask(run(step("Sleep", seconds=60)), {"x": X})
        assert raised.value.kind == "died"
        assert own.ask(run(), {"x": X})[0]["ok"]
        assert own.starts == 2


@posix
def test_killed_while_nobody_asks() -> None:
    with fake(start_limit=20) as own:
        assert own.versions
        assert own.pid is not None
        os.kill(own.pid, signal.SIGKILL)
        for _ in range(500):  # a dead process can be waited for when all its threads are gone
            if not own.running:
                break
            time.sleep(0.02)
        assert own.ask(run(), {"x": X})[0]["ok"]
        assert own.starts == 2


@posix
def test_killed_while_a_large_message_is_written() -> None:
    large = np.zeros(2**22)
    with fake(start_limit=20) as own:
        assert own.versions
        assert own.pid is not None
        os.kill(own.pid, signal.SIGSTOP)
        killer = subprocess.Popen(
            [sys.executable, "-c", f"import os, time; time.sleep(0.4); os.kill({own.pid}, 9)"]
        )
        with killer, pytest.raises(WorkerError, match="died: SIGKILL"):
            own.ask(run(), {"x": large})
        assert own.ask(run(), {"x": large})[1]["y"].size == large.size


@posix
def test_what_cannot_be_read(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "PATIENCE", 0.3)
    check_fails(worker, run(step("Corrupt")), "protocol", "cannot be read: .*nonsense")
    check_fails(worker, run(step("Close")), "protocol", "closed its pipes")


@posix
def test_children_of_a_worker_end_with_it(tmp_path: Path) -> None:
    source = """
import os, time
child = os.fork()
if child:
    os.write(1, f"child {child}\\n".encode())
time.sleep(60)
"""
    with framework_of(tmp_path, source, start_limit=1) as own:
        start = time.monotonic()
        with pytest.raises(WorkerError, match="it wrote: child ") as raised:
            own.ask(run())
        assert time.monotonic() - start < 4
    assert gone(int(raised.value.message.split()[-1]))


def test_errors_can_be_pickled() -> None:
    error = WorkerError("gone", kind="died", hint="again")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (str(copy), copy.kind, copy.hint) == (str(error), "died", "again")


# Parents that end


def script(folder: Path, body: str) -> subprocess.Popen[str]:
    """A parent of a worker that says its worker's pid first."""
    source = f"""
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
import numpy as np
from deconvcalc.checkers.process import Worker
worker = Worker("torch", environment={FAKES!r})
x = {{"x": np.zeros((1, 2, 2))}}
def ask(name, **arguments):
    step = {{"name": name, "arguments": arguments}}
    return worker.ask({{"do": "run", "steps": [step], "dtype": "float32", "inputs": ["x"]}}, x)
ask("Scale", channels=2)
print(worker.pid, flush=True)
{body}
"""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", source],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(process.ROOT)},
    )


class Script:
    """A running script and the pid of its worker."""

    def __init__(self, folder: Path, body: str) -> None:
        self.process = script(folder, body)

    def __enter__(self) -> Self:
        assert self.process.stdout is not None
        self.worker = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


@posix
def test_ctrl_c(tmp_path: Path) -> None:
    body = """
try:
    ask("Sleep", seconds=60)
except KeyboardInterrupt:
    print("interrupted", worker.running, ask("Scale", channels=2)[0]["ok"], worker.pid)
    raise
"""
    with Script(tmp_path, body) as parent:
        time.sleep(0.3)
        parent.process.send_signal(signal.SIGINT)
        output, errors = parent.process.communicate(timeout=10)
        assert output.startswith("interrupted False True ")
        assert parent.process.returncode == -signal.SIGINT
        assert errors.endswith("KeyboardInterrupt\n")
        assert "ResourceWarning" not in errors
        assert gone(parent.worker)
        assert gone(int(output.split()[-1]))


@posix
@pytest.mark.parametrize(
    "body",
    ["", "raise SystemExit(0)", "del worker; print('deleted', flush=True); time.sleep(60)"],
)
def test_a_worker_ends_with_its_owner(tmp_path: Path, body: str) -> None:
    with Script(tmp_path, body) as parent:
        assert gone(parent.worker)
        if not body.startswith("del"):
            _, errors = parent.process.communicate(timeout=10)
            assert (errors, parent.process.returncode) == ("", 0)


@posix
def test_a_fork_leaves_the_worker_alone(tmp_path: Path) -> None:
    body = """
child = os.fork()
if child == 0:
    sys.exit(0)
os.waitpid(child, 0)
print(ask("Scale", channels=2)[0]["ok"], worker.starts)
"""
    with Script(tmp_path, body) as parent:
        output, _ = parent.process.communicate(timeout=10)
        assert output == "True 1\n"


@posix
@pytest.mark.parametrize("body", ["time.sleep(60)", "ask('Sleep', seconds=1)"])
def test_a_worker_ends_without_its_parent(tmp_path: Path, body: str) -> None:
    with Script(tmp_path, body) as parent:
        time.sleep(0.3)
        parent.process.kill()
        parent.process.wait()
        assert gone(parent.worker)


# The current directory


@pytest.mark.parametrize(
    "path", ["", "{sep}{fakes}", ".{sep}{fakes}", "{fakes}{sep}", "{here}{sep}{fakes}"]
)
def test_nothing_comes_from_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    for name in ("torch", "numpy"):
        (tmp_path / f"{name}.py").write_text(f"raise OSError('the wrong {name}')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    text = path.format(here=tmp_path, fakes=FAKES["PYTHONPATH"], sep=os.pathsep)
    with Worker("torch", start_limit=60, environment={"PYTHONPATH": text}) as own:
        if path or find_spec("torch") is not None:
            assert own.versions["numpy"] == np.__version__
            assert (own.versions["torch"] == "0.fake") == bool(path)
        else:
            with pytest.raises(WorkerError, match="not installed"):
                _ = own.versions


def test_nothing_comes_from_a_checkout_either(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = ["/other", str(process.ROOT)]
    monkeypatch.setattr(sys, "path", paths)
    monkeypatch.chdir(process.ROOT)
    serve._forget_current_directory()
    assert sys.path == ["/other"]
    monkeypatch.chdir(Path(np.__file__).parents[1])
    monkeypatch.setattr(sys, "path", [os.getcwd()])
    serve._forget_current_directory()
    assert sys.path == [os.getcwd()]


def test_an_installed_package_is_found_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/other")
    here = os.pathsep.join([str(process.ROOT), "/other"])
    assert process._environment({})["PYTHONPATH"] == here
    monkeypatch.setattr(process, "ROOT", Path(np.__file__).parents[1])
    assert process._environment({})["PYTHONPATH"] == "/other"
    assert process._environment({"A": "b"})["A"] == "b"


# The real frameworks


def real(*modules: str) -> Callable[[Any], Any]:
    absent = [module for module in modules if find_spec(module) is None]
    skip = pytest.mark.skipif(bool(absent), reason=f"not installed: {absent}")
    return lambda test: pytest.mark.framework(skip(test))


@pytest.fixture(scope="module")
def frameworks() -> Iterator[dict[str, Worker]]:
    workers = {name: Worker(name) for name in ("torch", "keras", "keras[torch]")}
    yield workers
    for own in workers.values():
        own.close()


def transposed(x: np.ndarray, weight: np.ndarray, stride: int) -> np.ndarray:
    """A transposed convolution of one channel."""
    k = len(weight)
    y = np.zeros([(n - 1) * stride + k for n in x.shape], x.dtype)
    for (i, j), value in np.ndenumerate(x):
        y[i * stride : i * stride + k, j * stride : j * stride + k] += value * weight
    return y


random = np.random.default_rng(0)
IMAGE, KERNEL = random.integers(-5, 6, (4, 3)) / 4, random.integers(-5, 6, (3, 3)) / 4
EXPECTED = transposed(IMAGE, KERNEL, 2)


@real("torch")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_torch(frameworks: dict[str, Worker], dtype: str) -> None:
    arguments = {"in_channels": 1, "out_channels": 1, "kernel_size": [3, 3], "stride": 2}
    steps = [
        step("ConvTranspose2d", "w", "b", **arguments),
        step("ZeroPad2d", padding=[1, 0, 0, 2]),
    ]
    given = {"x": IMAGE[None, None], "w": KERNEL[None, None], "b": np.array([0.5])}
    header, arrays = frameworks["torch"].ask(run(*steps, dtype=dtype), given)
    assert header["ok"], header
    assert arrays["y"].dtype == dtype
    assert arrays["y"][0, 0].tolist() == np.pad(EXPECTED + 0.5, ((0, 2), (1, 0))).tolist()
    assert "torch" in frameworks["torch"].versions


@real("torch")
def test_torch_unpools_and_refuses(frameworks: dict[str, Worker]) -> None:
    unpool = step("MaxUnpool2d", kernel_size=2) | {"indices": "i"}
    pad = step("ConstantPad2d", padding=1, value=-np.inf)
    given = {"x": np.array([[[[7.0]]]]), "i": np.array([[[[2]]]])}
    y = frameworks["torch"].ask(run(unpool, pad), given)[1]["y"]
    assert y[0, 0, 1:-1, 1:-1].tolist() == [[0, 0], [7, 0]]
    assert y[0, 0, 0, 0] == -np.inf
    conv = step("Conv2d", in_channels=1, out_channels=1, kernel_size=3)
    pool = step("MaxPool2d", kernel_size=1, return_indices=True)
    runs = [run(pool), run(pool, conv), run(step("NoSuchLayer"))]
    x = np.ones((1, 1, 2, 2))
    header, arrays = frameworks["torch"].ask(
        {"do": "many", "runs": runs}, {f"{i}/x": x for i in range(3)}
    )
    assert [result["ok"] for result in header["results"]] == [True, False, False]
    assert header["results"][1]["step"] == 1
    assert header["results"][1]["error"].startswith("RuntimeError: Calculated padded input size")
    assert arrays["0/y"].tolist() == x.tolist()


@real("torch")
def test_torch_takes_all_weights_or_none(frameworks: dict[str, Worker]) -> None:
    given = {"x": np.ones((1, 2, 3)), "w": np.ones((1, 2, 1)), "v": np.array([4.0, 4.0])}
    conv = step("Conv1d", "w", in_channels=2, out_channels=1, kernel_size=1)
    header, _ = frameworks["torch"].ask(run(conv), given)
    assert header["error"] == "ValueError: Conv1d has the weights ['weight', 'bias'], not 1"
    norm = step("BatchNorm1d", "v", "v", "v", "v", num_features=2, eps=0.0)
    _, arrays = frameworks["torch"].ask(run(norm), given)
    assert arrays["y"][0, 0, 0] == (1 - 4) / 2 * 4 + 4


def check_keras(own: Worker, dtype: str) -> None:
    steps = [
        step("Conv2DTranspose", "w", "b", filters=1, kernel_size=[3, 3], strides=2),
        step("Cropping2D", cropping=[[1, 0], [0, 2]]),
    ]
    given = {"x": IMAGE[None, ..., None], "w": KERNEL[..., None, None], "b": np.array([0.5])}
    header, arrays = own.ask(run(*steps, dtype=dtype), given)
    assert header["ok"], header
    assert arrays["y"].dtype == dtype
    assert arrays["y"][0, ..., 0].tolist() == (EXPECTED + 0.5)[1:, :-2].tolist()


@real("keras", "tensorflow")
def test_keras(frameworks: dict[str, Worker]) -> None:
    own = frameworks["keras"]
    for dtype in ("float32", "float64"):
        check_keras(own, dtype)
    assert set(own.versions) == {"keras", "backend", "tensorflow", "numpy", "python"}
    x = np.ones((1, 2, 2, 1))
    layers = [
        step("Conv2D", filters=1, kernel_size=3),
        step("UpSampling2D", size=2),
        step("Dropout", rate=0.5),
    ]
    header, arrays = own.ask(
        {"do": "many", "runs": [run(layer) for layer in layers]}, {f"{i}/x": x for i in range(3)}
    )
    assert [result["ok"] for result in header["results"]] == [False, True, True]
    assert header["results"][0]["step"] == 0
    assert "egative" in header["results"][0]["error"]
    assert arrays["1/y"].shape == (1, 4, 4, 1)
    assert arrays["2/y"].tolist() == x.tolist()
    header, _ = own.ask(run(step("Conv2D", "x", filters=1, kernel_size=1)), {"x": x})
    assert header["error"].startswith("ValueError: You called `set_weights")
    assert own.starts == 1


@real("keras", "torch")
def test_keras_on_torch(frameworks: dict[str, Worker]) -> None:
    own = frameworks["keras[torch]"]
    check_keras(own, "float32")
    assert own.versions["backend"] == "torch"


@posix
@real("keras", "tensorflow")
def test_a_real_death(frameworks: dict[str, Worker]) -> None:
    own = frameworks["keras"]
    x = {"x": np.ones((1, 3, 3, 1))}
    pool = step("MaxPooling2D", pool_size=4, strides=1, padding="valid")
    with pytest.raises(WorkerError, match="keras died: SIGFPE") as raised:
        own.ask(run(pool), x)
    assert raised.value.kind == "died"
    assert own.ask(run(step("Identity")), x)[0]["ok"]
