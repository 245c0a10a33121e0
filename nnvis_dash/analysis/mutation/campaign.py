"""A mutation campaign: every unit of some layers frozen by itself, and what that does to each class of a dataset.

Which units are called critical, harmful or dead follows from rules that are written down in `MutationCampaign`; that a
prediction changes here and there isn't enough to be called either of the first two.

Invariant: the numbers are those of one whole forward pass for each unit and image, but for the rounding of float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.card import chunk_size
from nnvis_dash.analysis.mutation.frozen import frozen_units
from nnvis_dash.analysis.mutation.tally import Counts, layer_counts, merged
from nnvis_dash.analysis.mutation.truth import blocks, images_of, sample_ids, truth
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Images, Ints, ModelCard, Unit

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.workspace.artifacts import Artifact
    from nnvis_dash.workspace.datasets import Dataset

RATE = 0.05  # share of false discoveries among the units that are called critical, and among the harmful ones
NOTHING = 1e-6  # change of a probability that counts as none
_ARRAYS = (
    "n",
    "accuracy",
    "probability",
    "accuracy_change",
    "probability_change",
    "broken",
    "repaired",
    "flipped",
    "largest",
    "greatest",
)
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MutationCampaign:
    """What freezing each unit by itself does to each class.

    Attributes
    ----------
    units : tuple of Unit
        U, layer by layer.
    n_samples : int
        N.
    against : {"labels", "predictions"}
        What counts as right. Without labels it is what the classifier says with nothing frozen; then `accuracy` is 1, a
        change of it is the share of predictions that is lost, and no unit can be harmful.
    note : str
        Why it isn't the labels; empty where it is.
    n : (K,) int64
        Images of each class; those without a label count for none.
    accuracy, probability : (K,) float32, 0..1
        With nothing frozen: share predicted right, and mean probability of the right class. 0 for a class without
        images.
    accuracy_change, probability_change : (U, K) float32, -1..1
        By how much they change with the unit frozen.
    broken, repaired : (U,) int32
        Right predictions that become wrong, and wrong ones that become right.
    flipped : (U,) int32
        Predictions that become others, those of images without a label among them.
    largest : (U,) float32, 0..1
        The largest change of any probability of any image.
    greatest : (U,) float32
        The unit's greatest absolute activation on any image.
    """

    units: tuple[Unit, ...]
    n_samples: int
    against: str
    note: str
    n: npt.NDArray[np.int64]
    accuracy: Floats
    probability: Floats
    accuracy_change: Floats
    probability_change: Floats
    broken: Ints
    repaired: Ints
    flipped: Ints
    largest: Floats
    greatest: Floats

    @cached_property
    def layers(self) -> dict[str, slice]:
        """Which of the U rows belong to each layer."""
        found: dict[str, slice] = {}
        for row, unit in enumerate(self.units):
            start = found[unit.layer].start if unit.layer in found else row
            found[unit.layer] = slice(start, row + 1)
        return found

    @cached_property
    def q_critical(self) -> Numbers:
        """(U,) Corrected probability that chance alone breaks so many of the predictions that change.

        The exact one-sided test of McNemar: were the unit of no use, each prediction that becomes right or wrong would
        do either with equal chance. Corrected for the number of units by Benjamini and Hochberg.

        References
        ----------
        McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
        Psychometrika 12, 1947. Benjamini and Hochberg, "Controlling the false discovery rate", Journal of the Royal
        Statistical Society B 57, 1995.
        """
        return _corrected(self.broken, self.repaired)

    @cached_property
    def q_harmful(self) -> Numbers:
        """(U,) The same of the predictions that are repaired."""
        return _corrected(self.repaired, self.broken)

    @property
    def critical(self) -> tuple[Unit, ...]:
        """Units that the classifier can't do without: accuracy falls, `q_critical` < 0.05; the greatest loss first."""
        lost = self.broken.astype(np.int64) - self.repaired
        return self._sorted(self.q_critical < RATE, lost)

    @property
    def harmful(self) -> tuple[Unit, ...]:
        """Units that it is better without: accuracy rises, `q_harmful` < 0.05; the greatest gain first."""
        won = self.repaired.astype(np.int64) - self.broken
        return self._sorted(self.q_harmful < RATE, won)

    @property
    def dead(self) -> tuple[Unit, ...]:
        """Units without which no probability changes by more than 1e-6; those that are always zero are among them."""
        return self._sorted(self.largest <= NOTHING, np.zeros(len(self.units)))

    def _sorted(self, chosen: npt.NDArray[np.bool_], by: npt.NDArray[Any]) -> tuple[Unit, ...]:
        rows = np.flatnonzero(chosen)
        return tuple(self.units[row] for row in rows[np.argsort(-by[rows], kind="stable")])


