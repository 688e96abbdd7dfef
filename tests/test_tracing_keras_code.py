"""Keras models with code of their own, files, names, and what cannot be traced."""

from __future__ import annotations

import zipfile
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from deconvcalc.errors import QueryError, TraceError, UnknownOperationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [
    pytest.mark.framework,
    pytest.mark.skipif(find_spec("keras") is None, reason="keras is not installed"),
]


def trace(model: Any, size: Any = None, **options: Any) -> Any:
    from deconvcalc.tracing.trace import trace as run

    return run(model, size, **options)


def image(*shape: int | None) -> Any:
    import keras

    return keras.Input(shape or (None, None, 4), name="image")


def of_layer(layer: Any) -> Any:
    """A functional model of one layer on images of 4 channels."""
    import keras

    given = image()
    return keras.Model(given, layer(given))


# How Keras's graph is read.


def test_keras_keeps_its_graph_where_it_is_read() -> None:
    """Private parts of Keras: where this fails, `keras_graph` has to be written anew."""
    import keras

    given = image()
    middle = keras.layers.Conv2D(5, 3, name="conv")(given)
    model = keras.Model(given, keras.layers.ReLU()(middle))
    operation, place, output = middle._keras_history
    node = operation._inbound_nodes[place]
    said = "Keras keeps its graph elsewhere: read keras_graph.py again"
    assert (operation.name, output) == ("conv", 0), said
    assert node.outputs[0] is middle, said
    assert node.arguments.keras_tensors[0] is given, said
    assert node.arguments.convert(lambda value: value)[0][0] is given, said
    assert isinstance(model, keras.Function), said
    assert keras.Sequential([given, keras.layers.ReLU()])._functional.outputs, said
    assert isinstance(keras.KerasTensor.shape, property), said
    assert [layer.name for layer in model._flatten_layers()].count("conv") == 1, said


def test_a_keras_that_keeps_it_elsewhere_is_an_error() -> None:
    import keras

    model = of_layer(keras.layers.ReLU())
    del model.outputs[0]._keras_history
    with pytest.raises(TraceError, match="keeps its graph elsewhere"):
        trace(model, 5)


def test_tracing_leaves_a_model_as_it_was() -> None:
    from tests.models import keras_nets

    model = keras_nets.coded()
    trace(model, (8, 8), channels=3)
    layers = list(model._flatten_layers())
    assert len(layers) > 8
    assert not any(layer._inbound_nodes or layer._outbound_nodes for layer in layers)


# Names, shared layers, several inputs and outputs.


def test_a_shared_layer_is_told_apart_and_counted_once() -> None:
    import keras

    one, other = image(), keras.Input((None, None, 4), name="other")
    inner = image()
    encoder = keras.Model(inner, keras.layers.Conv2D(5, 3, name="conv")(inner), name="encoder")
    shared = keras.layers.MaxPooling2D(2, name="pool")
    sides = [shared(encoder(one)), shared(encoder(other))]
    model = keras.Model([one, other], [keras.layers.Concatenate(name="join")(sides), sides[0]])
    found = trace(model, {"image": 9, "other": (9, 5)})
    names = [node.name for node in found.model]
    assert names == ["image", "other", "encoder.conv", "pool", "encoder.conv#2", "pool#2", "join"]
    assert [row.parameters for row in found.rows] == [0, 0, 185, 0, 0, 0, 0]
    assert model.count_params() == 185
    assert [node.name for node in found.model.outputs] == ["join", "pool"]
    assert str(found.clashes[0]).startswith("join: ")
    assert found.clashes[0].branches[1].function == "floor(other.w/2) - 1"


def test_channels_first() -> None:
    import keras

    given = keras.Input((3, None, None))
    first: dict[str, Any] = {"data_format": "channels_first"}
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same", **first)(given)
    x = keras.layers.BatchNormalization(axis=1)(x)
    low = keras.layers.MaxPooling2D(2, **first)(x)
    up = keras.layers.UpSampling2D(2, **first)(low)
    joined = keras.layers.Concatenate(axis=1, name="join")([x, up])
    rows = keras.layers.Concatenate(axis=2, name="rows")([joined, joined])
    pooled = keras.layers.GlobalAveragePooling2D(**first, name="pooled")(rows)
    found = trace(keras.Model(given, pooled), (16, 24))
    assert found.model["join"].channels == 16
    assert found.run.size("rows") == (16, 12)
    assert (found.model["pooled"].channels, found.run.size("pooled")) == (16, ())
    assert str(found.admissible) == "h ≡ 0 or 3 (mod 4), h ≥ 3; w ≡ 0 or 3 (mod 4), w ≥ 3"


