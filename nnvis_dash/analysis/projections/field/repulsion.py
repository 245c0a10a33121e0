"""What pushes the samples of a map apart: a field over a grid, by Fourier transforms, or the sum over all pairs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.projections.field.threads import Threads
from nnvis_dash.types import Floats

EXACT_UP_TO = 5000  # samples
SPACING = 0.5  # of the grid; the field's kernel is about 1 wide
FINER = 200  # intervals along a map's longer side with which its grid may be finer, twice at most
FEWEST = 40  # intervals along a map's longer side however small it is
MOST = 2000  # intervals; a map that flies apart has a coarser grid
MARGIN = 3  # nodes around the map, which interpolation reads
PARTS = 4  # of the samples, each spread over a grid of its own
STEP = 16  # nodes between two sizes of a grid, so that few spectra have to be made
LEAST = 512  # samples in a slice

Repulsion: TypeAlias = Callable[[Floats], Floats]
Spectra: TypeAlias = npt.NDArray[np.complex64]


class Exact:
    """The field at each sample, summed over all others: for a map of few samples quicker, and there is no grid."""

    def __init__(self, n_samples: int, threads: Threads) -> None:
        from nnvis_dash.analysis.projections.field import kernels

        self._kernels = kernels
        self._threads = threads
        self._at = np.empty((3, n_samples), np.float32)

    def __call__(self, places: Floats) -> Floats:
        """Return S, then the components of V, at each place of (2, N): (3, N), overwritten by the next call."""

        def work(first: int, last: int) -> None:
            self._kernels.exact(places, first, last, self._at)

        self._threads.each(places.shape[1], work, LEAST)
        return self._at


class Field:
    """The field of a map on a grid of fixed spacing, and its values at any place.

    S(y) = Σ_j 1 / (1 + |y - y_j|²) and V(y) = Σ_j (y - y_j) / (1 + |y - y_j|²)². The samples are spread over the 4 × 4
    nodes around them, convolved by one Fourier transform and three back, and read off by the same cubic B-splines. The
    kernels' spectra are kept as long as neither the grid's size nor its spacing changes.

    References
    ----------
    Pezzotti et al., GPGPU Linear Complexity t-SNE Optimization, IEEE TVCG 2020 (S and V); Linderman et al., Fast
    interpolation-based t-SNE, Nature Methods 2019 (interpolation and convolution).
    """

    def __init__(self, n_samples: int, threads: Threads, spacing: float = SPACING) -> None:
        from nnvis_dash.analysis.projections.field import kernels

        self._kernels = kernels
        self._threads = threads
        self._coarsest = spacing
        self._at = np.empty((3, n_samples), np.float32)
        self._made: tuple[int, int, float] | None = None
        self._spectra: Spectra = np.zeros((3, 0, 0), np.complex64)

    def __call__(self, places: Floats) -> Floats:
        """Return S, then the components of V, at each place of (2, N): (3, N), overwritten by the next call."""
        self.spread(places)
        left, bottom = self.corner

        def gather(first: int, last: int) -> None:
            self._kernels.gather(places, self.values, left, bottom, self.spacing, first, last, self._at)

        self._threads.each(places.shape[1], gather, LEAST)
        return self._at

    def spread(self, places: Floats, around: float = 0.0) -> None:
        """Compute `values` (3, n, m) on the nodes from `corner` on, `spacing` apart, to `around` beyond the map."""
        from scipy import fft

        low, high = places.min(axis=1).astype(np.float64), places.max(axis=1).astype(np.float64)
        self.spacing = self._fitting(float((high - low).max()))
        margin = MARGIN + math.ceil(around / self.spacing)
        n, m = (_size(float(side) / self.spacing + 2 * margin + 1) for side in high - low)
        spectra = self._kept(n, m)
        left, bottom = self.corner = (low[0] - margin * self.spacing, low[1] - margin * self.spacing)
        grids = np.zeros((PARTS, n // 2, m // 2), np.float32)
        total = places.shape[1]

        def scatter(first: int, last: int) -> None:
            for part in range(first, last):
                begin, end = total * part // PARTS, total * (part + 1) // PARTS
                self._kernels.scatter(places, left, bottom, self.spacing, begin, end, grids[part])

        self._threads.each(PARTS, scatter)
        density = grids.sum(axis=0)
        workers = self._threads.count
        rows = fft.rfft(density, m, axis=1, workers=workers)  # the other half of the rows is empty
        transformed = fft.fft(rows, n, axis=0, workers=workers, overwrite_x=True)
        products = spectra * transformed
        back = fft.ifft(products, axis=1, workers=workers, overwrite_x=True)[:, : n // 2]
        self.values = np.ascontiguousarray(fft.irfft(back, m, axis=2, workers=workers)[:, :, : m // 2])

    def _fitting(self, side: float) -> float:
        """Return the spacing for a map's longer side: of few values, so that spectra are kept while a map grows."""
        intervals = max(side, 1e-12) / self._coarsest
        wanted = max(FEWEST, min(FINER, 2 * intervals))
        finer = max(0, math.ceil(2 * math.log2(wanted / intervals)))
        coarser = max(0, math.ceil(2 * math.log2(intervals / MOST)))
        return self._coarsest * 2.0 ** ((coarser - finer) / 2)

    def _kept(self, n: int, m: int) -> Spectra:
        if self._made != (n, m, self.spacing):
            self._made = (n, m, self.spacing)
            self._spectra = _spectra(n, m, self.spacing)
        return self._spectra


def _size(needed: float) -> int:
    """Return twice as many nodes as needed, and a number that transforms quickly."""
    from scipy import fft

    return 2 * int(fft.next_fast_len(math.ceil(needed / STEP) * STEP, real=True))


def _spectra(n: int, m: int, spacing: float) -> Spectra:
    """Return the transforms (3, n, m // 2 + 1) of the kernels of S and V around node 0, which wrap."""
    from scipy import fft

    x = np.fft.fftfreq(n, 1 / n)[:, None] * spacing
    y = np.fft.fftfreq(m, 1 / m)[None] * spacing
    near = 1 / (1 + x * x + y * y)
    # Spread and read off by B-splines, a kernel goes through its samples if both of their filters are undone.
    filters = np.outer(_filter(n)[:n], _filter(m)[: m // 2 + 1]) ** 2
    spectra = [fft.rfft2(kernel.astype(np.float32)) / filters for kernel in (near, x * near**2, y * near**2)]
    return np.asarray(spectra, np.complex64)


def _filter(n: int) -> npt.NDArray[np.float32]:
    """Return the transform (n,) of the cubic B-spline's weights 1/6, 4/6, 1/6 on the nodes."""
    return np.asarray((2 + np.cos(2 * np.pi * np.arange(n) / n)) / 3, np.float32)


def repulsion(n_samples: int, threads: Threads) -> Repulsion:
    """Return the quicker way for so many samples."""
    return Exact(n_samples, threads) if n_samples <= EXACT_UP_TO else Field(n_samples, threads)
