"""The demo's stars that are labelled heart stand at the top of the label errors, before its other planted flaws."""

from __future__ import annotations

import numpy as np

from nnvis_dash.analysis.classifier import load_classifier
from nnvis_dash.analysis.index import index
from nnvis_dash.analysis.review.label_errors import Committee, suspects
from nnvis_dash.analysis.review.views import examine, trusted_samples
from nnvis_dash.demo.build import WEIGHTS, read_cards
from nnvis_dash.demo.shapes import MISLABELLED, draw_shapes
from nnvis_dash.workspace.datasets import load_dataset

NAMES = ("shapes-vgg13", "shapes-medium")


def test_all_twelve_stand_at_the_top() -> None:
    shapes = draw_shapes()
    data = load_dataset(shapes.images, shapes.labels, shapes.class_names)
    cards = read_cards()
    nets = [load_classifier(WEIGHTS / f"{n}.keras", cards[n]["preprocessing"], shapes.class_names) for n in NAMES]
    indexes = [index(net, data) for net in nets]
    committee = Committee([one.probabilities for one in indexes], [one.features for one in indexes], data.labels)
    plain = committee.label_errors()
    ids = suspects(plain)
    examined = examine(nets, data, ids, trusted_samples(committee.tables, committee.labels))
    found = committee.label_errors(examined)
    planted = np.flatnonzero(shapes.extras["flaw"] == MISLABELLED)
    assert len(planted) == 12 and sorted(found.order[:12].tolist()) == planted.tolist()
    assert (found.likely[planted] == shapes.extras["true_label"][planted]).all()
    assert np.isin(plain.order[:12], planted).sum() < 8  # without the examination weaknesses of the networks come first
    assert len(examined.forms) > 20
