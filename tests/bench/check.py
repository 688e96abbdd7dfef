"""Checks: a process with 1,000 different assertions against one with a single assertion."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import Row, medians

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "check"
ROUNDS = 7
COUNT = 1_000
LIMIT = 8.0


def tables() -> Iterator[str]:
    """Checks that are all different: sizes, functions of n, admissible inputs, costs."""
    kernels = product(range(1, 12), range(1, 9), range(4))
    for number, (k, s, p) in enumerate((k, s, p) for k, s, p in kernels if 2 * p < k + 1):
        n = 20 + number
        down, up = (n + 2 * p - k) // s + 1, (n - 1) * s + k - 2 * p
        head = f'[[check]]\nname = "{number}, {{}}"\n'
        conv = f'layer = "nn.Conv2d(3, 8, {k}, stride={s}, padding={p})"\n'
        back = f'layer = "nn.ConvTranspose2d(8, 3, {k}, stride={s}, padding={p})"\n'
        yield head.format("down") + conv + f"input = {n}\noutput = {down}\n"
        yield head.format("up") + back + f"input = {n}\noutput = {up}\n"
        text = f'inputs = "n >= {k}"\noutput = "(n + {2 * p - k})//{s} + 1"\n'
        yield head.format("in n") + conv + text
        chain = f"nn.Sequential(nn.Conv2d(3, 8, {k}, stride={s}, padding={p}), nn.ReLU())"
        yield (
            head.format("admissible")
            + f'code = "{chain}"\nadmissible = "n >= {max(k - 2 * p, 1)}"\n'
        )
        yield head.format("cost") + conv + f"max_parameters = {24 * k * k + 8}\n"


def written(count: int, folder: Path) -> Path:
    """A file of so many checks."""
    listed = [table for table, _ in zip(tables(), range(count), strict=False)]
    assert len({*listed}) == count
    path = folder / f"checks{count}.toml"
    path.write_text("\n".join(listed), encoding="utf-8")
    return path


def check(path: Path) -> str:
    """The total that a process prints."""
    command = [sys.executable, "-m", "deconvcalc", "check", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-500:]
    return done.stdout


def run() -> list[Row]:
    """All of them pass, and are counted; then both processes are timed in turn."""
    with tempfile.TemporaryDirectory() as name:
        many, one = written(COUNT, Path(name)), written(1, Path(name))
        assert check(many).startswith(f"{COUNT:,} checks: {COUNT:,} passed")
        assert check(one).startswith("1 check: 1 passed")
        times = medians({"many": partial(check, many), "one": partial(check, one)}, ROUNDS)
    return [
        Row(
            case=f"{COUNT:,} different assertions",
            ours=f"{COUNT:,}",
            rival="one",
            ours_seconds=times["many"],
            rival_seconds=times["one"],
            limit=LIMIT,
        )
    ]
