"""Build the demo workspace: both datasets and the six trained networks, each added only where it is missing.

What was added carries the note ``"demo edition"``: the pinned digest of the dataset, or that of the weights' file. A
second call compares these and draws, loads and checks nothing again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.demo.contents import DemoDataset
from nnvis_dash.demo.digits import load_digits
from nnvis_dash.demo.shapes import draw_shapes

if TYPE_CHECKING:
    from nnvis_dash.workspace.store import Workspace

log = logging.getLogger(__name__)

WEIGHTS = Path(__file__).parent / "weights"
CARDS = "cards.json"

# What each dataset must consist of (`content_digest`): the committed weights were trained on exactly these pixels, and
# the sample ids in docs/demo.md are theirs.
DIGESTS = {
    "digits": "10cce3c90ab8a49e59ad57d22e466da3",
    "shapes": "9027a70234207b980b30c931d84bd3b9",
}
SOURCES: Mapping[str, Callable[[], DemoDataset]] = {"digits": load_digits, "shapes": draw_shapes}
NOTE = "demo edition"


def build(workspace: Workspace, on_progress: Callable[[str], None] | None = None) -> None:
    """Add whatever of the demo the workspace doesn't hold yet.

    Parameters
    ----------
    workspace : Workspace
    on_progress : callable, optional
        Called with one line of text before each step.

    Raises
    ------
    DatasetError, ModelError
        The workspace holds something else under the name of a demo dataset or model; the message has the mend.
    """
    from nnvis_dash.analysis.intake import add_model

    say = on_progress or log.info
    held = {card.name: card for card in workspace.datasets()}
    class_names = {}
    for name, source in SOURCES.items():
        if name in held and held[name].notes.get(NOTE) == DIGESTS[name]:
            class_names[name] = held[name].class_names
            continue
        say(f"Drawing the dataset {name}" if name == "shapes" else f"Reading the dataset {name}")
        dataset = source()
        digest = content_digest(dataset)
        if digest != DIGESTS[name]:
            log.warning("the demo dataset %s differs from the one that its networks were trained on", name)
        if name in held and NOTE in held[name].notes:  # an older demo's
            workspace.remove_dataset(held[name].fingerprint)
        workspace.add_dataset(
            np.asarray(dataset.images),
            name=name,
            labels=dataset.labels,
            class_names=dataset.class_names,
            notes={**dataset.notes, NOTE: DIGESTS[name]},
            extras=dataset.extras,
        )
        class_names[name] = dataset.class_names
    models = {card.name: card for card in workspace.models()}
    for name, card in read_cards().items():
        path = WEIGHTS / f"{name}.keras"
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:32]
        if name in models and models[name].notes.get(NOTE) == digest:
            continue
        say(f"Adding the model {name}")
        if name in models and NOTE in models[name].notes:
            workspace.remove_model(models[name].fingerprint)
        add_model(
            workspace,
            path,
            name=name,
            preprocessing=card["preprocessing"],
            class_names=class_names[card["dataset"]],
            notes={**_notes(card), NOTE: digest},
        )


def content_digest(dataset: DemoDataset) -> str:
    """Return 32 hex digits that stand for the images, labels and extras, shapes and types included."""
    digest = hashlib.sha256()
    arrays: dict[str, npt.NDArray[Any]] = {"images": dataset.images, "labels": dataset.labels, **dataset.extras}
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype.str} {array.shape};".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:32]


def read_cards() -> dict[str, dict[str, Any]]:
    """Read what the training script wrote of each network, by name, in the order in which they are shown."""
    cards: dict[str, dict[str, Any]] = json.loads((WEIGHTS / CARDS).read_text(encoding="utf-8"))
    return cards


def _notes(card: Mapping[str, Any]) -> dict[str, str]:
    """Return a network's notes as its card in the workspace shows them."""
    shown = ("held-out accuracy", "held-out accuracy without planted flaws")
    measured = {name: f"{card['measured'][name]:.3f}" for name in shown if name in card["measured"]}
    return {
        **measured,
        "network": card["summary"],
        "trained on": f"{card['dataset']}, {card['training']}",
    }
