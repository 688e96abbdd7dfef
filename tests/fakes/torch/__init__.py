"""As much of PyTorch as a worker uses, in numpy, with layers that misbehave."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any, NoReturn

import numpy as np

__version__ = "0.fake"

float32, float64 = np.float32, np.float64


def shout(text: str) -> None:
    """Print from Python and, as C code does, to the file descriptor."""
    print(text)  # noqa: T201
    sys.stdout.flush()
    os.write(1, f"{text}\n".encode())


def set_num_threads(number: int) -> None:
    assert number == 1


def set_grad_enabled(mode: bool) -> None:
    assert not mode


class Tensor:
    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.shape = values.shape

    def numpy(self) -> np.ndarray:
        return self.values

    def copy_(self, other: Tensor) -> None:
        self.values[...] = other.values


from_numpy = Tensor


class Module:
    weight: Tensor | None = None

    def to(self, dtype: type) -> Module:
        if self.weight is not None:
            self.weight = Tensor(self.weight.values.astype(dtype))
        return self

    def eval(self) -> Module:
        return self

    def parameters(self) -> list[Tensor]:
        return [] if self.weight is None else [self.weight]

    def __call__(self, *values: Tensor) -> Any:
        raise NotImplementedError


class Scale(Module):
    def __init__(self, channels: int) -> None:
        self.weight = Tensor(np.ones((channels, 1)))

    def __call__(self, *values: Tensor) -> Tensor:
        shout("scaling")
        assert self.weight is not None
        return Tensor(values[0].values * self.weight.values)


class Take(Module):
    """The values at the indices, and the indices."""

    def __call__(self, *values: Tensor) -> tuple[Tensor, Tensor]:
        return Tensor(values[0].values[..., values[1].values]), values[1]


class Refuse(Module):
    def __init__(self, message: str = "no such size\nand more") -> None:
        self.message = message

    def __call__(self, *_: Tensor) -> NoReturn:
        raise RuntimeError(self.message)


class Echo(Refuse):
    """Refuses with what stdin and the arguments hold."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(f"{arguments} {sys.stdin.read()!r}")


class Sleep(Module):
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self, *values: Tensor) -> Tensor:
        time.sleep(self.seconds)
        return values[0]


class Die(Module):
    def __init__(self, number: int = 0) -> None:
        self.number = number

    def __call__(self, *_: Tensor) -> NoReturn:
        os.write(2, b"these are\nmy last \x1b[31mwords\n")
        if self.number:
            os.kill(os.getpid(), signal.Signals(self.number))
        os._exit(3)


class Close(Module):
    """Close every file but the standard ones, and so the pipes."""

    def __call__(self, *_: Tensor) -> NoReturn:
        os.closerange(3, 64)
        time.sleep(60)
        raise AssertionError


class Corrupt(Module):
    """Write into every pipe there is."""

    def __call__(self, *values: Tensor) -> Tensor:
        for file in range(3, 64):
            try:
                os.write(file, b"nonsense\n")
            except OSError:
                continue
        return values[0]


class nn:  # noqa: N801
    Scale, Take, Refuse, Echo = Scale, Take, Refuse, Echo
    Sleep, Die, Close, Corrupt = Sleep, Die, Close, Corrupt


shout("imported")
