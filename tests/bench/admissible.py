"""Which inputs a U-Net takes, as an exact set: against islpy and torch.export.

Twenty random U-Nets with five poolings. Each is asked about once in a round, by one side and right
after by the other: the layers of every round are new objects, made before the clock starts, and so
are torch's modules. The sets are compared before, with islpy's whole, with real forward passes, and
with the guards of torch.export. islpy has piecewise expressions, which refuse and have minima as
our maps do, and plain ones, which only stand beside. Equal layers share a formula, which keeps its
map; what a net costs when no map is made yet is a row of its own.
"""

from __future__ import annotations

import logging
import operator
import random
import re
import time
from functools import reduce
from importlib.util import find_spec
from math import nan
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import deconvcalc as dc
from deconvcalc import formulas
from tests.bench import Row

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "admissible"
SEED = 20261122
NETS = 20
ROUNDS = 15
ISL_LIMIT = 1 / 10
EXPORT_LIMIT = 1 / 2_000
DEPTH = 5
LOOKED_AT = 240
"""Sizes up to this are run through PyTorch."""


class Window(NamedTuple):
    """One layer: its kind and its numbers."""

    kind: str
    kernel: int
    stride: int
    padding: int
    extra: int = 0


class Level(NamedTuple):
    """One level of a U-Net, downwards, upwards, and how the skip meets the upper branch.

    "exact" adds equal sizes; "crop" cuts the skip's centre out, which must be large enough.
    """

    before: Window
    down: Window
    up: Window
    skip: str


Net = tuple[Level, ...]

DOWN = (
    *(Window("pool", 2, 2, 0), Window("pool", 2, 2, 0), Window("pool", 3, 2, 1)),
    *(Window("conv", 3, 2, 1), Window("conv", 2, 2, 0), Window("conv", 4, 2, 1)),
)
UP = (
    *(Window("up", 2, 2, 0), Window("up", 4, 2, 1), Window("up", 3, 2, 1, 1)),
    Window("up", 3, 2, 1),
)
PLAIN: Net = (Level(Window("conv", 3, 1, 1), DOWN[0], UP[0], "exact"),) * DEPTH


def draw(rng: random.Random) -> Net:
    """A U-Net that takes some inputs."""
    while True:
        net = tuple(
            [
                Level(
                    Window("conv", rng.choice((1, 3, 5)), 1, 0),
                    rng.choice(DOWN),
                    rng.choice(UP),
                    "",
                )
                for _ in range(DEPTH)
            ]
        )
        net = tuple([_finished(rng, level) for level in net])
        if admissible(layers_of(net)).count(1, 10_000):
            return net


def _finished(rng: random.Random, level: Level) -> Level:
    """A skip that crops stands by a convolution without padding, as in the first U-Net."""
    skip = rng.choice(("exact", "exact", "crop"))
    k = level.before.kernel
    padding = 0 if skip == "crop" and rng.random() < 0.5 else k // 2
    return level._replace(before=Window("conv", k, 1, padding), skip=skip)


# Ours.

Built = list[tuple[dc.Layer, dc.Layer, dc.Layer, dc.Layer, str]]


def layers_of(net: Net) -> Built:
    """The layers: before and after the skip, down and up."""
    return [
        (_layer(one.before), _layer(one.down), _layer(one.up), _layer(one.before), one.skip)
        for one in net
    ]


def _layer(window: Window) -> dc.Layer:
    kind, k, s, p, extra = window
    if kind == "up":
        return dc.ConvTranspose(k, stride=s, padding=p, output_padding=extra)
    return (dc.MaxPool if kind == "pool" else dc.Conv)(k, stride=s, padding=p)


def admissible(net: Built) -> dc.Sizes:
    """The inputs that the whole U-Net takes."""
    x: list[Any] = []
    skips = []
    for before, down, _, _, _ in net:
        skip = dc.compose([*x, before])
        skips.append(skip)
        x = [skip, down]
    found = []
    for (_, _, up, after, kind), skip in zip(reversed(net), reversed(skips), strict=True):
        branch = dc.compose([*x, up])
        exact = kind == "exact"
        found.append(dc.agreement(branch, skip) if exact else dc.at_least(skip, branch))
        x = [branch, after]
    return reduce(operator.and_, found) & dc.accepted(dc.compose(x))


# islpy.


def by_pieces(net: Net) -> Any:
    """The set by islpy's piecewise expressions, which take minima and maxima too."""
    import islpy as isl

    context, n, one = _start()
    start, least = isl.PwAff.from_aff(n), isl.PwAff.from_aff(one)
    found = _by_isl(net, start, least, isl.PwAff.ge_set, isl.PwAff.eq_set, context)
    return found.coalesce()


def by_expressions(net: Net) -> Any:
    """The set by islpy's plain expressions, which have no minimum and no domain."""
    import islpy as isl

    context, n, one = _start()
    found = _by_isl(net, n, one, isl.Aff.ge_basic_set, isl.Aff.eq_basic_set, context)
    return isl.Set.from_basic_set(found).coalesce()


