"""Rarer functions of torch: Fourier transforms, grids, gathering, cells of recurrent layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.model.conditions import Condition
from deconvcalc.tracing.torch.arguments import bound, symbolic
from deconvcalc.tracing.torch.tracer import Call
from deconvcalc.tracing.torch.views import indices_in, reaches

if TYPE_CHECKING:
    from deconvcalc.tracing.torch.tracer import Tracer

__all__ = ["HANDLERS"]


def grid_sample(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input grid", args, kwargs)
    tensor, grid = given["input"], given["grid"]
    made = (*tracer.known(tensor).dims[:2], *tracer.known(grid).dims[1:-1])
    go = Call(tracer, func, args, kwargs)
    return tracer.given("GridSample", made, [tensor, grid], go, "grid_sample")


def affine_grid(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("theta size", args, kwargs)
    sizes = [symbolic(one) for one in given["size"]]
    made = (sizes[0], *sizes[2:], len(sizes) - 2)
    sources = [one for one in (given["theta"],) if tracer.known(one).traced]
    go = Call(tracer, func, args, kwargs)
    return tracer.given("AffineGrid", made, sources, go, "affine_grid")


def gather(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input dim index", args, kwargs)
    tensor, index = given["input"], given["index"]
    whole, made = tracer.known(tensor).dims, tracer.known(index).dims
    rule = "the indices cover no more than the input"
    asked = [
        Condition(one, ">=", its, rule)
        for place, (one, its) in enumerate(zip(whole, made, strict=True))
        if place != given["dim"] % len(whole) and one is not its
    ]
    place = given["dim"] % len(whole)
    asked += reaches(tracer, tensor, place, indices_in(tracer, index, negative=False))
    sources = [one for one in (tensor, index) if tracer.known(one).traced]
    return tracer.given("Gather", made, sources, Call(tracer, func, args, kwargs), "gather", asked)


def diff(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input n dim prepend append", args, kwargs, n=1, dim=-1)
    if given.get("prepend") is not None or given.get("append") is not None:
        raise tracer.refuse("diff is followed without prepend and append", "Use torch.cat.")
    sizes = tracer.sizes(given["input"])
    sizes[given["dim"]] = sizes[given["dim"]] - given["n"]
    made = tuple([symbolic(one) for one in sizes])
    return tracer.given("Diff", made, [given["input"]], Call(tracer, func, args, kwargs), "diff")


def bilinear(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("one other weight bias", args, kwargs)
    made = (*tracer.known(given["one"]).dims[:-1], int(given["weight"].shape[0]))
    sources = [given["one"], given["other"]]
    go = Call(tracer, func, args, kwargs)
    return tracer.given("Bilinear", made, sources, go, "bilinear", counted=False)


def cell(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    """One step of a recurrent layer, whose states have no spatial axes."""
    result = Call(tracer, func, args, kwargs)()
    several = result if isinstance(result, tuple) else (result,)
    lead = tracer.known(args[0]).dims[:-1]
    name = func.__name__
    made = [
        tracer.given(name, (*lead, int(one.shape[-1])), [args[0]], lambda one=one: one, name)  # type: ignore[misc]  # bound now
        for one in several
    ]
    return tuple(made) if isinstance(result, tuple) else made[0]


def stft(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    order = "input n_fft hop_length win_length window center pad_mode normalized onesided"
    given = bound(order, args, kwargs, center=True, pad_mode="reflect", onesided=None)
    sizes = tracer.sizes(given["input"])
    window = int(given["n_fft"])
    hop = window // 4 if given.get("hop_length") is None else given["hop_length"]
    length = symbolic(sizes[-1])
    asked = []
    around = window // 2 if given["center"] else 0
    if around and given["pad_mode"] == "reflect":
        rule = "the input is longer than each padded side"
        asked.append(Condition(length, ">=", around + 1, rule))
    frames = (sizes[-1] + 2 * around - window) // hop + 1
    asked.append(
        Condition(symbolic(sizes[-1] + 2 * around), ">=", window, "a window fits into the input")
    )
    bins = window if given["onesided"] is False else window // 2 + 1
    made = (*[symbolic(one) for one in sizes[:-1]], bins, symbolic(frames))
    go = Call(tracer, func, args, kwargs)
    return tracer.given("STFT", made, [given["input"]], go, "stft", asked)


def real_fft(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    """`rfft` and its like: the last axis keeps one half of the frequencies."""
    sizes, places = _transformed(tracer, func, args, kwargs)
    sizes[places[-1]] = sizes[places[-1]] // 2 + 1
    return _fourier(tracer, func, args, kwargs, sizes)


def real_inverse(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    """`irfft` and its like: an even size, unless one is asked for."""
    sizes, places = _transformed(tracer, func, args, kwargs)
    if bound("input s", args, kwargs).get("s", kwargs.get("n")) is None:
        sizes[places[-1]] = (sizes[places[-1]] - 1) * 2
    return _fourier(tracer, func, args, kwargs, sizes)


def _transformed(
    tracer: Tracer, func: Any, args: Any, kwargs: Any
) -> tuple[list[Any], tuple[int, ...]]:
    """The sizes of a tensor, those asked for put in, and the dimensions that are transformed."""
    given = bound("input s dim", args, kwargs)
    wanted, dim = given.get("s", kwargs.get("n")), given.get("dim")
    sizes = tracer.sizes(given["input"])
    several = isinstance(wanted, (tuple, list))
    if dim is None:
        count = 2 if func.__name__.endswith("2") else 1
        if func.__name__.endswith("n"):
            count = len(wanted) if several else len(sizes)
        dim = tuple(range(-count, 0))
    places = tuple(dim) if isinstance(dim, (tuple, list)) else (dim,)
    if wanted is not None:
        asked = wanted if several else (wanted,)
        for place, one in zip(places, asked, strict=True):
            sizes[place] = one
    return sizes, places


def _fourier(tracer: Tracer, func: Any, args: Any, kwargs: Any, sizes: list[Any]) -> Any:
    made = tuple([symbolic(one) for one in sizes])
    name = func.__name__.removeprefix("fft_")
    return tracer.given(name, made, [args[0]], Call(tracer, func, args, kwargs), name)


HANDLERS: dict[str, Any] = {
    "grid_sample": grid_sample,
    "affine_grid": affine_grid,
    "gather": gather,
    "diff": diff,
    "bilinear": bilinear,
    "lstm_cell": cell,
    "gru_cell": cell,
    "rnn_tanh_cell": cell,
    "rnn_relu_cell": cell,
    "stft": stft,
    **{f"fft_rfft{end}": real_fft for end in ("", "2", "n")},
    **{f"fft_irfft{end}": real_inverse for end in ("", "2", "n")},
}
