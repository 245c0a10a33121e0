"""Build the demo workspace: both datasets and the six trained networks, each added only where it is missing.

What was added carries the note ``"demo edition"``: the pinned digest of the dataset, or that of the weights' file. A
second call compares these and draws, loads and checks nothing again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.intake import add_model
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
_AT_ONCE = 2  # models checked at a time: each starts a process that spends most of its seconds importing TensorFlow


def build(workspace: Workspace, on_progress: Callable[[str], None] | None = None) -> None:
    """Add whatever of the demo the workspace doesn't hold yet.

    Parameters
    ----------
    workspace : Workspace
    on_progress : callable, optional
        Called with one line of text at each step; not called at all when nothing is missing.

    Raises
    ------
    DatasetError, ModelError
        The workspace holds something else under the name of a demo dataset or model; the message has the mend.
    """
    say = on_progress or log.info
    class_names = {name: _add_dataset(workspace, name, say) for name in SOURCES}
    held = {card.name: card for card in workspace.models() if workspace.sharing.owners(card).everyones}
    missing = []
    for name, card in read_cards().items():
        edition = hashlib.sha256((WEIGHTS / f"{name}.keras").read_bytes()).hexdigest()[:32]
        notes = held[name].notes if name in held else {}
        if notes.get(NOTE) == edition:
            continue
        if NOTE in notes:  # an older demo's
            workspace.remove_model(held[name].fingerprint)
        missing.append((name, card, {**_notes(card), NOTE: edition}))

    def add(entry: tuple[str, dict[str, Any], dict[str, str]]) -> str:
        name, card, notes = entry
        names = class_names[card["dataset"]]
        preprocessing = card["preprocessing"]
        path = WEIGHTS / f"{name}.keras"
        add_model(workspace, path, name=name, preprocessing=preprocessing, class_names=names, notes=notes)
        return name

    if missing:
        say(f"Checking and adding {len(missing)} models, {_AT_ONCE} at a time")
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for name in pool.map(add, missing):
            say(f"Added the model {name}")


def _add_dataset(workspace: Workspace, name: str, say: Callable[[str], None]) -> tuple[str, ...]:
    """Add a dataset where this edition of it is missing; return its class names."""
    named = (card for card in workspace.datasets() if card.name == name)
    held = next((card for card in named if workspace.sharing.owners(card).everyones), None)
    notes = held.notes if held else {}
    if held and notes.get(NOTE) == DIGESTS[name]:
        return held.class_names
    say(f"Preparing the dataset {name}")
    dataset = SOURCES[name]()
    if content_digest(dataset) != DIGESTS[name]:
        log.warning("the demo dataset %s differs from the one that its networks were trained on", name)
    if held and NOTE in notes:  # an older demo's
        workspace.remove_dataset(held.fingerprint)
    workspace.add_dataset(
        dataset.images,
        name=name,
        labels=dataset.labels,
        class_names=dataset.class_names,
        notes={**dataset.notes, NOTE: DIGESTS[name]},
        extras=dataset.extras,
    )
    return dataset.class_names


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
    return {**measured, "network": card["summary"], "trained on": f"{card['dataset']}, {card['training']}"}
