"""The loops of the field-based t-SNE, compiled by numba when this module is imported: import it where it is needed.

Each works on the rows from `first` up to `last` and lets go of Python's lock, so that threads run several at once.
What was compiled is kept beside this file, or in the user's cache folder where that can't be written, or nowhere.

Invariant: a map is (2, N) float32, x above y. What one call writes no other call reads before all are done, so the
results don't depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

ROWS = 8  # that are compared with a chunk of columns while it stays in the cache
CHUNK = 1024  # columns of it
FARTHEST = np.float32(3.4e38)
GROUP = 64  # distances that are passed over at once when none of them is near enough
HALVINGS = 64  # of the interval in which a row's precision is searched
CLOSE = 1e-6  # to which an entropy is met, nats
LONGEST_STEP = 5.0  # of a sample in one iteration
LEAST_GAIN = 0.01
DRAWN = 2.0  # how much stronger new samples are attracted than the map's own: a twin ends nearer to its original

_f, _ff, _fff = numba.float32[::1], numba.float32[:, ::1], numba.float32[:, :, ::1]
_i, _ii = numba.int32[::1], numba.int32[:, ::1]
_n, _r = numba.int64, numba.float64


def _compiled(*signature: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function for these types, now; sums may be reordered, for NaN doesn't occur."""

    def compile_now(function: Callable[..., Any]) -> Any:
        settings: Any = {"nogil": True, "fastmath": True, "error_model": "numpy"}
        try:
            return numba.njit(numba.void(*signature), cache=True, **settings)(function)
        except RuntimeError:  # nowhere to keep it
            return numba.njit(numba.void(*signature), **settings)(function)

    return compile_now


_inlined = numba.njit(inline="always", fastmath=True, error_model="numpy")


@_inlined
def _distances(row: Any, columns: Any, low: int, width: int, near: Any) -> None:
    """Write the squared distances of a row (d,) to `width` columns (d, N) from `low` on; d is a multiple of 4."""
    near[:width] = 0
    for f in range(0, len(row), 4):  # four at once, so that sums are read and written less often
        a, b, c, d = row[f], row[f + 1], row[f + 2], row[f + 3]
        va, vb = columns[f, low : low + width], columns[f + 1, low : low + width]
        vc, vd = columns[f + 2, low : low + width], columns[f + 3, low : low + width]
        for j in range(width):
            near[j] += (
                (va[j] - a) * (va[j] - a)
                + (vb[j] - b) * (vb[j] - b)
                + (vc[j] - c) * (vc[j] - c)
                + (vd[j] - d) * (vd[j] - d)
            )


@_inlined
def _sink(heap: Any, names: Any, size: int, value: float, name: int) -> None:
    """Replace the root of a heap, the farthest (of equally far ones the last), and restore its order."""
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        other = child + 1
        if other < size and (heap[other] > heap[child] or (heap[other] == heap[child] and names[other] > names[child])):
            child = other
        if heap[child] < value or (heap[child] == value and names[child] < name):
            break
        heap[at], names[at] = heap[child], names[child]
        at = child
    heap[at], names[at] = value, name


@_compiled(_ff, _ff, _n, _n, _n, _ii, _ff)
def nearest(rows: Any, columns: Any, own: int, first: int, last: int, found: Any, squared: Any) -> None:
    """Find the k nearest columns (d, N) of each row (M, d), the nearest first, of equally near ones the first.

    Writes their numbers into `found` and squared distances into `squared`, (M, k) each. With `own` = 1 row i is column
    i and no neighbour of its own. Distances are sums of squared differences, so they don't cancel; d is a multiple of
    4.
    """
    n, k = columns.shape[1], found.shape[1]
    near = np.empty(CHUNK, np.float32)
    for block in range(first, last, ROWS):
        rest = min(block + ROWS, last)
        squared[block:rest] = FARTHEST
        found[block:rest] = n
        for low in range(0, n, CHUNK):
            width = min(CHUNK, n - low)
            for i in range(block, rest):
                _distances(rows[i], columns, low, width, near)
                if own and low <= i < low + width:
                    near[i - low] = FARTHEST
                heap, names = squared[i], found[i]
                for group in range(0, width, GROUP):
                    stop = min(group + GROUP, width)
                    least = near[group]
                    for j in range(group + 1, stop):
                        least = min(least, near[j])
                    if least < heap[0]:
                        for j in range(group, stop):
                            if near[j] < heap[0]:
                                _sink(heap, names, k, near[j], low + j)
        for i in range(block, rest):  # a heap with the farthest on top, emptied from its end
            heap, names = squared[i], found[i]
            for size in range(k - 1, 0, -1):
                value, name = heap[size], names[size]
                heap[size], names[size] = heap[0], names[0]
                _sink(heap, names, size, value, name)


