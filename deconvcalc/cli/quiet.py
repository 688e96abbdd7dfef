"""TensorFlow without the notes that it writes to stderr when it starts."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.machinery import ModuleSpec

__all__ = ["quiet_tensorflow"]

ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}


@contextmanager
def quiet_tensorflow() -> Iterator[None]:
    """Hold back what TensorFlow writes while it is imported; if that fails, it is shown.

    Its C++ code writes to the file itself, some of it before any setting is read.
    """
    made = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    os.environ.update(made)
    try:
        yield
    finally:
        finder.leave()
        for name in made:
            os.environ.pop(name, None)


class _Finder:
    """Finds TensorFlow as others do, and wraps what loads it."""

    def leave(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> ModuleSpec | None:
        if name != "tensorflow":
            return None
        self.leave()
        found = find_spec(name)
        if found is not None and found.loader is not None:
            work = found.loader.exec_module

            def held_back(module: Any) -> None:
                with _no_stderr():
                    work(module)

            found.loader.exec_module = held_back  # type: ignore[method-assign]  # for this one
        return found


@contextmanager
def _no_stderr() -> Iterator[None]:
    """Keep what is written to the file of stderr, and show it only if something is raised."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
