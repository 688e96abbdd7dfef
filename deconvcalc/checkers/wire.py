"""Messages between processes: one line of JSON, then arrays as npy. Nothing is ever unpickled."""

from __future__ import annotations

import json
from io import BytesIO
from math import prod
from typing import IO, TYPE_CHECKING, Any

from deconvcalc.errors import CheckError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    Message = tuple[dict[str, Any], dict[str, np.ndarray]]

__all__ = ["ARRAYS_LIMIT", "CUT", "HEADER_LIMIT", "pack", "read", "write"]

HEADER_LIMIT = 64 * 2**20
"""The longest line of a message, in bytes."""

ARRAYS_LIMIT = 2**30
"""The most that all arrays of a message may take, in bytes."""

CUT = "cut"
"""The `rule` of the error about a message whose end is missing."""

CHUNK = 2**20
KINDS = "biufc"


def pack(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> list[bytes]:
    """The message in pieces: its line, then each array.

    Raises:
        CheckError: it is too large, or an array holds something else than numbers.
        TypeError: the header cannot be written as JSON.
    """
    if sum([array.nbytes for array in arrays.values()]) > ARRAYS_LIMIT:
        raise CheckError(f"the arrays of a message take more than {ARRAYS_LIMIT} bytes")
    pieces = [_packed(name, array) for name, array in arrays.items()]
    lengths = [[name, len(piece)] for name, piece in zip(arrays, pieces, strict=True)]
    line = json.dumps({"header": header, "arrays": lengths}).encode() + b"\n"
    if len(line) > HEADER_LIMIT:
        raise CheckError(f"the header of a message is longer than {HEADER_LIMIT} bytes")
    if sum([len(piece) for piece in pieces]) > ARRAYS_LIMIT:
        raise CheckError(f"the arrays of a message take more than {ARRAYS_LIMIT} bytes")
    return [line, *pieces]


def write(stream: IO[bytes], header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write a message; see `pack` for what it refuses before a byte is written."""
    stream.writelines(pack(header, arrays))
    stream.flush()


def read(stream: IO[bytes]) -> Message | None:
    """The next message; None where the stream ends before one begins.

    Raises:
        CheckError: the message is cut off, too large, or not one at all.
    """
    line = stream.readline(HEADER_LIMIT + 1)
    if not line:
        return None
    if len(line) > HEADER_LIMIT:
        raise CheckError(f"the header of a message is longer than {HEADER_LIMIT} bytes")
    if not line.endswith(b"\n"):
        raise CheckError(f"a message ends within its header: {_shown(line)}", rule=CUT)
    header, lengths = _parsed(line)
    if sum(lengths.values()) > ARRAYS_LIMIT:
        raise CheckError(f"the arrays of a message take more than {ARRAYS_LIMIT} bytes")
    return header, {name: _array(name, _exactly(stream, n)) for name, n in lengths.items()}


def _packed(name: str, array: np.ndarray) -> bytes:
    from numpy.lib import format as npy

    if array.dtype.kind not in KINDS:
        raise CheckError(f"the array {name!r} holds {array.dtype}, which is no number")
    file = BytesIO()
    npy.write_array(file, array, version=(1, 0), allow_pickle=False)
    return file.getvalue()


def _parsed(line: bytes) -> tuple[dict[str, Any], dict[str, int]]:
    """The header, and the length of each array by its name."""
    try:
        match json.loads(line):
            case {"header": dict(header), "arrays": list(pairs)}:
                lengths = {str(name): _length(value) for name, value in pairs}
                if len(lengths) == len(pairs):
                    return header, lengths
    except (ValueError, TypeError, RecursionError) as error:
        raise CheckError(f"not the header of a message: {_shown(line)}") from error
    raise CheckError(f"not the header of a message: {_shown(line)}")


def _length(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"no length: {value!r}")
    return value


def _exactly(stream: IO[bytes], length: int) -> bytearray:
    """As many bytes as were announced. The memory grows with what comes, not with what is said."""
    data = bytearray()
    while len(data) < length:
        piece = stream.read(min(length - len(data), CHUNK))
        if not piece:
            raise CheckError("a message ends within its arrays", rule=CUT)
        data += piece
    return data


def _array(name: str, data: bytearray) -> np.ndarray:
    """The array of an npy file. Its own header is checked first: it decides what is allocated."""
    import numpy as np
    from numpy.lib import format as npy

    file = BytesIO(data)
    try:
        if npy.read_magic(file) != (1, 0):
            raise ValueError("another version of npy")  # noqa: TRY301
        shape, columns_first, dtype = npy.read_array_header_1_0(file)
        fits = min(shape, default=0) >= 0 and dtype.kind in KINDS
        if not fits or file.tell() + prod(shape) * dtype.itemsize != len(data):
            raise ValueError("its header does not fit its length")  # noqa: TRY301
        flat = np.frombuffer(data, dtype, offset=file.tell())
        array: np.ndarray = flat.reshape(shape, order="F" if columns_first else "C")
    except Exception as error:
        raise CheckError(f"the array {name!r} of a message cannot be read: {error}") from error
    return array


def _shown(line: bytes) -> str:
    """The beginning of a line, fit for an error."""
    return ascii(line[:60].decode("latin-1"))
