"""A prediction difference as it is kept while it is computed and afterwards: what pages and exports read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.prediction_difference.maps import PredictionDifference
from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel
from nnvis_dash.analysis.prediction_difference.question import Question, pool
from nnvis_dash.errors import NotFound

if TYPE_CHECKING:
    from nnvis_dash.analysis.prediction_difference.samplers import Sampler
    from nnvis_dash.workspace.artifacts import Artifacts
    from nnvis_dash.workspace.store import Workspace

STATE = "state"  # the part that holds what is known so far
_ARRAYS = (
    "maps",
    "errors",
    "original",
    "chosen",
    "rows",
    "columns",
    "window_values",
    "window_errors",
    "without",
    "counts",
)


@dataclass(frozen=True, eq=False)
class Stored:
    """What is known of a map, complete or not.

    Attributes
    ----------
    card : dict
        The request's parameters, and `size`, `forwards`, `equivalents`, `estimate` and more, see the kind.
    arrays : dict
        As `PredictionDifference` has them.
    """

    card: Mapping[str, Any]
    arrays: Mapping[str, npt.NDArray[Any]]

    @classmethod
    def open(cls, artifacts: Artifacts, key: str) -> Stored | None:
        """Return what there is under a key, None where nothing is yet."""
        if artifacts.has(key):
            artifact = artifacts.load(key)
            return cls(artifact.card, {name: np.asarray(artifact.array(name)) for name in _ARRAYS})
        try:
            arrays = artifacts.parts(key).load(STATE)
        except NotFound:
            return None
        card = json.loads(arrays.pop("card").tobytes())
        return cls(card, arrays)

    @property
    def complete(self) -> bool:
        """Whether nothing more will be computed."""
        return bool(self.card["complete"])

    @property
    def round(self) -> int:
        """How often what is known has changed."""
        return int(self.card["round"])

    @property
    def done(self) -> int:
        """Samples that were computed, of `total`."""
        return int(self.card["done"])

    @property
    def total(self) -> int:
        """Samples of all windows, where none is spared."""
        return int(self.card["total"])

    @property
    def seconds(self) -> float:
        """That were computed for."""
        return float(self.card["seconds_taken"])

    @property
    def readouts(self) -> list[dict[str, Any]]:
        """What each map is of: kind ("evidence", "logit", "activation"), target or layer and channel, and its value."""
        chosen, layer = self.arrays["chosen"].tolist(), self.card["layer"]
        kinds = ["evidence", "logit"] if layer is None else ["activation"]
        return [
            {
                "kind": kind,
                "target": number if layer is None else None,
                "layer": layer,
                "channel": None if layer is None else number,
                "value": float(value),
            }
            for (kind, number), value in zip(
                ((kind, number) for kind in kinds for number in chosen), self.arrays["original"], strict=True
            )
        ]

    @property
    def maps(self) -> npt.NDArray[Any]:
        """(R, H, W) float32."""
        return self.arrays["maps"]

    @property
    def errors(self) -> npt.NDArray[Any]:
        """(R, H, W) float32 standard errors of `maps`."""
        return self.arrays["errors"]

    @property
    def rows(self) -> npt.NDArray[Any]:
        """(n,) rows of the windows' upper left corners."""
        return self.arrays["rows"]

    @property
    def cols(self) -> npt.NDArray[Any]:
        """(m,) columns of the windows' upper left corners."""
        return self.arrays["columns"]

    @property
    def window_values(self) -> npt.NDArray[Any]:
        """(R, n, m) evidence of the windows, NaN where there is none yet."""
        return np.moveaxis(self.arrays["window_values"], -1, 0)

    @property
    def window_errors(self) -> npt.NDArray[Any]:
        """(R, n, m) standard errors of `window_values`."""
        return np.moveaxis(self.arrays["window_errors"], -1, 0)

    @property
    def without(self) -> npt.NDArray[Any]:
        """(R, n, m) mean probability, logit or activation without the window."""
        return np.moveaxis(self.arrays["without"], -1, 0)

    @property
    def counts(self) -> npt.NDArray[Any]:
        """(n, m) samples of each window."""
        return self.arrays["counts"]


def arrays_of(found: PredictionDifference) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays that are kept of a map."""
    return {name: np.asarray(getattr(found, name)) for name in _ARRAYS}


def packed(card: Mapping[str, Any]) -> npt.NDArray[np.uint8]:
    """Return a card as an array, for a part, which has none."""
    return np.frombuffer(json.dumps(dict(card)).encode(), np.uint8)


def question_of(card: Mapping[str, Any]) -> Question:
    """Return the question that a card's parameters ask."""
    names = ("window", "outer", "samples", "sampler", "stride", "seed", "laplace", "antithetic", "layer", "reduce")
    return Question(**{name: card[name] for name in names}, precision=card["numbers"])


def sampler_of(workspace: Workspace, card: Mapping[str, Any]) -> Sampler:
    """Return the sampler of a stored map, which gives the same samples again.

    Raises
    ------
    NotFound
        The dataset, the classifier or the patch model was removed.
    """
    dataset, model = workspace.dataset(card["dataset"]), workspace.model(card["model"])
    image = dataset.batch([card["sample"]], model.input_shape, model.resize)[0]
    question = question_of(card)
    if card["patch_model"] is None:
        return question.make_sampler(pool(model, dataset), image)
    return question.make_sampler(PatchModel.from_artifact(workspace.artifacts.load(card["patch_model"])), image)
