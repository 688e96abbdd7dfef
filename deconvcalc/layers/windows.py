"""Layers that slide a window: convolutions, transposed convolutions and pools."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any, ClassVar

from deconvcalc.errors import LayerError
from deconvcalc.formulas import (
    Formula,
    SameWindow,
    Spread,
    SpreadTo,
    Window,
    effective_kernel,
    shared,
)
from deconvcalc.layers.base import Arguments, Explicit, Layer, Same, ToSize

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "AvgPool",
    "Conv",
    "ConvTranspose",
    "DepthwiseConv",
    "LpPool",
    "MaxPool",
    "MaxUnpool",
    "Windowed",
]

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
"""What fills the padding of a convolution, as PyTorch names it."""


class Windowed(Layer):
    """A layer whose output counts the windows over a padded input."""

    __slots__ = ()
    kernel_size: Any
    stride: Any
    padding: Any
    dilation: Any
    _required: ClassVar[tuple[str, ...]] = ("kernel_size",)

    def _read(self, arguments: Arguments, fields: dict[str, Any]) -> None:
        """Read what all windows have: k, s, d and the padding rule."""
        kernel = arguments.ints("kernel_size", fields["kernel_size"], 1)
        stride = arguments.ints("stride", fields["stride"], 1)
        padding = arguments.padding(fields["padding"])
        self._set(kernel_size=kernel, stride=stride)
        if "dilation" in fields:
            self._set(dilation=arguments.ints("dilation", fields["dilation"], 1))
        self._set(padding=self._settle(padding, arguments))

    def _settle(self, padding: Any, arguments: Arguments) -> Any:
        """Store a rule that never depends on n as the explicit padding that it is."""

        def settle(rule: Any, k: int, s: int, d: int) -> Any:
            if isinstance(rule, ToSize):
                raise LayerError(
                    f"{arguments.owner}: ToSize crops a transposed window",
                    rule="padding",
                    hint="A window takes an int, pairs, Explicit or Same.",
                )
            if isinstance(rule, Same) and (s == 1 or k == 1):
                window = SameWindow(effective_kernel(k, d), s, rule.odd == "lower")
                return Explicit(*window.pads(1))
            return rule

        return _zip(settle, padding, self.kernel_size, self.stride, self.dilation)

    def _fill(self) -> str:
        return "constant"

    def _ceil(self) -> bool:
        return False

    def _least(self, _kernel: int) -> int:
        return 1

    def _fits(self, read: Arguments, must_fit: bool) -> bool:
        """What `must_fit` comes to: without padding and ceil_mode, every window fits anyway."""
        must_fit = read.flag("must_fit", must_fit)
        rules = self.padding if isinstance(self.padding, tuple) else (self.padding,)
        if must_fit and any(isinstance(rule, Same) for rule in rules):
            raise LayerError(
                f"{read.owner}: must_fit does not go with padding that depends on n",
                rule="must_fit",
                hint="Leave must_fit out, or write the padding out.",
            )
        return must_fit and (self._ceil() or self.padding != Explicit(0, 0))

    def _formula(self, pick: Callable[[Any], Any]) -> Formula:
        kernel = effective_kernel(pick(self.kernel_size), pick(self.dilation))
        stride, rule = pick(self.stride), pick(self.padding)
        if isinstance(rule, Same):
            return shared(SameWindow, kernel, stride, rule.odd == "lower")
        least = self._least(kernel)
        return shared(
            Window, kernel, stride, rule.before, rule.after, self._ceil(), self._fill(), least
        )


def _zip(make: Callable[..., Any], *values: Any) -> Any:
    """Apply `make` axis by axis: a tuple has one value per axis, anything else is for all."""
    count = max((len(value) for value in values if isinstance(value, tuple)), default=0)
    if not count:
        return make(*values)
    rows = [value if isinstance(value, tuple) else (value,) * count for value in values]
    made = tuple([make(*row) for row in zip(*rows, strict=True)])
    return made[0] if all(item == made[0] for item in made) else made


def _check_groups(owner: str, groups: int, **channels: int | None) -> None:
    for name, count in channels.items():
        if count is not None and count % groups:
            raise LayerError(
                f"{owner}: groups={groups} does not divide {name}={count}",
                rule="groups",
                hint="Take groups that divide all channel counts.",
            )


class Conv(Windowed):
    """A convolution: floor((n + before + after - ke) / s) + 1 outputs.

    Args:
        kernel_size: the kernel, an int or one per axis, at least 1.
        stride: the step of the window, at least 1.
        padding: an int for both sides, one per axis, pairs `((before, after), ...)`, or a rule.
        dilation: the distance of the taps, at least 1; ke = dilation*(kernel_size - 1) + 1.
        groups: how many groups the channels fall into.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
        in_channels: or None where it is open.
        out_channels: or None where it is open.
        bias: whether a bias is added.
        axes: how many axes; by default as many as a tuple has, or as the size has.

    Raises:
        LayerError: an argument that no framework can mean.
        TypeError: a wrong type.

    Source: `torch.nn.Conv2d`, section Shape.

    >>> Conv(3, stride=2, padding=1).output_size(28)
    14
    """

    __slots__ = (
        "bias",
        "dilation",
        "groups",
        "in_channels",
        "kernel_size",
        "out_channels",
        "padding",
        "padding_mode",
        "stride",
    )
    source = "torch.nn.Conv2d, section Shape"
    _fields: ClassVar[tuple[str, ...]] = (
        "kernel_size",
        "stride",
        "padding",
        "dilation",
        "groups",
        "padding_mode",
        "in_channels",
        "out_channels",
        "bias",
        "axes",
    )
    _defaults: ClassVar[dict[str, Any]] = {
        "stride": 1,
        "padding": Explicit(0, 0),
        "dilation": 1,
        "groups": 1,
        "padding_mode": "zeros",
        "bias": True,
    }
    groups: int
    padding_mode: str
    in_channels: int | None
    out_channels: int | None
    bias: bool

    def __init__(
        self,
        kernel_size: Any,
        *,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        padding_mode: str = "zeros",
        in_channels: int | None = None,
        out_channels: int | None = None,
        bias: bool = True,
        axes: int | None = None,
    ) -> None:
        read = Arguments(type(self).__name__, axes)
        self._read(
            read,
            {
                "kernel_size": kernel_size,
                "stride": stride,
                "padding": padding,
                "dilation": dilation,
            },
        )
        self._set(
            groups=read.whole("groups", groups, 1),
            padding_mode=read.word("padding_mode", padding_mode, PADDING_MODES),
            in_channels=read.channels("in_channels", in_channels),
            out_channels=read.channels("out_channels", out_channels),
            bias=read.flag("bias", bias),
        )
        _check_groups(
            read.owner, self.groups, in_channels=self.in_channels, out_channels=self.out_channels
        )
        rules = self.padding if isinstance(self.padding, tuple) else (self.padding,)
        if self.padding_mode != "zeros" and any(isinstance(rule, Same) for rule in rules):
            raise LayerError(
                f"{read.owner}: padding that depends on n is filled with zeros, "
                f"not by padding_mode={self.padding_mode!r}",
                rule="padding_mode",
                hint="Take padding_mode='zeros', or write the padding out.",
            )
        self._finish(read.axes)

    def _fill(self) -> str:
        return "constant" if self.padding_mode == "zeros" else self.padding_mode


class DepthwiseConv(Conv):
    """A convolution of each channel by itself; with `out_channels`, a 1 x 1 convolution follows.

    Args:
        kernel_size: as for `Conv`.
        stride: as for `Conv`.
        padding: as for `Conv`.
        dilation: as for `Conv`.
        multiplier: how many outputs each channel gives.
        out_channels: the channels of the 1 x 1 convolution that follows (Keras calls both
            together SeparableConv), or None where none does.
        bias: whether a bias is added.
        axes: as for `Conv`.

    >>> DepthwiseConv(3, padding=1).output_size(28)
    28
    """

    __slots__ = ("multiplier",)
    source = "keras.layers.DepthwiseConv2D"
    _fields = (
        "kernel_size",
        "stride",
        "padding",
        "dilation",
        "multiplier",
        "out_channels",
        "bias",
        "axes",
    )
    _defaults: ClassVar[dict[str, Any]] = Conv._defaults | {"multiplier": 1}
    multiplier: int

    def __init__(
        self,
        kernel_size: Any,
        *,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        multiplier: int = 1,
        out_channels: int | None = None,
        bias: bool = True,
        axes: int | None = None,
    ) -> None:
        self._set(multiplier=Arguments("DepthwiseConv").whole("multiplier", multiplier, 1))
        super().__init__(
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            out_channels=out_channels,
            bias=bias,
            axes=axes,
        )


class MaxPool(Windowed):
    """The largest value of each window; padding never wins, it counts as minus infinity.

    Args:
        kernel_size: the window, an int or one per axis.
        stride: the step, by default the window.
        padding: as for `Conv`.
        dilation: the distance of the values in the window.
        ceil_mode: whether a last window may hang over the end.
        axes: as for `Conv`.

    Source: `torch.nn.MaxPool2d`, section Shape, and its last-window rule.

    >>> MaxPool(3, stride=2, ceil_mode=True).output_size(28)
    14
    """

    __slots__ = ("ceil_mode", "dilation", "kernel_size", "padding", "stride")
    source = "torch.nn.MaxPool2d, section Shape"
    _fields = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "axes")
    _defaults: ClassVar[dict[str, Any]] = {
        "padding": Explicit(0, 0),
        "dilation": 1,
        "ceil_mode": False,
    }
    ceil_mode: bool

    def __init__(
        self,
        kernel_size: Any,
        *,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        axes: int | None = None,
    ) -> None:
        read = Arguments(type(self).__name__, axes)
        stride = kernel_size if stride is None else stride
        fields = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
        self._read(read, fields | {"dilation": dilation})
        self._set(ceil_mode=read.flag("ceil_mode", ceil_mode))
        self._finish(read.axes)

    def _default(self, name: str) -> Any:
        return self.kernel_size if name == "stride" else super()._default(name)

    def _ceil(self) -> bool:
        return self.ceil_mode


class AvgPool(Windowed):
    """The mean of each window.

    Args:
        kernel_size: the window, an int or one per axis.
        stride: the step, by default the window.
        padding: as for `Conv`.
        ceil_mode: whether a last window may hang over the end.
        count_include_pad: whether the padding counts in the mean (torch: yes; Keras: no).
        divisor: divide by this instead of by the count.
        must_fit: whether the window must fit into the input without its padding and without
            hanging over, as PyTorch's AvgPool3d asks.
        axes: as for `Conv`.

    Source: `torch.nn.AvgPool2d`, section Shape.

    >>> AvgPool(2).output_size(7)
    3
    """

    __slots__ = (
        "ceil_mode",
        "count_include_pad",
        "divisor",
        "kernel_size",
        "must_fit",
        "padding",
        "stride",
    )
    source = "torch.nn.AvgPool2d, section Shape"
    _fields = (
        "kernel_size",
        "stride",
        "padding",
        "ceil_mode",
        "count_include_pad",
        "divisor",
        "must_fit",
        "axes",
    )
    _defaults: ClassVar[dict[str, Any]] = {
        "padding": Explicit(0, 0),
        "ceil_mode": False,
        "count_include_pad": True,
        "must_fit": False,
    }
    dilation = 1
    ceil_mode: bool
    count_include_pad: bool
    divisor: int | None
    must_fit: bool

    def __init__(
        self,
        kernel_size: Any,
        *,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor: int | None = None,
        must_fit: bool = False,
        axes: int | None = None,
    ) -> None:
        read = Arguments(type(self).__name__, axes)
        stride = kernel_size if stride is None else stride
        self._read(read, {"kernel_size": kernel_size, "stride": stride, "padding": padding})
        divisor = None if divisor is None else read.whole("divisor", divisor)
        if divisor == 0:
            raise LayerError(
                "AvgPool: divisor must not be 0", rule="divisor", hint="Take 1 for the sum."
            )
        # Where no padding is counted, or nothing is, both settings are one layer.
        uncounted = self.padding == Explicit(0, 0) or divisor is not None
        self._set(
            ceil_mode=read.flag("ceil_mode", ceil_mode),
            count_include_pad=read.flag("count_include_pad", count_include_pad) or uncounted,
            divisor=divisor,
        )
        self._set(must_fit=self._fits(read, must_fit))
        self._finish(read.axes)

    def _default(self, name: str) -> Any:
        return self.kernel_size if name == "stride" else super()._default(name)

    def _ceil(self) -> bool:
        return self.ceil_mode

    def _least(self, kernel: int) -> int:
        return kernel if self.must_fit else 1


class LpPool(Windowed):
    """The p-norm of each window, without padding.

    Args:
        kernel_size: the window, an int or one per axis.
        norm: the exponent.
        stride: the step, by default the window.
        ceil_mode: whether a last window may hang over the end.
        must_fit: whether the window must fit into the input without hanging over, as PyTorch's
            LPPool3d asks.
        axes: as for `Conv`.

    Source: `torch.nn.LPPool2d`, section Shape.

    >>> LpPool(3, norm=2, stride=2).output_size(28)
    13
    """

    __slots__ = ("ceil_mode", "kernel_size", "must_fit", "norm", "stride")
    source = "torch.nn.LPPool2d, section Shape"
    _fields = ("kernel_size", "norm", "stride", "ceil_mode", "must_fit", "axes")
    _defaults: ClassVar[dict[str, Any]] = {"norm": 2, "ceil_mode": False, "must_fit": False}
    dilation = 1
    padding = Explicit(0, 0)
    norm: float
    ceil_mode: bool
    must_fit: bool

    def __init__(
        self,
        kernel_size: Any,
        *,
        norm: float = 2,
        stride: Any = None,
        ceil_mode: bool = False,
        must_fit: bool = False,
        axes: int | None = None,
    ) -> None:
        read = Arguments(type(self).__name__, axes)
        kernel = read.ints("kernel_size", kernel_size, 1)
        norm = read.number("norm", norm)
        if not norm or isnan(norm):
            raise LayerError(
                f"LpPool: norm must be a number other than 0, not {norm}",
                rule="norm",
                hint="Take norm=2 for the root of the sum of squares.",
            )
        self._set(
            kernel_size=kernel,
            norm=norm,
            stride=kernel if stride is None else read.ints("stride", stride, 1),
            ceil_mode=read.flag("ceil_mode", ceil_mode),
        )
        self._set(must_fit=self._fits(read, must_fit))
        self._finish(read.axes)

    def _default(self, name: str) -> Any:
        return self.kernel_size if name == "stride" else super()._default(name)

    def _ceil(self) -> bool:
        return self.ceil_mode

    def _least(self, kernel: int) -> int:
        return kernel if self.must_fit else 1


class ConvTranspose(Layer):
    """A transposed convolution: (n - 1)*s + ke elements, cropped before and after.

    The two crops are what the layer is. `padding` and `output_padding` are how PyTorch names them:
    it crops `padding` before and `padding - output_padding` after.

    Args:
        kernel_size: the kernel, an int or one per axis, at least 1.
        stride: how far the copies of the kernel lie apart, at least 1.
        padding: the crop: an int for both sides, one per axis, pairs `((before, after), ...)`,
            or a rule (`Explicit`, `ToSize`).
        output_padding: how much less is cropped after; may extend the result by zeros.
        dilation: the distance of the taps, at least 1; ke = dilation*(kernel_size - 1) + 1.
        groups: how many groups the channels fall into.
        in_channels: or None where it is open.
        out_channels: or None where it is open.
        bias: whether a bias is added.
        axes: how many axes; by default as many as a tuple has, or as the size has.

    Raises:
        LayerError: an argument that no framework can mean.
        TypeError: a wrong type.

    Source: `torch.nn.ConvTranspose2d`, section Shape.

    >>> up = ConvTranspose(6, stride=2)
    >>> up.output_size(28), up.output_size((28, 30))
    (60, (60, 64))
    >>> ConvTranspose(3, stride=2, padding=1, output_padding=1).padding
    Explicit(1, 0)
    """

    __slots__ = (
        "bias",
        "dilation",
        "groups",
        "in_channels",
        "kernel_size",
        "out_channels",
        "padding",
        "stride",
    )
    source = "torch.nn.ConvTranspose2d, section Shape"
    _fields = (
        "kernel_size",
        "stride",
        "padding",
        "dilation",
        "groups",
        "in_channels",
        "out_channels",
        "bias",
        "axes",
    )
    _required: ClassVar[tuple[str, ...]] = ("kernel_size",)
    _defaults: ClassVar[dict[str, Any]] = {
        "stride": 1,
        "padding": Explicit(0, 0),
        "dilation": 1,
        "groups": 1,
        "bias": True,
    }
    kernel_size: Any
    stride: Any
    padding: Any
    dilation: Any
    groups: int
    in_channels: int | None
    out_channels: int | None
    bias: bool

    def __init__(
        self,
        kernel_size: Any,
        *,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        in_channels: int | None = None,
        out_channels: int | None = None,
        bias: bool = True,
        axes: int | None = None,
    ) -> None:
        read = Arguments("ConvTranspose", axes)
        crops = read.padding(padding)
        extra = read.ints("output_padding", output_padding, 0)

        def crop(rule: Any, more: int) -> Any:
            if isinstance(rule, Explicit):
                return Explicit(rule.before, rule.after - more)
            if isinstance(rule, Same):
                raise LayerError(
                    "ConvTranspose: the crops of a transposed window do not depend on n",
                    rule="padding",
                    hint="Give the crops as an int or pairs, or read a Keras layer by dc.parse.",
                )
            if more:
                raise LayerError(
                    "ConvTranspose: a size asked for leaves no output_padding to choose",
                    rule="output_padding",
                    hint="Leave output_padding out, or give the crops as an int or pairs.",
                )
            return rule

        self._set(
            kernel_size=read.ints("kernel_size", kernel_size, 1),
            stride=read.ints("stride", stride, 1),
            padding=_zip(crop, crops, extra),
            dilation=read.ints("dilation", dilation, 1),
            groups=read.whole("groups", groups, 1),
            in_channels=read.channels("in_channels", in_channels),
            out_channels=read.channels("out_channels", out_channels),
            bias=read.flag("bias", bias),
        )
        _check_groups(
            read.owner, self.groups, in_channels=self.in_channels, out_channels=self.out_channels
        )
        self._finish(read.axes)

    def _formula(self, pick: Callable[[Any], Any]) -> Formula:
        kernel = effective_kernel(pick(self.kernel_size), pick(self.dilation))
        stride, rule = pick(self.stride), pick(self.padding)
        if isinstance(rule, Explicit):
            return shared(Spread, kernel, stride, rule.before, rule.after)
        side = rule.split if isinstance(rule.split, int) else 0
        least = 0 if isinstance(rule.split, int) else None
        return shared(SpreadTo, kernel, stride, side, side, rule.size, (least, stride - 1))

    def _shown(self, name: str, value: Any) -> str:
        """Crops as PyTorch names them, where it can: padding and output_padding."""
        rules = value if isinstance(value, tuple) else (value,)
        torch_like = all(
            isinstance(rule, Explicit) and 0 <= rule.before >= rule.after for rule in rules
        )
        if name != "padding" or not torch_like or all(r.before == r.after for r in rules):
            return super()._shown(name, value)
        before = tuple([rule.before for rule in rules])
        extra = tuple([rule.before - rule.after for rule in rules])
        if len(rules) == 1:
            return f"padding={before[0]}, output_padding={extra[0]}"
        return f"padding={before}, output_padding={extra}"


class MaxUnpool(Layer):
    """The inverse of a max pool: values go back to where they came from, zeros elsewhere.

    Args:
        kernel_size: the window of the pool, an int or one per axis.
        stride: the step, by default the window.
        padding: the padding of the pool; or `ToSize(size, split=padding)` to ask for a size,
            strictly within one stride of the natural one.
        axes: as for `Conv`.

    Source: `torch.nn.MaxUnpool2d`, section Shape.

    >>> MaxUnpool(2).output_size(14)
    28
    """

    __slots__ = ("kernel_size", "padding", "stride")
    source = "torch.nn.MaxUnpool2d, section Shape"
    _fields = ("kernel_size", "stride", "padding", "axes")
    _required: ClassVar[tuple[str, ...]] = ("kernel_size",)
    _defaults: ClassVar[dict[str, Any]] = {"padding": Explicit(0, 0)}
    kernel_size: Any
    stride: Any
    padding: Any

    def __init__(
        self, kernel_size: Any, *, stride: Any = None, padding: Any = 0, axes: int | None = None
    ) -> None:
        read = Arguments("MaxUnpool", axes)
        kernel = read.ints("kernel_size", kernel_size, 1)
        self._set(
            kernel_size=kernel,
            stride=kernel if stride is None else read.ints("stride", stride, 1),
            padding=read.padding(padding),
        )
        self._finish(read.axes)

    def _default(self, name: str) -> Any:
        return self.kernel_size if name == "stride" else super()._default(name)

    def _formula(self, pick: Callable[[Any], Any]) -> Formula:
        kernel, stride, rule = pick(self.kernel_size), pick(self.stride), pick(self.padding)
        if isinstance(rule, Explicit):
            return shared(Spread, kernel, stride, rule.before, rule.after)
        if isinstance(rule, ToSize) and isinstance(rule.split, int):
            room = stride - 1
            return shared(SpreadTo, kernel, stride, rule.split, rule.split, rule.size, (room, room))
        raise LayerError(
            f"MaxUnpool: padding must not be {rule}",
            rule="padding",
            hint="Give an int, pairs, or ToSize(size, split=padding).",
        )
