"""Forwards that catch what torch raises."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812

KIND = (ValueError, RuntimeError)


def up(x: Any) -> Any:
    """Halved and doubled: an odd size loses its last."""
    return F.interpolate(F.max_pool2d(x, 2), scale_factor=2)


def cat(_: Any, x: Any) -> Any:
    """A skip that is brought to the size of the other."""
    y = up(x)
    try:
        return torch.cat([x, y], 1)
    except RuntimeError:
        return torch.cat([x, F.interpolate(y, size=x.shape[2:]), y.new_zeros(x.shape)], 1)


def named(_: Any, x: Any) -> Any:
    """Handlers of several errors, one of which is looked at."""
    y = up(x)
    try:
        z = torch.cat([x, y], 1)
    except (KeyError, torch.cuda.OutOfMemoryError):
        return x
    except KIND as error:
        if "Sizes of tensors must match" not in str(error):
            raise
        return y
    else:
        return z


def bare(_: Any, x: Any) -> Any:
    """A handler of everything."""
    try:
        return x + up(x)
    except:  # noqa: E722  # it is about that
        return x[..., 1:]


def pool(_: Any, x: Any) -> Any:
    """A window that may not fit."""
    try:
        return F.max_pool2d(x, (5, 4))
    except RuntimeError:
        return torch.cat([x, x], 1)


def views(_: Any, x: Any) -> Any:
    """Columns in threes."""
    try:
        return x.reshape(1, 4, x.shape[2], x.shape[3] // 3, 3).mean(-1)
    except RuntimeError:
        return torch.cat([x, x], 1)


def deep(_: Any, x: Any) -> Any:
    """A handler further out, and contexts between."""

    def join(a: Any, b: Any) -> Any:
        with torch.no_grad():
            try:
                return torch.cat([a, b], 1)
            finally:
                a = None

    try:
        return join(x, up(x))
    except Exception:  # noqa: BLE001  # it is about that
        return x


def suppressed(_: Any, x: Any) -> Any:
    """A context that swallows the error."""
    with contextlib.suppress(RuntimeError):
        x = torch.cat([x, up(x)], 1)
    return x


def again(_: Any, x: Any) -> Any:
    """A handler that raises another error."""
    try:
        return torch.cat([x, up(x)], 1)
    except RuntimeError as error:
        raise ValueError(f"no size for us: {tuple(x.shape)}") from error


def index(_: Any, x: Any) -> Any:
    """A row that may not be there."""
    try:
        return x[:, :, 6]
    except IndexError:
        return x[:, :, 0]


def several(_: Any, x: Any) -> Any:
    """The first window of several that fits."""
    for k in (7, 5, 3):
        try:
            return F.conv2d(x, x.new_ones(k, 4, k, k))
        except RuntimeError:
            continue
    return x


def matmul(_: Any, x: Any) -> Any:
    """A product that may not exist."""
    try:
        return x @ x
    except RuntimeError:
        return torch.cat([x, x], 1)
