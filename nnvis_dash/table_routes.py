"""Flask routes for the table of samples: its columns, its export, and the grid's own scripts.

The browser gets every column once, as an array, and sorts and filters by itself. The grid is AG Grid as dash-ag-grid
has it; its scripts come when a table is first opened, so that no other page waits for them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import flask
import numpy as np
import numpy.typing as npt

from nnvis_dash.envelope import envelope
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.posting import answers, body
from nnvis_dash.services import Services
from nnvis_dash.types import DatasetCard, ModelCard
from nnvis_dash.workspace.spreadsheet import harmless

SCRIPTS = ("async-community.js", "dash_ag_grid.min.js")
TYPES = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


@dataclass(frozen=True)
class Column:
    """A column: numbers, NaN where nothing is known; or, where it has `names`, numbers of these, -1 for none."""

    title: str
    values: npt.NDArray[Any]  # (N,) float32 or int32
    names: tuple[str, ...] | None = None

    def cells(self, samples: npt.NDArray[np.int64]) -> list[str] | npt.NDArray[np.float32]:
        """Return what stands in these rows: text, empty for none, or numbers."""
        if self.names is None:
            return np.asarray(self.values[samples])
        names = (*self.names, "")
        return [names[number] for number in self.values[samples].tolist()]


def table_blueprint(services: Services) -> flask.Blueprint:
    """Return the routes over these services."""
    routes = flask.Blueprint("table", __name__, url_prefix="/table")

    @routes.post("/columns")
    @answers
    def columns() -> flask.Response:
        """Every column of ``{"dataset", "models"}`` but the sample's number, those of classifiers that are indexed.

        An envelope: c0, c1 … (N,) float32 or int32; the header's `columns` are ``[title, names or null]``.
        """
        found = _columns(services, body())
        header = {"columns": [[column.title, column.names] for column in found]}
        return envelope(header, **{f"c{number}": column.values for number, column in enumerate(found)})

    @routes.post("/export.<kind>")
    @answers
    def export(kind: str) -> flask.Response:
        """The rows ``samples`` (numbers, in order) of the table as a file: "csv" or "parquet"."""
        wanted = body()
        if kind not in TYPES:
            raise NotFound.among("format", kind, list(TYPES))
        found = _columns(services, wanted)
        n = services.workspace.dataset(str(wanted["dataset"])).card.n_samples
        samples = _samples(wanted.get("samples"), n)
        content = _csv(found, samples) if kind == "csv" else _parquet(found, samples)
        response = flask.Response(content, mimetype=TYPES[kind])
        response.headers["Content-Disposition"] = f"attachment; filename=samples.{kind}"
        return response

    @routes.get("/grid/<name>")
    def script(name: str) -> flask.Response:
        """One of the grid's scripts, as the installed package has it."""
        spec = find_spec("dash_ag_grid")  # not imported: Dash would send its scripts with every page
        if name not in SCRIPTS or spec is None or spec.origin is None:
            flask.abort(404)
        return flask.send_file(Path(spec.origin).parent / name, mimetype="text/javascript", max_age=86400)

    return routes


def _columns(services: Services, wanted: dict[str, Any]) -> list[Column]:
    data = services.workspace.dataset(str(wanted.get("dataset")))
    models = [services.workspace.model(str(model)) for model in _listed(wanted.get("models"))]
    found = []
    if data.file_names:
        found.append(_text("file", np.array(data.file_names)))
    if data.labels is not None and data.class_names:
        found.append(Column("label", np.asarray(data.labels, np.int32), data.class_names))
    for model in models:
        found += _of_model(services, data.card, model, f" · {model.name}" if len(models) > 1 else "")
    known = {column.title for column in found} | {"sample"}
    for title, values in data.metadata.items():
        shown = f"{title} (given)" if title in known else title
        numeric = values.dtype.kind in "fiub"
        found.append(Column(shown, values.astype(np.float32)) if numeric else _text(shown, values))
    return found


def _of_model(services: Services, data: DatasetCard, model: ModelCard, of: str) -> list[Column]:
    known = services.measures(data.fingerprint, model.fingerprint)
    if known is None:
        return []
    said = known.prediction
    found = [Column(f"prediction{of}", said, services.class_names(data, model))]
    labels = services.labels(data, model)
    if labels is not None:
        right = np.where(labels < 0, -1, said == labels).astype(np.int32)
        found.append(Column(f"right{of}", right, ("no", "yes")))
    found.append(Column(f"confidence{of}", known.confidence))
    found.append(Column(f"entropy{of}", known.entropy))
    return found


def _text(title: str, values: npt.NDArray[Any]) -> Column:
    names, numbers = np.unique(values.astype(np.str_), return_inverse=True)
    numbers = numbers.astype(np.int32)
    if len(names) and names[0] == "":
        names, numbers = names[1:], numbers - 1
    return Column(title, numbers, tuple(names.tolist()))


def _listed(given: Any) -> list[Any]:
    if not isinstance(given, list) or len(given) > 64:
        raise ParameterError("The classifiers are no list", "Reload the page.")
    return given


def _samples(given: Any, n: int) -> npt.NDArray[np.int64]:
    try:
        samples = np.asarray(given, dtype=np.int64)
    except (TypeError, ValueError, OverflowError):
        samples = np.zeros((0, 0), np.int64)
    if samples.ndim != 1 or not len(samples) or samples.min() < 0 or samples.max() >= n:
        raise ParameterError("The rows to export are no sample numbers", f"Give some of 0 to {n - 1}.")
    return samples


def _csv(columns: Sequence[Column], samples: npt.NDArray[np.int64]) -> bytes:
    """Return a table that a spreadsheet opens without taking a cell for a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["sample", *(harmless(column.title) for column in columns)])
    cells: list[list[str]] = []
    for column in columns:
        found = column.cells(samples)
        if isinstance(found, list):
            cells.append([harmless(cell) for cell in found])
        else:
            cells.append(["" if np.isnan(value) else f"{value:.7g}" for value in found])
    writer.writerows(zip(samples.tolist(), *cells, strict=True))
    return text.getvalue().encode("utf-8-sig")


def _parquet(columns: Sequence[Column], samples: npt.NDArray[np.int64]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {"sample": pa.array(samples)}
    for column in columns:
        found = column.cells(samples)
        if isinstance(found, list):
            arrays[column.title] = pa.array([cell or None for cell in found], pa.string()).dictionary_encode()
        else:
            arrays[column.title] = pa.array(found, from_pandas=True)
    out = io.BytesIO()
    pq.write_table(pa.table(arrays), out)
    return out.getvalue()
