"""Run real PyTorch and Keras layers forward, one JSON line for each.

This file is run as a script in a process of its own: a framework is slow to load, prints what it
likes, and can take the process down with it. A line on stdin is a configuration:

    {"framework": "torch", "name": "Conv2d", "args": [2, 3], "kwargs": {"kernel_size": [3, 2]},
     "sizes": [7, 9], "channels": 2}

and a line on stdout says what the real constructor and the real forward pass made of it:

    {"ok": true, "sizes": [5, 8]}
    {"ok": false, "error": "RuntimeError: Calculated padded input size per channel ..."}

JSON lists stand for tuples. Sizes are spatial: neither the batch (always 1) nor the channels are
among them; where "channels" is null there is no channel axis at all. PyTorch runs with channels
first and in eval mode, Keras with channels last and training=False.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[[dict[str, Any]], list[int]]


def tuples(value: Any) -> Any:
    """The value with every list in it made a tuple."""
    if isinstance(value, list):
        return tuple([tuples(item) for item in value])
    return value


def build(module: Any, configuration: dict[str, Any]) -> Any:
    """The layer of a configuration, from the framework's own constructor."""
    keywords = {name: tuples(value) for name, value in configuration["kwargs"].items()}
    return getattr(module, configuration["name"])(*tuples(configuration["args"]), **keywords)


def torch_runner() -> Run:
    """Load PyTorch; the function that runs one of its layers."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(0)
    torch.set_grad_enabled(False)

    def run(configuration: dict[str, Any]) -> list[int]:
        layer = build(nn, configuration).eval()
        channels, sizes = configuration["channels"], configuration["sizes"]
        lead = (1,) if channels is None else (1, channels)
        if configuration["name"].startswith("MaxUnpool"):
            pool = build(nn, pooling(configuration))
            pooled = pool(torch.rand(*lead, *unpooled_sizes(layer, sizes)))
            return list(layer(*pooled).shape[len(lead) :])
        return list(layer(torch.rand(*lead, *sizes)).shape[len(lead) :])

    return run


def pooling(configuration: dict[str, Any]) -> dict[str, Any]:
    """The max pool whose indices an unpooling takes: the same window, returning its indices."""
    name = configuration["name"].replace("MaxUnpool", "MaxPool")
    return configuration | {
        "name": name,
        "kwargs": configuration["kwargs"] | {"return_indices": True},
    }


def unpooled_sizes(layer: Any, sizes: list[int]) -> list[int]:
    """The sizes that the pool of an unpooling takes; it refuses those that it cannot take."""
    window = (layer.kernel_size, layer.stride, layer.padding)
    columns = [column * len(sizes) if len(column) == 1 else column for column in window]
    unpooled = []
    for n, k, s, p in zip(sizes, *columns, strict=False):
        whole = all(isinstance(value, int) for value in (k, s, p))
        unpooled.append(max((n - 1) * s + k - 2 * p, 0) if whole else n)
    return unpooled


class BuildError(Exception):
    """Keras refuses to build a layer that it did not run, or ran to an empty tensor."""


def keras_runner() -> Run:
    """Load Keras on TensorFlow; the function that runs one of its layers.

    The forward pass decides. TensorFlow lets some of them return an empty tensor; then Keras's own
    symbolic build of the same layer decides, as it does in every model that starts with an Input.
    A configuration marked "lethal" would kill the process: it is built, and not run.
    """
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
        channels, sizes = configuration["channels"], configuration["sizes"]
        shape, end = (sizes, None) if channels is None else ([*sizes, channels], -1)
        if not configuration.get("lethal"):
            values = random.random((1, *shape), dtype=np.float32)
            output = list(build(keras.layers, configuration)(values).shape[1:end])
            if 0 not in output:
                return output
        try:
            return list(build(keras.layers, configuration)(keras.Input(shape)).shape[1:end])
        except Exception as error:
            raise BuildError(str(error)) from error

    return run


RUNNERS: dict[str, Callable[[], Run]] = {"torch": torch_runner, "keras": keras_runner}


def answer(configuration: dict[str, Any], runs: dict[str, Run]) -> dict[str, Any]:
    """Run one configuration; the first of a framework loads it."""
    framework = configuration["framework"]
    try:
        if framework not in runs:
            runs[framework] = RUNNERS[framework]()
    except Exception as error:  # noqa: BLE001 - a framework that does not load refuses nothing
        return {"ok": False, "died": True, "error": f"{framework} does not load: {error}"}
    try:
        return {"ok": True, "sizes": runs[framework](configuration)}
    except Exception as error:  # noqa: BLE001 - whatever a framework raises is a refusal
        text = " ".join(re.sub(r"\x1b\[\d*m", "", str(error)).split())
        return {"ok": False, "error": f"{type(error).__name__}: {text[:300]}"}


def private_stdout() -> TextIO:
    """The real stdout; what a framework prints there goes to stderr from now on."""
    private = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    return private


def main() -> None:
    """Answer the lines of stdin until they end."""
    output = private_stdout()
    runs: dict[str, Run] = {}
    for line in sys.stdin:
        output.write(json.dumps(answer(json.loads(line), runs)) + "\n")
        output.flush()


if __name__ == "__main__":
    main()
