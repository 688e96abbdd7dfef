"""A search over decoders: what has the wrong size is thrown away before anything is trained."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import deconvcalc as dc

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["candidates", "kept"]


def candidates() -> Iterator[list[dc.Layer]]:
    """Decoders of two equal stages, right and wrong."""
    for kernel, padding, extra in product(range(2, 7), range(3), range(2)):
        stage = dc.ConvTranspose(kernel, stride=2, padding=padding, output_padding=extra)
        yield [stage, stage]


def kept() -> list[list[dc.Layer]]:
    """Those that give 4n for every n, and have no checkerboard."""
    found = []
    for layers in candidates():
        try:
            dc.testing.assert_holds(layers, inputs="n >= 1", output="4n", checkerboard=False)
        except AssertionError:
            continue
        found.append(layers)
    return found


if __name__ == "__main__":
    for layers in kept():
        print(layers[0])
