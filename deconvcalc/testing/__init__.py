"""Assertions about sizes: for test suites, and for the start of training scripts and searches.

They raise an `AssertionError` that says what was expected, what there is, how that comes about and
what the way out is; so they work in pytest, in unittest and in any program. What cannot be decided
raises a `CheckError`: an assertion that shows nothing does not pass.

>>> import deconvcalc as dc
>>> dc.testing.assert_output_size(dc.ConvTranspose(6, stride=2), 28, 60)
>>> dc.testing.assert_admissible([dc.MaxPool(2), dc.Upsample(2)], "n >= 2")
>>> dc.testing.assert_same(dc.Conv(3, padding=1), [dc.Pad(1), dc.Conv(3)])
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from deconvcalc.testing import strategies

if TYPE_CHECKING:
    import unittest
    from collections.abc import Sequence

    from deconvcalc.assertions.outcome import Outcome

__all__ = [
    "assert_admissible",
    "assert_holds",
    "assert_output_size",
    "assert_same",
    "strategies",
    "suite",
]

_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep
__unittest = True  # unittest's tracebacks end at the test's own line


def assert_output_size(
    model: Any,
    input: Any,  # noqa: A002 - what it is called everywhere
    output: Any,
    *,
    channels: Any = None,
    verify: str | Sequence[str] | None = None,
) -> None:
    """Assert what size comes out of a layer or a model.

    Args:
        model: whatever `dc.trace` takes: a layer, a list of layers, a `Model`, a torch module, a
            Keras model, the path of a file, or pasted text.
        input: the spatial size that goes in, in pixels: an int for all axes, or a tuple of one per
            axis; a dict by the names of inputs. Or a condition in n as text, such as
            "n % 32 == 0": then `output` has to hold for every such n.
        output: the spatial size that comes out, likewise; or a dict of them by the names of nodes.
            For a condition a function of n as text, such as "2n".
        channels: how many go in, where the model does not say.
        verify: checkers that build real layers and run them at this input, which has to be a
            size: "torch", "keras", "onnx" or "numpy", by commas or in a list.

    Raises:
        AssertionError: another size comes out, or the input does not run; or a checker says so.
        CheckError: it cannot be decided, for example because a framework is missing.
        QueryError: checkers, and no size to run them at.

    >>> import deconvcalc as dc
    >>> dc.testing.assert_output_size("nn.Conv2d(3, 8, 3, stride=2, padding=1)", (28, 30), (14, 15))
    >>> dc.testing.assert_output_size(dc.MaxPool(2), "n >= 2", "n//2")
    >>> dc.testing.assert_output_size(dc.PixelShuffle(2), 28, 57)
    Traceback (most recent call last):
        ...
    AssertionError: FAILED PixelShuffle(2) (output)
      expected  57
      got       56
      because     m = n*factor    with factor = 2
                    = 28*2
                    = 56
                  source       torch.nn.PixelShuffle, section Shape
                  in n         2*n,  for n >= 1
                  no loss      every n that is taken
                  same output  28
      nearest   h: no input gives 57
                w: no input gives 57
    """
    __tracebackhide__ = True
    _raise(_decided(model, input, None, channels, {"output": output}, verify))


def assert_admissible(
    model: Any, condition: Any, *, at_least: bool = False, channels: Any = None
) -> None:
    """Assert which inputs a layer or a model runs on.

    Args:
        model: as for `assert_output_size`.
        condition: what holds of the sizes of an input that runs, as a condition in n, the size in
            pixels along every axis: "n % 32 == 0". A list has one for each axis, a dict one for
            each by its name. Sets of sizes (`Sizes`) do too.
        at_least: whether other inputs may run as well.
        channels: how many go in, where the model does not say.

    Raises:
        AssertionError: an input that meets the condition does not run, or one that does not runs.
        CheckError: it cannot be decided, or no size meets the condition.

    >>> import deconvcalc as dc
    >>> dc.testing.assert_admissible(dc.PixelUnshuffle(2), "n even")
    >>> dc.testing.assert_admissible(dc.Conv(3), "n >= 8", at_least=True)
    """
    __tracebackhide__ = True
    stated = {"admits" if at_least else "admissible": condition}
    _raise(_decided(model, None, None, channels, stated, None))


def assert_holds(
    model: Any,
    *,
    input: Any = None,  # noqa: A002
    inputs: Any = None,
    channels: Any = None,
    verify: str | Sequence[str] | None = None,
    **stated: Any,
) -> None:
    """Assert several things of a layer or a model, by the keys that they have in `deconvcalc.toml`.

    Args:
        model: as for `assert_output_size`.
        input: the spatial size that goes in, where what is asserted depends on it.
        inputs: a condition in n, where it is asserted of all that meet it.
        channels: how many go in, where the model does not say.
        verify: as for `assert_output_size`.
        stated: what must hold: `output`, `admissible`, `aligned`, `checkerboard`,
            `max_parameters`, `max_macs`, `max_memory` (bytes), `field` (pixels), and all other
            kinds of check.

    Raises:
        AssertionError: something does not hold. It tells of all that does not.
        CheckError: something cannot be decided, or nothing is stated.
        QueryError: an unknown kind, or one without the input that it needs.

    >>> import deconvcalc as dc
    >>> up = "nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1)"
    >>> dc.testing.assert_holds(up, input=28, output=56, checkerboard=False, max_parameters=400)
    """
    __tracebackhide__ = True
    _raise(_decided(model, input, inputs, channels, stated, verify))


def assert_same(
    a: Any,
    b: Any,
    sizes: Any = None,
    *,
    channels: Any = None,
    tolerance: float | None = None,
    seed: int = 0,
) -> None:
    """Assert that two layers or models give the same numbers, not only the same sizes.

    Layers without weights get the same random weights and inputs. Their sizes are compared for
    every n, and their values at the first 16 sizes that both take, for three draws of numbers, as
    the reference computes them by loops. Live models run forward with the weights that they have.

    Args:
        a: a layer, a list of layers, an answer of `solve`, or pasted text; or a live model: a torch
            module, a Keras model, or the path of an ONNX file.
        b: likewise; both are layers, or both are live.
        sizes: the input sizes to compare at, in pixels: an int for all axes, or a tuple of one per
            axis; or a list of such. Live models need it.
        channels: how many go into layers and come out of them, as a pair; for live models how many
            go in, where the model does not say.
        tolerance: how far values may lie apart, as a part of the largest one; by default 1e-12
            for layers, which are computed in float64, and 1e-4 for live models in float32.
        seed: of the weights and the inputs.

    Raises:
        AssertionError: sizes or values differ. It says where first, and at which sizes they do not.
        QueryError: a live model and one without weights; no sizes for live models.
        CheckError: too much to compute, or values that no reference knows.
        TraceError: a live model raises.
        TypeError: something that has no values.

    >>> import deconvcalc as dc
    >>> one, other = dc.Conv(3, stride=2, padding=1), dc.Conv(3, stride=2, padding=dc.Same())
    >>> dc.testing.assert_same(one, other, sizes=[7, 9])
    >>> dc.testing.assert_same(one, dc.Conv(5, stride=2, padding=2))
    Traceback (most recent call last):
        ...
    AssertionError: FAILED Conv(3, stride=2, padding=1) and Conv(5, stride=2, padding=2) (same)
      expected  the same numbers
      got       they learn kernel 3x2x3x3, bias 3, and kernel 3x2x5x5, bias 3
      hint      Compare layers that learn the same arrays.
    """
    __tracebackhide__ = True
    from deconvcalc.testing.same import Asked, compared

    _raise([compared(a, b, Asked(sizes, channels, tolerance, seed), where=_caller())])


def suite(
    path: str | os.PathLike[str],
    *,
    verify: str | Sequence[str] | None = None,
    no_import: bool = False,
) -> unittest.TestSuite:
    """The checks of a file as tests of unittest, one each.

    In a module of tests, let unittest load them too:

        def load_tests(loader, tests, pattern):
            tests.addTests(dc.testing.suite("deconvcalc.toml"))
            return tests

    Args:
        path: a `deconvcalc.toml`, or a `pyproject.toml` with a table `tool.deconvcalc`.
        verify: checkers that build real layers and run them; by default what the file says.
        no_import: whether checks that import a model by its module are an error.

    Raises:
        SpecError: a file that cannot be read, or has no check.
        QueryError: an unknown checker.
    """
    from deconvcalc.testing.cases import suite as made

    return made(path, verify, no_import=no_import)


def _decided(
    model: Any,
    input: Any,  # noqa: A002
    inputs: Any,
    channels: Any,
    stated: dict[str, Any],
    verify: str | Sequence[str] | None,
) -> list[Outcome]:
    """What comes of all that is stated, each by its own rule."""
    __tracebackhide__ = True
    from deconvcalc.assertions.kinds import KINDS, decide
    from deconvcalc.assertions.subject import Subject
    from deconvcalc.errors import CheckError, QueryError

    if verify:
        stated = stated | {"verify": verify}
    if not stated:
        raise CheckError(
            "nothing is stated, so that nothing would be shown",
            rule="vacuous",
            hint="Say what must hold, such as output=60.",
        )
    if inputs is None and is_condition(input):
        input, inputs = None, input  # noqa: A001
    model = os.fspath(model) if isinstance(model, os.PathLike) else model
    for_all = {kind.key: kind.name for kind in KINDS.values() if kind.asks == "inputs"}
    if inputs is not None and not for_all.keys() & stated.keys():
        raise QueryError(
            "inputs needs something that holds for all of them",
            rule="inputs",
            hint='State output="n", or admits="..." for inputs that must run.',
        )
    subject, where = Subject(model, channels=channels), _caller()
    found = []
    for key, value in stated.items():
        name = key if inputs is None else for_all.get(key, key)
        found.append(decide(name, subject, value, input=input, inputs=inputs, where=where))
    return found


def is_condition(input: Any) -> bool:  # noqa: A002
    """Whether an input is one or several conditions in n, and not a size."""
    from deconvcalc.assertions.subject import read_size
    from deconvcalc.errors import DeconvcalcError
    from deconvcalc.sets import Sizes

    if isinstance(input, Sizes):
        return True
    if isinstance(input, dict):
        return any(map(is_condition, input.values()))
    if isinstance(input, (list, tuple)):
        return any(map(is_condition, input))
    if not isinstance(input, str):
        return False
    try:
        read_size(input)
    except DeconvcalcError:
        return True
    return False


def _caller() -> str | None:
    """The file and the line of the first caller outside of this package; None for no file."""
    from deconvcalc.tracing.where import short

    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    file = frame.f_code.co_filename
    return None if file.startswith("<") else f"{short(file)}:{frame.f_lineno}"


def _raise(outcomes: list[Outcome]) -> None:
    """Raise what did not pass: an AssertionError where all of it was decided.

    Raises:
        AssertionError: something does not hold.
        CheckError: something could not be decided.
    """
    __tracebackhide__ = True
    from deconvcalc.errors import CheckError

    wrong = [outcome for outcome in outcomes if not outcome]
    if not wrong:
        return
    text = "\n".join([outcome.text() for outcome in wrong])
    undecided = [outcome.fault for outcome in wrong if outcome.state == "error"]
    if undecided:
        raise CheckError(text, rule=undecided[0])
    raise AssertionError(text)
