"""A .npy file of images."""

from __future__ import annotations

from pathlib import Path

from nnvis_dash.workspace.npy import blocks, read_header
from nnvis_dash.workspace.readers import READERS, Given, Reading, ReadOptions, array_reading

_MAGIC = b"\x93NUMPY"


@READERS.register(
    "npy", title="a .npy file", reference="https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html"
)
def read_npy_images(source: Given, options: ReadOptions) -> Reading | None:
    """Images in one .npy array; labels are given apart."""
    if not isinstance(source, Path) or not source.is_file():
        return None
    path = source
    with path.open("rb") as stream:
        if stream.read(len(_MAGIC)) != _MAGIC and path.suffix.lower() != ".npy":
            return None
        stream.seek(0)
        header = read_header(stream, path.name, path.stat().st_size)
    return array_reading(
        path.name,
        lambda: blocks(lambda: path.open("rb"), header, path.name),
        header.shape,
        header.dtype,
        max_pixels=options.max_pixels,
    )
