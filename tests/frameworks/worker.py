"""Run real PyTorch and Keras layers forward, one JSON line for each.

This file is run as a script in a process of its own: a framework is slow to load, prints what it
likes, and can take the process down with it.  A line on stdin is a configuration::

    {"framework": "torch", "name": "Conv2d", "args": [2, 3], "kwargs": {"kernel_size": [3, 2]},
     "sizes": [7, 9], "channels": 2}

and the line on stdout says what the real constructor and the real forward pass made of it::

    {"ok": true, "sizes": [5, 8]}
    {"ok": false, "error": "RuntimeError: Calculated padded input size per channel ..."}

JSON lists stand for tuples.  Sizes are spatial: batch (always 1) and channels are not among them.
PyTorch runs channels first, Keras channels last; both run in inference mode.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

Run = Callable[[dict[str, Any]], list[int]]


def tuples(value: Any) -> Any:
    """Return `value` with every list in it made a tuple."""
    if isinstance(value, list):
        return tuple(tuples(item) for item in value)
    return value


def keywords(configuration: dict[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments of a configuration, tuples restored."""
    return {key: tuples(value) for key, value in configuration["kwargs"].items()}


def torch_runner() -> Run:
    """Load PyTorch and return the function that runs one of its layers."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(0)
    torch.set_grad_enabled(False)

    def unpool(layer: Any, size: tuple[int, ...], channels: int) -> Any:
        """Run a MaxUnpool on values and indices that a real MaxPool returned."""
        pool = getattr(nn, type(layer).__name__.replace("MaxUnpool", "MaxPool"))
        window = zip(size, layer.kernel_size, layer.stride, layer.padding, strict=True)
        pooled = [max((n - 1) * s + k - 2 * p, 1) for n, k, s, p in window]
        arguments = (layer.kernel_size, layer.stride, layer.padding)
        try:
            values, indices = pool(*arguments, return_indices=True)(
                torch.rand(1, channels, *pooled)
            )
        except RuntimeError:  # no pool has this window: the unpooling itself has to judge it
            values = torch.rand(1, channels, *size)
            indices = torch.arange(values[0, 0].numel()).reshape(size).expand(values.shape)
        if values.shape[2:] != size:  # the same: the indices of a pool with a window of one
            values = torch.rand(1, channels, *size)
            indices = torch.arange(values[0, 0].numel()).reshape(size).expand(values.shape)
        return layer(values, indices.contiguous())

    def run(configuration: dict[str, Any]) -> list[int]:
        name, channels = configuration["name"], configuration["channels"]
        size = tuple(configuration["sizes"])
        layer = getattr(nn, name)(*map(tuples, configuration["args"]), **keywords(configuration))
        layer.eval()
        if name.startswith("MaxUnpool"):
            return list(unpool(layer, size, channels).shape[2:])
        return list(layer(torch.rand(1, channels, *size)).shape[2:])

    return run


def keras_runner() -> Run:
    """Load Keras on TensorFlow and return the function that runs one of its layers."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    import keras
    import numpy as np
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    random = np.random.default_rng(0)

    def run(configuration: dict[str, Any]) -> list[int]:
        size = tuple(configuration["sizes"])
        layer_type = getattr(keras.layers, configuration["name"])
        layer = layer_type(*map(tuples, configuration["args"]), **keywords(configuration))
        values = random.random((1, *size, configuration["channels"]), dtype=np.float32)
        output = np.asarray(layer(values, training=False) if wants_training(layer) else layer(values))
        return list(output.shape[1:-1])

    def wants_training(layer: Any) -> bool:
        return bool(getattr(layer, "_call_has_training_arg", False))

    return run


RUNNERS: dict[str, Callable[[], Run]] = {"torch": torch_runner, "keras": keras_runner}


def answer(configuration: dict[str, Any], runs: dict[str, Run]) -> dict[str, Any]:
    """Run one configuration, loading its framework first if it is the first to ask for it."""
    framework = configuration["framework"]
    if framework not in runs:
        runs[framework] = RUNNERS[framework]()
    try:
        return {"ok": True, "sizes": runs[framework](configuration)}
    except Exception as error:  # whatever a framework raises is a refusal
        text = " ".join(str(error).split())
        return {"ok": False, "error": f"{type(error).__name__}: {text[:300]}"}


def private_stdout() -> TextIO:
    """Return the real stdout, and send whatever a framework prints there to stderr."""
    private = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    return private


def main() -> None:
    """Answer the lines of stdin until it ends."""
    output = private_stdout()
    runs: dict[str, Run] = {}
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), runs)), file=output, flush=True)


if __name__ == "__main__":
    main()
