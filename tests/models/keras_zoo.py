"""Small Keras models of one layer or operation each."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

C = 4
"""The channels of every image."""

OPERATIONS: dict[str, Any] = {
    "add a number": lambda x: x + 1.0,
    "add a vector": lambda x: x + ops.ones((1, 1, 1, C)),
    "multiply by itself shifted": lambda x: x[:, 1:] * x[:, :-1],
    "crop by slices": lambda x: x[:, 2:-1, ::2],
    "first rows": lambda x: x[:, :6, -3:],
    "one row": lambda x: x[:, 3],
    "one channel": lambda x: x[..., 0],
    "some channels": lambda x: x[..., 1:3],
    "reversed": lambda x: x[:, ::-1],
    "pad": lambda x: ops.pad(x, [[0, 0], [1, 2], [0, 3], [0, 0]]),
    "pad channels": lambda x: ops.pad(x, [[0, 0], [1, 1], [0, 0], [0, 2]]),
    "reflect": lambda x: ops.pad(x, [[0, 0], [2, 3], [1, 0], [0, 0]], mode="reflect"),
    "symmetric": lambda x: ops.pad(x, [[0, 0], [2, 3], [1, 0], [0, 0]], mode="symmetric"),
    "mean": lambda x: ops.mean(x, axis=(1, 2)),
    "max, kept": lambda x: ops.max(x, axis=(1, 2), keepdims=True),
    "mean of rows": lambda x: ops.mean(x, axis=1),
    "sum of channels": lambda x: ops.sum(x, axis=-1, keepdims=True),
    "channels gone": lambda x: ops.max(x, axis=3),
    "gate": lambda x: x * ops.sigmoid(ops.mean(x, axis=(1, 2), keepdims=True)),
    "gate of places": lambda x: x * ops.sigmoid(ops.mean(x, axis=-1, keepdims=True)),
    "reshape": lambda x: ops.reshape(x, (1, -1, C)),
    "reshape to pairs": lambda x: ops.reshape(x, (1, -1, 2, C)),
    "reshape to rows": lambda x: ops.reshape(x, (1, -1, 6 * C)),
    "transpose": lambda x: ops.transpose(x, (0, 2, 1, 3)),
    "channels first and back": lambda x: ops.transpose(
        ops.relu(ops.transpose(x, (0, 3, 1, 2))), (0, 2, 3, 1)
    ),
    "swapped": lambda x: ops.swapaxes(x, 1, 2),
    "moved": lambda x: ops.moveaxis(x, 3, 1),
    "concatenate": lambda x: ops.concatenate([x, ops.relu(x)], axis=-1),
    "concatenate rows": lambda x: ops.concatenate([x, x[:, 1:]], axis=1),
    "concatenate unequal": lambda x: ops.concatenate([x[:, ::2], x[:, 1::2]], axis=-1),
    "resize": lambda x: ops.image.resize(x, (9, 5)),
    "repeat": lambda x: ops.repeat(x, 3, axis=2),
    "tile": lambda x: ops.tile(x, (1, 2, 1, 3)),
    "expand and squeeze": lambda x: ops.squeeze(ops.expand_dims(x, 2), 2),
    "split": lambda x: ops.add(*ops.split(x, 2, axis=1)),
    "stack": lambda x: ops.stack([x, ops.relu(x)], axis=1),
    "stack unequal": lambda x: ops.stack([x[:, 1:], x[:, :-1]], axis=-1),
    "product": lambda x: ops.matmul(x, ops.transpose(x, (0, 1, 3, 2))),
    "product of rows": lambda x: ops.matmul(x[:, :, 0], ops.transpose(x[:, 0], (0, 2, 1))),
    "split channels": lambda x: ops.concatenate(ops.split(x, [1], axis=-1)[::-1], axis=-1),
    "max pool": lambda x: ops.max_pool(x, 3, 2, padding="same"),
    "average pool": lambda x: ops.average_pool(x, 2),
    "convolution": lambda x: ops.conv(x, ops.ones((3, 2, C, 5)), 2, padding="same"),
    "depthwise": lambda x: ops.depthwise_conv(x, ops.ones((3, 3, C, 2)), 1),
    "depth to space": lambda x: ops.nn.depth_to_space(x, 2),
    "space to depth": lambda x: ops.nn.space_to_depth(x, 2),
    "softmax": lambda x: ops.softmax(ops.clip(ops.exp(-x), 0, 5), axis=-1),
    "where": lambda x: ops.where(x > 0, x, ops.abs(x)),
    "maximum": lambda x: ops.maximum(x, ops.roll(x, 1, axis=1)),
}

LAYERS: dict[str, Any] = {
    "valid": lambda: layers.Conv2D(5, 3, strides=2),
    "same": lambda: layers.Conv2D(6, (3, 4), strides=(3, 2), padding="same", groups=2),
    "dilated": lambda: layers.Conv2D(5, 3, dilation_rate=2),
    "depthwise": lambda: layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2),
    "separable": lambda: layers.SeparableConv2D(5, 3, padding="same"),
    "up": lambda: layers.Conv2DTranspose(5, 3, strides=2),
    "up, same": lambda: layers.Conv2DTranspose(5, 5, strides=3, padding="same"),
    "up, padded": lambda: layers.Conv2DTranspose(5, 3, strides=2, output_padding=1),
    "up, same, padded": lambda: layers.Conv2DTranspose(
        5, 3, strides=2, padding="same", output_padding=0
    ),
    "max pool": lambda: layers.MaxPooling2D(3, strides=2),
    "max pool, same": lambda: layers.MaxPooling2D((2, 3), padding="same"),
    "average pool": lambda: layers.AveragePooling2D(2),
    "global pool": layers.GlobalAveragePooling2D,
    "global pool, kept": lambda: layers.GlobalMaxPooling2D(keepdims=True),
    "zeros": lambda: layers.ZeroPadding2D(((1, 0), (2, 3))),
    "crop": lambda: layers.Cropping2D(((1, 2), (0, 3))),
    "larger": lambda: layers.UpSampling2D((2, 3), interpolation="bilinear"),
    "resizing": lambda: layers.Resizing(8, 6),
    "dense": lambda: layers.Dense(7),
    "permute": lambda: layers.Permute((2, 1, 3)),
    "permute the channels": lambda: layers.Permute((3, 1, 2)),
    "reshape": lambda: layers.Reshape((-1, C)),
    "reshape to pairs": lambda: layers.Reshape((-1, 2, C)),
    "normalisation": layers.LayerNormalization,
    "batch normalisation": layers.BatchNormalization,
    "group normalisation": lambda: layers.GroupNormalization(2),
    "dropout": lambda: layers.SpatialDropout2D(0.5),
    "noise": lambda: layers.GaussianNoise(0.1),
    "prelu": lambda: layers.PReLU(shared_axes=(1, 2)),
    "rescaling": lambda: layers.Rescaling(2.0),
    "flip": layers.RandomFlip,
    "each row": lambda: layers.TimeDistributed(layers.Conv1D(3, 3, strides=2)),
    "each row dense": lambda: layers.TimeDistributed(layers.Dense(6)),
    "code": lambda: layers.Lambda(lambda x: ops.relu(x)[:, 1:]),
    "wrapped": lambda: layers.SpectralNormalization(layers.Conv2D(5, 3)),
}

SEQUENCES: dict[str, Any] = {
    "causal": lambda: layers.Conv1D(5, 3, padding="causal", dilation_rate=2),
    "strided": lambda: layers.Conv1D(5, 4, strides=3),
    "up": lambda: layers.Conv1DTranspose(5, 4, strides=3),
    "pool": lambda: layers.MaxPooling1D(3, strides=2),
    "average": lambda: layers.AveragePooling1D(2, padding="same"),
    "larger": lambda: layers.UpSampling1D(3),
    "crop": lambda: layers.Cropping1D((2, 1)),
    "zeros": lambda: layers.ZeroPadding1D((0, 3)),
    "last state": lambda: layers.GRU(5),
    "states": lambda: layers.LSTM(5, return_sequences=True),
    "both ways": lambda: layers.Bidirectional(layers.GRU(5, return_sequences=True)),
    "depthwise": lambda: layers.DepthwiseConv1D(3),
    "global": layers.GlobalMaxPooling1D,
}


def operation(name: str) -> Any:
    image = keras.Input((None, None, C), name="image", batch_size=1)
    return keras.Model(image, OPERATIONS[name](image))


def layer(name: str) -> Any:
    image = keras.Input((None, None, C), name="image")
    return keras.Model(image, LAYERS[name]()(image))


def sequence(name: str) -> Any:
    steps = keras.Input((None, C), name="steps")
    return keras.Model(steps, SEQUENCES[name]()(steps))


def merge(name: str) -> Any:
    """Two images of sizes of their own."""
    one = keras.Input((None, None, C), name="one")
    other = keras.Input((None, None, C), name="other")
    made = {
        "add": layers.Add(),
        "subtract": layers.Subtract(),
        "average": layers.Average(),
        "maximum": layers.Maximum(),
        "concatenate": layers.Concatenate(),
        "concatenate rows": layers.Concatenate(axis=1),
        "concatenate columns": layers.Concatenate(axis=-2),
    }[name]([one, other])
    return keras.Model([one, other], made)


def features(name: str) -> Any:
    """From plain features to an image."""
    given = keras.Input((16,), name="features")
    x = layers.Dense(2 * 3 * C)(given)
    if name == "reshape":
        x = layers.Conv2DTranspose(3, 4, strides=2, padding="same")(layers.Reshape((2, 3, C))(x))
    elif name == "repeat":
        x = layers.Conv1D(5, 3)(layers.RepeatVector(7)(x))
    elif name == "add":
        x = layers.Add()([x, layers.Dense(24)(layers.Flatten()(layers.Reshape((2, 3, C))(x)))])
    elif name == "dot":
        x = layers.Dot(axes=1)([x, layers.ReLU()(x)])
    return keras.Model(given, x)


def pixel_vectors() -> Any:
    """Pooled features and pixels: ranks that differ."""
    image = keras.Input((None, None, C), name="image")
    pooled = layers.GlobalAveragePooling2D()(image)
    return keras.Model(image, layers.Multiply()([image, pooled]))


def product(pinned: str) -> Any:
    """Flatten and Dense behind a stride: a product of sizes is fixed, by a Sequential alone."""
    image = keras.Input((28, 28, 1), name="image")
    parts = [
        layers.Conv2D(2, 3, strides=2, padding="same", name="conv"),
        layers.Flatten(name="flat"),
        layers.Dense(5, name="classes"),
    ]
    if pinned == "sequential":
        return keras.Sequential([image, *parts])
    x = image
    for part in parts:
        x = part(x)
    return keras.Model(image, x)