def mutation_campaign(
    clf: Classifier,
    data: Dataset | Images,
    layers: str | Sequence[str] | None = None,
    labels: npt.ArrayLike | None = None,
    samples: Sequence[int] | Ints | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> MutationCampaign:
    """Freeze every unit of some layers, one at a time, over a dataset.

    The images are brought as far as each layer once, and only what follows is computed for each unit; a unit that is
    zero on an image is passed over. Late layers are cheap that way, the first ones cost nearly a forward pass for each
    unit and image.

    Parameters
    ----------
    clf : Classifier
    data : Dataset, or (N, H, W, C) array of raw pixels, 0..255
    layers : str or sequence of str, optional
        With units; by default all but the last one, which holds the classes themselves.
    labels : (N,) int, optional
        Outputs of the classifier, -1 where unknown; the dataset's own by default. Without any, the classifier's own
        predictions stand for them, and the result says so.
    samples : sequence of int, optional
        Only these; all by default.
    on_progress : function (done, total) -> None, optional
        Called as pairs of a unit and an image are over.

    Returns
    -------
    MutationCampaign

    Raises
    ------
    NotFound, ParameterError
        No such layer or sample, a layer without units, labels that don't fit, or no images.
    """
    names = chosen_layers(clf.card, layers)
    right = truth(clf.card, data, labels)
    ids = sample_ids(data, samples)
    total = len(ids) * len(units_in(clf.card, names))
    done = 0

    def step(pairs: int) -> None:
        nonlocal done
        done += pairs
        if on_progress is not None:
            on_progress(done, total)

    found: dict[str, Counts] = {}
    for name in names:
        for block in blocks(len(ids), chunk_size(clf.card)):
            some = ids[block]
            images = images_of(data, some, clf.card)
            counts = layer_counts(clf, images, None if right.labels is None else right.labels[some], name, step)
            found[name] = merged((found[name], counts), clf.card.n_classes) if name in found else counts
    return campaign_of(clf.card, found, len(ids), right.against, right.note)


def chosen_layers(card: ModelCard, layers: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the layers whose units are frozen, in the classifier's order; by default all but the last with units.

    Raises
    ------
    NotFound, ParameterError
        No such layer, one without units, or a classifier without any.
    """
    with_units = [layer.name for layer in card.layers if layer.n_units]
    if layers is None:
        layers = with_units[:-1] or with_units
    names = (layers,) if isinstance(layers, str) else tuple(layers)
    if not all(isinstance(name, str) for name in names):
        raise ParameterError(f"The layers are {layers!r}", f"Give names: {', '.join(with_units[:12])}.")
    if not names:
        raise ParameterError(
            f"No layers of {card.name!r} are chosen",
            f"Choose of: {', '.join(with_units[:12])}." if with_units else "Add the Keras model itself: this has none.",
        )
    return tuple(frozen_units(card, dict.fromkeys(names, (0,))))


def units_in(card: ModelCard, layers: Sequence[str]) -> tuple[Unit, ...]:
    """Return all units of some layers, in the layers' order."""
    n_units = {layer.name: layer.n_units for layer in card.layers}
    return tuple(Unit(name, channel) for name in layers for channel in range(n_units[name]))


def campaign_of(
    card: ModelCard, counts: Mapping[str, Mapping[str, npt.NDArray[Any]]], n_samples: int, against: str, note: str = ""
) -> MutationCampaign:
    """Put the counts of layers together.

    Parameters
    ----------
    card : ModelCard
    counts : mapping of a layer's name to what `tally.layer_counts` gave
        All of the same images.
    n_samples : int
    against, note : str
        As `truth.truth` gives them.
    """
    first = next(iter(counts.values()))
    units = units_in(card, tuple(counts))

    def of_classes(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        found = np.zeros(card.n_classes, values.dtype)
        found[first["classes"]] = values
        return found

    n = of_classes(first["n"])
    each = np.maximum(n, 1)

    def change(name: str) -> Floats:
        found = np.zeros((len(units), card.n_classes), np.float32)
        row = 0
        for part in counts.values():
            block = part[name]
            found[row : row + len(block), part["classes"]] = block / each[part["classes"]]
            row += len(block)
        return found

    return MutationCampaign(
        units=units,
        n_samples=n_samples,
        against=against,
        note=note,
        n=n,
        accuracy=(of_classes(first["right"]) / each).astype(np.float32),
        probability=(of_classes(first["probability"]) / each).astype(np.float32),
        accuracy_change=change("change"),
        probability_change=change("shift"),
        **{
            name: np.concatenate([part[name] for part in counts.values()])
            for name in ("broken", "repaired", "flipped", "largest", "greatest")
        },
    )


def campaign_arrays(campaign: MutationCampaign) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """Return arrays and plain values to keep a campaign by; `load_campaign` reads them."""
    plain = {
        "layers": {name: rows.stop - rows.start for name, rows in campaign.layers.items()},
        "n_samples": campaign.n_samples,
        "against": campaign.against,
        "note": campaign.note,
    }
    return {name: getattr(campaign, name) for name in _ARRAYS}, plain


def load_campaign(artifact: Artifact) -> MutationCampaign:
    """Read a stored campaign; its arrays stay on disk until they are read."""
    counts = artifact.card["layers"]
    return MutationCampaign(
        units=tuple(Unit(name, channel) for name, count in counts.items() for channel in range(count)),
        n_samples=artifact.card["n_samples"],
        against=artifact.card["against"],
        note=artifact.card["note"],
        **{name: artifact.array(name) for name in _ARRAYS},
    )


def _corrected(more: Ints, fewer: Ints) -> Numbers:
    """Return (U,) the corrected probability that a fair coin gives `more` of more + fewer throws, or still more."""
    from scipy.stats import binom, false_discovery_control

    chance = binom.sf(more.astype(np.int64) - 1, more.astype(np.int64) + fewer, 0.5)
    found: Numbers = false_discovery_control(np.clip(chance, 0, 1))
    return found
