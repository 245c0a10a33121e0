"""The path of an edited image across the map: drawn, moved, pointed to when it is out of sight, and taken away."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnvis_dash.figures.theme import class_colours
from nnvis_dash.workspace.store import Workspace
from tests.browser import steps
from tests.browser.conftest import Pages, Server

LAYER = "#embedding-path-layer"
THERE = f"() => document.querySelector('{LAYER}').dataset.path === 'there'"


def edit(page: Any, *edits: Any) -> None:
    """Change the tested image as its view does, and wait for the path that belongs to it."""
    page.evaluate(
        f"""(edits) => {{
            document.querySelector("{LAYER}").dataset.path = "before";
            nnvis.send({{ kind: "edits", edits: edits }});
        }}""",
        list(edits),
    )
    page.wait_for_function(THERE)


def path(page: Any) -> np.ndarray:
    """Return the places of the path's steps on the map (S, 2)."""
    return np.array(page.evaluate("() => nnvis.path.places()"), np.float64).reshape(-1, 2)


def dots(page: Any, name: str) -> list[dict[str, Any]]:
    """Return the drawn dots of one class: their places on the screen and their colours."""
    found = page.eval_on_selector_all(
        f"{LAYER} circle.{name}",
        """all => all.map((c) => {
            const box = c.getBoundingClientRect();
            return {x: box.x + box.width / 2, y: box.y + box.height / 2, fill: c.getAttribute("fill")};
        })""",
    )
    return list(found)


@pytest.fixture
def page(pages: Pages, demo_server: Server) -> Any:
    """A page on the digits, mapped by PCA, with a sample of the map tested."""
    page = pages.open(demo_server.address)
    steps.choose_dataset(page, "digits")
    look = page.get_attribute(steps.MAP, "data-look")
    page.evaluate("() => nnvis.send({kind: 'method', method: 'pca'})")
    page.wait_for_function(f"(look) => document.querySelector('{steps.MAP}').dataset.look !== look", arg=look)
    steps.wait_for_map(page)
    page.evaluate("() => nnvis.send({ kind: 'primary', sample: nnvis.drawnMap().at.ids[0] })")
    page.wait_for_function(f"() => document.querySelector('{steps.MAP}').dataset.marks === '1'")
    return page


def test_edits_draw_a_path_from_the_sample_and_without_them_it_goes(page: Any) -> None:
    sample = steps.place_of(page, 0)
    edit(page, ["rotation", {"degree": 50}])
    far = path(page)
    assert far.shape == (9, 2)
    np.testing.assert_allclose(far[0], sample, atol=1e-5)
    assert (len(dots(page, "original")), len(dots(page, "step")), len(dots(page, "image"))) == (1, 7, 1)
    assert {dot["fill"] for dot in dots(page, "step") + dots(page, "image")} <= set(class_colours(10))
    for dot, place in zip(dots(page, "step") + dots(page, "image"), far[1:], strict=True):
        np.testing.assert_allclose([dot["x"], dot["y"]], steps.on_screen(page, place), atol=0.6)

    edit(page, ["rotation", {"degree": 25}])  # half-way on the same path, in the map's features almost
    np.testing.assert_allclose(path(page)[-1], far[4], atol=1e-3 * np.ptp(far, axis=0).max() + 1e-4)
    edit(page, ["rotation", {"degree": 0}])
    unit = page.evaluate("() => nnvis.drawnMap().at.unit")  # 16 bits a coordinate: the original is known so far
    np.testing.assert_allclose(path(page), np.repeat(far[:1], 9, axis=0), atol=unit + 1e-4)

    page.evaluate("() => nnvis.send({kind: 'edits', edits: []})")
    page.wait_for_function(f"() => !document.querySelector('{LAYER} circle')")
    assert path(page).size == 0
    assert page.get_attribute(steps.MAP, "data-marks") == "1"


def test_no_point_is_drawn_again_while_the_path_moves(page: Any) -> None:
    page.evaluate(
        f"""() => {{
            window.drawings = 0;
            for (const canvas of document.querySelectorAll("{steps.MAP} canvas")) {{
                const gl = canvas.getContext("webgl2");
                for (const name of gl ? ["drawArrays", "drawElements"] : []) {{
                    const draw = gl[name].bind(gl);
                    gl[name] = (...given) => {{ window.drawings += 1; return draw(...given); }};
                }}
            }}
        }}"""
    )
    edit(page, ["rotation", {"degree": 30}])
    page.evaluate(
        f"""() => {{
            const layer = document.querySelector("{LAYER}");
            window.states = [];
            new MutationObserver((seen) => seen.forEach(() => window.states.push(layer.dataset.path)))
                .observe(layer, {{ attributes: true, attributeFilter: ["data-path"] }});
        }}"""
    )
    edit(page, ["rotation", {"degree": 60}])
    states = list(dict.fromkeys(page.evaluate("() => window.states")))
    assert states == ["before", "old", "moving", "there"]  # pale while the new one is waited for
    assert page.evaluate("() => window.drawings") == 0
    page.click('[data-tool="fit"]')
    page.wait_for_function("() => window.drawings > 0")  # they would have been seen


