"""Near duplicates in a dataset, or between two: images that are equal, or look equal when they are made small.

Two images are twins if their bytes are equal, or if they correlate at 16 × 16 pixels: over grey values by `alike` at
least, and over all channels nearly so. A correlation doesn't change with brightness or contrast, and hardly with
compression, a little noise or another size; an image that is shifted or cut is not found. An image without any
structure has only exact twins.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.colour import LUMINANCE
from nnvis_dash.analysis.review.neighbours import Progress
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Ints

if TYPE_CHECKING:
    from nnvis_dash.workspace.artifacts import Artifact
    from nnvis_dash.workspace.datasets import Dataset

SIDE = 16
ALIKE = 0.99
MOST_PAIRS = 200_000
_COLOUR = 3  # times as far from 1 may the correlation of the channels be: JPEG moves colours more than light
_ROWS = 512
_ARRAYS = ("samples", "other", "group", "exact", "alike")
_SWAPPED = [*range(SIDE * SIDE // 4), SIDE * SIDE // 4 + 1, SIDE * SIDE // 4]
_ROUNDING = 1e-5
_FLAT = 2.0  # deviation of grey values below which an image has no structure


@dataclass(frozen=True, eq=False)
class Twins:
    """Groups of images that are twins, directly or by others between them.

    Attributes
    ----------
    samples : (T,) int32
        Sample ids, by group.
    other : (T,) uint8
        1 for a sample of the other dataset.
    group : (T,) int32, ascending
    exact : (G,) bool
        All of a group are equal, byte for byte.
    alike : (G,) float32
        The smallest correlation among the pairs that make a group.
    complete : bool
        False where there were more than `MOST_PAIRS` pairs, of which the first are here.
    """

    samples: Ints
    other: npt.NDArray[np.uint8]
    group: Ints
    exact: npt.NDArray[np.bool_]
    alike: Floats
    complete: bool = True

    def __len__(self) -> int:
        return len(self.exact)


def near_duplicates(
    data: Dataset, other: Dataset | None = None, *, alike: float = ALIKE, on_progress: Progress | None = None
) -> Twins:
    """Find twins within a dataset, or between it and another: what a test set has seen in training.

    Parameters
    ----------
    data : Dataset
    other : Dataset, optional
        Given, only groups with samples of both are found.
    alike : float, 0..1
        Correlation from which images are twins.
    on_progress : function (done, total) -> None, optional

    Returns
    -------
    Twins
        Exact groups first, then the most alike.

    Raises
    ------
    ParameterError
        `alike` is no correlation.
    """
    if not 0 < alike <= 1:
        raise ParameterError(f"alike is {alike!r}", "Give a correlation: above 0, up to 1.")
    digests, grey, colour = _looked_at(data)
    if other is None:
        their_digests, their_grey, their_colour = digests, grey, colour
    else:
        their_digests, their_grey, their_colour = _looked_at(other)
    equal = _equal(digests, None if other is None else their_digests)
    pairs, found = [equal], len(equal)
    left, right = _coarse(grey), _coarse(their_grey)[:, _SWAPPED]
    for start in range(0, len(grey), _ROWS):
        first = start if other is None else 0  # of a pair within a dataset the second has the higher number
        rows, columns = np.nonzero(left[start : start + _ROWS] @ right[first:].T >= alike - 1 - _ROUNDING)
        rows, columns = rows + start, columns + first
        if other is None:
            rows, columns = rows[rows < columns], columns[rows < columns]
        near = np.einsum("nd,nd->n", grey[rows], their_grey[columns]) >= alike
        rows, columns = rows[near], columns[near]
        near = np.einsum("nd,nd->n", colour[rows], their_colour[columns]) >= 1 - _COLOUR * (1 - alike)
        pairs.append(np.stack([rows[near], columns[near]], axis=1))
        found += int(near.sum())
        if on_progress is not None:
            on_progress(min(start + _ROWS, len(grey)), len(grey))
        if found > MOST_PAIRS:
            break
    edges = np.concatenate(pairs)
    values = np.einsum("nd,nd->n", grey[edges[:, 0]], their_grey[edges[:, 1]])
    same = np.array([digests[a] == their_digests[b] for a, b in edges], np.bool_)
    values = np.where(same, 1.0, np.minimum(values, 1.0))
    return _grouped(edges, values, same, len(data), 0 if other is None else len(data), found <= MOST_PAIRS)


def twins_arrays(found: Twins) -> dict[str, npt.NDArray[Any]]:
    """Return what `load_twins` reads of the arrays."""
    return {name: getattr(found, name) for name in _ARRAYS}


def load_twins(artifact: Artifact) -> Twins:
    """Return twins as a job kept them."""
    return Twins(**{name: artifact.array(name) for name in _ARRAYS}, complete=bool(artifact.card["complete"]))


def _looked_at(data: Dataset) -> tuple[list[bytes], Floats, Floats]:
    """Return a digest of each image, and its grey and its colour thumbnail as rows of mean 0 and length 1."""
    digests = []
    grey, colour = np.zeros((len(data), SIDE * SIDE), np.float32), np.zeros((len(data), SIDE * SIDE * 3), np.float32)
    for start in range(0, len(data), _ROWS):
        stop = min(start + _ROWS, len(data))
        for sample in range(start, stop):
            image = np.ascontiguousarray(data.images[sample])
            digests.append(hashlib.blake2b(image.tobytes(), digest_size=16, key=str(image.shape).encode()).digest())
        small = data.batch(range(start, stop), (SIDE, SIDE, 3)).astype(np.float32)
        grey[start:stop] = _standing((small @ np.array(LUMINANCE, np.float32)).reshape(stop - start, -1))
        colour[start:stop] = _standing(small.reshape(stop - start, -1))
    return digests, grey, colour


def _coarse(grey: Floats) -> Floats:
    """Return rows whose products, the second's columns swapped, are at least those of the thumbnails, minus 1.

    The product is minus half the squared distance of the thumbnails at half their side. A projection brings no two
    things farther apart, so no pair whose correlation is c has a product below c - 1; most others have.
    """
    half = SIDE // 2
    small = grey.reshape(-1, half, 2, half, 2).sum(axis=(2, 4)).reshape(len(grey), -1) / 2
    length = np.einsum("nd,nd->n", small, small)[:, None]
    flat = ~grey.any(axis=1, keepdims=True)  # has no near twins
    return np.hstack([small, np.where(flat, -9, -length / 2), np.ones_like(length)]).astype(np.float32)


def _standing(values: Floats) -> Floats:
    """Return rows minus their mean, at length 1; zero for a row without structure."""
    centred = values - values.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.where(length > _FLAT * values.shape[1] ** 0.5, centred / np.maximum(length, 1e-6), 0).astype(np.float32)


def _equal(digests: list[bytes], others: list[bytes] | None) -> npt.NDArray[np.int64]:
    """Return pairs (n, 2) that link all equal images: each with the first such one."""
    first: dict[bytes, int] = {}
    pairs = []
    for place, digest in enumerate(digests):
        if others is None and digest in first:
            pairs.append((first[digest], place))
        first.setdefault(digest, place)
    if others is not None:
        theirs: dict[bytes, int] = {}
        for place, digest in enumerate(others):
            theirs.setdefault(digest, place)
            if digest in first:
                pairs.append((first[digest], place))
        pairs += [(place, theirs[digest]) for place, digest in enumerate(digests) if digest in theirs]
    return np.array(sorted(set(pairs)), np.int64).reshape(-1, 2)


def _grouped(
    edges: npt.NDArray[np.int64],
    values: npt.NDArray[np.floating],
    same: npt.NDArray[np.bool_],
    n: int,
    offset: int,
    complete: bool,
) -> Twins:
    """Join pairs to groups; the second of a pair is numbered from `offset` on."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ends = edges + np.array([0, offset])
    size = max(n, int(ends.max(initial=0)) + 1)
    graph = coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(size, size))
    _, part = connected_components(graph, directed=False)
    nodes = np.unique(ends)
    names, of_node = np.unique(part[nodes], return_inverse=True)
    of_edge = np.searchsorted(names, part[ends[:, 0]])
    alike, exact = np.ones(len(names)), np.ones(len(names), np.bool_)
    np.minimum.at(alike, of_edge, values)
    linked = np.bincount(of_edge[same], minlength=len(names)) if len(same) else np.zeros(len(names), int)
    exact = linked >= np.bincount(of_edge, minlength=len(names)) if len(names) else exact
    order = np.lexsort((names, -alike, ~exact))
    rank = np.empty(len(names), np.int64)
    rank[order] = np.arange(len(names))
    by = np.lexsort((nodes, rank[of_node]))
    second = nodes[by] >= offset if offset else np.zeros(len(by), np.bool_)
    return Twins(
        (nodes[by] - offset * second).astype(np.int32),
        second.astype(np.uint8),
        rank[of_node][by].astype(np.int32),
        exact[order],
        alike[order].astype(np.float32),
        complete,
    )
