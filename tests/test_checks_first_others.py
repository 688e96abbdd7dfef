"""First files of checks, for every Keras and ONNX model of the tracing tests.

Each passes, and fails when the model changes by one stride.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from deconvcalc.assertions import decide
from tests.first_files import chosen, faster, first, passes
from tests.keras_checks import NETS, PINNED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.framework

needs_keras = pytest.mark.skipif(find_spec("keras") is None, reason="keras is not installed")
needs_onnx = pytest.mark.skipif(
    find_spec("onnx") is None or find_spec("torch") is None, reason="onnx is not installed"
)
KERAS: dict[str, tuple[str, list[Any], tuple[int, ...]]] = {
    **{name: (net, args, base) for name, (net, args, _, _, base) in NETS.items()},
    **PINNED,
}


@needs_keras
@pytest.mark.parametrize("name", KERAS)
def test_first_files_of_keras_models(name: str, tmp_path: Path) -> None:
    from tests.models import keras_nets

    net, args, base = KERAS[name]
    make: Callable[..., Any] = getattr(keras_nets, net)
    model = make(*args)
    spec = first(model, base, None, tmp_path)
    layer = chosen([one for one in model._flatten_layers() if hasattr(one, "strides")], name)
    layer.strides = faster(layer.strides)
    assert not passes(spec, model, None), layer.name


@needs_onnx
@pytest.mark.parametrize("name", ["unet", "padded", "resnet50", "mobilenet"])
def test_first_files_of_onnx_models(name: str, tmp_path: Path) -> None:
    import onnx

    from tests.test_tracing_onnx import exported

    model = exported(name, "old")
    spec = first(model, 64, None, tmp_path)
    strided = [
        number
        for number, node in enumerate(model.graph.node)
        if any(one.name == "strides" for one in node.attribute)
    ]
    node = chosen(strided, name)
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for one in changed.graph.node[node].attribute:
        if one.name == "strides":
            one.ints[:] = faster(list(one.ints))
    assert not passes(spec, changed, None), changed.graph.node[node].name


@needs_keras
def test_a_keras_model_is_run_itself() -> None:
    import keras

    model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3, strides=2)])
    assert decide("verify", model, ["keras", "numpy"], input=(28, 30)).state == "passed"
    assert decide("verify", model, ["keras"], input=2).state == "failed"
