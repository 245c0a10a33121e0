"""The weights of a model (HDF5): inspected object by object, then written anew.

Invariant: what `copy_weights` writes was read from plain arrays inside the file itself. No link but a hard one, no
array kept in another file, no type but numbers, no attribute but the few names that Keras reads, gets into the copy.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nnvis_dash.analysis.preflight.wording import COPY_AGAIN, NOT_THE_FILE, RAISE_PARAMETERS, refused, shown
from nnvis_dash.errors import ModelError

MAX_OBJECTS = 200_000
MAX_LINK_DEPTH = 40
MAX_RANK = 8
MAX_ATTRIBUTE_BYTES = 1 << 20
MAX_ATTRIBUTE_PARTS = 1_000
ATTRIBUTE_PART_BYTES = 64_000  # HDF5 keeps at most 64 KiB of an attribute in an object's header
MAX_EXPANSION = 1_100  # deflate gets to 1,032
MAX_RATIO = 200  # of all arrays together, above FREE_BYTES: trained weights hardly compress
FREE_BYTES = 128 << 20
COPY_BYTES = 32 << 20
_FILTERS = frozenset({h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32})
# What h5py raises on damaged files.
_STUMBLES = (
    OSError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    NotImplementedError,
    ArithmeticError,
    SystemError,
)
_TRAINING_STATE = frozenset({"optimizer", "optimizer_weights"})  # read only to go on training
_NAMES = ("layer_names", "weight_names")
_TEXTS = ("name", "backend", "keras_version", "dtype")


@dataclass(frozen=True)
class Weights:
    """What a file's weights are, as declared and borne out by stored bytes."""

    groups: tuple[str, ...]  # full names, parents first
    arrays: dict[str, tuple[int, ...]]  # full name: shape

    @property
    def n_parameters(self) -> int:
        """The number of values in all arrays."""
        return sum(math.prod(shape) for shape in self.arrays.values())

    @property
    def extents(self) -> frozenset[int]:
        """The lengths of all axes of all arrays."""
        return frozenset(extent for shape in self.arrays.values() for extent in shape)


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading; whatever HDF5 stumbles over inside the block becomes a ModelError."""
    try:
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except _STUMBLES as error:
        if getattr(error, "errno", None) in NOT_THE_FILE:
            raise
        raise damaged(str(error)) from None


def damaged(reason: str) -> ModelError:
    """Build the error for a file that HDF5 can't read; says how much of it is missing where HDF5 knows."""
    lengths = re.search(r"eof = (\d+).*stored_eof = (\d+)", reason)
    extent = f" ({int(lengths[1]):,} of {int(lengths[2]):,} bytes)" if lengths else ""
    return ModelError(f"The model file is damaged or incomplete{extent}", COPY_AGAIN)


def inspect_weights(file: h5py.File, max_parameters: int) -> Weights:
    """Walk every object of an open file.

    Raises
    ------
    RefusedModel
        A link that isn't a hard one, an object that is linked twice, an array outside the file, a type that isn't a
        number, more declared than stored, or more parameters than the limit.
    """
    groups: list[str] = []
    arrays: dict[str, tuple[int, ...]] = {}
    seen = {_address(file)}
    pending: list[tuple[h5py.Group, str, int, bool]] = [(file, "", 0, True)]
    n_parameters = 0
    declared = stored = 0
    while pending:
        group, path, depth, kept = pending.pop()
        if depth > MAX_LINK_DEPTH:
            raise refused(f"The weights are nested more than {MAX_LINK_DEPTH} groups deep")
        for name in group:
            where = f"{path}/{name}"
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                kind = "another file" if isinstance(link, h5py.ExternalLink) else "another place"
                raise refused(f"The weights {shown(where)!r} are a link to {kind}, which isn't allowed")
            entry = group[name]
            if _address(entry) in seen:
                raise refused(f"The weights {shown(where)!r} are linked twice in the file, which isn't allowed")
            seen.add(_address(entry))
            if len(seen) > MAX_OBJECTS:
                raise refused(f"The weights consist of more than {MAX_OBJECTS:,} parts")
            keep = kept and not (depth == 0 and name in _TRAINING_STATE)
            if isinstance(entry, h5py.Group):
                pending.append((entry, where, depth + 1, keep))
                if keep:
                    groups.append(where)
            elif isinstance(entry, h5py.Dataset):
                shape = _checked_array(entry, where)
                if keep:
                    arrays[where] = shape
                    n_parameters += math.prod(shape)
                    declared += math.prod(shape) * entry.dtype.itemsize
                    stored += entry.id.get_storage_size()
                    if n_parameters > max_parameters:
                        raise refused(
                            f"The model has more than {max_parameters:,} parameters, the limit",
                            RAISE_PARAMETERS,
                        )
            else:
                raise refused(f"The weights hold a named type at {shown(where)!r}, which isn't allowed")
    if declared > FREE_BYTES + MAX_RATIO * stored:
        raise refused(f"The weights would grow from {stored:,} to {declared:,} bytes, more than {MAX_RATIO} times")
    return Weights(tuple(groups), arrays)


