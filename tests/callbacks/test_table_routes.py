"""The routes of the table: its columns against index and dataset, exports that a spreadsheet can't be tricked with."""

from __future__ import annotations

import csv
import io
from types import SimpleNamespace
from typing import Any, cast

import flask
import numpy as np
import pyarrow.parquet as pq
import pytest

from nnvis_dash.analysis.uncertainty import normalised_entropy
from nnvis_dash.engine.client import Engine
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.table_routes import SCRIPTS, table_blueprint
from nnvis_dash.workspace.metadata import write_metadata
from tests.callbacks.in_process import NAMES, Direct, noise_and_net
from tests.callbacks.test_suggestion_routes import arrays

NOTES = ["=1+1", "+x", "", "@y", "plain"] * 2
TABLE = np.random.default_rng(0).dirichlet(np.ones(5), 10).astype(np.float32)


@pytest.fixture
def scene(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    workspace, data, model, _ = noise_and_net(tmp_path, 10)
    columns = {"note": np.array(NOTES), "lux": np.array([np.nan, *range(9)]), "label": np.array(["x"] * 10)}
    write_metadata(workspace.path / "datasets" / data.fingerprint, columns)
    services = Services(Settings(), workspace, cast(Engine, Direct(workspace.path)))
    monkeypatch.setattr(Services, "index", lambda self, dataset, model: SimpleNamespace(probabilities=TABLE))
    server = flask.Flask("test")
    server.register_blueprint(table_blueprint(services))
    wanted = {"dataset": data.fingerprint, "models": [model.fingerprint]}
    return {"client": server.test_client(), "wanted": wanted}


def test_columns_are_those_of_dataset_index_and_metadata(scene: dict[str, Any]) -> None:
    header, found = arrays(scene["client"].post("/table/columns", json=scene["wanted"]).data)
    titles = [title for title, _ in header["columns"]]
    assert titles == ["label", "prediction", "right", "confidence", "entropy", "note", "lux", "label (given)"]
    label, prediction, right, confidence, entropy, note, lux, _ = (found[f"c{number}"] for number in range(8))
    assert label.tolist() == [0, 1, 2, 3, 4] * 2 and header["columns"][0][1] == list(NAMES)
    assert prediction.tolist() == TABLE.argmax(axis=1).tolist()
    assert right.tolist() == (prediction == label).astype(int).tolist()
    np.testing.assert_array_equal(confidence, TABLE.max(axis=1))
    np.testing.assert_allclose(entropy, normalised_entropy(TABLE), rtol=1e-6)
    assert [header["columns"][5][1][number] if number >= 0 else "" for number in note] == NOTES
    np.testing.assert_array_equal(lux, np.array([np.nan, *range(9)], np.float32))


def test_a_spreadsheet_takes_no_cell_for_a_formula(scene: dict[str, Any]) -> None:
    answer = scene["client"].post("/table/export.csv", json={**scene["wanted"], "samples": [4, 0, 3, 1, 2]})
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert [row["sample"] for row in rows] == ["4", "0", "3", "1", "2"]
    assert [row["note"] for row in rows] == ["plain", "'=1+1", "'@y", "'+x", ""]
    assert [row["lux"] for row in rows] == ["3", "", "2", "0", "1"]
    assert [row["label"] for row in rows] == ["eel", "ant", "dog", "bee", "cat"]
    assert [float(row["confidence"]) for row in rows] == pytest.approx(TABLE.max(axis=1)[[4, 0, 3, 1, 2]], rel=1e-6)


def test_parquet_keeps_text_numbers_and_what_is_unknown(scene: dict[str, Any]) -> None:
    answer = scene["client"].post("/table/export.parquet", json={**scene["wanted"], "samples": [4, 0]})
    found = pq.read_table(io.BytesIO(answer.data)).to_pydict()
    assert found["sample"] == [4, 0] and found["label"] == ["eel", "ant"]
    assert found["note"] == ["plain", "=1+1"] and found["lux"] == [3, None]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"samples": [10]}, "Give some of 0 to 9"),
        ({"samples": [-1]}, "no sample numbers"),
        ({"samples": []}, "no sample numbers"),
        ({"samples": "all"}, "no sample numbers"),
        ({"samples": [1], "models": "x"}, "no list"),
        ({"samples": [1], "dataset": "0" * 32}, "dataset"),
    ],
)
def test_what_can_not_be_exported_is_said(scene: dict[str, Any], change: dict[str, Any], says: str) -> None:
    answer = scene["client"].post("/table/export.csv", json={**scene["wanted"], **change})
    assert says in answer.get_json()["problem"]


def test_other_formats_and_files_are_refused(scene: dict[str, Any]) -> None:
    client = scene["client"]
    assert "csv" in client.post("/table/export.xls", json={**scene["wanted"], "samples": [1]}).get_json()["problem"]
    assert client.get("/table/grid/metadata.json").status_code == 404
    for name in SCRIPTS:
        assert client.get(f"/table/grid/{name}").mimetype == "text/javascript"
