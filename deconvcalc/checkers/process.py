"""A framework in a process of its own: started once, asked often, started again after a death.

A framework is slow to load, prints what it likes, can hang, and can take its process down.
"""

from __future__ import annotations

import contextlib
import os
import signal
import site
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from deconvcalc.checkers import wire
from deconvcalc.errors import CheckError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np

    from deconvcalc.checkers.wire import Message

    Kind = Literal["missing", "broken", "died", "timeout", "protocol"]

__all__ = ["WORKERS", "Worker", "WorkerError"]

WORKERS: dict[str, tuple[str, dict[str, str]]] = {
    "torch": ("torch", {}),
    "keras": ("keras", {"KERAS_BACKEND": "tensorflow"}),
    # Without oneDNN, which takes longer to prepare a new shape than a small function takes to run.
    "keras[plain]": ("keras", {"KERAS_BACKEND": "tensorflow", "TF_ENABLE_ONEDNN_OPTS": "0"}),
    "keras[torch]": ("keras", {"KERAS_BACKEND": "torch", "KERAS_TORCH_DEVICE": "cpu"}),
    "onnx": ("onnx", {}),
}
"""By the name of a worker, its module in `workers` and its environment."""

ENVIRONMENT = {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
"""The environment of every worker: the CPU alone, and no chatter."""

PACKAGES = {
    "torch": "deconvcalc[torch]",
    "keras": "deconvcalc[keras]",
    "tensorflow": "deconvcalc[keras]",
    "onnx": "deconvcalc[onnx]",
    "onnxruntime": "deconvcalc[onnx]",
}
"""What to install for a module; another module is installed by its own name."""

ROOT = Path(__file__).absolute().parents[2]
"""The folder that holds the package."""

TICK = 0.2
"""Windows hears Ctrl-C only between two waits; each takes up to this many seconds."""

PATIENCE = 5.0
"""How many seconds a process may take to end after it closed its pipes."""

TAIL = 2000
"""How many bytes of stderr an error shows at most."""


class WorkerError(CheckError):
    """A framework that gave no answer. What it refuses is an answer, not an error.

    Attributes:
        kind: "missing", it is not installed; "broken", it cannot be imported; "died", its process
            ended; "timeout", it took too long; "protocol", nothing sensible came back.
    """

    def __init__(self, message: str, *, kind: Kind = "protocol", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind


class Worker:
    """A framework that runs real layers in a process of its own. Use it in a `with` block.

    A process that dies, hangs or talks nonsense is gone; the next `ask` starts another. What is
    missing or broken stays so.

    Attributes:
        name: one of `WORKERS`.
        start_limit: how many seconds the import of the framework may take.
        limit: how many seconds an answer may take.
        starts: how often a process was started.
    """

    def __init__(
        self,
        name: str,
        *,
        start_limit: float = 120.0,
        limit: float = 60.0,
        environment: Mapping[str, str] = {},
    ) -> None:
        if name not in WORKERS:
            known = ", ".join(WORKERS)
            raise CheckError(f"no framework is called {name!r}", hint=f"There are {known}.")
        self.name = name
        self.start_limit = start_limit
        self.limit = limit
        self.starts = 0
        self._environment = dict(environment)
        self._lock = threading.RLock()
        self._child: _Child | None = None
        self._end: weakref.finalize[[], Worker] | None = None
        self._versions: dict[str, str] = {}
        self._failure: tuple[str, Kind, str | None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def running(self) -> bool:
        """Whether there is a live process."""
        return self._child is not None and self._child.process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process, if there is one."""
        return None if self._child is None else self._child.process.pid

    @property
    def versions(self) -> dict[str, str]:
        """The versions of the framework; the first call waits until it is imported."""
        with self._held():
            if not self._versions:
                self._greeted()
            return dict(self._versions)

    def start(self) -> None:
        """Start the process, if there is none, and do not wait for it."""
        with self._lock:
            child = self._child
            if child is not None and child.greeted and not self.running:
                self.close()  # it ended while nobody asked
            if self._child is not None or self._failure is not None:
                return
            module, environment = WORKERS[self.name]
            try:
                child = _Child(module, _environment(environment | self._environment))
            except OSError as error:
                raise WorkerError(
                    f"no process can be started for {self.name}: {error}", kind="died"
                ) from error
            self._child = child
            self._end = weakref.finalize(self, child.end)
            self.starts += 1

    def ask(self, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray] = {}) -> Message:
        """The answer to a request, as `workers.serve` describes both.

        Raises:
            WorkerError: there is no answer.
            CheckError: the request is too large.
        """
        pieces = wire.pack(header, arrays)
        with self._held():
            answer = self._exchange(self._greeted(), pieces, self.limit)
            if "fault" in answer[0]:
                raise self._failed("protocol", f"{self.name} was not asked: {answer[0]['fault']}")
            return answer

    def kill(self) -> None:
        """Kill the process under whoever waits for its answer, and who learns that it died."""
        child = self._child
        if child is not None:
            child.kill()

    def close(self) -> None:
        """Kill the process and close its pipes."""
        with self._lock:
            end, self._end, self._child = self._end, None, None
            if end is not None:
                end()

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        """For one caller at a time. An error or Ctrl-C ends the process: its answer is not read."""
        with self._lock:
            try:
                yield
            except BaseException:
                self.close()
                raise

    def _greeted(self) -> _Child:
        """The process, once its framework is imported."""
        self.start()
        if self._failure is not None:
            message, kind, hint = self._failure
            raise WorkerError(message, kind=kind, hint=hint)
        child = self._child
        assert child is not None
        if child.greeted:
            return child
        header, _ = self._exchange(child, [], self.start_limit)
        match header:
            case {"ok": True, "versions": dict(versions)}:
                child.greeted = True
                self._versions = versions
                return child
            case {"kind": "missing", "module": str(module)}:
                command = f'pip install "{PACKAGES.get(module, module)}"'
                self._failure = (f"{module} is not installed", "missing", command)
            case {"kind": "broken", "error": str(error)}:
                self._failure = (f"{self.name} cannot be imported: {error}", "broken", None)
            case _:
                raise self._failed("protocol", f"{self.name} did not say hello")
        self.close()
        return self._greeted()

    def _exchange(self, child: _Child, pieces: list[bytes], limit: float) -> Message:
        """Send a message and wait for one."""
        try:
            message = child.exchange(pieces, limit)
        except CheckError as error:
            if error.rule != wire.CUT:
                text = f"the answer of {self.name} cannot be read: {error.message}"
                raise self._failed("protocol", text) from error
            message = None
        except _LateError:
            text = f"{self.name} gave no answer within {limit:g} s"
            raise self._failed("timeout", text) from None
        except OSError:  # a broken pipe
            message = None
        if message is not None:
            return message
        try:
            cause = _cause(child.process.wait(PATIENCE))
        except subprocess.TimeoutExpired:
            text = f"{self.name} closed its pipes and does not end"
            raise self._failed("protocol", text) from None
        raise self._failed("died", f"the process of {self.name} died: {cause}")

    def _failed(self, kind: Kind, message: str) -> WorkerError:
        """End the process, and say why; its last words may help."""
        child = self._child
        self.close()
        if child is not None and child.words:
            message += "\n  it wrote: " + child.words
        return WorkerError(message, kind=kind)


class _LateError(Exception):
    """The limit has passed."""


class _Child:
    """A process, its pipes, and the file that takes what it prints.

    Attributes:
        greeted: whether its hello was read.
        words: the end of what it printed; known when it has ended.
    """

    def __init__(self, module: str, environment: Mapping[str, str]) -> None:
        self.greeted = False
        self.words = ""
        self.owner = os.getpid()
        self.thread: threading.Thread | None = None
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - open for as long as the process runs
        try:
            # -P: not from the current directory. The session of its own, or the group on Windows,
            # keeps a terminal's Ctrl-C away.
            self.process = subprocess.Popen(
                [sys.executable or "", "-P", "-m", f"deconvcalc.checkers.workers.{module}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.log,
                env=environment,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        except BaseException:
            self.log.close()
            raise

    def exchange(self, pieces: list[bytes], limit: float) -> Message | None:
        """Write a message and read one, in a thread: a pipe cannot be waited for with a limit.

        Raises:
            _LateError: the limit has passed.
            CheckError: what came cannot be read.
            OSError: the pipe is broken.
        """
        outcome: list[Message | BaseException | None] = []
        done = threading.Event()
        self.thread = threading.Thread(
            target=_talk, args=(self.process, pieces, outcome, done), daemon=True
        )
        self.thread.start()
        end = time.monotonic() + limit
        while not done.wait(max(0.0, min(TICK, end - time.monotonic()))):
            if time.monotonic() >= end:
                raise _LateError
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        return outcome[0]

    def kill(self) -> None:
        """Kill the process with all that it started."""
        if os.getpid() == self.owner and self.process.returncode is None:
            with contextlib.suppress(AttributeError, OSError):  # Windows has no killpg
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.kill()

    def end(self) -> None:
        """Kill the process, and close what belongs to it."""
        if os.getpid() != self.owner:  # a fork inherits objects, not processes
            return
        self.kill()
        self.process.wait()
        if self.thread is not None:
            self.thread.join(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout):
            # A pipe that something else still holds open cannot be closed while it is read.
            if pipe is not None and not (self.thread and self.thread.is_alive()):
                with contextlib.suppress(OSError):  # what it did not read
                    pipe.close()
        self.words = _tail(self.log.fileno())
        self.log.close()


def _talk(
    process: subprocess.Popen[bytes],
    pieces: list[bytes],
    outcome: list[Message | BaseException | None],
    done: threading.Event,
) -> None:
    """Write, then read; the outcome is a message, None at the end, or an error."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.writelines(pieces)
        process.stdin.flush()
        outcome.append(wire.read(process.stdout))
    except BaseException as error:  # noqa: BLE001 - it is raised where the answer is awaited
        outcome.append(error)
    done.set()


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process, which finds the package where this one found it.

    Where it is installed it is found anyway, and installed packages must not go before the
    standard library.
    """
    environment = {**os.environ, **ENVIRONMENT, **extra}
    installed = {Path(path).resolve() for path in site.getsitepackages()}
    if ROOT.resolve() not in installed | {Path(site.getusersitepackages()).resolve()}:
        paths = [str(ROOT), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join([path for path in paths if path])
    return environment


def _cause(code: int) -> str:
    """How a process ended."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _tail(file: int) -> str:
    """The last lines of a file, without what a terminal would take for a command."""
    size = os.lseek(file, 0, os.SEEK_END)
    os.lseek(file, max(0, size - TAIL), os.SEEK_SET)
    text = os.read(file, TAIL).decode(errors="replace")
    lines = ["".join([c for c in line if c.isprintable()]) for line in text.splitlines()]
    return "\n  ".join([line for line in lines if line.strip()][-10:])
