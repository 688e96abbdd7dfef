"""Networks in Keras at the depth at which they were published, their channels divided by 16."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers


def fcn(stride: int) -> Any:
    """FCN-32s, FCN-16s and FCN-8s (Long et al. 2015) on VGG-16; scores are fused by Add."""
    image = keras.Input((None, None, 3), name="image")
    x, pooled = image, []
    for block, (depth, channels) in enumerate([(2, 4), (2, 8), (3, 16), (3, 32), (3, 32)], 1):
        for place in range(1, depth + 1):
            name = f"block{block}_conv{place}"
            x = layers.Conv2D(channels, 3, padding="same", activation="relu", name=name)(x)
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
        pooled.append(x)
    x = layers.Conv2D(256, 7, padding="same", activation="relu", name="fc6")(x)
    x = layers.Dropout(0.5, name="drop6")(x)
    x = layers.Conv2D(256, 1, activation="relu", name="fc7")(x)
    x = layers.Conv2D(21, 1, name="score")(x)
    for step, skip in ((16, pooled[3]), (8, pooled[2])):
        if step < stride:
            break
        up = layers.Conv2DTranspose(21, 4, strides=2, padding="same", name=f"up_{step}")(x)
        score = layers.Conv2D(21, 1, name=f"score_{step}")(skip)
        x = layers.Add(name=f"fuse_{step}")([up, score])
    last = layers.Conv2DTranspose(21, 2 * stride, strides=stride, padding="same", name="up")
    return keras.Model(image, last(x))


class Sampling(layers.Layer):  # type: ignore[misc]  # Keras has no types here
    """Draws from a normal distribution, with the reparametrization of Kingma and Welling 2014."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.seed = keras.random.SeedGenerator(1)

    def call(self, inputs: Any) -> Any:
        mean, spread = inputs
        shape = keras.ops.shape(mean)
        noise = keras.random.normal((shape[0], shape[1]), seed=self.seed)
        return mean + keras.ops.exp(0.5 * spread) * noise


def vae_encoder() -> Any:
    image = keras.Input((28, 28, 1), name="image")
    x = layers.Conv2D(4, 3, activation="relu", strides=2, padding="same", name="conv1")(image)
    x = layers.Conv2D(4, 3, activation="relu", strides=2, padding="same", name="conv2")(x)
    x = layers.Flatten(name="flat")(x)
    x = layers.Dense(16, activation="relu", name="hidden")(x)
    mean = layers.Dense(2, name="z_mean")(x)
    spread = layers.Dense(2, name="z_log_var")(x)
    return keras.Model(image, [mean, spread, Sampling(name="z")([mean, spread])], name="encoder")


def vae_decoder() -> Any:
    latent = keras.Input((2,), name="latent")
    x = layers.Dense(7 * 7 * 4, activation="relu", name="grow")(latent)
    x = layers.Reshape((7, 7, 4), name="image")(x)
    for place in (1, 2):
        up = layers.Conv2DTranspose(4, 3, strides=2, padding="same", name=f"up{place}")
        x = layers.Activation("relu", name=f"relu{place}")(up(x))
    x = layers.Conv2DTranspose(1, 3, activation="sigmoid", padding="same", name="out")(x)
    return keras.Model(latent, x, name="decoder")


def vae() -> Any:
    """Encoder and decoder as nested models; the result is compared with the image."""
    encoder, decoder = vae_encoder(), vae_decoder()
    image = keras.Input((28, 28, 1), name="image")
    made = decoder(encoder(image)[2])
    return keras.Model(image, [made, layers.Subtract(name="error")([made, image])])


class Vae(keras.Model):  # type: ignore[misc]  # Keras has no types here
    """The same as a subclass, as the tutorial writes it."""

    def __init__(self, encoder: Any, decoder: Any, **options: Any) -> None:
        super().__init__(**options)
        self.encoder, self.decoder = encoder, decoder

    def call(self, inputs: Any) -> Any:
        return self.decoder(self.encoder(inputs)[2])


