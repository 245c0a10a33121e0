"""Finished indexes as questions read them: opened once a worker, with what is known of every unit over all images."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from nnvis_dash.engine.desk import open_workspace
from nnvis_dash.errors import NotFound

if TYPE_CHECKING:
    from nnvis_dash.analysis.index import Index
    from nnvis_dash.analysis.units import UnitStatistics
    from nnvis_dash.engine.desk import Desk


def finished_index(desk: Desk, model: str, dataset: str) -> Index:
    """Return the index of a classifier over a dataset, by their fingerprints; its arrays stay on disk.

    Raises
    ------
    NotFound
        It isn't there yet.
    """
    return _open(desk.path, _key(model, dataset))


def known_statistics(desk: Desk, model: str, dataset: str, by: str) -> UnitStatistics:
    """Return `unit_statistics` of a finished index; only the first question after it pays for the pass over it.

    Raises
    ------
    NotFound
        The index isn't there yet.
    """
    return _statistics(desk.path, _key(model, dataset), by)


def _key(model: str, dataset: str) -> str:
    from nnvis_dash.analysis.index import index_key

    return index_key(model, dataset)


@lru_cache(maxsize=8)
def _open(path: str, key: str) -> Index:
    from nnvis_dash.analysis.index import load_index

    try:
        return load_index(open_workspace(path)[0].artifacts.load(key))
    except NotFound:
        raise NotFound(
            "The classifier has not been run over this dataset yet", "Wait until it is indexed: it begins by itself."
        ) from None


@lru_cache(maxsize=16)
def _statistics(path: str, key: str, by: str) -> UnitStatistics:
    from nnvis_dash.analysis.units import unit_statistics

    return unit_statistics(_open(path, key), by)