@_compiled(_ff, _ff, _ii, _n, _n, _ii)
def ranks(rows: Any, columns: Any, named: Any, first: int, last: int, rank: Any) -> None:
    """Write how near (1: nearest) the named columns (N, k) are to each row among all columns but the row itself.

    Row i is column i; of equally near columns the first counts as nearer; d is a multiple of 4.
    """
    n, k = columns.shape[1], named.shape[1]
    near, one = np.empty(CHUNK, np.float32), np.empty(1, np.float32)
    limits = np.empty((ROWS, k), np.float32)
    for block in range(first, last, ROWS):
        rest = min(block + ROWS, last)
        rank[block:rest] = 1
        for i in range(block, rest):
            for p in range(k):
                _distances(rows[i], columns, named[i, p], 1, one)
                limits[i - block, p] = one[0]
        for low in range(0, n, CHUNK):
            width = min(CHUNK, n - low)
            for i in range(block, rest):
                _distances(rows[i], columns, low, width, near)
                if low <= i < low + width:
                    near[i - low] = FARTHEST
                for p in range(k):
                    limit, at = limits[i - block, p], named[i, p] - low
                    if 0 <= at < width:
                        near[at] = limit  # to the last bit
                    count = 0
                    for j in range(width):
                        count += near[j] < limit
                    for j in range(min(max(at, 0), width)):
                        count += near[j] == limit
                    rank[i, p] += count


@_compiled(_ff, _r, _n, _n, _ff)
def affinities(squared: Any, perplexity: float, first: int, last: int, conditional: Any) -> None:
    """Write each row's Gaussian affinities to its neighbours, of the precision at which it has this perplexity.

    `squared` and `conditional` are (N, k); a row of the latter sums to 1 and has the entropy log(perplexity), nats.
    """
    k = squared.shape[1]
    wanted = np.log(perplexity)
    weights = np.empty(k, np.float64)
    for i in range(first, last):
        least, mean = squared[i, 0], 0.0
        for j in range(k):
            mean += squared[i, j] - least
        mean /= k
        if mean <= 0:  # all equally far
            for j in range(k):
                conditional[i, j] = 1.0 / k
            continue
        low, high, precision, total = 0.0, 0.0, 1 / mean, 1.0  # high 0: not known yet
        for _ in range(HALVINGS):
            total, moment = 0.0, 0.0
            for j in range(k):
                exponent = precision * (squared[i, j] - least)
                weights[j] = np.exp(-exponent)
                total += weights[j]
                moment += weights[j] * exponent
            excess = np.log(total) + moment / total - wanted
            if abs(excess) < CLOSE:
                break
            if excess > 0:
                low = precision
                precision = 2 * precision if high == 0 else (low + high) / 2
            else:
                high = precision
                precision = (low + high) / 2
        for j in range(k):
            conditional[i, j] = weights[j] / total


@_inlined
def _weights(at: float, weight: Any) -> None:
    """Write the weights of four nodes for a place that lies `at`, 0..1, behind the second one: the cubic B-spline's."""
    one, left = np.float32(1 / 6), 1 - at
    weight[0] = one * left * left * left
    weight[1] = one * (4 - at * at * (6 - 3 * at))
    weight[2] = one * (4 - left * left * (6 - 3 * left))
    weight[3] = one * at * at * at


@_inlined
def _read(field: Any, a: int, b: int, x: Any, y: Any) -> Any:
    """Return the field's scalar and two components at a place in cell (a, b), its nodes weighed by x and y."""
    s, fx, fy = np.float32(0), np.float32(0), np.float32(0)
    for p in range(4):
        for q in range(4):
            weight = x[p] * y[q]
            s += weight * field[0, a - 1 + p, b - 1 + q]
            fx += weight * field[1, a - 1 + p, b - 1 + q]
            fy += weight * field[2, a - 1 + p, b - 1 + q]
    return s, fx, fy


@_compiled(_ff, _r, _r, _r, _n, _n, _ff)
def scatter(places: Any, left: float, bottom: float, spacing: float, first: int, last: int, grid: Any) -> None:
    """Spread each sample over the 4 × 4 nodes around it; `left`, `bottom` is where node (0, 0) lies."""
    x, y = np.empty(4, np.float32), np.empty(4, np.float32)
    one, per = np.float32(1), np.float32(1 / spacing)
    for i in range(first, last):
        u, v = (places[0, i] - np.float32(left)) * per, (places[1, i] - np.float32(bottom)) * per
        a, b = int(u), int(v)
        _weights(u - a * one, x)
        _weights(v - b * one, y)
        for p in range(4):
            for q in range(4):
                grid[a - 1 + p, b - 1 + q] += x[p] * y[q]


@_compiled(_ff, _fff, _r, _r, _r, _n, _n, _ff)
def gather(places: Any, field: Any, left: float, bottom: float, spacing: float, first: int, last: int, at: Any) -> None:
    """Write the field's scalar and two components (3, n, m), read off at each place, into `at` (3, N)."""
    x, y = np.empty(4, np.float32), np.empty(4, np.float32)
    one, per = np.float32(1), np.float32(1 / spacing)
    for i in range(first, last):
        u, v = (places[0, i] - np.float32(left)) * per, (places[1, i] - np.float32(bottom)) * per
        a, b = int(u), int(v)
        _weights(u - a * one, x)
        _weights(v - b * one, y)
        at[0, i], at[1, i], at[2, i] = _read(field, a, b, x, y)