def vae_subclass() -> Any:
    return Vae(vae_encoder(), vae_decoder(), name="vae")


def _branches(image: Any) -> Any:
    """Max pools that drop the last pixels beside an average pool that fills them up."""
    one = layers.Conv2D(4, 3, padding="same", activation="relu", name="fine")(image)
    one = layers.MaxPooling2D(2, name="max1")(one)
    one = layers.MaxPooling2D(3, strides=2, padding="same", name="max2")(one)
    other = layers.Conv2D(4, 5, padding="same", activation="relu", name="coarse")(image)
    other = layers.AveragePooling2D(4, padding="same", name="average")(other)
    return layers.Concatenate(name="join")([one, other])


def two_branches() -> Any:
    image = keras.Input((None, None, 3), name="image")
    return keras.Model(image, _branches(image))


def two_branches_dense() -> Any:
    image = keras.Input((30, 22, 3), name="image")
    x = layers.Flatten(name="flat")(_branches(image))
    return keras.Model(image, layers.Dense(5, name="classes")(x))


def _double(x: Any, channels: int, name: str) -> Any:
    for place in (1, 2):
        x = layers.Conv2D(channels, 3, padding="same", use_bias=False, name=f"{name}_conv{place}")(
            x
        )
        x = layers.BatchNormalization(name=f"{name}_bn{place}")(x)
        x = layers.ReLU(name=f"{name}_relu{place}")(x)
    return x


def unet(depth: int = 4, pool: str = "valid") -> Any:
    """U-Net (Ronneberger et al. 2015) with same convolutions."""
    image = keras.Input((None, None, 1), name="image")
    x, skips = image, []
    for level in range(depth):
        x = _double(x, 4 * 2**level, f"enc{level}")
        skips.append(x)
        x = layers.MaxPooling2D(2, padding=pool, name=f"pool{level}")(x)
    x = _double(x, 4 * 2**depth, "middle")
    for level in reversed(range(depth)):
        up = layers.Conv2DTranspose(4 * 2**level, 2, strides=2, name=f"up{level}")
        x = layers.Concatenate(name=f"cat{level}")([skips[level], up(x)])
        x = _double(x, 4 * 2**level, f"dec{level}")
    return keras.Model(image, layers.Conv2D(2, 1, activation="softmax", name="classes")(x))


