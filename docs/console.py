"""A ```console block as a terminal session: the commands of a block, and what they print."""

from __future__ import annotations

import re
import shlex
from importlib.util import find_spec

from click.testing import CliRunner

WIDTH = 80
"""Columns for help texts; every other output to a pipe has its full width."""


def session(block: str) -> str:
    """The block as it should read: each `$ deconvcalc ...`, and below it what it prints.

    `$ echo $?` prints the exit code of the command before it, as a shell does.
    """
    lines, exit_code = [], 0
    for command in (line for line in block.splitlines() if line.startswith("$ ")):
        lines.append(command)
        if command == "$ echo $?":
            lines.append(str(exit_code))
            continue
        program, *arguments = shlex.split(command.removeprefix("$ "))
        if program != "deconvcalc":
            raise ValueError(f"a console block runs deconvcalc, not {program}")
        output, exit_code = run(arguments)
        lines.extend(output.splitlines())
    return "\n".join(lines)


def missing(block: str) -> list[str]:
    """The frameworks that the commands of a block ask for and that are not installed."""
    modules = {
        "torch": ("torch",),
        "keras": ("keras", "tensorflow"),
        "onnx": ("onnx", "onnxruntime"),
    }
    asked = set()
    for command in (line for line in block.splitlines() if line.startswith("$ deconvcalc")):
        words = shlex.split(command.removeprefix("$ "))
        named = [words[i + 1] for i, word in enumerate(words) if word in ("--with", "--verify")]
        if words[1] == "checkers":
            named = ["torch,keras,onnx"]
        elif words[1] == "verify" and not named:
            named = ["torch,keras"]
        asked |= {name for names in named for name in names.split(",")}
    needed = {module for name in asked for module in modules.get(name, ())}
    return sorted(module for module in needed if find_spec(module) is None)


def comparable(text: str) -> str:
    """A session without what differs from run to run: rounding errors, times, Python's version."""
    text = re.sub(r"\b\d\.\de-\d\d\b", "x.xe-xx", text)
    text = re.sub(r"in \d+\.\d\d s\b", "in x s", text)
    return re.sub(r"python 3\.\d+\.\d+", "python 3", text)


def run(arguments: list[str]) -> tuple[str, int]:
    """What the command line prints into a pipe, and its exit code."""
    from deconvcalc.cli import main  # here, so that a fault in it fails its own tests alone

    runner = CliRunner(env={"COLUMNS": str(WIDTH)})
    result = runner.invoke(main, arguments, prog_name="deconvcalc")
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output, result.exit_code
