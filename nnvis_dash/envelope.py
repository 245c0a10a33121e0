"""Several arrays in one binary answer: what a canvas draws, without the cost of numbers as text.

The length of a JSON record (uint32), the record, then the arrays, each from a multiple of 8 bytes on, little-endian.
The record says name, dtype and shape of each array in order. `assets/network.js` reads it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import flask
import numpy as np

DTYPES = ("uint8", "uint16", "int32", "float32")
_STEP = 8  # bytes: where typed arrays of any kind may begin


def envelope(header: Mapping[str, Any], **arrays: Any) -> flask.Response:
    """Return a response of a header and arrays by name.

    Raises
    ------
    ValueError
        An array of another kind than `DTYPES`.
    """
    held = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    for name, array in held.items():
        if array.dtype.name not in DTYPES:
            raise ValueError(f"the array {name} is {array.dtype}, not one of {', '.join(DTYPES)}")
    listed = [{"name": name, "dtype": array.dtype.name, "shape": list(array.shape)} for name, array in held.items()]
    record = json.dumps({**header, "arrays": listed}, allow_nan=False).encode()
    parts = [np.uint32(len(record)).astype("<u4").tobytes() + record]
    parts += [array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes() for array in held.values()]
    body = b"".join(part + b"\0" * (-len(part) % _STEP) for part in parts)
    response = flask.Response(body, mimetype="application/octet-stream")
    response.headers["Cache-Control"] = "no-store"
    return response