def test_channels_that_change_their_place() -> None:
    import keras

    first: dict[str, Any] = {"data_format": "channels_first"}
    given = image(None, 6, 4)
    x = keras.layers.Conv2D(5, 3, padding="same", name="last")(given)
    x = keras.layers.MaxPooling2D(2, name="over", **first)(x)
    # What was the height stands where the pool looks for channels.
    with pytest.raises(TraceError, match="over: how many channels it gets depends on the size"):
        trace(keras.Model(given, x), (8, 6))
    fixed = image(8, 6, 4)
    x = keras.layers.MaxPooling2D(2, name="over", **first)(fixed)
    x = keras.layers.Conv2D(5, 3, name="again")(x)
    with pytest.raises(TraceError, match="over: how many channels"):
        trace(keras.Model(fixed, x))


@pytest.mark.parametrize("kind", ["functional", "sequential"])
def test_an_inner_model_that_is_functional_refuses_other_sizes(kind: str) -> None:
    import keras
    import numpy as np

    within, conv = keras.Input((28, 28, 4)), keras.layers.Conv2D(5, 3, name="conv")
    if kind == "functional":
        inner = keras.Model(within, conv(within), name="inner")
    else:
        inner = keras.Sequential([within, conv], name="inner")
    given = image()
    model = keras.Model(given, inner(given))
    found = trace(model, 28)
    ran = []
    for size in ((28, 28), (30, 28), (28, 9)):
        try:
            made = model(np.zeros((1, *size, 4), "float32"))
            ran.append(tuple(made.shape[1:3]) == (size[0] - 2, size[1] - 2))
        except ValueError:
            ran.append(False)
        assert found.model.run(size).runs == (size in found.admissible) == ran[-1]
    assert ran == [True, kind == "sequential", kind == "sequential"]


# Sequential models.


def test_a_sequential_model_that_is_not_built() -> None:
    import keras

    model = keras.Sequential(
        [keras.layers.Conv2D(5, 3, strides=2, name="conv"), keras.layers.MaxPooling2D(2)]
    )
    found = trace(model, (20, 21), channels=3)
    assert found.model["conv"].parameters == 140
    assert str(found.admissible) == "h ≥ 5; w ≥ 5"
    assert model.inputs is None if hasattr(model, "inputs") else True
    by_default = trace(keras.Sequential([keras.layers.Conv2D(5, 3)]), 20)
    assert by_default.rows[0].channels == 3
    with pytest.raises(QueryError, match="not built"):
        trace(keras.Sequential([keras.layers.Conv2D(5, 3)]))


def test_a_sequential_model_whose_dense_needs_the_size() -> None:
    import keras

    parts = [keras.layers.MaxPooling2D(2), keras.layers.Flatten(), keras.layers.Dense(3)]
    found = trace(keras.Sequential(parts), (8, 6), channels=2)
    assert (8, 6) in found.admissible
    assert (4, 13) in found.admissible
    assert (8, 8) not in found.admissible


# Code of layers and models.


def test_a_lambda_is_opened() -> None:
    import keras

    model = of_layer(keras.layers.Lambda(lambda x: x[:, ::2] + 1.0, name="half"))
    found = trace(model, 9)
    assert [node.name for node in found.model] == ["image", "half.getitem", "half.add"]
    assert found.run.size("half.add") == (5, 9)
    assert not found.passed