def test_an_image_out_of_sight_is_pointed_to_and_brought_back(page: Any) -> None:
    edit(page, ["rotation", {"degree": 50}])
    assert page.locator("#embedding-outside").is_hidden()
    page.evaluate("() => { const { plane } = nnvis.drawnMap(); plane.pan(-2 * plane.width, 0); }")
    page.wait_for_selector("#embedding-outside:not([hidden])")
    edit(page, ["rotation", {"degree": 45}])  # the view stays as it is
    assert page.evaluate("() => { const { plane } = nnvis.drawnMap(); return plane.camera.ox < -plane.width; }")
    sign, box = page.locator("#embedding-outside").bounding_box(), page.locator(steps.MAP).bounding_box()
    assert box["x"] <= sign["x"] < box["x"] + 30  # at the left edge, where the image lies
    page.click("#embedding-outside")
    page.wait_for_selector("#embedding-outside[hidden]", state="attached")
    (image,) = dots(page, "image")
    assert box["x"] < image["x"] < box["x"] + box["width"]


def test_the_path_follows_to_other_maps_and_classifiers(page: Any) -> None:
    edit(page, ["brightness", {"degree": 60}])
    seen = [path(page)]

    def follows(*changes: dict[str, Any]) -> None:
        look = page.get_attribute(steps.MAP, "data-look")
        page.evaluate("(changes) => changes.forEach(nnvis.send)", list(changes))
        page.wait_for_function(f"(look) => document.querySelector('{steps.MAP}').dataset.look !== look", arg=look)
        steps.wait_for_map(page)
        page.wait_for_function(THERE)
        assert path(page).shape == (9, 2)
        assert all(not np.allclose(path(page), other, atol=1e-3) for other in seen)
        seen.append(path(page))

    follows({"kind": "method", "method": "tsne"})
    follows({"kind": "method", "method": "pca"}, {"kind": "features", "features": "pixels"})
    follows({"kind": "features", "features": "layer:conv1"})
    session = page.evaluate("() => nnvis.session")
    follows({"kind": "classifiers", "classifiers": session["classifiers"][::-1]})
    assert page.text_content("#embedding-message") == ""


def test_a_perturbed_sample_has_its_path_from_its_parent(page: Any, demo_server: Server) -> None:
    workspace = Workspace(demo_server.workspace)
    dataset = workspace.dataset("digits")
    parent = int(page.evaluate("() => Number(document.querySelector('#rail-sample-number').value)"))
    noise = np.random.default_rng(0).integers(-60, 61, dataset.image(parent).shape)
    image = np.clip(dataset.image(parent) + noise, 0, 255).astype(np.uint8)
    about = {"dataset": dataset.fingerprint, "parent": parent}
    attacked = workspace.derived.save(image, "adversarial", "perturbed", **about)
    alone = workspace.derived.save(image, "uploaded", "mine", dataset=dataset.fingerprint)

    page.evaluate("(name) => nnvis.send({kind: 'derived', derived: name})", attacked.fingerprint)
    page.wait_for_function(THERE)
    end = path(page)[-1]
    assert len(path(page)) == 9 and len(dots(page, "original")) == 1
    page.evaluate("(name) => nnvis.send({kind: 'derived', derived: name})", alone.fingerprint)
    page.wait_for_function(f"() => {THERE.removeprefix('() => ')} && nnvis.path.places().length === 1")
    np.testing.assert_allclose(path(page)[0], end, atol=1e-4)
    assert dots(page, "original") == []


def test_an_edit_that_can_not_be_made_is_said_on_the_map(page: Any) -> None:
    page.evaluate("() => nnvis.send({kind: 'edits', edits: [['rotation', {degree: 9999}]]})")
    page.wait_for_function("() => document.querySelector('#embedding-message').textContent.includes('9999')")
    edit(page, ["rotation", {"degree": 9}])
    assert page.text_content("#embedding-message") == ""
