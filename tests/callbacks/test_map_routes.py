"""What the map fetches: its points, the frames of its making, what is known of samples, sheets of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import flask
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.map_routes import UNKNOWN, classes, map_blueprint, placed, shares
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.artifacts import Parts
from nnvis_dash.workspace.pixels import decode
from nnvis_dash.workspace.store import Workspace

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    parts = Workspace(tmp_path).artifacts.parts(KEY)
    parts.save("ids", {"sample_ids": np.array([2, 5, 7])})
    for number in range(3):
        coordinates = np.array([[0, 0], [4, 1], [2, 2]], np.float32) + number
        parts.save(f"frame-{number:06d}", {"coordinates": coordinates})
    return parts


@pytest.fixture
def client(tmp_path: Path) -> Any:
    server = flask.Flask("test")
    server.register_blueprint(map_blueprint(Services(Settings(), Workspace(tmp_path), cast(Engine, None))))
    return server.test_client()


def heads(answer: Any) -> tuple[int, ...]:
    return (answer.status_code, *(int(answer.headers[f"X-{name}"]) for name in ("Points", "Frames", "Last")))


def test_only_the_frames_after_the_last_are_sent(client: Any, parts: Parts) -> None:
    answer = client.get(f"/map/{KEY}/frames?after=0")
    assert heads(answer) == (200, 3, 2, 2)
    assert np.frombuffer(answer.data[:12], "<i4").tolist() == [2, 5, 7]
    for number in (0, 1):  # each is its frame and its points
        part = answer.data[12 + 24 * number : 12 + 24 * (number + 1)]
        low_x, low_y, unit = np.frombuffer(part[:12], "<f4")
        assert (low_x, low_y, round(unit * 65535, 3)) == (number + 1, number + 1, 4)
        assert np.frombuffer(part[12:], "<u2").reshape(3, 2).tolist() == [[0, 0], [65535, 16384], [32768, 32768]]
    assert heads(client.get(f"/map/{KEY}/frames?after=2")) == (200, 0, 0, 2)


def test_a_projection_that_begins_anew_while_its_frames_are_read_has_none_yet(
    client: Any, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = parts.names()
    monkeypatch.setattr(Parts, "names", lambda _: seen)
    parts.clear()
    assert heads(client.get(f"/map/{KEY}/frames")) == (200, 0, 0, -1)


def test_how_far_the_map_can_be_believed_is_there_once_it_was_measured(client: Any, tmp_path: Path) -> None:
    artifacts = Workspace(tmp_path).artifacts
    assert client.get(f"/map/{KEY}/honesty").status_code == 404
    values = np.array([1, 0.5, 0.25], np.float32)
    artifacts.save(Request("honesty", {"map": KEY}).key, {"trustworthiness": values, "continuity": values[::-1]}, {})
    answer = client.get(f"/map/{KEY}/honesty")
    assert np.frombuffer(answer.data, "<f4").tolist() == [1, 0.5, 0.25, 0.25, 0.5, 1]
    assert "immutable" in answer.headers["Cache-Control"]


def test_the_true_neighbours_of_a_point(client: Any, tmp_path: Path) -> None:
    reference = np.array([[0, 0], [5, 0], [1, 0], [9, 9]], np.float32)
    Workspace(tmp_path).artifacts.save(KEY, {"reference": reference}, {})
    answer = client.get(f"/map/{KEY}/neighbours/0")
    assert np.frombuffer(answer.data, "<i4").tolist() == [2, 1, 3]
    for row in ("4", "-1", "x"):
        assert client.get(f"/map/{KEY}/neighbours/{row}").status_code == 404


def test_a_key_that_is_none_is_not_found(client: Any) -> None:
    assert client.get("/map/x.y/frames").status_code == 404


@given(
    arrays(np.float32, st.tuples(st.integers(1, 40), st.just(2)), elements=st.floats(-1e6, 1e6, width=32)),
)
def test_a_place_in_four_bytes_is_the_place_within_half_a_unit(coordinates: Any) -> None:
    frame, points = placed(coordinates)
    assert points.nbytes == 4 * len(coordinates) and frame.nbytes == 12
    back = frame[:2] + frame[2].astype(np.float64) * points
    extent = float(np.ptp(coordinates.astype(np.float64), axis=0).max())
    slack = 0.51 * extent / 65535 + 1e-6 * np.abs(coordinates).max()
    slack += 65535 * np.finfo(np.float32).smallest_subnormal  # the unit itself is a float32
    assert np.abs(back - coordinates).max() <= slack
    if extent > 0:
        assert points.max() == 65535 and (points.min(axis=0) == 0).all()


def test_no_points_and_one_point_have_a_place() -> None:
    frame, points = placed(np.zeros((0, 2), np.float32))
    assert points.shape == (0, 2) and frame.tolist() == [0, 0, 1]
    frame, points = placed(np.array([[3, 4]], np.float32))
    assert points.tolist() == [[0, 0]] and frame.tolist() == [3, 4, 1]


def test_classes_and_shares_say_what_is_not_known() -> None:
    assert classes(np.array([-1, 0, 254], np.int32), 1).tolist() == [255, 0, 254]
    assert classes(np.array([-1, 0, 999], np.int32), 2).tolist() == [65535, 0, 999]
    assert shares(np.array([0, 1, 0.5, np.nan], np.float32)).tolist() == [0, 65534, 32767, UNKNOWN]


def test_a_sheet_has_its_images_side_by_side(tmp_path: Path, client: Any) -> None:
    images = np.zeros((5, 6, 4, 3), np.uint8)
    images[..., 0] = 40 * np.arange(5)[:, None, None]
    np.savez(tmp_path / "flat.npz", images=images)
    dataset, _ = Workspace(tmp_path).add_dataset(tmp_path / "flat.npz", name="flat")
    answer = client.get(f"/sheet/{dataset.fingerprint}.png?ids=1,3-4&side=16")
    sheet = decode(answer.data)
    assert sheet.shape == (16, 48, 3) and sheet[8, 8::16, 0].tolist() == [40, 120, 160]
    for wrong in ("", "ids=0-64", "ids=7", "ids=a"):
        assert client.get(f"/sheet/{dataset.fingerprint}.png?{wrong}").status_code == 404


def test_the_points_are_four_bytes_each_and_a_bit_for_every_sample(tmp_path: Path, client: Any) -> None:
    ids = np.array([0, 3, 9])
    coordinates = np.array([[0, 0], [1, 2], [3, 1]], np.float32)
    Workspace(tmp_path).artifacts.save(KEY, {"coordinates": coordinates, "sample_ids": ids}, {})
    data = client.get(f"/map/{KEY}/points").data
    assert np.frombuffer(data[:8], "<u4").tolist() == [3, 10] and len(data) == 8 + 12 + 12 + 2
    assert np.flatnonzero(np.unpackbits(np.frombuffer(data[32:], "u1"), bitorder="little")).tolist() == ids.tolist()


def test_of_a_map_of_all_samples_no_bits_are_sent(tmp_path: Path, client: Any) -> None:
    coordinates = np.array([[0, 0], [1, 2], [3, 1]], np.float32)
    Workspace(tmp_path).artifacts.save(KEY, {"coordinates": coordinates, "sample_ids": np.arange(3)}, {})
    data = client.get(f"/map/{KEY}/points").data
    assert np.frombuffer(data[:8], "<u4").tolist() == [3, 3] and len(data) == 8 + 12 + 12


def test_labels_travel_in_one_byte_where_they_fit(tmp_path: Path, client: Any) -> None:
    for name, last, width in (("few", 254, 1), ("lots", 255, 2)):
        np.savez(tmp_path / f"{name}.npz", images=np.zeros((3, 2, 2, 1), np.uint8), labels=np.array([0, last, 1]))
        dataset, _ = Workspace(tmp_path).add_dataset(tmp_path / f"{name}.npz", name=name)
        answer = client.get(f"/attributes/{dataset.fingerprint}/-")
        assert answer.headers["X-Width"] == str(width) and len(answer.data) == 3 * (2 * width + 4)
        label = np.frombuffer(answer.data[: 3 * width], "u1" if width == 1 else "<u2")
        assert label.tolist() == [0, min(last, 254) if width == 1 else last, 1]
