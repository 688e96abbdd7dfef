"""`.keras` files, by Keras's own safe loading: no code of a file runs."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from deconvcalc.errors import TraceError
from deconvcalc.tracing.keras_graph import first_line

__all__ = ["forget", "live"]

LARGEST_CONFIG = 64 * 2**20
"""How many bytes the description of a model in a file may have."""


_LOADED: dict[tuple[str, int, int], Any] = {}
"""The model of the last file, from when its inputs are asked for until it is traced."""


def live(model_like: Any) -> Any:
    """The live model: itself, or that of a file."""
    if not isinstance(model_like, (str, Path)):
        return model_like
    path = Path(model_like)
    if path.suffix.lower() != ".keras":
        raise TraceError(
            f"{path.name} is no .keras file: other formats of Keras are not opened",
            rule="model",
            hint='Save the model again: model.save("model.keras").',
        )
    try:
        about = path.stat()
    except OSError as error:
        raise TraceError(f"{path.name} cannot be read: {error.strerror}", rule="model") from None
    key = (str(path.resolve()), about.st_mtime_ns, about.st_size)
    if key not in _LOADED:
        _check_file(path)
        _LOADED.clear()
        _LOADED[key] = _loaded(path)
    return _LOADED[key]


def forget() -> None:
    """Keep no model of a file any longer."""
    _LOADED.clear()


def _check_file(path: Path) -> None:
    """Refuse what is no archive of a model, before Keras sees it."""
    try:
        with zipfile.ZipFile(path) as archive:
            config = archive.getinfo("config.json")
    except (zipfile.BadZipFile, KeyError, OSError, ValueError):
        raise TraceError(
            f"{path.name} is damaged, or no .keras file: it is no archive with a config.json",
            rule="model",
            hint='Save the model again: model.save("model.keras").',
        ) from None
    if config.file_size > LARGEST_CONFIG:
        raise TraceError(
            f"{path.name}: its config.json has {config.file_size} bytes, more than "
            f"{LARGEST_CONFIG}",
            rule="model",
        )


def _loaded(path: Path) -> Any:
    """The model of a file, by Keras's own safe loading: no code of the file runs."""
    import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        text = first_line(error)
        unsafe = "safe" in text.lower() or "lambda" in text.lower()
        raise TraceError(
            f"Keras does not load {path.name}: {text}",
            rule="model",
            hint="Files are only loaded safely: a Lambda, which is code, is not among that. Build "
            "the model in Python and trace it there (package.module:attribute)."
            if unsafe
            else "Build the model in Python and trace it there (package.module:attribute).",
        ) from error
