"""The layers that are held against their framework, and a stream of distinct calls for each.

`configurations("torch", "Conv")` is a list of `COUNT` calls with the sizes they are given, spread
evenly over one, two and three axes, the same on every machine. Between 20 and 60 of 100 are such
that the framework refuses them, by its own run; at least a quarter have axes that differ, dilation,
ceil_mode or uneven padding. What cannot be so is listed here, with the reason.
"""

from __future__ import annotations

import json
from typing import Any

from tests.frameworks import keras_calls, torch_calls
from tests.frameworks.drawing import Configuration, Draw

__all__ = ["COUNT", "LAYERS", "PLAIN", "UNREFUSING", "configurations", "lethal", "uneven"]

COUNT = 510
"""How many calls of each layer: at least 500, and as many for each number of axes."""

RARE = 3
"""How many of them may be lethal, and how many may ask for an empty output: below 1 of 100."""

LAYERS: dict[str, dict[str, Any]] = {"torch": torch_calls.CALLS, "keras": keras_calls.CALLS}
"""By framework and layer, what draws a call."""

UNREFUSING: dict[tuple[str, str], str] = {
    ("torch", "Identity"): "an elementwise layer has no condition on a size or a rank",
    ("torch", "Flatten"): "any axes can be made one",
    ("keras", "Identity"): "an elementwise or normalising layer has no condition on a size",
    ("keras", "Flatten"): "any axes can be made one",
}
"""The layers that have nothing to refuse, and why."""

PLAIN: dict[tuple[str, str], str] = {
    ("torch", "PixelShuffle"): "one factor for both axes",
    ("torch", "PixelUnshuffle"): "one factor for both axes",
    ("torch", "BatchNorm"): "no argument per axis",
    ("torch", "InstanceNorm"): "no argument per axis",
    ("torch", "GroupNorm"): "no argument per axis",
    ("torch", "Dropout"): "no argument per axis",
    ("torch", "Identity"): "no argument per axis",
    ("torch", "Flatten"): "no argument per axis",
    ("torch", "Unflatten"): "its sizes are no window",
    ("torch", "Linear"): "no argument per axis",
    ("keras", "GlobalMaxPooling"): "no argument per axis",
    ("keras", "GlobalAveragePooling"): "no argument per axis",
    ("keras", "Identity"): "no argument per axis",
    ("keras", "Flatten"): "no argument per axis",
    ("keras", "Reshape"): "its sizes are no window",
    ("keras", "Dense"): "no argument per axis",
}
"""The layers without an argument that could be uneven, and why."""


def ranks(framework: str, layer: str) -> tuple[int, ...]:
    """The numbers of axes that the layer exists for."""
    tables = {"torch": torch_calls.RANKS, "keras": keras_calls.RANKS}
    return tables[framework].get(layer, (1, 2, 3))


def configurations(framework: str, layer: str, count: int = COUNT) -> list[Configuration]:
    """Distinct calls of one layer, in turn for each of its numbers of axes."""
    draw = Draw(f"{framework} {layer}")
    drawn: dict[str, Configuration] = {}
    rare = {"lethal": 0, "empty": 0}
    axes = ranks(framework, layer)
    while len(drawn) < count:
        configuration = LAYERS[framework][layer](draw, axes[len(drawn) % len(axes)])
        key = json.dumps(configuration, sort_keys=True)
        kind = "lethal" if lethal(configuration) else "empty" if empty(configuration) else ""
        if key in drawn or rare.get(kind, 0) == RARE - (kind == "lethal"):
            continue
        if kind:
            rare[kind] += 1
        drawn[key] = configuration
    return list(drawn.values())


def argument(configuration: Configuration, name: str, position: int, default: Any) -> Any:
    """An argument of a call, by keyword or position."""
    args = configuration["args"]
    return args[position] if position < len(args) else configuration["kwargs"].get(name, default)


def columns(configuration: Configuration, *values: Any) -> list[tuple[int, ...]] | None:
    """Size and arguments of each axis; None where an argument is malformed."""
    axes = len(configuration["sizes"])
    rows = [value if isinstance(value, list) else [value] * axes for value in values]
    whole = all(isinstance(item, int) for row in rows for item in row)
    if not whole or any(len(row) != axes for row in rows):
        return None
    return list(zip(configuration["sizes"], *rows, strict=True))


def lethal(configuration: Configuration) -> bool:
    """Whether TensorFlow 2.21 would end its process (SIGFPE in oneDNN) on this call.

    With t = size - window + stride, a max pool without padding dies where the last axis has
    -stride < t <= 0, unless some axis has t <= -stride or 0 < t < stride: those are refused.
    An adaptive max pool pools with windows of size and of size + 1 where the output or the
    input is 1, so it dies where the last axis is so.
    """
    name = configuration["name"]
    if configuration["framework"] != "keras" or "Max" not in name or "Global" in name:
        return False
    first = argument(configuration, "pool_size", 0, 2)
    if name.startswith("Adaptive"):
        axes = columns(configuration, argument(configuration, "output_size", 0, None))
        return axes is not None and min(map(min, axes)) >= 1 and 1 in axes[-1]
    step = argument(configuration, "strides", 1, None)
    axes = columns(configuration, first, first if step is None else step)
    padding = argument(configuration, "padding", 2, "valid")
    if axes is None or str(padding).lower() != "valid" or min(map(min, axes)) < 1:
        return False
    starts = [(n - k + s, s) for n, k, s in axes]
    refused = any(t <= -s or 0 < t < s for t, s in starts)
    return not refused and starts[-1][0] <= 0


