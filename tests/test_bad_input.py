"""Bad input, class by class: a clear error that names the field and the way out, no traceback.

The command line is run in this process, once for each case. The library gets the same classes as
values. What both may say is in `told` and `refused`.
"""

from __future__ import annotations

import random
import re
import sys
import time
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from click.testing import CliRunner

import deconvcalc as dc
from deconvcalc.cli import main
from deconvcalc.errors import CheckError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LEAST_CASES = 30
SECONDS = 2.0
"""How much time of the processor one case may take: other work on the machine does not count."""

CLASSES = (
    "negative",
    "zero",
    "text",
    "booleans",
    "floats",
    "huge",
    "empty ranges",
    "contradictions",
    "7x and x7",
    "unknown names",
    "axis counts",
)

WAY_OUT = re.compile(
    r"\b(write|give|takes?|known|one of|did you mean|ask|bound|at least|at most|must be|range"
    r"|say how|check it on|leave|needs|without|possible|goes|instead|put|have it|more than"
    r"|longer than)\b"
    r"|no such option",  # the line above it names --help
    re.IGNORECASE,
)


class Line(NamedTuple):
    """A command line that is refused, and a word that its message must have."""

    arguments: tuple[str, ...]
    word: str


class Call(NamedTuple):
    """A call of the library that is refused, and a word that its message must have."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    word: str


# The command line.

SOLVE = ("solve", "7", "--from", "4")
BOUNDS = {
    "kernel-size": ("-k", "--kernel-size"),
    "stride": ("-s", "--stride"),
    "padding": ("-p", "--padding"),
    "output-padding": ("-o", "--output-padding"),
    "dilation": ("-d", "--dilation"),
    "factor": ("-f", "--factor"),
}
POSITIVE = ("kernel-size", "stride", "dilation", "factor")


def with_bound(name: str, value: str, spelling: int = 1) -> Line:
    """A question with one bound, for an operation that has it."""
    rest = ("--op", "resize-conv") if name == "factor" else ()
    return Line((*SOLVE, BOUNDS[name][spelling], value, *rest), name)


def with_size(value: str, place: int) -> Line:
    """A command line with one size: what is wanted, what goes in, or the input of a layer."""
    return (
        Line(("solve", "--from", "4", "--", value), "TARGET"),
        Line(("solve", "7", "--from", value), "--from"),
        Line(("size", "--", "nn.Conv2d(3, 8, 3)", value), "SIZE"),
    )[place]


def with_channels(*values: str) -> list[Line]:
    """Each value as the channels of code, of verdicts on answers, and of verify."""
    lines = [
        Line((*SOLVE, "--code", "torch", "--channels", value), "--channels") for value in values
    ]
    for value in values:
        lines += [
            Line((*SOLVE, "--verify", "numpy", "--channels", value), "--channels"),
            Line(("verify", "--with", "numpy", "--channels", value, "Conv(3)", "28"), "--channels"),
        ]
    return lines


def verified(*values: str) -> list[Line]:
    """Each value as the input size and as the seed of verify."""
    lines = [
        Line(("verify", "--with", "numpy", "--", "Conv(3)", value), "SIZE") for value in values
    ]
    seeded = ("verify", "Conv(3)", "28", "--with", "numpy", "--seed")
    return lines + [Line((*seeded, value), "--seed") for value in values]


def with_names(*values: str) -> list[Line]:
    """Each value as the name of checkers, of a framework and of a kind of floats."""
    verify = ("verify", "Conv(3)", "28", "--with")
    lines = [Line((*SOLVE, option, value), option) for value in values for option in NAMED]
    lines += [Line((*verify, value), "--with") for value in values]
    return lines + [Line((*verify, "numpy", "--dtype", value), "--dtype") for value in values]


NAMED = ("--verify", "--code")


def everywhere(values: tuple[str, ...], sizes: tuple[str, ...] = ()) -> list[Line]:
    """Each value as each bound and each size."""
    lines = [with_bound(*pair) for pair in product(BOUNDS, values)]
    return lines + [with_size(*pair) for pair in product(sizes or values, range(3))]


def negative_lines() -> list[Line]:
    rng = random.Random("negative")
    drawn = tuple([str(-rng.randint(1, 10 ** rng.randint(1, 17))) for _ in range(6)])
    lines = everywhere(("-1", "-10**12", "2,-3", "-2..5", "3x-1", "-5..-2", "- 3", *drawn))
    lines = [line for line in lines if not re.search("[,.]", "".join(line.arguments[2:]))] + [
        with_bound(name, value) for name in BOUNDS for value in ("2,-3", "-2..5", "-5..-2")
    ]
    lines += [Line((*SOLVE, "--limit", value), "limit") for value in ("-1", "-10", drawn[0])]
    lines += [
        Line(("solve", "-7", "--from", "4"), "size"),
        Line(("solve", "-7x7", "--from", "4"), "size"),
        Line(("size", "Conv(3)", "-28"), "size"),
        Line(("size", "nn.Conv2d(3, 8, -3)", "28"), "kernel_size"),
        Line(("size", "nn.Conv2d(3, 8, 3, stride=-1)", "28"), "stride"),
        Line(("size", "nn.Conv2d(3, 8, 3, padding=-1)", "28"), "padding"),
        Line(("size", "Conv2DTranspose(8, 3, strides=-2)", "28"), "strides"),
    ]
    more = with_channels("-3:4", "3:-4", "-1:-1", f"{drawn[0]}:2") + verified("-1", "-28", *drawn)
    return lines + more


def zero_lines() -> list[Line]:
    lines = [
        with_bound(name, value, spelling)
        for name in POSITIVE
        for value in ("0", "0..3", "0,2", "0x3", "00", "3x0", "0..0")
        for spelling in (0, 1)
    ]
    lines += [with_size(*pair) for pair in product(("0", "0x7", "7x0", "00", "0x0x0"), range(3))]
    lines += [Line((*SOLVE, "--limit", "0"), "limit")]
    for text, word in [
        ("nn.Conv2d(3, 8, 0)", "kernel_size"),
        ("nn.Conv2d(3, 8, 3, 0)", "stride"),
        ("nn.Conv2d(3, 8, 3, dilation=0)", "dilation"),
        ("nn.Conv2d(0, 8, 3)", "in_channels"),
        ("nn.Conv2d(3, 8, 3, groups=0)", "groups"),
        ("nn.MaxPool2d(0)", "kernel_size"),
        ("nn.PixelShuffle(0)", "upscale_factor"),
        ("Conv2D(0, 3)", "filters"),
        ("Conv2D(8, 3, strides=0)", "strides"),
    ]:
        lines.append(Line(("size", text, "28"), word))
    more = with_channels("0:4", "4:0", "0:0", "00:1")
    return lines + more


WORDS = ("seven", "", " ", "abc", "3;4", "3 4", "nan", "\t", "½", "٣", "²", "1_000", "0b11")


def text_lines() -> list[Line]:
    rng = random.Random("text")
    letters = "abcdefgh!?#%&/(){}[]'\"\\äß→"
    drawn = tuple(["".join(rng.choices(letters, k=rng.randint(1, 60))) for _ in range(6)])
    lines = everywhere((*WORDS, *drawn))
    lines += [with_bound(name, "same") for name in BOUNDS if name != "padding"]
    lines += [with_bound(name, "none") for name in BOUNDS if name != "output-padding"]
    lines += [Line((*SOLVE, "--limit", value), "limit") for value in WORDS]
    lines += [Line(("size", value, "28"), "") for value in (*WORDS, *drawn)]
    lines += [Line(("size", f"nn.Conv2d(3, 8, {value!r})", "28"), "kernel_size") for value in WORDS]
    more = with_channels(*WORDS, *drawn, "a:b", "3:", ":3", ":") + with_names(*WORDS, *drawn)
    more += verified(*WORDS, *drawn)
    return lines + more


def boolean_lines() -> list[Line]:
    lines = everywhere(("true", "True", "false", "False", "yes"))
    lines += [Line((*SOLVE, "--limit", value), "limit") for value in ("True", "false")]
    for text, word in product(("True", "False"), ("kernel_size", "stride", "padding", "dilation")):
        lines.append(Line(("size", "nn.MaxPool2d(**)".replace("**", f"{word}={text}"), "28"), ""))
        lines.append(Line(("size", f"Conv(kernel_size=3, {word}={text})", "28"), word))
    lines = [line for line in lines if "kernel_size=3, kernel_size" not in line.arguments[1]]
    lines += [
        Line(("size", "nn.Conv2d(3, 8, True)", "28"), "kernel_size"),
        Line(("size", "nn.MaxPool2d(2, ceil_mode=1)", "28"), "ceil_mode"),
        Line(("size", "Conv(True)", "28"), "kernel_size"),
    ]
    more = with_channels("True:3", "3:False", "yes") + with_names("True", "no") + verified("True")
    return lines + more


def float_lines() -> list[Line]:
    rng = random.Random("floats")
    drawn = tuple([f"{rng.uniform(1, 20):.{rng.randint(1, 9)}f}" for _ in range(4)])
    values = ("3.5", "2.0", "1e-3", "1.", ".5", "1e3.5", "2.5x3", "inf", "1,5.5", *drawn)
    lines = everywhere((*values, "2.5..4", "2..4.5"), values)
    lines += [Line((*SOLVE, "--limit", value), "limit") for value in ("1.5", "1e3", "inf")]
    for text in ("3.5", "2.0", "float('inf')", "float('nan')", "1e400"):
        lines.append(Line(("size", f"nn.Conv2d(3, 8, {text})", "28"), "kernel_size"))
        lines.append(Line(("size", f"ConvTranspose(3, stride={text})", "28"), "stride"))
    more = with_channels("3.5:2", "2:1.0", "inf:1", "1e-3:2") + verified("3.5", "inf", *drawn)
    return lines + more


def huge_lines() -> list[Line]:
    values = ("10**19", "9" * 31, "9" * 5000, "1e99", "10**10**10", "1e1000", "9e999", "9**999")
    lines = everywhere((*values, "1..10**30", "1,1e30", "3x1e30"), values)
    lines += [
        Line(("solve", "7", "--from", "4", "-k", "1..10**12", "--format", "json"), "--limit"),
        Line(("solve", "7", "--from", "4", "-k", "1..10**12", "--all"), "--limit"),
        Line((*SOLVE, "-k", "1..10**12", "--limit", "10000000000"), "--limit"),
        Line(("size", "nn.Conv2d(3, 8, " + "9" * 200 + ")", "28"), "digits"),
        Line(("size", "nn.Conv2d(3, 8, 0x" + "f" * 400 + ")", "28"), "kernel_size"),
        Line(("size", "(" * 200 + ")" * 200, "28"), "brackets"),
        Line(("size", "nn.Conv2d(3, 8, " + "-" * 9000 + "3)", "28"), ""),
        Line(("size", "a" * 20_000, "28"), "characters"),
        Line(("size", "a" + ".a" * 4_000 + "()", "28"), ""),
        Line(("size", "+".join(["1"] * 4_000), "28"), ""),
    ]
    more = with_channels(*[f"{value}:3" for value in values], *[f"3:{value}" for value in values])
    more += verified(*values) + too_large_lines()
    return lines + more


def empty_lines() -> list[Line]:
    rng = random.Random("empty")
    drawn = []
    for _ in range(6):
        low = rng.randint(2, 10**9)
        drawn.append(f"{low}..{rng.randint(1, low - 1)}")
    values = ("5..2", "10**12..1", "5..", "..5", "..", "2..3..4", "4,", ",", "3,5..2", "5..2x3")
    more = with_channels("5..2:3", "3:2..1", "..", ",") + with_names(",", "numpy,", ",torch")
    return [with_bound(*case) for case in product(BOUNDS, (*values, *drawn), (0, 1))] + more


def contradiction_lines() -> list[Line]:
    cases: list[Line] = [
        Line((*SOLVE, "--all", "--limit", "3"), "--limit"),
        Line((*SOLVE, "-p", "same,1", "--dialect", "keras"), "padding"),
        Line((*SOLVE, "-p", "1,valid", "--dialect", "keras"), "padding"),
        Line((*SOLVE, "--shared", "-k", "3x5"), "shared"),
        Line(("solve", "7x14", "--from", "4x7", "--shared", "-s", "1x2"), "shared"),
        Line(("solve", "7x7", "--from", "4x4", "--shared", "-p", "0..2x0..3"), "shared"),
    ]
    takes = {
        "conv-transpose": ("-f", "--ceil-mode"),
        "conv": ("-o", "-f", "--ceil-mode"),
        "resize-conv": ("-o", "-s", "--ceil-mode"),
        "pixel-shuffle": ("-k", "-s", "-p", "-o", "-d", "--ceil-mode"),
        "max-pool": ("-o", "-f"),
        "avg-pool": ("-o", "-d", "-f"),
    }
    words = {short: name for name, (short, _) in BOUNDS.items()}
    for op, options in takes.items():
        for option, dialect, form in product(options, ("torch", "keras", "any"), ("table", "json")):
            value = () if option == "--ceil-mode" else ("2",)
            rest = ("--op", op, "--dialect", dialect, "--format", form)
            cases.append(Line((*SOLVE, option, *value, *rest), words.get(option, "ceil-mode")))
    more = contradictory_channels()
    return cases + more


def seven_x_lines() -> list[Line]:
    values = ("7x", "x7", "7xx7", "x", "7x7x", "x7x7", "7 x", "xx", "7X", "x 7", "7x7x7x")
    more = with_channels(*values, "7x:3", "3:x7") + verified(*values)
    return everywhere(values) + more


def unknown_lines() -> list[Line]:
    names = ("deconv", "conv_transposed", "", "ANY ", "pool", "tourch", "jax", "xml", "🙂", "a b")
    lines = [
        Line((*SOLVE, option, name), option)
        for option, name in product(("--op", "--dialect", "--format"), names)
    ]
    lines += [
        Line(("size", "Conv(3)", "28", option, name), option)
        for option, name in product(("--dialect", "--format"), names)
    ]
    lines += [Line((name, "7", "--from", "4"), "command") for name in names if name]
    for option in ("--kernel", "--strides", "--colour", "-z", "--filters"):
        lines.append(Line((*SOLVE, option, "3"), option))
        lines.append(Line(("size", "Conv(3)", "28", option), option))
    layers = (
        "nn.Convv2d(3, 8, 3)",
        "Foo(3)",
        "nn.Linearr(3)",
        "keras.layers.Conv7D(8, 3)",
        "x.y(1)",
    )
    lines += [Line(("size", layer, "28"), "known") for layer in layers]
    for keyword in ("kernel", "strides", "paddings", "colour", "filters", "__class__"):
        lines.append(Line(("size", f"nn.Conv2d(3, 8, 3, {keyword}=1)", "28"), keyword))
        lines.append(Line(("size", f"Conv(3, {keyword}=1)", "28"), keyword))
    more = with_names(*[name for name in names if name != "jax"], "jax", "onyx", "numpi")
    return lines + more


def axis_lines() -> list[Line]:
    lines = []
    shapes = {1: "7", 2: "7x7", 3: "7x7x7", 4: "7x7x7x7", 5: "7x7x7x7x7"}
    for (m, target), (n, source) in product(shapes.items(), shapes.items()):
        if m > 3 or n > 3 or (m != n and min(m, n) > 1):
            word = "axes" if m > 3 or n > 3 else "source"
            lines.append(Line(("solve", target, "--from", source), word))
    for name, (m, size) in product(BOUNDS, [(2, "7x14"), (3, "7x7x7")]):
        for count in (2, 3, 4):
            if count != m:
                rest = ("--op", "resize-conv") if name == "factor" else ()
                bound = "x".join(["1"] * count)
                options = (BOUNDS[name][0], bound, *rest)
                lines.append(Line(("solve", size, "--from", size, *options), name))
    for axes, (count, size) in product((1, 2, 3), shapes.items()):
        if count not in (1, axes):
            for layer in ("Conv", "ConvTranspose"):
                text = f"nn.{layer}{axes}d(3, 8, 3)"
                lines.append(Line(("size", text, size), "axes"))
    for count in (1, 3, 4):
        entries = "(" + "3," * count + ")"
        lines.append(Line(("size", f"nn.Conv2d(3, 8, {entries})", "28"), "kernel_size"))
        lines.append(Line(("size", f"Conv2D(8, 3, strides={entries})", "28"), "strides"))
    more = with_channels("3", "3:4:5", "3x3", "1:2:3:4")
    return lines + more


def too_large_lines() -> list[Line]:
    """Questions that are too large to run: no framework is waited for."""
    lines = []
    for size, name in product(
        ("100000", "10**12", "3e17x4", "10**6x10**6"), ("numpy", "torch,keras")
    ):
        lines += [
            Line(("verify", "Conv(3)", size, "--with", name), "too_large"),
            Line(("solve", size, "--from", size, "--verify", name), "too_large"),
        ]
    for channels in ("10**9:1", "1:10**12", "10**5:10**5"):
        more = ("--channels", channels)
        lines += [
            Line(("verify", "Conv(3)", "28", *more), "too_large"),
            Line((*SOLVE, "--verify", "numpy", *more), "too_large"),
        ]
    return lines


def contradictory_channels() -> list[Line]:
    """Channels for nothing, and channels that are not those of the layer."""
    lines = [
        Line((*SOLVE, "--channels", "3:4", "--format", form), "--channels")
        for form in ("table", "json", "csv", "markdown")
    ]
    for layer, channels in (
        ("nn.Conv2d(3, 8, 3)", "4:8"),
        ("nn.Conv2d(3, 8, 3)", "3:9"),
        ("nn.ConvTranspose2d(3, 8, 3)", "8:3"),
        ("Conv2D(8, 3)", "3:9"),
        ("Conv(3, in_channels=3, out_channels=8)", "2:8"),
    ):
        for checkers in ("numpy", "torch", "torch,keras"):
            arguments = ("verify", layer, "28", "--with", checkers, "--channels", channels)
            lines.append(Line(arguments, "channels"))
    for flag in NAMED:
        value = {"--verify": "numpy", "--code": "torch"}[flag]
        lines.append(Line((*SOLVE, flag, value, "--all", "--limit", "3"), "--limit"))
    return lines


LINES = dict(
    zip(
        CLASSES,
        [
            negative_lines(),
            zero_lines(),
            text_lines(),
            boolean_lines(),
            float_lines(),
            huge_lines(),
            empty_lines(),
            contradiction_lines(),
            seven_x_lines(),
            unknown_lines(),
            axis_lines(),
        ],
        strict=True,
    )
)


def told(line: Line) -> str | None:
    """What is wrong with what the command line said, or None."""
    result = CliRunner().invoke(main, line.arguments)
    said = result.stderr
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return f"raised {result.exception!r}"
    if result.exit_code != 2:
        return f"exit code {result.exit_code}"
    if result.stdout:
        return f"on stdout: {result.stdout[:100]!r}"
    if "Traceback" in said or "Error: " not in said:
        return f"said {said!r}"
    error = said[said.index("Error: ") :].lower().replace("-", "_")
    if line.word.lower().replace("-", "_").strip("_") not in error.replace(" ", "_"):
        return f"does not name {line.word}: {said!r}"
    if not WAY_OUT.search(error):
        return f"no way out: {said!r}"
    return f"too long: {len(said)}" if len(said) > 3_000 else None


def timed(check: Callable[[Any], str | None], case: Any) -> str | None:
    """What a check finds wrong with one case, or that it took too long."""
    start = time.process_time()
    fault = check(case)
    seconds = time.process_time() - start
    return fault or (f"{seconds:.1f} s" if seconds > SECONDS else None)


@pytest.mark.parametrize("name", CLASSES)
def test_command_line(name: str) -> None:
    faults = [(line.arguments, fault) for line in LINES[name] if (fault := timed(told, line))]
    for arguments, fault in faults:
        print([argument[:60] for argument in arguments], fault, sep="\n    ")  # noqa: T201
    assert not faults


def test_a_layer_that_refuses_a_size_ends_with_1() -> None:
    result = CliRunner().invoke(main, ["size", "nn.Conv2d(3, 8, 5)", "4"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "refuses size 4" in result.stderr


# The library.

ALLOWED = (
    dc.QueryError,
    dc.LayerError,
    dc.NotationError,
    dc.SizeError,
    CheckError,
    TypeError,
)
BOUND_NAMES = ("kernel_size", "stride", "padding", "output_padding", "dilation", "factor")


def asked(value: Any, names: tuple[str, ...] = BOUND_NAMES) -> list[Call]:
    """A question with each bound."""
    calls = []
    for name in names:
        op = "resize_conv" if name == "factor" else "conv_transpose"
        calls.append(Call(dc.solve, (7,), {"source": 4, "op": op, name: value}, name))
    return calls


UP = dc.ConvTranspose(6, stride=2)
CERTIFICATE = {
    "layers": ["dc.ConvTranspose(6, stride=2)"],
    "size": [4, 4],
    "checker": "numpy",
    "dtype": "float32",
    "channels": [2, 3],
    "seed": 0,
}


def counted(*values: Any) -> list[Call]:
    """Each value as the channels and as one of them, and as the seed of verify."""
    calls = []
    code = dc.convert(UP, to="torch").code
    for value in values:
        for channels in (value, (value, 3), (3, value)):
            calls.append(Call(dc.verify, (UP, 4, "numpy"), {"channels": channels}, "channels"))
            calls.append(Call(code, (channels,), {}, "channels"))
            calls.append(Call(dc.solve(7, source=4)[0].code, ("keras", channels), {}, "channels"))
        if value is False or value != 0:  # a seed may be 0
            calls.append(Call(dc.verify, (UP, 4, "numpy"), {"seed": value}, "seed"))
            calls.append(Call(dc.recheck, (CERTIFICATE | {"seed": value},), {}, "seed"))
    return calls


def run_at(*values: Any) -> list[Call]:
    """Each value as the input size of what runs layers or converts them."""
    calls = []
    for value in values:
        calls += [
            Call(dc.verify, (UP, value, "numpy"), {}, "size"),
            Call(dc.verify, (UP, (value, 4), "numpy"), {}, "size"),
            Call(dc.convert, (UP,), {"to": "keras", "size": value}, "size"),
            Call(dc.convert, (UP,), {"to": "torch", "size": (4, value)}, "size"),
            Call(dc.recheck, (CERTIFICATE | {"size": [value]},), {}, "size"),
        ]
    return calls


def named(*values: Any) -> list[Call]:
    """Each value as a name: of checkers, of a kind of floats, of a framework."""
    calls = []
    for value in values:
        calls += [
            Call(dc.verify, (UP, 4, value), {}, "checker"),
            Call(dc.verify, (UP, 4, ["numpy", value]), {}, "checker"),
            Call(dc.verify, (UP, 4, "numpy"), {"dtype": value}, "dtype"),
            Call(dc.convert, (UP,), {"to": value}, "dialect"),
            Call(dc.solve(7, source=4)[0].code, (value,), {}, "dialect"),
            Call(dc.recheck, (CERTIFICATE | {"checker": value},), {}, "checker"),
            Call(dc.recheck, (CERTIFICATE | {"dtype": value},), {}, "dtype"),
        ]
    return calls


def certificates() -> list[Call]:
    """Certificates without one of their fields, and what is none."""
    calls = [
        Call(dc.recheck, ({n: v for n, v in CERTIFICATE.items() if n != name},), {}, name)
        for name in CERTIFICATE
    ]
    others: tuple[Any, ...] = (None, 3, "x", [], (), {}, b"x", 2.5, True)
    calls += [Call(dc.recheck, (value,), {}, "certificate") for value in others]
    for value in ([], [3], ["Convv(3)"], ["Conv(3"], 3, None):
        calls.append(Call(dc.recheck, (CERTIFICATE | {"layers": value},), {}, ""))
    return calls


def sized(value: Any) -> list[Call]:
    """Each place where a size is given."""
    places: list[tuple[Callable[..., Any], str]] = [
        (dc.Conv(3).output_size, "size"),
        (dc.ConvTranspose(4, stride=2).output_size, "size"),
        (dc.MaxPool(2, axes=2).output_size, "size"),
    ]
    return [
        Call(dc.solve, (value,), {"source": 4}, "size" if isinstance(value, bytes) else "target"),
        Call(dc.solve, (7,), {"source": value}, "size" if isinstance(value, bytes) else "source"),
        Call(dc.solve, ((value, 7),), {"source": 4}, "target"),
        *[Call(function, (value,), {}, word) for function, word in places],
    ]


WHOLE_FIELDS: list[tuple[type[Any], tuple[Any, ...], dict[str, Any], tuple[str, ...]]] = [
    (dc.Conv, (), {"kernel_size": 3}, ("kernel_size", "stride", "dilation", "groups", "axes")),
    (dc.Conv, (), {"kernel_size": 3}, ("in_channels", "out_channels")),
    (dc.ConvTranspose, (), {"kernel_size": 3}, ("kernel_size", "stride", "dilation", "groups")),
    (dc.DepthwiseConv, (), {"kernel_size": 3}, ("kernel_size", "stride", "multiplier")),
    (dc.MaxPool, (), {"kernel_size": 3}, ("kernel_size", "stride", "dilation")),
    (dc.AvgPool, (), {"kernel_size": 3}, ("kernel_size", "stride")),
    (dc.LpPool, (), {"kernel_size": 3}, ("kernel_size", "stride")),
    (dc.MaxUnpool, (), {"kernel_size": 3}, ("kernel_size", "stride")),
    (dc.Unfold, (), {"kernel_size": 3}, ("kernel_size", "stride", "dilation")),
    (dc.Fold, (), {"size": 8, "kernel_size": 3}, ("size", "kernel_size", "stride", "dilation")),
    (dc.PixelShuffle, (), {}, ("factor",)),
    (dc.PixelUnshuffle, (), {}, ("factor",)),
    (dc.AdaptivePool, (), {}, ("size",)),
    (dc.Upsample, (), {}, ("size",)),
    (dc.Dense, (), {}, ("out_features",)),
    (dc.ToSize, (), {}, ("size",)),
]
"""Layers, the arguments they cannot do without, and fields that are integers from 1."""


def built(value: Any) -> list[Call]:
    """A layer with each field that is an integer from 1."""
    return [
        Call(kind, arguments, options | {name: value}, name)
        for kind, arguments, options, names in WHOLE_FIELDS
        for name in names
    ]


def all_places(*values: Any) -> list[Call]:
    return [call for value in values for call in (*asked(value), *sized(value), *built(value))]


def negative_calls() -> list[Call]:
    calls = all_places(-1, -(10**12), np.int64(-3))
    for value in ([2, -3], range(-2, 5), {-1}, (-1, 2), ([1, -1], 2)):
        calls += asked(value)
    for text in ("nn.Conv2d(3, 8, -3)", "Conv(3, stride=-1)", "nn.MaxPool2d(2, padding=-1)"):
        calls.append(Call(dc.parse, (text,), {}, ""))
    return calls + counted(-1, -(10**12)) + run_at(-1, -(10**12))


def zero_calls() -> list[Call]:
    positive = ("kernel_size", "stride", "dilation", "factor")
    calls = [call for value in (0, np.int32(0)) for call in built(value)]
    calls += [call for value in (0, (0, 3)) for call in sized(value) if call.function is dc.solve]
    for value in (0, range(4), [0, 2], {0}, (0, 3), (range(1, 3), [0])):
        calls += asked(value, positive)
    return calls + counted(0) + run_at(0)


def text_calls() -> list[Call]:
    calls = all_places("three", "3", "", b"3")
    calls += [call for value in (["3"], [3, "x"], {"4"}, ("3", 3)) for call in asked(value)]
    for text in ("", " ", "seven", "7", "3;4", "nn.Conv2d", "Conv(3", "Conv(3))", "\0", "\ud800"):
        calls.append(Call(dc.parse, (text,), {}, ""))
    return calls + counted("3", "", "x") + run_at("3", "x") + named("", "x", "torc", b"numpy")


def boolean_calls() -> list[Call]:
    calls = all_places(True, False, np.True_)
    calls += [call for value in ([True], {2, True}, (True, 3)) for call in asked(value)]
    for value in (1, 0, "true", None, 2.0):
        calls.append(Call(dc.solve, (7,), {"op": "max_pool", "ceil_mode": value}, "ceil_mode"))
        calls.append(Call(dc.MaxPool, (3,), {"ceil_mode": value}, "ceil_mode"))
        calls.append(Call(dc.Conv, (3,), {"bias": value}, "bias"))
        if value is not None:
            calls.append(Call(dc.solve, (7,), {"shared": value}, "shared"))
    return calls + counted(True, False) + run_at(True, False)


def float_calls() -> list[Call]:
    calls = all_places(3.5, 2.0, float("inf"), float("nan"), np.float64(3), 1e300, 2j)
    return (
        calls
        + [call for value in ([1.5], {2.0}, (1.5, 3)) for call in asked(value)]
        + counted(3.5, 2.0, float("nan"))
        + run_at(3.5, 2.0, float("inf"))
    )


def empty_calls() -> list[Call]:
    values: tuple[Any, ...] = (
        range(0),
        range(5, 2),
        range(1, 1),
        [],
        set(),
        frozenset(),
        ([], 3),
        (3, range(9, 9)),
    )
    return [call for value in values for call in asked(value)] + certificates()


def contradiction_calls() -> list[Call]:
    unused = {
        "conv_transpose": ("factor", "ceil_mode"),
        "conv": ("output_padding", "factor", "ceil_mode"),
        "resize_conv": ("output_padding", "stride", "ceil_mode"),
        "pixel_shuffle": ("kernel_size", "stride", "padding", "output_padding", "dilation"),
        "max_pool": ("output_padding", "factor"),
        "avg_pool": ("output_padding", "factor", "dilation"),
    }
    calls = []
    for op, names in unused.items():
        for name, dialect in product(names, ("torch", "keras", "any")):
            value = True if name == "ceil_mode" else 2
            options = {"source": 4, "op": op, "dialect": dialect, name: value}
            calls.append(Call(dc.solve, (7,), options, name))
    clashes: list[tuple[dict[str, Any], str]] = [
        ({"padding": ["same", 1]}, "padding"),
        ({"padding": {"valid", 0}}, "padding"),
        ({"shared": True, "kernel_size": (3, 5)}, "shared"),
        ({"shared": True, "stride": (range(1, 3), 2)}, "shared"),
    ]
    for bounds, word in clashes:
        calls.append(Call(dc.solve, (7,), {"source": 4, **bounds}, word))
    return calls


def seven_x_calls() -> list[Call]:
    rng = random.Random("7x")
    values = ["7x", "x7", "7x7", "7xx7", "x", "7 x 7"]
    values += ["".join(rng.choices("x79 ", k=rng.randint(1, 6))) for _ in range(6)]
    calls = [call for value in values for call in (*sized(value), *asked(value))]
    return (
        calls
        + [Call(dc.parse, (f"Conv({value})",), {}, "") for value in ("7x", "x7", "7x7")]
        + counted("7x", "x7")
        + run_at("7x", "x7", "7x7")
    )


def unknown_calls() -> list[Call]:
    calls = []
    for name in ("deconv", "conv-transposed", "", "ANY", "pool", "torch ", "🙂", "__class__"):
        calls += [
            Call(dc.solve, (7,), {"op": name}, "op"),
            Call(dc.solve, (7,), {"dialect": name}, "dialect"),
            Call(dc.parse, ("Conv(3)",), {"dialect": name}, "dialect"),
            Call(dc.solve, (7,), {"padding": name}, "padding"),
            Call(dc.solve, (7,), {"output_padding": name}, "output_padding"),
            Call(dc.Conv, (3,), {"padding_mode": name}, "padding_mode"),
            Call(dc.Conv, (3,), {"padding": name}, "padding"),
            Call(dc.GlobalPool, (name,), {}, "kind"),
            Call(dc.AdaptivePool, (7,), {"kind": name}, "kind"),
            Call(dc.Same, (name,), {}, "odd"),
            Call(dc.ToSize, (7, name), {}, "split"),
            Call(dc.parse, (f"nn.Conv2d(3, 8, 3, padding_mode={name!r})",), {}, "padding_mode"),
            Call(dc.parse, (f"{name or 'x'}.Foo(3)",), {}, ""),
        ]
    others: tuple[Any, ...] = (None, 3, ["conv"], ("conv", "conv"), b"conv", {})
    for value in others:
        calls.append(Call(dc.solve, (7,), {"op": value}, "op"))
        calls.append(Call(dc.solve, (7,), {"dialect": value}, "dialect"))
        if value is not None:
            calls.append(Call(dc.Same, (value,), {}, "odd"))
    return calls + named("jax", "onyx", "🙂", "__class__", "numpy torch")


def axis_calls() -> list[Call]:
    calls = []
    for m, n in product(range(6), range(6)):
        if m != n or not 1 <= m <= 3:
            arguments: tuple[Any, ...] = ((7,) * m,)
            calls.append(Call(dc.solve, arguments, {"source": (4,) * n}, "axes"))
        if m not in (0, n) and 1 <= n <= 3:
            calls += [
                Call(dc.Conv(3, axes=n).output_size, ((7,) * m,), {}, "axes"),
                Call(dc.Conv, ((3,) * m,), {"axes": n}, "kernel_size"),
                Call(dc.MaxPool, ((2,) * n,), {"stride": (2,) * m}, "axes"),
                Call(dc.solve, ((7,) * n,), {"source": 4, "stride": (2,) * m}, "stride"),
            ]
    for axes in (0, 4, -1, 10**30):
        calls.append(Call(dc.Conv, (3,), {"axes": axes}, "axes"))
    return calls


def huge_calls() -> list[Call]:
    """Texts that are too long, too deep or too large; huge numbers are asked further below."""
    texts = (
        "a" * 20_000,
        "(" * 9_000,
        "[" * 200 + "]" * 200,
        "-" * 9_999 + "3",
        "Conv(" + "-" * 9_000 + "3)",
        "Conv(" + "not " * 2_000 + "3)",
        "Conv(" + "1+" * 4_000 + "1)",
        "a" + ".a" * 4_000 + "()",
        "Conv(3" + ", 3" * 3_000 + ")",
        "Conv(" + "9" * 101 + ")",
        "Conv(" + "9" * 5_000 + ")",
        "Conv(0x" + "f" * 5_000 + ")",
        "Conv(1e999)",
        "Conv(3, stride=10**10**10)",
        "Conv('" + "x" * 9_000 + "')",
        "Conv(" + "()," * 3_000 + ")",
        "Conv(3)" + "(x)" * 3_000,
        "Conv(3);" * 1_000,
        "Conv(3)\n" * 1_000,
        "Conv(" + "lambda: " * 1_000 + "3)",
        "Conv(3 if 1 else " * 300 + ")" * 300,
        "Conv(" + "{" * 39 + "}" * 39 + ")",
        "nn.Conv2d(3, 8, " + "9" * 4_300 + ")",
    )
    calls = [Call(dc.parse, (text,), {}, "") for text in texts]
    for value in (10**19, 10**40, 10**400, 2**63):
        calls += [
            Call(dc.Conv, (3,), {"axes": value}, "axes"),
            Call(dc.solve, ((7,) * 4,), {"source": value}, "axes"),
            Call(dc.Conv(value).output_size, (value - 1,), {}, "size"),
            Call(dc.solve, (7,), {"source": 4, "stride": range(value, 1)}, "stride"),
        ]
    return calls


CALLS = dict(
    zip(
        CLASSES,
        [
            negative_calls(),
            zero_calls(),
            text_calls(),
            boolean_calls(),
            float_calls(),
            huge_calls(),
            empty_calls(),
            contradiction_calls(),
            seven_x_calls(),
            unknown_calls(),
            axis_calls(),
        ],
        strict=True,
    )
)


def refused(call: Call) -> str | None:
    """What is wrong with how the library refused a call, or None."""
    try:
        value = call.function(*call.arguments, **call.options)
    except ALLOWED as error:
        said = str(error).lower().replace(" ", "_")
        own = isinstance(error, dc.DeconvcalcError)
        if not own and any(part in said for part in ("unsupported", "unhashable", "nonetype'")):
            return f"an error of Python's own: {error!r}"
        return None if call.word in said else f"does not name {call.word}: {error}"
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the wrong one
        return f"raised {type(error).__name__}: {error}"
    return f"gave {type(value).__name__}"


@pytest.mark.parametrize("name", CLASSES)
def test_library(name: str) -> None:
    faults = [(call, fault) for call in CALLS[name] if (fault := timed(refused, call))]
    for call, fault in faults:
        name_of = getattr(call.function, "__qualname__", "")
        print(name_of, f"{call.arguments} {call.options}"[:120], fault[:300], sep="  ")  # noqa: T201
    assert not faults


@pytest.mark.parametrize("name", CLASSES)
def test_each_class_is_large_enough(name: str) -> None:
    assert len(set(LINES[name])) >= LEAST_CASES
    assert len(CALLS[name]) >= LEAST_CASES


# Nothing that is pasted is evaluated or imported.

PASTED = (
    "__import__('os').system('touch canary')",
    "__import__('this')",
    "nn.Conv2d(3, open('canary', 'w'), 3)",
    "nn.Conv2d(3, 8, open('canary', 'w'))",
    "nn.Conv2d(3, 8, 3, padding_mode=open('canary', 'w'))",
    "nn.Conv2d(3, 8, 3, device=open('canary', 'w'))",
    "Conv2D(8, 3, activation=open('canary', 'w'))",
    "Conv2D(8, 3, kernel_initializer=__import__('this'))",
    "Conv2D(8, 3, name=__import__('this').s)",
    "Conv(3)(open('canary', 'w'))",
    "Conv(3); open('canary', 'w')",
    "Conv(3)\nimport this",
    "import this",
    "from this import s",
    "lambda: open('canary', 'w')",
    "(lambda: open('canary', 'w'))()",
    "Conv((lambda: open('canary', 'w'))())",
    "Conv(f\"{open('canary', 'w')}\")",
    "f\"{open('canary', 'w')}\"",
    "Conv(3, **vars(open('canary', 'w')))",
    "Conv(*[open('canary', 'w')])",
    "Conv([open('canary', 'w') for _ in '1'])",
    "Conv((x := open('canary', 'w')))",
    "Conv(Explicit(open('canary', 'w'), 3))",
    "Conv(3, padding=Explicit(__import__('this'), 3))",
    "().__class__.__base__.__subclasses__()",
    "Conv.__init__.__globals__['sys'].exit(3)",
    "dc.layers.sys.exit(3)",
    "x = exec('import this')",
    "exec(\"open('canary', 'w')\")",
    "eval(\"open('canary', 'w')\")",
    "this.s",
    "this.Conv2d(3, 8, 3)",
    "antigravity.nn.Conv2d(3, 8, 3)",
    "print(open('canary', 'w'))",
    "breakpoint()",
    "exit(3)",
    "class Conv(open('canary', 'w')): pass",
    "@open\ndef f(): pass",
    "with open('canary', 'w') as f: pass",
    "Conv(3) if open('canary', 'w') else Conv(4)",
    "Conv(kernel_size=3, stride=exit(3))",
    "float(open('canary', 'w'))",
    "Conv(float(open('canary', 'w')))",
    "$(touch canary)",
    "`touch canary`",
    "!touch canary",
)


def test_nothing_pasted_is_evaluated_or_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for text in ("nn.Conv2d(3, 8, 3)", "Conv2D(8, 3, activation='relu')", "Convv(3)"):
        CliRunner().invoke(main, ["size", text, "28"])
        CliRunner().invoke(main, ["solve", text, "--from", text])
        CliRunner().invoke(main, ["verify", text, "28", "--with", "numpy"])
    before = set(sys.modules)
    for text in PASTED:
        try:
            layer = dc.parse(text)
        except dc.NotationError:
            pass
        else:
            assert isinstance(layer, dc.Layer)  # what does not change sizes is read past
        for arguments in (
            ["size", text, "28"],
            ["size", "Conv(3)", text],
            ["verify", text, "28", "--with", "numpy"],
            ["verify", "Conv(3)", text],
            ["verify", "Conv(3)", "28", "--with", text],
            ["verify", "Conv(3)", "28", "--channels", text],
            ["solve", "7", "--from", "4", "--verify", text],
            ["solve", "7", "--from", "4", "--code", text],
            ["solve", "7", "--from", "4", "--code", "torch", "--channels", text],
            ["solve", text],
            ["solve", "7", "--from", text],
            ["solve", "7", "--from", "4", "-k", text],
            ["solve", "7", "--from", "4", "--op", text],
            ["solve", "7", "--from", "4", "--format", text],
        ):
            result = CliRunner().invoke(main, arguments)
            assert isinstance(result.exception, SystemExit | None)
            assert result.exit_code == 2 or arguments[1] == text
            assert result.exit_code in (0, 2)
    assert not {"this", "antigravity"} & set(sys.modules)
    assert set(sys.modules) == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "value", ["__import__('os').system('touch canary')", "exit(3)", "open('canary', 'w')"]
)
def test_no_value_is_evaluated(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for call in (*asked(value), *sized(value), *built(value)):
        assert refused(call) is None
    assert list(tmp_path.iterdir()) == []


# Numbers that are huge and legal.


@pytest.mark.parametrize("number", [10**12, 2**63 - 1, 2**63, 10**19, 10**30, 10**400])
def test_huge_sizes_and_parameters_are_exact(number: int) -> None:
    assert dc.Conv(3).output_size(number) == number - 2
    assert dc.ConvTranspose(number, stride=2).output_size(3) == number + 4
    assert dc.Conv(3, stride=number).output_size(28) == 1
    assert dc.PixelShuffle(number).output_size(7) == 7 * number
    assert dc.Conv(3, padding=dc.Same()).output_size((number, 7)) == (number, 7)


FAR = 10**18
WIDE: tuple[tuple[Any, dict[str, Any]], ...] = (
    *[
        (7, {"source": 4, "op": op, name: range(1, last)})
        for op in ("conv_transpose", "conv", "max_pool", "resize_conv", "any")
        for name, last in product(("kernel_size", "padding", "stride", "dilation"), (10**12, FAR))
    ],
    *[(7, {"source": n, "padding": p}) for n, p in product((4, 1), (10**12, 10**17, FAR))],
    *[(7, {"source": 4, name: 10**12}) for name in ("stride", "dilation", "output_padding")],
    (FAR, {"source": 1}),
    (10**12, {"source": 5 * 10**11, "padding": FAR}),
    (10**17, {"source": 10**5, "dialect": "keras"}),
    ((7, 7, 10**17), {"source": 1}),
    (7, {"kernel_size": range(1, FAR)}),
    (FAR, {"op": "pixel_shuffle", "factor": range(1, FAR)}),
    (3, {"source": 10**12, "op": "conv", "dilation": [2, 10**11]}),
    (3, {"source": 10**12, "op": "max_pool", "ceil_mode": True, "stride": range(1, 10**12)}),
)


@pytest.mark.parametrize("question", WIDE, ids=str)
def test_wide_bounds_are_answered_or_refused(question: tuple[Any, dict[str, Any]]) -> None:
    target, bounds = question
    start = time.process_time()
    try:
        answers = dc.solve(target, **bounds)
        told = bool(answers) is (answers.total > 0) is (answers.reason is None)
    except dc.QueryError as error:
        told = bool(error.hint)
    assert told
    assert time.process_time() - start < SECONDS


# A megabyte of text.

MEGABYTE = {
    "brackets": "(" * 10**6,
    "closed brackets": "(" * 500_000 + ")" * 500_000,
    "square brackets": "[" * 10**6,
    "signs": "-" * 10**6,
    "attributes": "a" + ".a" * 10**5,
    "digits": "9" * 10**6,
    "a long sum": "n" + "+n" * 500_000,
    "a long product": "2*" * 500_000 + "n",
    "axes": "9x" * 500_000 + "9",
    "as much as is read": "9" * 10_000,
    "as many signs as are read": "-" * 10_000,
}

ASKED: dict[str, Callable[[str], object]] = {
    "parse": dc.parse,
    "an argument": lambda text: dc.parse(f"nn.Conv2d({text})"),
    "target": dc.solve,
    "condition": lambda text: dc.solve("2*n", where=text),
}

TYPED: dict[str, Callable[[str], list[str]]] = {
    "target": lambda text: ["solve", text],
    "target after --": lambda text: ["solve", "--", text],
    "condition": lambda text: ["solve", "2n", "--where", text],
    "source": lambda text: ["solve", "7", "--from", text],
    "bound": lambda text: ["solve", "7", "--from", "4", "-k", text],
    "layer": lambda text: ["size", text, "28"],
    "size": lambda text: ["size", "nn.Conv2d(1, 1, 3)", text],
    "size to verify": lambda text: ["verify", "nn.Conv2d(1, 1, 3)", text],
    "verb": lambda text: [text],
}


def soon(begun: float) -> None:
    assert time.process_time() - begun < SECONDS


@pytest.mark.parametrize("text", MEGABYTE.values(), ids=MEGABYTE)
@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_a_megabyte_of_text_is_refused_soon(ask: Callable[[str], object], text: str) -> None:
    begun = time.process_time()
    with pytest.raises(dc.DeconvcalcError) as caught:
        ask(text)
    soon(begun)
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize("text", MEGABYTE.values(), ids=MEGABYTE)
@pytest.mark.parametrize("typed", TYPED.values(), ids=TYPED)
def test_a_megabyte_is_typed(typed: Callable[[str], list[str]], text: str) -> None:
    begun = time.process_time()
    result = CliRunner().invoke(main, typed(text))
    soon(begun)
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert not result.stdout
    assert "Traceback" not in result.stderr
    assert len(result.stderr) < 1_500