def _mbconv(x: Any, channels: int, kernel: int, stride: int, name: str) -> Any:
    """An inverted bottleneck with squeeze and excitation (Tan and Le 2019)."""
    before = x
    wide = x.shape[-1] * 4
    x = layers.Conv2D(wide, 1, use_bias=False, name=f"{name}_expand")(x)
    x = layers.BatchNormalization(name=f"{name}_bn1")(x)
    x = layers.Activation("swish", name=f"{name}_swish1")(x)
    x = layers.DepthwiseConv2D(
        kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_depth"
    )(x)
    x = layers.BatchNormalization(name=f"{name}_bn2")(x)
    x = layers.Activation("swish", name=f"{name}_swish2")(x)
    se = layers.GlobalAveragePooling2D(name=f"{name}_squeeze")(x)
    se = layers.Reshape((1, 1, wide), name=f"{name}_shape")(se)
    se = layers.Conv2D(max(1, wide // 16), 1, activation="swish", name=f"{name}_reduce")(se)
    se = layers.Conv2D(wide, 1, activation="sigmoid", name=f"{name}_excite")(se)
    x = layers.Multiply(name=f"{name}_scale")([x, se])
    x = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_project")(x)
    x = layers.BatchNormalization(name=f"{name}_bn3")(x)
    if stride == 1 and before.shape[-1] == channels:
        x = layers.Add(name=f"{name}_add")([x, before])
    return x


def squeeze_excite() -> Any:
    """EfficientNet-style encoder, and a decoder that resizes by 2 and concatenates."""
    image = keras.Input((None, None, 3), name="image")
    x = layers.Rescaling(1 / 255, name="scale")(image)
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name="pad")(x)
    x = layers.Conv2D(4, 3, strides=2, use_bias=False, name="stem")(x)
    skips = []
    for place, (channels, kernel, stride, repeats) in enumerate(
        [(4, 3, 1, 1), (4, 3, 2, 2), (4, 5, 2, 2), (8, 3, 2, 3)], 1
    ):
        if stride == 2:
            skips.append(x)
        for step in range(repeats):
            x = _mbconv(x, channels, kernel, stride if step == 0 else 1, f"b{place}_{step}")
    for place, skip in enumerate(reversed(skips), 1):
        x = layers.UpSampling2D(2, interpolation="bilinear", name=f"up{place}")(x)
        x = layers.Concatenate(name=f"cat{place}")([x, skip])
        x = layers.SeparableConv2D(8, 3, padding="same", name=f"dec{place}")(x)
    return keras.Model(image, x)


def sound() -> Any:
    """A 1-D network with causal and strided convolutions, and a crop to a skip."""
    wave = keras.Input((None, 2), name="wave")
    x = layers.Conv1D(4, 5, padding="causal", dilation_rate=2, name="causal")(wave)
    low = layers.Conv1D(8, 8, strides=4, name="down")(x)
    up = layers.Conv1DTranspose(4, 8, strides=4, name="up")(low)
    cut = layers.Cropping1D((2, 1), name="crop")(layers.ZeroPadding1D((2, 1), name="pad")(up))
    x = layers.Concatenate(name="join")([x, cut])
    x = layers.LSTM(6, return_sequences=True, name="steps")(x)
    return keras.Model(wave, layers.TimeDistributed(layers.Dense(3), name="each")(x))


def volume() -> Any:
    """A 3-D encoder and decoder with a residual sum, V-Net style (Milletari et al. 2016)."""
    scan = keras.Input((None, None, None, 1), name="scan")
    x = layers.Conv3D(2, 5, padding="same", name="in")(scan)
    down = layers.Conv3D(4, 2, strides=2, name="down")(x)
    down = layers.Conv3D(4, 5, padding="same", name="deep")(down)
    up = layers.Conv3DTranspose(2, 2, strides=2, name="up")(down)
    return keras.Model(scan, layers.Add(name="sum")([x, up]))


class Block(layers.Layer):  # type: ignore[misc]  # Keras has no types here
    """A residual block with layers of its own, as code."""

    def __init__(self, channels: int, **options: Any) -> None:
        super().__init__(**options)
        self.one = layers.Conv2D(channels, 3, padding="same", name="one")
        self.norm = layers.BatchNormalization(name="norm")
        self.two = layers.Conv2D(channels, 3, strides=2, padding="same", name="two")
        self.skip = layers.AveragePooling2D(2, name="skip")
        self.widen = layers.Conv2D(channels, 1, name="widen")

    def build(self, shape: Any) -> None:  # noqa: ARG002 - Keras hands it on
        self.gain = self.add_weight(shape=(1,), initializer="ones", name="gain")
        self.built = True

    def call(self, x: Any, training: bool | None = None) -> Any:
        y = self.two(keras.ops.relu(self.norm(self.one(x), training=training)))
        return y * self.gain + self.widen(self.skip(x))


class Coded(keras.Model):  # type: ignore[misc]  # Keras has no types here
    """A subclassed model of such blocks, and an operation at the end."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.first, self.second = Block(4, name="first"), Block(8, name="second")
        self.pad = layers.ZeroPadding2D(1, name="pad")

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        x = self.second(self.first(inputs, training=training), training=training)
        x = self.pad(x)[:, 1:, 1:]
        return keras.ops.concatenate([x, keras.ops.relu(x)], axis=-1)


def coded() -> Any:
    return Coded(name="coded")


def applications(name: str, top: bool = False) -> Any:
    """A network of `keras.applications` without weights; with its classifier it fixes its size."""
    options: dict[str, Any] = {"alpha": 0.35} if name == "MobileNetV2" else {}
    if not top:
        options["input_shape"] = (None, None, 3)
    return getattr(keras.applications, name)(include_top=top, weights=None, **options)
