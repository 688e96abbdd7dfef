"""Real forward passes of PyTorch models, against what a trace says of their inputs.

`python -m tests.torch_passes [NAME ...]` runs every size from 1 to 200 along each axis (smaller
ranges in 3-D), which takes many minutes; the tests run some sizes around the moduli.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

AROUND = (1, 2, 3, 5, 8, 15, 16, 17, 29, 31, 32, 33, 48, 64)
SHORT = tuple(range(1, 13))


class Case(NamedTuple):
    """A model, a size that works, and the sizes that each axis has while the others stay."""

    make: Callable[[], Any]
    channels: int
    start: tuple[int, ...]
    sizes: Sequence[int]
    pairs: Sequence[tuple[int, ...]] = ()
    most: int = 200


def _cases() -> dict[str, Case]:
    from tests.models import torch_audio, torch_mobile, torch_other, torch_resnet, torch_unet

    unet = torch_unet.UNet
    pairs = ((16, 24), (17, 33), (30, 30), (1, 1), (48, 80))
    images = {
        "unet": unet,
        "unet with F.pad": lambda: unet(join="pad"),
        "unet, bilinear": lambda: unet(join="bilinear"),
        "unet with interpolate to the skip": lambda: unet(join="interpolate"),
        "unet with output_size": lambda: unet(join="output_size"),
        "resnet50": torch_resnet.ResNet50,
        "resnet50 autoencoder": torch_resnet.Autoencoder,
        "fpn": torch_resnet.FPN,
        "mobilenetv2": torch_mobile.MobileNetV2,
        "efficientnet with a decoder": torch_mobile.EfficientUNet,
    }
    found = {name: Case(make, 3, (32, 32), AROUND, pairs) for name, make in images.items()}
    small = tuple([(a, b) for a in SHORT for b in SHORT if a != b])
    for name, make in {
        "parity": torch_other.Parity,
        "taller": torch_other.Taller,
        "picky": torch_other.Picky,
        "windows": torch_other.Windows,
        "unpooled": lambda: torch_other.Unpooled(sizes=False),
        "unpooled with sizes": lambda: torch_other.Unpooled(sizes=True),
    }.items():
        found[name] = Case(make, 3, (8, 8), SHORT, small)
    valid = (187, 188, 189, 190, 196, 204, 205, 220, 236)
    lengths = (*range(1, 12), 84, 85, 86, 340, 341, 342, 343, 597, 598, 852, 853, 1364, 1365)
    third = (1, 2, 8, 15, 16, 17, 24, 32)
    return found | {
        "unet, valid": Case(
            lambda: unet(join="crop", padding=0, channels=1), 3, (188, 188), valid, ((220, 236),)
        ),
        "dcgan": Case(torch_other.Generator, 100, (1, 1), (1, 2, 3, 5), most=20),
        "demucs": Case(torch_audio.Demucs, 1, (341,), lengths),
        "demucs without padding": Case(
            lambda: torch_audio.Demucs(depth=3, pads=False), 1, (148,), range(1, 200), most=800
        ),
        "hifi-gan, hop 256": Case(torch_audio.HiFiGAN, 10, (8,), range(1, 20)),
        "hifi-gan, hop 300": Case(
            lambda: torch_audio.HiFiGAN((5, 5, 4, 3), (11, 11, 8, 7)), 10, (8,), range(1, 20)
        ),
        "v-net": Case(torch_other.VNet, 1, (16, 16, 16), third, ((16, 32, 16),), most=48),
        "pinned": Case(
            torch_other.Pinned, 3, (32, 32), AROUND, ((16, 64), (8, 128), (29, 31), (27, 40))
        ),
    }


def module(forward: Any, *layers: Any, **named: Any) -> Any:
    """A module whose forward is a function of itself and x."""
    from torch import nn

    class Model(nn.Module):  # type: ignore[misc]  # torch is read as Any
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(layers)
            for name, one in named.items():
                setattr(self, name, one)

        def forward(self, x: Any) -> Any:
            return forward(self, x)

    return Model()


NAMES = (
    "unet",
    "unet with F.pad",
    "unet, bilinear",
    "unet with interpolate to the skip",
    "unet with output_size",
    "unet, valid",
    "resnet50",
    "resnet50 autoencoder",
    "fpn",
    "mobilenetv2",
    "efficientnet with a decoder",
    "dcgan",
    "demucs",
    "demucs without padding",
    "hifi-gan, hop 256",
    "hifi-gan, hop 300",
    "v-net",
    "pinned",
    "parity",
    "taller",
    "picky",
    "windows",
    "unpooled",
    "unpooled with sizes",
)


def case(name: str) -> Case:
    """A case by its name; it imports torch."""
    return _cases()[name]


def inputs(one: Case, sizes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Each axis alone, and some pairs."""
    for axis in range(len(one.start)):
        for size in sizes:
            yield (*one.start[:axis], size, *one.start[axis + 1 :])
    yield from one.pairs


def runs(model: Any, channels: int, sizes: Sequence[int]) -> bool:
    """Whether a real forward pass goes through, with one result for the one image."""
    import torch

    image = torch.zeros(1, channels, *sizes)
    try:
        with torch.no_grad():
            model.eval()(image)
    except (RuntimeError, ValueError, IndexError):
        return False
    return True


def disagreements(name: str, sizes: Sequence[int] | None = None) -> list[Any]:
    """The inputs at which a trace and a real forward pass disagree.

    An input is admissible if it runs, but for those that run only by repeating a size of 1; of
    those the way's own model says that they run. An unknown one disagrees too.
    """
    import torch

    import deconvcalc as dc

    torch.set_num_threads(1)  # many threads wait for each other on small tensors
    one = case(name)
    model = one.make()
    found = dc.trace(model, one.start, channels=one.channels)
    wrong: list[Any] = [] if not found.unknown else [("unknown", found.unknown)]
    for numbers in inputs(one, one.sizes if sizes is None else sizes):
        point = found.model.point(numbers)
        ways = [
            path for path in found.traced.paths if all(guard.sends(point) for guard in path.guards)
        ]
        real = runs(model, one.channels, numbers)
        said = any(path.failed is None and path.model.run(point).runs for path in ways)
        repeated = any(path.failed is None and path.model.run(point).repeated for path in ways)
        member = numbers in found.admissible
        if said != real or (member != real and not repeated) or (member and repeated):
            wrong.append((numbers, real, said, member))
    return wrong


def main(names: Sequence[str]) -> int:
    """All sizes, one axis at a time."""
    failed = 0
    for name in names or NAMES:
        start = time.monotonic()
        one = case(name)
        least = min(one.start) if name == "unet, valid" else 1
        wrong = disagreements(name, range(least, max(one.most, least + 50) + 1))
        failed += bool(wrong)
        print(f"{name}: {wrong or 'agrees'} ({time.monotonic() - start:.0f} s)", flush=True)  # noqa: T201  # a script
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