def _start() -> tuple[Any, Any, Any]:
    """A context, and in it the expressions n and 1."""
    import islpy as isl

    context = isl.Context()
    local = isl.LocalSpace.from_space(isl.Space.create_from_names(context, set=["n"]))
    n = isl.Aff.var_on_domain(local, isl.dim_type.set, 0)
    return context, n, isl.Aff.zero_on_domain(local).add_constant_val(isl.Val.one(context))


def _by_isl(
    net: Net,
    x: Any,
    one: Any,
    at_least: Callable[[Any, Any], Any],
    equal: Callable[[Any, Any], Any],
    context: Any,
) -> Any:
    """The set in islpy's cheapest operations: numbers as values, and none added that are 0."""
    import islpy as isl

    value = isl.Val.int_from_si
    found = at_least(x, one)

    def plus(x: Any, number: int) -> Any:
        return x.add_constant_val(value(context, number)) if number else x

    def windows(x: Any, window: Window) -> Any:
        nonlocal found
        kind, k, s, p, extra = window
        if kind == "up":
            x = plus(x.scale_val(value(context, s)), k - s - 2 * p + extra)
        elif s == 1:
            x = plus(x, 2 * p - k + 1)
        else:
            x = plus(plus(x, 2 * p - k).scale_down_val(value(context, s)).floor(), 1)
        found = found.intersect(at_least(x, one))
        return x

    skips = []
    for level in net:
        x = windows(x, level.before)
        skips.append(x)
        x = windows(x, level.down)
    for level, skip in zip(reversed(net), reversed(skips), strict=True):
        x = windows(x, level.up)
        met = equal(x, skip) if level.skip == "exact" else at_least(skip, x)
        found = found.intersect(met)
        x = windows(x, level.before)
    return found


# torch.export.