@_compiled(_ff, _n, _n, _ff)
def exact(places: Any, first: int, last: int, at: Any) -> None:
    """Write what `gather` reads off a field, summed over all pairs: for few samples the quicker way."""
    xs, ys = places[0], places[1]
    for i in range(first, last):
        x, y = xs[i], ys[i]
        s, fx, fy = np.float32(0), np.float32(0), np.float32(0)
        for j in range(xs.shape[0]):
            dx, dy = x - xs[j], y - ys[j]
            near = np.float32(1) / (np.float32(1) + dx * dx + dy * dy)
            s += near
            fx += near * near * dx
            fy += near * near * dy
        at[0, i], at[1, i], at[2, i] = s, fx, fy


@_compiled(_ff, _i, _i, _f, _n, _n, _ff)
def attract(places: Any, start: Any, other: Any, affinity: Any, first: int, last: int, pull: Any) -> None:
    """Write each sample's attraction, Σ p (y_i - y_j) / (1 + |y_i - y_j|²) over its row of a sparse matrix."""
    xs, ys = places[0], places[1]
    for i in range(first, last):
        x, y = xs[i], ys[i]
        px, py = np.float32(0), np.float32(0)
        for e in range(start[i], start[i + 1]):
            dx, dy = x - xs[other[e]], y - ys[other[e]]
            weight = affinity[e] / (np.float32(1) + dx * dx + dy * dy)
            px += weight * dx
            py += weight * dy
        pull[0, i], pull[1, i] = px, py


@_compiled(_ff, _ff, _r, _r, _r, _r, _n, _n, _ff, _ff, _ff)
def step(
    pull: Any,
    field: Any,
    normaliser: float,
    exaggeration: float,
    rate: float,
    momentum: float,
    first: int,
    last: int,
    places: Any,
    velocity: Any,
    gain: Any,
) -> None:
    """Move each sample along its gradient, with momentum and a gain of its own for either coordinate."""
    per, more = np.float32(1 / normaliser), np.float32(exaggeration)
    rate_, keep = np.float32(rate), np.float32(momentum)
    moved = np.empty(2, np.float32)
    for i in range(first, last):
        for c in range(2):
            gradient = more * pull[c, i] - per * field[1 + c, i]
            if np.sign(gradient) != np.sign(velocity[c, i]):
                gain[c, i] += np.float32(0.2)
            else:
                gain[c, i] = gain[c, i] * np.float32(0.8) + np.float32(LEAST_GAIN)
            moved[c] = keep * velocity[c, i] - rate_ * gain[c, i] * gradient
        length = np.sqrt(moved[0] * moved[0] + moved[1] * moved[1])
        shrink = np.float32(LONGEST_STEP) / length if length > LONGEST_STEP else np.float32(1)
        for c in range(2):
            velocity[c, i] = moved[c] * shrink
            places[c, i] += velocity[c, i]


@_compiled(_fff, _ff, _fff, _r, _r, _r, _n, _n, _n, _ff)
def settle(
    near: Any,
    weight: Any,
    field: Any,
    left: float,
    bottom: float,
    spacing: float,
    steps: int,
    first: int,
    last: int,
    places: Any,
) -> None:
    """Place each new sample by itself among its neighbours' places `near` (2, M, k), in the field of a map that stays.

    `weight` (M, k), of sum 1, says how much each neighbour attracts. The sample starts at that of them which is
    attracted most, and iterates half-way to the fixed point at which attraction and repulsion cancel.
    """
    k = weight.shape[1]
    x, y = np.empty(4, np.float32), np.empty(4, np.float32)
    one, per = np.float32(1), np.float32(1 / spacing)
    lowest, right, top = np.float32(1), np.float32(field.shape[1] - 3), np.float32(field.shape[2] - 3)
    for i in range(first, last):
        most, px, py = np.float32(-1), near[0, i, 0], near[1, i, 0]
        for p in range(k):
            drawn = np.float32(0)
            for q in range(k):
                dx, dy = near[0, i, p] - near[0, i, q], near[1, i, p] - near[1, i, q]
                drawn += weight[i, q] / (one + dx * dx + dy * dy)
            if drawn > most:
                most, px, py = drawn, near[0, i, p], near[1, i, p]
        for _ in range(steps):
            total, mx, my = np.float32(0), np.float32(0), np.float32(0)
            for p in range(k):
                dx, dy = px - near[0, i, p], py - near[1, i, p]
                drawn = weight[i, p] / (one + dx * dx + dy * dy)
                total += drawn
                mx -= drawn * dx
                my -= drawn * dy
            u = min(max((px - np.float32(left)) * per, lowest), right)
            v = min(max((py - np.float32(bottom)) * per, lowest), top)
            a, b = int(u), int(v)
            _weights(u - a * one, x)
            _weights(v - b * one, y)
            s, fx, fy = _read(field, a, b, x, y)
            half, push = np.float32(0.5) / total, one / (s * np.float32(DRAWN))
            px += half * (mx + fx * push)
            py += half * (my + fy * push)
        places[0, i], places[1, i] = px, py
