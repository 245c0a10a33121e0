"""What a person comes for, from beginning to end: photographs under three MobileNets, and MNIST under four models.

T1: compare models on photographs: find one that all agree on and one that they don't, look at what each rests on.
T2: of 15 images of one class, find those that are judged inconsistently.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.comparison import agreeing
from nnvis_dash.analysis.index import index_key, load_index
from nnvis_dash.analysis.suggestion.several import Suggestion, suggest
from nnvis_dash.state.codec import encode_link
from nnvis_dash.state.session import Session
from nnvis_dash.state.state import State
from nnvis_dash.state.view import View
from nnvis_dash.workspace.store import Workspace
from tests.browser import steps
from tests.browser.conftest import DIGIT_MODELS, MOBILENETS, Pages, Server
from tests.browser.test_comparison import TABLE, drawn, marks

METHODS = ("grad_cam", "guided_backprop", "lrp_z")

pytestmark = pytest.mark.shared_data


def opened(pages: Pages, server: Server, dataset: str, names: tuple[str, ...]) -> tuple[Any, Suggestion]:
    """Open the suggestion of a dataset's classifiers beside the comparison; return the page and what it must say."""
    workspace = Workspace(server.workspace)
    data = workspace.dataset(dataset)
    cards = [workspace.model(name) for name in names]
    session = Session(data.fingerprint, tuple(card.fingerprint for card in cards))
    view = View(n_samples=100, overview="suggestion", lens="compare", grid=METHODS)
    page = pages.open(f"{server.address}/?s={encode_link(State(session, view=view))}")
    page.wait_for_selector(f'#suggestion-plot[data-points="{len(data)}"]')
    indexes = [load_index(workspace.artifacts.load(index_key(card.fingerprint, data.fingerprint))) for card in cards]
    return page, suggest(indexes, [card.class_names for card in cards], data.labels, data.class_names)


def first_page(page: Any, samples: np.ndarray, said: np.ndarray) -> None:
    """Wait for the first page of these samples; hold its marks against the predictions (M, N)."""
    page.wait_for_function(
        "(ids) => nnvis.selected(nnvis.network.now.samples).then((now) => now.join() === ids)",
        arg=",".join(map(str, samples)),
    )
    page.wait_for_selector(f'{TABLE} tbody tr:first-child [data-sample="{samples[0]}"]')
    drawn(page, 1)
    shown = samples[:5]
    assert marks(page, "agrees") == agreeing(said[:, shown].astype(np.int32)).T.tolist()
    assert page.locator(f"{TABLE} td img.over").count() == len(shown) * len(said) * len(METHODS)


def test_three_mobilenets_on_photographs(pages: Pages, real_server: Server) -> None:
    page, direct = opened(pages, real_server, "photographs", MOBILENETS)
    for quadrant in (0, 3):  # all agree and are sure; sure, but not of the same
        page.click(f'[data-quadrant="{quadrant}"]')
        first_page(page, np.flatnonzero(direct.quadrant == quadrant), direct.predictions)
        agrees = marks(page, "agrees")
        assert all(all(row) for row in agrees) if quadrant == 0 else not any(all(row) for row in agrees)
    heads = page.locator(f"{TABLE} thead .method").all_text_contents()
    assert heads == ["Grad-CAM", "Guided backpropagation", "LRP-z"] * 3


def test_fifteen_images_of_one_digit_under_four_models(pages: Pages, real_server: Server) -> None:
    page, direct = opened(pages, real_server, "mnist", DIGIT_MODELS)
    assert direct.labels is not None
    assert (direct.predictions[0] == direct.predictions[1]).mean() > 0.999  # the same weights, opened another way
    assert min((one == direct.labels).mean() for one in direct.predictions) > 0.97
    nines = np.flatnonzero(direct.labels == 9)
    doubtful = nines[direct.distinct_classes[nines] > 1]
    chosen = np.sort(np.concatenate([doubtful[:4], np.setdiff1d(nines, doubtful)[:11]]))
    page.evaluate("(ids) => nnvis.select(ids, 'embedding')", chosen.tolist())
    found: list[int] = []
    for number in (1, 2, 3):
        drawn(page, number)
        part = chosen[5 * (number - 1) : 5 * number]
        page.wait_for_selector(f'{TABLE} tbody tr:first-child [data-sample="{part[0]}"]')
        found += [int(sample) for sample, row in zip(part, marks(page, "agrees"), strict=True) if not all(row)]
        if number < 3:
            page.click("#comparison-after")
    assert found == sorted(doubtful[:4].tolist())
    steps.settle(page)
