"""What tests of traced Keras models share: real forward passes, and how a trace is held to them.

`python -m tests.keras_checks [NAME ...]` holds networks to forward passes at all sizes of an axis,
1 to 200, and to 40 in 3-D. It takes some minutes, so the tests look at about 20 sizes.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.frameworks.client import Worker

SCRIPT = Path(__file__).parent / "models" / "keras_forward.py"

# The network, its arguments, a modulus, a largest size, an admissible size.
NETS: dict[str, tuple[str, list[Any], int, int, tuple[int, ...]]] = {
    "fcn32": ("fcn", [32], 32, 97, (32, 33)),
    "fcn16": ("fcn", [16], 32, 97, (32, 47)),
    "fcn8": ("fcn", [8], 32, 97, (32, 33)),
    "two branches": ("two_branches", [], 4, 30, (8, 7)),
    "unet": ("unet", [4], 16, 50, (16, 32)),
    "unet, same pools": ("unet", [3, "same"], 8, 34, (8, 16)),
    "squeeze and excite": ("squeeze_excite", [], 16, 50, (16, 33)),
    "sound": ("sound", [], 4, 30, (16,)),
    "volume": ("volume", [], 2, 12, (4, 6, 8)),
}
PINNED: dict[str, tuple[str, list[Any], tuple[int, ...]]] = {
    "encoder": ("vae_encoder", [], (28, 28)),
    "two branches, dense": ("two_branches_dense", [], (30, 22)),
    "vae": ("vae", [], (28, 28)),
}


def forward(
    process: Worker,
    net: str,
    args: list[Any],
    sizes: Sequence[tuple[int, ...]],
    *,
    whole: bool = True,
) -> list[dict[str, Any]]:
    """What real forward passes of a network say, one for each size."""
    question = {"net": net, "args": args, "sizes": sizes, "whole": whole}
    answer: Any = process(question)
    assert isinstance(answer, list), answer
    return answer


@lru_cache(maxsize=8)
def built(net: str, *args: Any) -> Any:
    """A network of `keras_nets` or `keras_zoo`."""
    import keras

    from tests.models import keras_nets, keras_zoo

    keras.utils.clear_session()  # layers without names are counted from 1 again
    home = keras_zoo if hasattr(keras_zoo, net) else keras_nets
    return getattr(home, net)(*args)


def traced(net: str, args: list[Any], size: Any = None) -> Any:
    """The trace of a network; one that is no graph takes 3 channels."""
    from deconvcalc.tracing.trace import trace

    model = built(net, *args)
    return trace(model, size, channels=None if hasattr(model, "inputs") else 3)


def around(modulus: int, most: int) -> list[int]:
    """About 20 sizes where admissibility changes, and some between."""
    sizes = {1, 2, 3, 4, 5, 7, most - 1, most}
    for start in (modulus, 2 * modulus):
        sizes |= {start - 1, start, start + 1, start + modulus // 2 - 1, start + modulus // 2}
        sizes |= {start + modulus // 4 - 1, start + modulus // 4}
    return sorted(size for size in sizes if 1 <= size <= most)


def lines_through(base: tuple[int, ...], sizes: list[int]) -> list[tuple[int, ...]]:
    """Each axis alone, the others held; and a diagonal."""
    found = [(*base[:axis], n, *base[axis + 1 :]) for axis in range(len(base)) for n in sizes]
    found += [tuple([n + axis for axis in range(len(base))]) for n in sizes[::4]]
    return list(dict.fromkeys(found))


def check_inputs(
    found: Any, answers: list[dict[str, Any]], sizes: Sequence[tuple[int, ...]]
) -> None:
    """The model runs exactly where real forward passes do; and what is admissible repeats no 1."""
    for size, answer in zip(sizes, answers, strict=True):
        run = found.model.run(size)
        assert run.runs == answer["ok"], (size, answer, run.faults)
        assert (size in found.admissible) == run.ok, (size, run.repeated)


def check_nodes(found: Any, shapes: dict[str, list[int]], size: tuple[int, ...]) -> None:
    """Each node has the name and the shape of a layer of Keras."""
    run = found.model.run(size)
    for name, shape in shapes.items():
        if name not in found.model:
            # An opened layer has nodes for what it calls; the last of them gives its result.
            inner = [node.name for node in found.model if node.name.startswith(f"{name}.")]
            assert inner, name
            node = found.model[inner[-1]]
        else:
            node = found.model[name]
        channels = [] if node.channels is None else [node.channels]
        assert [*run.size(node), *channels] == shape, (name, node)


def main(names: Sequence[str]) -> None:
    """All sizes of each axis of some networks, or of all."""
    import sys
    import time

    from tests.frameworks.client import Worker

    with Worker(SCRIPT) as process:
        for name in names or NETS:
            net, args, _, _, base = NETS[name]
            begun = time.monotonic()
            sizes = lines_through(base, list(range(1, 201 if len(base) < 3 else 41)))
            found = traced(net, args, base)
            answers = forward(process, net, args, sizes)
            check_inputs(found, answers, sizes)
            ran = sum([answer["ok"] for answer in answers])
            seconds = time.monotonic() - begun
            sys.stdout.write(
                f"{name}: {len(sizes)} inputs, {ran} run, all as traced ({seconds:.0f} s); "
                f"{found.admissible}\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