def module_of(net: Net) -> Any:
    """The U-Net as a PyTorch module of one channel."""
    import torch
    from torch import nn

    def made(window: Window) -> Any:
        kind, k, s, p, extra = window
        if kind == "pool":
            return nn.MaxPool2d((k, 1), stride=(s, 1), padding=(p, 0))
        if kind == "conv":
            return nn.Conv2d(1, 1, (k, 1), stride=(s, 1), padding=(p, 0))
        return nn.ConvTranspose2d(
            1, 1, (k, 1), stride=(s, 1), padding=(p, 0), output_padding=(extra, 0)
        )

    class UNet(nn.Module):  # type: ignore[misc]  # torch is untyped here
        def __init__(self) -> None:
            super().__init__()
            self.before = nn.ModuleList([made(level.before) for level in net])
            self.down = nn.ModuleList([made(level.down) for level in net])
            self.up = nn.ModuleList([made(level.up) for level in net])
            self.after = nn.ModuleList([made(level.before) for level in net])

        def forward(self, x: Any) -> Any:
            skips = []
            for before, down in zip(self.before, self.down, strict=True):
                x = before(x)
                skips.append(x)
                x = down(x)
            for place in reversed(range(len(net))):
                x = self.up[place](x)
                skip = skips[place]
                if net[place].skip == "crop":
                    spare = skip.shape[2] - x.shape[2]
                    torch._check(spare >= 0)
                    skip = skip.narrow(2, spare // 2, x.shape[2])
                x = self.after[place](torch.cat([x, skip], 1).sum(1, keepdim=True))
            return x

    return UNet().eval()


def takes(module: Any, n: int) -> bool:
    """Whether a real forward pass succeeds."""
    import torch

    try:
        with torch.no_grad():
            module(torch.zeros(1, 1, n, 1))
    except RuntimeError:
        return False
    return True


def exported(module: Any, n: int) -> list[str] | None:
    """What torch.export asks of the height h, from an example that works; None where it fails."""
    import torch
    from torch.export import Dim, export

    example = (torch.zeros(1, 1, n, 1),)
    try:
        program = export(module, example, dynamic_shapes=({2: Dim("h", min=2)},))
    except torch._dynamo.exc.UserError as error:
        found = re.findall(r"generated guard (.*)\.$", str(error), re.MULTILINE)
        guards = [guard.replace("L['x'].size()[2]", "h") for guard in found]
        return [*guards, *_suggested(str(error))] or None
    except (AssertionError, NotImplementedError):  # its own: it cannot solve what it found
        return None
    (bounds,) = program.range_constraints.values()
    return [f"{bounds.lower} <= h <= {bounds.upper}".replace("int_oo", "IntInfinity()")]


def _suggested(text: str) -> list[str]:
    """The form of h that the error suggests: `h = 32*_h`, or `h = 160`."""
    form = re.search(r"^ *h = ([-+*\d _h]+)$", text, re.MULTILINE)
    if form is None:
        return []
    if "_h" not in form[1]:
        return [f"h == {form[1]}"]
    # The pattern lets digits, signs and _h through, and nothing else.
    zero, one = (eval(form[1], {"__builtins__": {}}, {"_h": value}) for value in (0, 1))  # noqa: S307
    return [f"(h - {zero}) % {one - zero} == 0"]


def allowed(guards: list[str], n: int) -> bool:
    """Whether all guards of torch.export hold for a height."""
    names = {"h": n, "IntInfinity": lambda: 10**18, "Max": max, "Min": min, "Mod": operator.mod}
    # What torch.export printed of the nets of this file.
    return all(eval(guard, {"__builtins__": {}}, names) for guard in guards)  # noqa: S307


# The comparison.


def check(nets: list[Net]) -> None:
    """All ways give one set; torch.export, which may say less, never says anything else."""
    unions = 0
    for net in nets:
        ours = admissible(layers_of(net))
        unions += len(ours.residues) > 1
        if find_spec("islpy"):
            pieces = by_pieces(net)
            assert pieces.is_equal(by_expressions(net)), net
            assert pieces.is_equal(_as_isl(ours)), (net, ours)
        if find_spec("torch"):
            module = module_of(net)
            taken = [n for n in range(1, LOOKED_AT) if takes(module, n)]
            assert taken == [n for n in range(1, LOOKED_AT) if n in ours], net
    assert str(admissible(layers_of(PLAIN))) == "n ≡ 0 (mod 32), n ≥ 32"
    assert unions >= 3, "too few of the sets are unions"


def _as_isl(sizes: dc.Sizes) -> Any:
    """Our set as islpy reads it."""
    import islpy as isl

    parts = [f"(n mod {sizes.modulus} = {r} and n >= {sizes.start})" for r in sizes.residues]
    parts += [f"n = {n}" for n in sizes.first(100) if n < sizes.start]
    return isl.Set(f"{{ [n] : {' or '.join(parts)} }}")


def example(sizes: dc.Sizes) -> int:
    """An input that works and is large enough for every size inside to be above 1."""
    found = sizes.nearest(150)[1]
    assert found is not None
    return found


def run() -> list[Row]:
    """The sets of twenty U-Nets, each asked about once in a round."""
    rng = random.Random(SEED)
    nets = [PLAIN, *[draw(rng) for _ in range(NETS - 1)]]
    check(nets)
    rows = [
        _beside_islpy(nets, "islpy's PwAff", by_pieces, ISL_LIMIT),
        _beside_islpy(nets, "islpy's PwAff", by_pieces, None, ours=ANEW),
        _beside_islpy(nets, "islpy's Aff, which has no minimum", by_expressions, None),
    ]
    return [*rows, _beside_export(nets)]


CASE = f"{NETS} U-Nets of five poolings"
OURS = "compose and agreement"
ANEW = "the same, no formula known yet"


def _beside_islpy(
    nets: list[Net],
    rival: str,
    way: Callable[[Net], Any],
    limit: float | None,
    ours: str = OURS,
) -> Row:
    if not find_spec("islpy"):
        rival = f"{rival} (not installed)"
        return Row(case=CASE, ours=ours, rival=rival, ours_seconds=nan, rival_seconds=nan)
    times: dict[str, list[float]] = {"ours": [], "islpy": []}
    for turn in range(ROUNDS):
        built = [layers_of(net) for net in nets]
        for place, net in enumerate(nets):
            for name in ("ours", "islpy") if turn % 2 else ("islpy", "ours"):
                if ours is ANEW:
                    formulas.shared.cache_clear()
                    built[place] = layers_of(net)
                layers = built[place]
                begun = time.perf_counter()
                if name == "ours":
                    admissible(layers)
                else:
                    way(net)
                times[name].append(time.perf_counter() - begun)
    return Row(
        case=CASE,
        ours=ours,
        rival=rival,
        ours_seconds=median(times["ours"]),
        rival_seconds=median(times["islpy"]),
        limit=limit,
    )


def _beside_export(nets: list[Net]) -> Row:
    """torch.export, warm, once for each net; the median over the nets that it answers."""
    if not find_spec("torch"):
        rival = "torch.export (not installed)"
        return Row(case=CASE, ours=OURS, rival=rival, ours_seconds=nan, rival_seconds=nan)
    logging.getLogger("torch").setLevel(logging.CRITICAL)
    sets = [admissible(layers_of(net)) for net in nets]
    exported(module_of(PLAIN), example(sets[0]))
    times: dict[str, list[float]] = {"ours": [], "export": []}
    failed = partial = 0
    for net, ours in zip(nets, sets, strict=True):
        module, layers, n = module_of(net), layers_of(net), example(ours)
        begun = time.perf_counter()
        admissible(layers)
        between = time.perf_counter()
        guards = exported(module, n)
        times["ours"].append(between - begun)
        if guards is None:
            failed += 1
            continue
        times["export"].append(time.perf_counter() - between)
        # Where a size inside is 1 it always specialises, so it is held to larger inputs.
        found = [h for h in range(150, LOOKED_AT) if allowed(guards, h)]
        expected = [h for h in range(150, LOOKED_AT) if h in ours]
        assert n in found, net
        assert set(found) <= set(expected), (net, guards)
        partial += found != expected
    print(f"   torch.export: {failed} without an answer, {partial} with a part of the set")
    return Row(
        case=CASE,
        ours=OURS,
        rival="torch.export, warm",
        ours_seconds=median(times["ours"]),
        rival_seconds=median(times["export"]),
        limit=EXPORT_LIMIT,
    )
