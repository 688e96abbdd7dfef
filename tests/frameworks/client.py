"""The parent's side of `worker`: start it, ask it, start it again when it dies."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Worker"]

SCRIPT = Path(__file__).with_name("worker.py")


class Worker:
    """A process that runs real layers; use it in a `with` block.

    Args:
        script: what the process runs.
    """

    def __init__(self, script: Path = SCRIPT) -> None:
        self.script = script
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """What the framework makes of a configuration; a death is an answer too."""
        process = self.running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(configuration) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        code = process.wait()
        self.close()
        return {"ok": False, "died": True, "error": f"the process ended with {code}"}

    def running(self) -> subprocess.Popen[str]:
        """The process, started if there is none."""
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, str(self.script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
            )
        return self.process

    def close(self) -> None:
        """End the process and its pipes."""
        process, self.process = self.process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
