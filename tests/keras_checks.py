"""What tests of traced Keras models share: real forward passes, and how a trace is held to them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.frameworks.client import Worker

SCRIPT = Path(__file__).parent / "models" / "keras_forward.py"


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