def _checked_array(array: h5py.Dataset, where: str) -> tuple[int, ...]:
    """Return the array's shape, or raise RefusedModel."""
    what = f"The weights {shown(where)!r}"
    if array.external:
        raise refused(f"{what} are kept in another file, which isn't allowed")
    if array.is_virtual:
        raise refused(f"{what} are a view of other arrays, which isn't allowed")
    dtype = array.dtype
    half = dtype.kind == "V" and dtype.itemsize == 2 and dtype.fields is None and dtype.subdtype is None  # bfloat16
    if not (dtype.kind in "fiub" or half) or h5py.check_dtype(vlen=dtype) or h5py.check_dtype(ref=dtype):
        raise refused(f"{what} aren't numbers (their type is {shown(dtype)})")
    shape = array.shape
    if shape is None or len(shape) > MAX_RANK:
        raise refused(f"{what} have no shape that a layer could use")
    creation = array.id.get_create_plist()
    filters = {creation.get_filter(number)[0] for number in range(creation.get_nfilters())}
    if not filters <= _FILTERS:
        raise refused(f"{what} are packed with a filter that isn't gzip", "Save the model again without it.")
    declared, stored = math.prod(shape) * dtype.itemsize, array.id.get_storage_size()
    if declared > stored * (MAX_EXPANSION if filters else 1):
        raise refused(
            f"{what} declare {declared:,} bytes, but the file holds only {stored:,} for them",
            "Save the model again with model.save('model.keras').",
        )
    return tuple(int(extent) for extent in shape)


def copy_weights(file: h5py.File, weights: Weights, target: Path, attributes: dict[str, bytes] | None = None) -> None:
    """Write what was inspected into a new file, array by array.

    Parameters
    ----------
    file
        The open file that was inspected.
    weights
        What `inspect_weights` returned for it.
    target
        The file to write.
    attributes
        Further attributes of the new file's root, such as a description.
    """
    with h5py.File(target, "w", locking=False) as copy:
        for name, value in (attributes or {}).items():
            copy.attrs[name] = value
        for path in ("/", *weights.groups):
            group = copy if path == "/" else copy.create_group(path)
            _copy_attributes(file[path], group)
        for path in weights.arrays:
            copy_array(file[path], copy, path)


def copy_array(source: h5py.Dataset, target: h5py.Group, path: str) -> None:
    """Write an inspected array under `path`, piece by piece."""
    shape = source.shape
    array = target.create_dataset(path, shape, dtype=source.dtype)
    _copy_attributes(source, array)
    if not shape:
        array[()] = source[()]
        return
    row = math.prod(shape[1:]) * source.dtype.itemsize
    step = max(1, COPY_BYTES // max(row, 1))
    for start in range(0, shape[0], step):
        array[start : start + step] = source[start : start + step]


def read_text(entry: Any, name: str, limit: int) -> bytes | None:
    """Read an attribute that is one text, None where there is none.

    Raises
    ------
    RefusedModel
        It isn't a text, or longer than `limit` bytes.
    """
    if name not in entry.attrs:
        return None
    _check_attribute(entry, name, limit)
    value = entry.attrs[name]
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    if isinstance(value, str):
        value = value.encode("utf-8", "replace")
    if not isinstance(value, bytes):
        raise refused(f"The attribute {name!r} in the model file isn't a text")
    if len(value) > limit:
        raise refused(f"The attribute {name!r} in the model file has {len(value):,} bytes")
    return bytes(value)


def _copy_attributes(source: Any, target: Any) -> None:
    """Copy the few attributes that Keras reads: names of layers and weights, in parts where they are long."""
    for name in _TEXTS:
        text = read_text(source, name, 1_000)
        if text is not None:
            target.attrs[name] = text.decode("utf-8", "replace") if name in ("name", "dtype") else text
    for name in _NAMES:
        texts = read_names(source, name)
        if texts is not None:
            write_names(target, name, texts)


def write_names(target: Any, name: str, texts: list[bytes]) -> None:
    """Write a list of names as Keras does, in parts where it is long."""
    array = np.asarray(texts, dtype="S") if texts else np.asarray([], dtype="S1")
    if array.nbytes <= ATTRIBUTE_PART_BYTES:
        target.attrs[name] = array
        return
    rows = max(1, ATTRIBUTE_PART_BYTES // array.itemsize)
    for number, start in enumerate(range(0, len(array), rows)):
        target.attrs[f"{name}{number}"] = array[start : start + rows]


def read_names(entry: Any, name: str) -> list[bytes] | None:
    """Read a list of names, which Keras may have cut into name0, name1, ...; None where there is none.

    Raises
    ------
    RefusedModel
        It isn't a list of names.
    """
    if name in entry.attrs:
        parts = [name]
    else:
        parts = []
        while f"{name}{len(parts)}" in entry.attrs and len(parts) < MAX_ATTRIBUTE_PARTS:
            parts.append(f"{name}{len(parts)}")
        if not parts:
            return None
    texts: list[bytes] = []
    for part in parts:
        _check_attribute(entry, part, MAX_ATTRIBUTE_BYTES)
        values = entry.attrs[part]
        if isinstance(values, h5py.Empty):
            continue
        for value in np.asarray(values).reshape(-1).tolist():
            if not isinstance(value, (str, bytes)) and value != 0.0:
                raise refused(f"The attribute {part!r} in the model file isn't a list of names")
            if isinstance(value, (str, bytes)):
                text = value.encode("utf-8", "replace") if isinstance(value, str) else value
                if len(text) > 1_000:
                    raise refused(f"The attribute {part!r} in the model file names something too long")
                texts.append(text)
    return texts


def _check_attribute(entry: Any, name: str, limit: int) -> None:
    """Refuse an attribute by its declared type and size, before it is read."""
    attribute = entry.attrs.get_id(name)
    if math.prod(attribute.shape or (1,)) * attribute.dtype.itemsize > limit:
        raise refused(f"The attribute {name!r} in the model file is larger than {limit:,} bytes")


def _address(entry: Any) -> int:
    return int(h5py.h5o.get_info(entry.id).addr)
