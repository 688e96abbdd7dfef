"""One call of a framework at one size, as text, as arguments and as a row of ints."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["NONE", "OPERATIONS", "WORDS", "Configuration", "lethal"]

OPERATIONS = ("Conv", "ConvTranspose", "MaxPool", "AvgPool")
"""The layers of a sweep."""

WORDS = ("", "valid", "same", "causal")
"""The paddings that have a word; the first stands for a number."""

_PLACES = {name: place for place, name in enumerate(OPERATIONS)}
_WORDS = {word: place for place, word in enumerate(WORDS)}

NONE = -(2**31)
"""An output_padding that is not given, in a row."""

KERAS_NAMES = ("Conv{}D", "Conv{}DTranspose", "MaxPooling{}D", "AveragePooling{}D")


class Configuration(NamedTuple):
    """A call of one layer with one channel, and the size it is run at, the same on every axis.

    Attributes:
        operation: one of `OPERATIONS`.
        axes: how many axes the layer has; its arguments are the same on each.
        kernel_size, stride, dilation: ints; a pool of Keras or an average pool has no dilation.
        padding: an int, or one of `WORDS`.
        output_padding: of a transposed convolution; None where Keras chooses.
        ceil_mode, count_include_pad: of a pool of PyTorch.
        size: the input size along each axis.
    """

    operation: str
    axes: int
    kernel_size: int
    stride: int
    dilation: int
    padding: int | str
    output_padding: int | None
    ceil_mode: bool
    count_include_pad: bool
    size: int

    def row(self) -> tuple[int, ...]:
        """The configuration as ints."""
        name, axes, k, s, d, padding, extra, ceil, counted, size = self
        word, number = (_WORDS[padding], 0) if isinstance(padding, str) else (0, padding)
        extra = NONE if extra is None else extra
        return _PLACES[name], axes, k, s, d, word, number, extra, int(ceil), int(counted), size

    @classmethod
    def of_row(cls, row: Any) -> Configuration:
        """The configuration that a row stands for."""
        place, axes, k, s, d, word, number, extra, ceil, counted, size = row
        padding = WORDS[word] if word else number
        given = None if extra == NONE else extra
        operation = OPERATIONS[place]
        return cls(operation, axes, k, s, d, padding, given, bool(ceil), bool(counted), size)

    def arguments(self, framework: str) -> tuple[str, dict[str, Any]]:
        """The framework's name of the layer, and its keyword arguments without defaults."""
        return _torch(self) if framework == "torch" else _keras(self)

    def call(self, framework: str) -> str:
        """The call as text that `deconvcalc.parse` reads."""
        name, arguments = self.arguments(framework)
        first = {
            "torch": ("in_channels", "out_channels", "kernel_size"),
            "keras": ("filters", "kernel_size", "pool_size"),
        }[framework]
        shown = [
            repr(value) if key in first else f"{key}={value!r}" for key, value in arguments.items()
        ]
        prefix = {"torch": "nn", "keras": "layers"}[framework]
        return f"{prefix}.{name}({', '.join(shown)})"

    def to_record(self) -> dict[str, Any]:
        """The configuration as plain data."""
        return self._asdict()


def _torch(one: Configuration) -> tuple[str, dict[str, Any]]:
    convolves = one.operation.startswith("Conv")
    channels = {"in_channels": 1, "out_channels": 1} if convolves else {}
    given = {
        "stride": (one.stride, 1 if convolves else None),
        "padding": (one.padding, 0),
        "output_padding": (one.output_padding or 0, 0),
        "dilation": (one.dilation, 1),
        "ceil_mode": (one.ceil_mode, False),
        "count_include_pad": (one.count_include_pad, True),
    }
    if one.operation != "AvgPool":
        del given["count_include_pad"]
    rest = {key: value for key, (value, default) in given.items() if value != default}
    name = f"{one.operation}{one.axes}d"
    return name, {**channels, "kernel_size": one.kernel_size, **rest}


def _keras(one: Configuration) -> tuple[str, dict[str, Any]]:
    name = KERAS_NAMES[OPERATIONS.index(one.operation)].format(one.axes)
    convolves = one.operation.startswith("Conv")
    first = {"filters": 1, "kernel_size": one.kernel_size}
    given = {
        "strides": (one.stride, 1 if convolves else None),
        "padding": (one.padding, "valid"),
        "dilation_rate": (one.dilation, 1),
        "output_padding": (one.output_padding, None),
    }
    rest = {key: value for key, (value, default) in given.items() if value != default}
    return name, {**(first if convolves else {"pool_size": one.kernel_size}), **rest}


def lethal(one: Configuration) -> bool:
    """Whether TensorFlow 2.21 would end its process (SIGFPE in oneDNN) on this configuration.

    With t = size - window + stride, a max pool without padding dies where -stride < t <= 0.
    """
    if one.operation != "MaxPool" or one.padding != "valid":
        return False
    if min(one.kernel_size, one.stride, one.size) < 1:
        return False
    return -one.stride < one.size - one.kernel_size + one.stride <= 0
