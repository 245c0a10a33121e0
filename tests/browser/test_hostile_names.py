"""Names that people give are text wherever the page shows them: one walk over all views with names that are markup,
formulas, turned writing, and far too long."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnvis_dash.state.codec import encode_link
from nnvis_dash.state.selection import Selection
from nnvis_dash.state.session import Session
from nnvis_dash.state.state import State
from nnvis_dash.workspace.reviews import Decision
from nnvis_dash.workspace.store import Workspace
from tests import networks
from tests.browser import steps
from tests.browser.conftest import Pages, Server

IMG = "<img src=x onerror=window.pwned=1>"
SCRIPT = "</script><script>window.pwned=1</script>"
TURNED = "\u202egnp.exe"
FORMULA = "=cmd|'/C calc'!A0"
LONG = "W" * 900
NAMES = (IMG, SCRIPT, TURNED, FORMULA, LONG)
N = 40
# What must not be in the page: nodes that a name would have made, and what they would have done.
MADE = """() => ({
    pwned: window.pwned,
    nodes: [...document.querySelectorAll('img[src="x"], marquee')].length,
    handlers: [...document.querySelectorAll('*')]
        .flatMap((one) => one.getAttributeNames()).filter((name) => /^on/.test(name)).length,
    scripts: [...document.scripts].filter((one) => one.textContent.trim().startsWith('window.pwned')).length,
    wide: document.documentElement.scrollWidth > window.innerWidth,
})"""
CLEAN = {"pwned": None, "nodes": 0, "handlers": 0, "scripts": 0, "wide": False}


@pytest.fixture(scope="module")
def hostile(demo_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    """Add images, a network and a review that are named by somebody who means harm; give the state that shows them."""
    from nnvis_dash.analysis.intake import add_model

    folder = tmp_path_factory.mktemp("hostile")
    workspace = Workspace(demo_server.workspace)
    images = folder / "images"
    images.mkdir()
    for number, pixels in enumerate(networks.images(N, (12, 10, 3), seed=1)):
        Image.fromarray(pixels).save(images / f"{number:02d} {IMG}.png")
    lines = [["file", "<svg onload=window.pwned=1>", "note"]]
    lines += [[f"{number:02d} {IMG}.png", f'"><b onclick=window.pwned=1>{number % 3}', "=1+1"] for number in range(N)]
    with (folder / "metadata.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(lines)
    data, _ = workspace.add_dataset(
        images,
        name=f"{IMG} {'data' * 40}",
        labels=np.arange(N) % 5,
        class_names=list(NAMES),
        metadata=folder / "metadata.csv",
        notes={IMG: SCRIPT},
    )
    networks.sequential().save(folder / "net.keras")
    name = f"{IMG} {'V' * 150}"
    model, _ = add_model(workspace, folder / "net.keras", name=name, preprocessing="unit", class_names=list(NAMES))
    workspace.reviews.keep_slice(data.fingerprint, IMG, "1,2,3")
    workspace.reviews.decide(data.fingerprint, [4], Decision("fix", IMG, SCRIPT, 0.5))
    yield State(Session(data.fingerprint, (model.fingerprint,)), Selection("1,2,3", primary=1))
    workspace.remove_dataset(data.fingerprint)
    workspace.remove_model(model.fingerprint)


def test_names_are_shown_as_text_in_every_view(
    demo_server: Server, hostile: State, pages: Pages, tmp_path: Path
) -> None:
    page = pages.open(f"{demo_server.address}/?s={encode_link(hostile)}")
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    steps.wait_for_map(page)

    def shows(within: str, *texts: str) -> None:
        """Wait for texts, letter by letter, and look that none of them became anything else."""
        for text in texts:
            page.wait_for_function(
                "([within, text]) => document.querySelector(within).textContent.includes(text)", arg=[within, text]
            )
        assert page.evaluate(MADE) == CLEAN, within

    shows(".rail", *NAMES[:2], "gnp.exe", FORMULA, LONG, f"{IMG} VVV")
    shows("#page-title", f"{IMG} datadata")
    page.evaluate("nnvis.samples.hover(document.getElementById('hover-card'), 1, {clientX: 500, clientY: 300})")
    shows("#hover-card", SCRIPT)
    for view, place, texts in (
        ("review", ".bench", []),
        ("table", "#table-grid", [IMG, SCRIPT]),
        ("trust", "#trust", []),
        ("map", ".bench", []),
    ):
        page.click(f'[data-change*=\'"overview":"{view}"\']')
        shows(place, *texts)
        if view == "table":
            with page.expect_download() as saved:
                page.click("#table-csv")
            saved.value.save_as(tmp_path / "samples.csv")
    for kind, names, within in (
        ("lens", ("difference", "whatif", "compare", "attribution"), ".bench"),
        ("tab", ("patterns", "maps", "freeze", "units"), ".bench"),
    ):
        for name in names:
            page.click(f'[data-change*=\'"{kind}":"{name}"\']')
            page.wait_for_timeout(250)
            shows(within, SCRIPT)
    rows = list(csv.reader(io.StringIO((tmp_path / "samples.csv").read_text(encoding="utf-8-sig"))))
    assert not any(cell.startswith(("=", "@")) for row in rows for cell in row)
    assert "'=1+1" in rows[1] and "<svg onload=window.pwned=1>" in rows[0] and any(f"'{FORMULA}" in row for row in rows)
    assert dialogs == []