def foreign(name: str, function: Any) -> Any:
    """A layer whose code calls TensorFlow itself, so that it cannot be opened."""
    import keras
    import tensorflow as tf

    class Foreign(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types here
        def call(self, x: Any) -> Any:
            return function(tf, x)

    return Foreign(name=name)


def test_foreign_code_that_leaves_sizes_alone_is_passed() -> None:
    found = trace(of_layer(foreign("odd", lambda tf, x: tf.raw_ops.Relu(features=x))), 9)
    assert found.passed == ("odd",)
    assert found.run.size("odd") == (9, 9)


def test_foreign_code_that_changes_sizes_is_asked_for() -> None:
    model = of_layer(foreign("cut", lambda tf, x: tf.raw_ops.Relu(features=x)[:, :-1]))
    with pytest.raises(UnknownOperationError, match=r"cut .Foreign. is not known") as caught:
        trace(model, 9)
    assert caught.value.operation == "cut"
    assert 'assume={"cut": "same"}' in str(caught.value)
    found = trace(model, 9, assume={"cut": "same"})
    assert (found.run.size("cut"), found.passed) == ((9, 9), ())
    with pytest.raises(QueryError, match="cannot be assumed"):
        trace(model, 9, assume={"cut": "half"})
    found = trace(model, 9, assume={"cut": "same", "other": "same"})
    assert "assume names other" in found.warnings[0]


WAYS_TO_READ: dict[str, Callable[[Any, Any], bool]] = {
    "an axis": lambda x, y: x.shape[1] == y.ndim,
    "from the end": lambda x, y: x.shape[-2] == y.shape[-2],
    "by ops": lambda x, y: ops().shape(x)[1] is None and y.ndim,
    "a part": lambda x, y: x.shape[1:3] == y.shape[1:3],
    "unpacked": lambda x, y: [*x.shape][1] == y.ndim,
    "whole": lambda x, y: x.shape == y.shape,
    "unequal": lambda x, y: x.shape != y.shape,
    "contained": lambda x, y: 2 * y.ndim in x.shape,
    "put together": lambda x, y: (0, *x.shape)[2] == y.ndim,
    "joined": lambda x, y: x.shape.__add__((1,))[1] == y.ndim,
}


def ops() -> Any:
    import keras

    return keras.ops


@pytest.mark.parametrize("way", WAYS_TO_READ)
def test_code_that_reads_a_size_is_not_guessed(way: str) -> None:
    import keras

    reads = WAYS_TO_READ[way]

    class Reading(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            shorter = x[:, :-1]
            return x if reads(x, shorter) else shorter

    with pytest.raises(UnknownOperationError, match=r"reads a size .*/test_tracing_keras_code\.py"):
        trace(of_layer(Reading(name="reading")), 9)


def test_code_may_read_channels_and_the_number_of_axes() -> None:
    import keras

    class Counting(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            assert (len(x.shape), x.ndim, x.shape[-1], x.shape[3]) == (4, 4, 4, 4)
            return keras.ops.repeat(x, keras.ops.shape(x)[-1], axis=-1)

    assert trace(of_layer(Counting(name="counting")), 9).model.outputs[0].channels == 16


def test_a_subclassed_model_that_compares_sizes_is_not_guessed() -> None:
    import keras

    class Net(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="net")
            self.down = keras.layers.MaxPooling2D(2)
            self.up = keras.layers.UpSampling2D(2)

        def call(self, x: Any) -> Any:
            y = self.up(self.down(x))
            if y.shape[1] != x.shape[1]:
                y = keras.layers.ZeroPadding2D(((0, 1), (0, 1)))(y)
            return x + y

    with pytest.raises(TraceError, match=r"net: its code reads a size at .*_code\.py:\d+"):
        trace(Net(), 9, channels=4)

    class Counts(Net):
        def call(self, x: Any) -> Any:
            return x[:, : x.shape[1] // 2]

    with pytest.raises(TraceError, match=r"net: its code reads a size at .*_code\.py:\d+"):
        trace(Counts(), 9, channels=4)


def test_a_pinned_model_may_read_its_sizes() -> None:
    import keras

    class Half(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x[:, : x.shape[1] // 2]

    given = image(10, 8, 4)
    found = trace(keras.Model(given, Half(name="half")(given)))
    assert found.run.size(found.model.outputs[0]) == (5, 8)
    assert str(found.admissible) == "h = 10; w = 8"
    assert "built for 10x8" in found.warnings[0]
    assert [str(one) for one in trace(keras.Model(given, given), (9, 8)).clashes] == [
        "image: the model is built for a size of 10, not 9"
    ]


def test_subclassed_models_of_several_inputs() -> None:
    import keras

    class Both(keras.Model):  # type: ignore[misc]
        def call(self, image: Any, mask: Any) -> Any:
            return image * mask

    class Listed(keras.Model):  # type: ignore[misc]
        def call(self, inputs: Any, training: bool = True) -> Any:
            image, mask = inputs
            return keras.ops.concatenate([image, mask], axis=-1)[:, 1:] if not training else None

    for model, channels in ((Both(), 3), (Listed(), 4)):
        sizes = {"image": 9, "mask": (9, 8)}
        found = trace(model, sizes, channels={"image": 3, "mask": 1})
        assert found.model.variables == ("h", "w", "mask.h", "mask.w")
        assert found.model.outputs[0].channels == channels
        assert (9, 9, 9, 9) in found.admissible
        assert (9, 9, 9, 8) not in found.admissible


def test_dicts_of_inputs_and_outputs() -> None:
    import keras

    given = {name: keras.Input((None, 4), name=name) for name in ("b", "a")}
    made = keras.layers.Add(name="sum")([given["a"], given["b"][:, 1:]])
    found = trace(keras.Model(given, {"out": made}), {"a": 8, "b": 9})
    assert found.ok
    assert (8, 9) in found.admissible or (9, 8) in found.admissible
    assert found.model.variables in (("n", "b.n"), ("n", "a.n"))


def test_a_layer_alone_and_a_functional_model_with_code() -> None:
    import keras

    found = trace(keras.layers.Conv2D(5, 3, name="conv"), 9, channels=2)
    assert (found.run.size("conv"), found.totals.parameters) == ((7, 7), 95)

    class Twice(keras.Model):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return super().call(super().call(inputs))

    given = image()
    model = Twice(given, keras.ops.relu(keras.layers.Conv2D(4, 3, name="conv")(given)))
    found = trace(model, 9)
    assert [len(one._inbound_nodes) for one in model.operations] == [1, 1, 1]
    names = [node.name for node in found.model if not node.name.startswith("convert")]
    relu = model.operations[-1].name
    assert names == ["image", "conv", relu, "conv#2", f"{relu}#2"]
    assert found.run.size("conv#2") == (5, 5)


def test_attention_and_embedding() -> None:
    import keras

    words = keras.Input((None,), name="words")
    x = keras.layers.Embedding(100, 8, name="vectors")(words)
    x = keras.layers.MultiHeadAttention(2, 4, name="attend")(x, x)
    other = keras.Input((None, 8), name="other")
    x = keras.layers.Attention(name="look")([x, other])
    found = trace(keras.Model([words, other], x), {"words": 11, "other": 5})
    for name in ("vectors", "attend", "look"):
        assert (found.run.size(name), found.model[name].channels) == ((11,), 8)
    assert found.totals.parameters == 100 * 8 + 4 * 8 * 8 + 3 * 8 + 8


# What is refused.


def test_models_that_need_arguments_or_raise() -> None:
    import keras

    class Needs(keras.Model):  # type: ignore[misc]
        def call(self, x: Any, style: Any) -> Any:
            return x + style

    with pytest.raises(TraceError, match=r"missing .* argument"):
        trace(Needs(name="needs"), 9, channels=4)

    class Raises(keras.Model):  # type: ignore[misc]
        def call(self, x: Any) -> Any:  # noqa: ARG002 - the code of somebody else
            raise RuntimeError("no weights are here")

    with pytest.raises(TraceError, match=r"raises cannot be called .*no weights are here"):
        trace(Raises(name="raises"), 9, channels=4)
    with pytest.raises(TypeError, match="is no model"):
        trace(Needs, 9)


def test_a_wrong_number_of_axes() -> None:
    import keras

    model = of_layer(keras.layers.ReLU())
    with pytest.raises(QueryError, match="image has 2 spatial axes, not 3"):
        trace(model, (9, 9, 9))
    with pytest.raises(QueryError, match="image has 4 channels, not 3"):
        trace(model, 9, channels=3)
    with pytest.raises(QueryError, match="the size of image is not given"):
        trace(model)
    with pytest.raises(QueryError, match="ints of at least 1"):
        trace(model, (0, 9))
    with pytest.raises(TraceError, match="cannot be called"):
        trace(keras.Sequential([keras.layers.Conv2D(5, 3)]), (9,), channels=4)


# Files.


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_files_are_loaded_safely(tmp_path: Path) -> None:
    import keras

    from tests.models import keras_nets

    path = tmp_path / "unet.keras"
    model = keras_nets.unet(2)
    model.save(path)
    found = trace(path, (8, 12))
    assert str(found.admissible) == "h ≡ 0 (mod 4), h ≥ 4; w ≡ 0 (mod 4), w ≥ 4"
    assert found.totals.parameters == model.count_params()
    assert found.versions["keras"] == keras.__version__

    unsafe = tmp_path / "code.keras"
    of_layer(keras.layers.Lambda(lambda x: x + 1)).save(unsafe)
    with pytest.raises(TraceError, match=r"Keras does not load code\.keras") as caught:
        trace(unsafe, 9)
    assert "Lambda" in str(caught.value)


def test_files_that_are_no_models(tmp_path: Path) -> None:
    from deconvcalc.tracing import keras as tracer

    damaged = tmp_path / "damaged.keras"
    damaged.write_bytes(b"PK\x03\x04 and nothing more")
    with pytest.raises(TraceError, match=r"damaged\.keras is damaged"):
        trace(damaged, 9)
    other = tmp_path / "other.keras"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("config.json", "{")
    with pytest.raises(TraceError, match=r"Keras does not load other\.keras"):
        trace(other, 9)
    with pytest.raises(TraceError, match=r"missing\.keras cannot be read"):
        trace(tmp_path / "missing.keras", 9)
    with pytest.raises(TraceError, match=r"old\.h5 is no \.keras file"):
        tracer.traced(tmp_path / "old.h5")


# Documentation.


def test_the_page_about_keras_models_runs() -> None:
    """Its blocks need Keras, so that they are run here."""
    from doctest import ELLIPSIS, DocTestParser, DocTestRunner
    from pathlib import Path as FilePath

    page = FilePath(__file__).parents[1] / "docs" / "how-to" / "keras-models.md"
    text = page.read_text(encoding="utf-8").replace("```", "")
    test = DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    assert len(test.examples) > 10
    said: list[str] = []
    runner = DocTestRunner(optionflags=ELLIPSIS)
    assert runner.run(test, out=said.append).failed == 0, "".join(said)
