"""An engine without workers, for tests of routes: questions are answered in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from nnvis_dash.engine.job import answer, outcome_error
from nnvis_dash.errors import NNVisError
from nnvis_dash.types import DatasetCard, ModelCard
from nnvis_dash.workspace.store import Workspace
from tests import networks

SHAPE = (12, 10, 3)
NAMES = ("ant", "bee", "cat", "dog", "eel")


class Direct:
    """Answers questions as a worker would; counts them, and fails with `problem` where one is set."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.problem: NNVisError | None = None
        self.asked = 0

    def ask(self, name: str, parameters: dict[str, Any]) -> dict[str, Any]:
        if self.problem is not None:
            raise self.problem
        self.asked += 1
        outcome = answer(self.path, name, json.dumps(parameters))
        if "answer" not in outcome:
            raise outcome_error(outcome)
        return dict(outcome["answer"])


def noise_and_net(folder: Path, n: int) -> tuple[Workspace, DatasetCard, ModelCard, np.ndarray]:
    """Fill a workspace with n images of noise in five named classes, and a network for them; return the images too."""
    from nnvis_dash.analysis.intake import add_model

    workspace = Workspace(folder / "ws")
    images = networks.images(n, SHAPE, seed=1)
    data, _ = workspace.add_dataset(images, name="noise", labels=np.arange(n) % 5, class_names=list(NAMES))
    networks.sequential().save(folder / "net.keras")
    model, _ = add_model(workspace, folder / "net.keras", preprocessing="unit", class_names=list(NAMES))
    return workspace, data, model, images
