"""Run real Keras networks forward, one JSON line for each question.

This file is run as a script in a process of its own. A line on stdin is a question:

    {"net": "unet", "args": [2], "sizes": [[16, 16], [17, 16]], "whole": true}

It names a function of `keras_nets` or `keras_zoo` and its arguments. A line on stdout says, for
each size, what the real forward pass made of it: the shapes of all layers without the batch (of the
outputs alone where "whole" is false), or the error:

    [{"ok": true, "shapes": {"conv": [16, 16, 4]}}, {"ok": false, "error": "..."}]

A pass that leaves an empty tensor somewhere counts as an error: TensorFlow lets it through. oneDNN
is off, as a max pool with a window of n + 1 would end the process with it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO


def main(answers: TextIO) -> None:
    """Answer every line of stdin."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

    import keras

    from tests.models import keras_nets, keras_zoo

    held: dict[str, Any] = {}
    for line in sys.stdin:
        question = json.loads(line)
        key = json.dumps([question["net"], question["args"]])
        if key not in held:
            keras.utils.clear_session()  # layers without names are counted from 1 again
            home = keras_zoo if hasattr(keras_zoo, question["net"]) else keras_nets
            held[key] = getattr(home, question["net"])(*question["args"])
        found = [_one(held[key], size, question["whole"]) for size in question["sizes"]]
        answers.write(json.dumps(found) + "\n")
        answers.flush()


def _one(model: Any, size: list[int], whole: bool) -> dict[str, Any]:
    try:
        return {"ok": True, "shapes": run(model, size, whole)}
    except Exception as error:  # noqa: BLE001 - whatever a framework raises is an answer
        return {"ok": False, "error": f"{type(error).__name__}: {error}"[:500]}


def run(model: Any, size: list[int], whole: bool) -> dict[str, list[int]]:
    """One forward pass: the shapes of all layers, or of the outputs."""
    import keras
    import numpy as np

    channels = getattr(model, "taken", 3)
    if hasattr(model, "inputs"):
        wanted = [tensor.shape[1:] for tensor in model.inputs]
    else:
        wanted = [(*[None] * len(size), channels)]
    left = list(size)
    given = []
    for shape in wanted:
        # A size for each axis but the last, in order: those that an input fixes count too.
        filled = [left.pop(0) if axis < len(shape) - 1 else n for axis, n in enumerate(shape)]
        given.append(np.zeros([1, *filled], "float32"))
    names, tensors = [], []
    if whole:
        for operation in model.operations:
            for tensor in keras.tree.flatten(operation.output):
                names.append(operation.name)
                tensors.append(tensor)
        probe = held_probe(model, tensors)
    else:
        probe = model
    made = keras.tree.flatten(probe(given if len(given) > 1 else given[0]))
    names = names or [f"output{place}" for place in range(len(made))]
    found = {name: [int(n) for n in one.shape[1:]] for name, one in zip(names, made, strict=True)}
    empty = [name for name, shape in found.items() if 0 in shape]
    if empty:
        raise ValueError(f"{empty[0]} is empty")
    return found


PROBES: dict[int, Any] = {}


def held_probe(model: Any, tensors: list[Any]) -> Any:
    """The model that gives all of these tensors, made once."""
    import keras

    if id(model) not in PROBES:
        PROBES[id(model)] = keras.Model(model.inputs, tensors)
    return PROBES[id(model)]


if __name__ == "__main__":
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a framework prints is no answer
    main(replies)