def empty(configuration: Configuration) -> bool:
    """Whether the call asks PyTorch, or a transposed convolution of Keras, for an axis of 0.

    They may return an empty tensor there, which is no size here: the ledger says so.
    """
    name = configuration["name"]
    if configuration["framework"] == "keras":
        return "Transpose" in name and 1 in configuration["sizes"] and keras_empty(configuration)
    if "ConvTranspose" in name:
        return torch_empty_transpose(configuration)
    if name == "Upsample":
        scale = argument(configuration, "scale_factor", 1, 1)
        mode = argument(configuration, "mode", 2, "nearest")
        scales = scale if isinstance(scale, list) else [scale] * len(configuration["sizes"])
        pairs = zip(configuration["sizes"], scales, strict=True)
        return mode == "area" and any(0 <= n * factor < 1 for n, factor in pairs)
    if "Pad" in name:
        sides = configuration["args"][0] if configuration["args"] else None
        sides = configuration["kwargs"].get("padding", sides)
        return 0 in padded(configuration["sizes"], sides)
    return False


def keras_empty(configuration: Configuration) -> bool:
    """Whether an even kernel with padding="same" and no output_padding meets a size of 1."""
    kwargs = {**configuration["kwargs"]}
    kernel = argument(configuration, "kernel_size", 1, 1)
    position = 5 if configuration["name"].endswith("3DTranspose") else 4
    extra = argument(configuration, "output_padding", position, None)
    rate = argument(configuration, "dilation_rate", 6, kwargs.get("dilation_rate", 1))
    axes = columns(configuration, kernel, extra, rate)
    word = argument(configuration, "padding", 3, "valid")
    if axes is None or str(word).lower() != "same":
        return False
    return any(n == 1 and e == 0 and (d * (k - 1) + 1) % 2 == 0 for n, k, e, d in axes)


def torch_empty_transpose(configuration: Configuration) -> bool:
    """Whether the output of a transposed convolution has an axis of 0."""
    lead = 1 if configuration["name"].startswith("Lazy") else 2
    names = ("kernel_size", "stride", "padding", "output_padding")
    defaults = (1, 1, 0, 0)
    values = [
        argument(configuration, name, lead + index, default)
        for index, (name, default) in enumerate(zip(names, defaults, strict=True))
    ]
    values.append(argument(configuration, "dilation", lead + 6, 1))
    single = [
        value[0] if isinstance(value, list) and len(value) == 1 else value for value in values
    ]
    axes = columns(configuration, *single)
    if axes is None:
        return False
    return any((n - 1) * s - 2 * p + d * (k - 1) + e + 1 == 0 for n, k, s, p, e, d in axes)


def padded(sizes: list[int], sides: Any) -> list[int]:
    """The sizes after torch's padding; none where it is malformed."""
    if isinstance(sides, int):
        sides = [sides] * (2 * len(sizes))
    if not isinstance(sides, list) or len(sides) != 2 * len(sizes):
        return []
    if not all(isinstance(side, int) for side in sides):
        return []
    pairs = list(zip(sides[::2], sides[1::2], strict=True))[::-1]  # the last axis comes first
    return [n + before + after for n, (before, after) in zip(sizes, pairs, strict=True)]


def uneven(configuration: Configuration) -> bool:
    """Whether axes or sides differ, or there is dilation or ceil_mode."""
    if configuration["name"] in ("CenterCrop", "Resizing"):
        return bool(
            argument(configuration, "height", 0, 0) != argument(configuration, "width", 1, 0)
        )
    values = [*configuration["args"], *configuration["kwargs"].values()]
    lists = [value for value in values if isinstance(value, list)]
    if any(item != value[0] for value in lists for item in value):
        return True
    if any(isinstance(item, list) and item[0] != item[-1] for value in lists for item in value):
        return True
    return modes(configuration)


def modes(configuration: Configuration) -> bool:
    """Whether a call has dilation or ceil_mode."""
    name, framework = configuration["name"], configuration["framework"]
    word, position = "dilation", 99
    if framework == "keras":
        word = "dilation_rate"
    elif "Conv" in name and "Transpose" not in name:
        position = 5 - name.startswith("Lazy")
    rate = argument(configuration, word, position, 1)
    return rate not in (1, [1], [1, 1], [1, 1, 1]) or any(
        value is True for key, value in configuration["kwargs"].items() if key == "ceil_mode"
    )
