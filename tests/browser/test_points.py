"""The plane's index, density and names against numpy, in a page that has these scripts and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

FULL = 65535
SCRIPTS = ("elements", "points_index", "points_layers", "samples", "changes")


@pytest.fixture(scope="module")
def blank(chromium: Any) -> Iterator[Any]:
    """A page with the scripts of the points."""
    page = chromium.ready().new_page()
    page.evaluate("() => { window.dash_clientside = { set_props: () => null }; }")
    for name in SCRIPTS:
        page.add_script_tag(path=f"assets/{name}.js")
    yield page
    page.close()


def points(kind: str, n: int, seed: int) -> npt.NDArray[np.uint16]:
    """Points as maps have them: spread, in groups, on one line, all at one place."""
    rng = np.random.default_rng(seed)
    if kind == "spread":
        return rng.integers(0, FULL + 1, (n, 2)).astype(np.uint16)
    if kind == "line":
        return np.stack([rng.integers(0, FULL + 1, n), np.full(n, FULL)], 1).astype(np.uint16)
    if kind == "one":
        return np.full((n, 2), 12345, np.uint16)
    middles = rng.integers(5000, FULL - 5000, (5, 2))
    return np.clip(middles[rng.integers(0, 5, n)] + rng.normal(0, 900, (n, 2)), 0, FULL).astype(np.uint16)


def inside(polygon: npt.NDArray[np.float64], xy: npt.NDArray[np.uint16]) -> npt.NDArray[np.bool_]:
    """Which points are within a polygon, by the even-odd rule, point by point."""
    x, y = xy[:, 0].astype(float), xy[:, 1].astype(float)
    odd = np.zeros(len(xy), bool)
    for i in range(len(polygon)):
        (xi, yi), (xj, yj) = polygon[i], polygon[i - 1]
        crosses = (yi > y) != (yj > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            odd ^= crosses & (x < (xj - xi) * (y - yi) / (yj - yi) + xi)
    return odd


@pytest.mark.parametrize(
    ("kind", "n"), [("spread", 4000), ("groups", 4000), ("line", 500), ("one", 300), ("groups", 3)]
)
def test_a_lasso_holds_what_a_test_of_every_point_holds(blank: Any, kind: str, n: int) -> None:
    xy = points(kind, n, n)
    rng = np.random.default_rng(7)
    passes = (rng.random(n) < 0.8).astype(np.uint8)
    polygons = []
    for corners in (3, 4, 9, 60):
        for size in (800, 20000, 90000):
            middle = xy[rng.integers(0, n)].astype(float)
            turns = (
                np.sort(rng.random(corners)) * 2 * np.pi if corners != 9 else rng.random(corners) * 2 * np.pi
            )  # crossing
            radii = size * (0.3 + rng.random(corners))
            polygons.append(np.round(middle + radii[:, None] * np.stack([np.cos(turns), np.sin(turns)], 1), 2))
    found = blank.evaluate(
        """([xy, passes, polygons]) => {
            const index = nnvis.pointIndex(Uint16Array.from(xy));
            return polygons.map((polygon) => {
                const { mask, count } = index.within(polygon, Uint8Array.from(passes));
                return [Array.from(nnvis.rowsOf(mask, count)), count];
            });
        }""",
        [xy.ravel().tolist(), passes.tolist(), [polygon.tolist() for polygon in polygons]],
    )
    for polygon, (rows, count) in zip(polygons, found, strict=True):
        expected = np.flatnonzero(inside(polygon, xy) & (passes == 1))
        assert rows == expected.tolist() and count == len(expected)


@pytest.mark.parametrize("kind", ["spread", "groups", "line", "one"])
def test_the_point_under_the_pointer_is_the_nearest_that_passes(blank: Any, kind: str) -> None:
    xy = points(kind, 2000, 3)
    rng = np.random.default_rng(5)
    passes = (rng.random(2000) < 0.5).astype(np.uint8)
    asked = [
        [*(xy[rng.integers(0, 2000)] + rng.normal(0, 300, 2)).tolist(), rx, ry]
        for rx in (200, 2500)
        for ry in (200, 900)
    ] * 5
    found = blank.evaluate(
        """([xy, passes, asked]) => {
            const index = nnvis.pointIndex(Uint16Array.from(xy));
            return asked.map(([x, y, rx, ry]) => index.near(x, y, rx, ry, Uint8Array.from(passes)));
        }""",
        [xy.ravel().tolist(), passes.tolist(), asked],
    )
    for (x, y, rx, ry), row in zip(asked, found, strict=True):
        far = ((xy[:, 0] - x) / rx) ** 2 + ((xy[:, 1] - y) / ry) ** 2
        far[passes == 0] = np.inf
        assert row == (int(far.argmin()) if far.min() < 1 else -1)


def test_a_view_has_every_point_within_it_once_and_the_order_is_of_no_class(blank: Any) -> None:
    xy = points("spread", 5000, 1)
    corners = [[-10, -10, 90000, 90000], [1000, 2000, 30000, 20000], [65000, 0, 70000, 800], [70000, 0, 80000, 10]]
    found, rows = blank.evaluate(
        """([xy, corners]) => {
            const index = nnvis.pointIndex(Uint16Array.from(xy));
            return [corners.map((corner) => Array.from(index.covering(...corner))), Array.from(index.rows)];
        }""",
        [xy.ravel().tolist(), corners],
    )
    assert sorted(rows) == list(range(5000))
    for (x0, y0, x1, y1), part in zip(corners, found, strict=True):
        x, y = xy[:, 0], xy[:, 1]
        within = np.flatnonzero((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1))
        assert len(part) == len(set(part)) and set(within) <= set(part)
    steps = np.diff(blank.evaluate("(n) => Array.from(nnvis.pointIndex(new Uint16Array(2 * n)).rows)", 1000))
    assert np.abs(steps).min() > 100  # points of one cell aren't drawn row by row


def test_density_is_the_mean_colour_of_a_bin_and_the_more_opaque_the_more_points(blank: Any) -> None:
    image = np.array(
        blank.evaluate(
            """() => {
                const palette = new Uint8Array(1024);
                palette.set([255, 0, 0, 255, 0, 0, 255, 255], 4);
                const data = {
                    xy: Uint16Array.from([0, 0, 1, 0, 10, 10, 10, 11, 11, 10, 21, 0, 30, 0]), palette,
                    tones: Uint8Array.from([1, 2, 1, 1, 1, 2, 1]), states: Uint8Array.from([2, 2, 2, 2, 2, 1, 0]),
                };
                return Array.from(nnvis.density(data, null, { kx: 0.1, ky: 0.1, ox: 0, oy: 1.999 }, 4, 2));
            }"""
        )
    ).reshape(2, 4, 4)
    assert image[1, 0].tolist()[:3] == [128, 0, 128]  # one red and one blue point
    assert image[0, 1].tolist()[:3] == [255, 0, 0]  # three red ones
    assert 89 < image[1, 0, 3] < image[0, 1, 3] == 255
    assert image[1, 2].tolist()[:3] == [150] * 3 and 0 < image[1, 2, 3] < 89  # one that isn't selected
    assert image[1, 3, 3] == 0 and image[0, 0, 3] == 0  # one that is filtered out, and none


def test_names_stand_where_their_class_is_densest(blank: Any) -> None:
    rng = np.random.default_rng(0)
    near, far = rng.normal(20000, 300, (300, 2)), rng.uniform(0, FULL, (60, 2))
    xy = np.clip(np.concatenate([near, far, rng.normal(50000, 300, (100, 2))]), 0, FULL).astype(np.uint16)
    numbers = [0] * 360 + [1] * 100
    named = blank.evaluate(
        """([xy, numbers]) => nnvis.densest({
            xy: Uint16Array.from(xy), ids: Int32Array.from(numbers.keys()),
            visible: new Uint8Array(numbers.length).fill(1), numbers: Int32Array.from(numbers), names: ["zero", "one"],
        })""",
        [xy.ravel().tolist(), numbers],
    )
    assert [(one["name"], one["count"]) for one in named] == [("zero", 360), ("one", 100)]
    np.testing.assert_allclose([one["at"] for one in named], [[20000] * 2, [50000] * 2], atol=800)


def test_more_classes_than_tones_have_the_nearest_colour(blank: Any) -> None:
    tones, palette = blank.evaluate(
        """() => {
            const colours = Array.from({ length: 400 }, (_, i) => "#" + (i * 40000 + 99).toString(16).padStart(6, "0"));
            const { tones, palette } = nnvis.samples.classed(Int32Array.from([-1, 0, 254, 255, 399]), null, colours);
            return [Array.from(tones), Array.from(palette)];
        }"""
    )
    assert tones[:3] == [0, 1, 255] and 1 <= tones[3] <= 255 and len(palette) == 1024
    assert palette[:4] == [0xB4, 0xBA, 0xC4, 255] and palette[4:7] == [0, 0, 99]


def test_ids_are_written_as_python_writes_them(blank: Any) -> None:
    from nnvis_dash.state.ids import encode_ids

    for ids in ([], [5], [1, 2, 3, 7], [9, 2, 2, 3], list(range(0, 60, 3))):
        assert blank.evaluate("(ids) => nnvis.encodeIds(ids)", ids) == encode_ids(ids)
        assert blank.evaluate("(ids) => nnvis.encodeIds(Int32Array.from(ids))", ids) == encode_ids(ids)
