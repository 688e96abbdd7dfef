"""Real PyTorch models: what a trace says of their inputs, against real forward passes."""

from __future__ import annotations

import re
from typing import Any

import pytest

import deconvcalc as dc
from tests.torch_passes import NAMES, case, disagreements

pytestmark = pytest.mark.framework


@pytest.mark.parametrize("name", NAMES)
def test_admissible_inputs_are_those_of_real_forward_passes(name: str) -> None:
    assert disagreements(name) == []


WITHOUT_HEAD = ("resnet50 autoencoder", "fpn")
"""They have a ResNet-50 without its head."""


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_counted_as_torch_counts_them(name: str) -> None:
    one = case(name)
    model = one.make()
    found = dc.trace(model, one.start, channels=one.channels)
    held = {path: part.numel() for path, part in model.named_parameters()}
    unused = [path for path in held if name in WITHOUT_HEAD and ".fc." in path]
    assert found.totals.parameters == sum(held.values()) - sum(held[path] for path in unused)
    assert any("that nothing uses" in text for text in found.warnings) == bool(unused)
    assert found.passed == ()


@pytest.mark.parametrize("name", NAMES)
def test_multiply_accumulates_are_half_of_what_torchs_counter_counts(name: str) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    one = case(name)
    model = one.make().eval()
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        model(torch.zeros(1, one.channels, *one.start))
    found = dc.trace(model, one.start, channels=one.channels)
    known = sum(row.macs or 0 for row in found.rows)
    if name == "windows":  # products of matrices, as in attention: their number is not told
        assert found.totals.macs is None
        assert known < counter.get_total_flops() // 2
    elif name.startswith("demucs"):  # torch's counter does not count the LSTM, nor do we
        assert found.totals.macs is None
        assert known == counter.get_total_flops() // 2
    else:
        assert found.totals.macs == known == counter.get_total_flops() // 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("unet", "h ≡ 0 (mod 16), h ≥ 16; w ≡ 0 (mod 16), w ≥ 16"),
        ("unet with F.pad", "h ≥ 16; w ≥ 16"),
        ("unet, valid", "h ≥ 188; w ≥ 188"),
        ("resnet50 autoencoder", "h ≡ 0 (mod 32), h ≥ 32; w ≡ 0 (mod 32), w ≥ 32"),
        ("demucs", "any n ≥ 1"),
        ("picky", "h ≡ 0 (mod 4), h ≥ 4; w ≡ 0 (mod 4), w ≥ 4"),
    ],
)
def test_admissible_inputs_read_well(name: str, text: str) -> None:
    one = case(name)
    assert str(dc.trace(one.make(), one.start, channels=one.channels).admissible) == text


def test_the_first_unet_gives_388_for_572() -> None:
    one = case("unet, valid")
    found = dc.trace(one.make(), (572, 572), channels=3)
    assert found.ok
    assert found.run.size("head") == (388, 388)


@pytest.mark.parametrize(("name", "hop"), [("hifi-gan, hop 256", 256), ("hifi-gan, hop 300", 300)])
def test_vocoders_give_a_hop_of_samples_for_each_frame(name: str, hop: int) -> None:
    found = dc.trace(case(name).make(), (7,), channels=10)
    (out,) = found.model.outputs
    assert str(out.shape.extents[0]) == f"{hop}*n"


@pytest.mark.parametrize("name", ["resnet50", "mobilenetv2"])
def test_sizes_of_all_modules_are_those_of_forward_hooks(name: str) -> None:
    import torch

    model = case(name).make().eval()
    found = dc.trace(model, (97, 97), channels=3)
    leaves = {path: one for path, one in model.named_modules() if not list(one.children())}
    for size in ((97, 97), (161, 161), (225, 225), (97, 225)):
        seen: dict[str, list[Any]] = {path: [] for path in leaves}
        handles = [
            one.register_forward_hook(
                lambda _module, _args, result, shapes=seen[path]: shapes.append(tuple(result.shape))
            )
            for path, one in leaves.items()
        ]
        with torch.no_grad():
            model(torch.zeros(1, 3, *size))
        for handle in handles:
            handle.remove()
        run = found.model.run(size)
        assert all(seen.values())
        for path, shapes in seen.items():
            for count, shape in enumerate(shapes, 1):
                node = found.model[path if count == 1 else f"{path}#{count}"]
                held = run.shapes[node.index]
                assert (held.channels, *(held.numbers or ())) == shape[1:], (path, size)


def test_all_clashes_of_a_deep_unet_in_one_pass_each_with_torchs_own_words() -> None:
    import torch

    from tests.models.torch_unet import UNet

    model = UNet(depth=5, channels=2).eval()
    found = dc.trace(model, (55, 54), channels=3)
    sizes = []
    for fault in found.clashes:
        assert fault.kind == "clash"
        assert fault.said is not None
        words = re.search(r"Expected size (\d+) but got size (\d+)", fault.said)
        assert words, fault.said
        assert {int(words[1]), int(words[2])} == {branch.size for branch in fault.branches}
        assert fault.where is not None
        assert fault.where.startswith("tests/models/torch_unet.py:")
        sizes.append((fault.node, fault.axis, int(words[1]), int(words[2])))
    assert sizes == [
        ("ups.0.cat", 0, 2, 3),
        ("ups.0.cat", 1, 2, 3),
        ("ups.2.cat", 0, 12, 13),
        ("ups.2.cat", 1, 12, 13),
        ("ups.3.cat", 0, 26, 27),
        ("ups.3.cat", 1, 26, 27),
        ("ups.4.cat", 0, 54, 55),
    ]
    losers = {branch.loss.node for one in found.clashes for branch in one.branches if branch.loss}
    assert losers == {"down.4.0", "down.2.0", "down.1.0", "down.0.0"}
    with pytest.raises(RuntimeError) as error:
        model(torch.zeros(1, 3, 55, 54))
    assert str(error.value).splitlines()[0] == found.clashes[0].said
