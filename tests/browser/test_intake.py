"""A person adds images and classifiers in the browser: chosen, dropped, refused, cancelled, and seen by others."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.browser import steps
from tests.browser.conftest import Pages, Server
from tests.security.crafted import layer, sequential, write_keras


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve a workspace that begins empty."""
    server = Server(tmp_path_factory.mktemp("intake"))
    yield server
    server.stop()


def picture(path: Path, value: int, side: int = 4) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((side, side), value, np.uint8)).save(path)


def open_dialog(page: Any) -> None:
    page.locator('[data-open="intake"]').first.click()
    page.wait_for_selector("#intake-zone:visible")


def choose(page: Any, button: str, paths: Any) -> None:
    """Choose files or a folder in the dialog."""
    with page.expect_file_chooser() as chooser:
        page.click(f"#intake-choose-{button}")
    chooser.value.set_files(paths)


def add(page: Any) -> None:
    """Press Add and wait for what came of it."""
    page.click("#intake-start")
    page.wait_for_selector("#intake-open:visible, #intake-problem:visible", timeout=240_000)


def drop(page: Any, name: str, data: bytes) -> None:
    """Drop a file onto the page."""
    page.evaluate(
        """([name, data]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(data)], name));
            const bench = document.querySelector(".bench");
            for (const type of ["dragover", "drop"])
                bench.dispatchEvent(new DragEvent(type, {dataTransfer: transfer, bubbles: true, cancelable: true}));
        }""",
        [name, list(data)],
    )


def listed(page: Any) -> list[str]:
    return [text.split(" · ")[0] for text in page.locator("#rail-dataset-select option").all_text_contents()]


def test_an_empty_workspace_is_filled_and_others_see_it(pages: Pages, server: Server, tmp_path: Path) -> None:
    for number in range(6):
        picture(tmp_path / "pets" / ("cat" if number % 2 else "dog") / f"{number}.png", 40 * number)
    page, other = pages.open(server.address), pages.open(server.address)
    open_dialog(page)
    choose(page, "folder", str(tmp_path / "pets"))
    page.wait_for_selector("#intake-form:visible")
    assert page.input_value("#intake-name") == "pets"
    assert "6 files" in page.inner_text("#intake-files")
    add(page)
    assert "6 images, 2 classes" in page.inner_text("#intake-result")
    page.click("#intake-open")
    steps.wait_for_map(page)
    assert steps.points(page) == 6
    other.wait_for_selector("#rail-dataset-select option", state="attached", timeout=240_000)
    assert listed(other) == ["pets"]

    open_dialog(page)
    choose(page, "files", str(write_keras(tmp_path / "small.keras")))
    add(page)
    assert "small is in the workspace: input 4 × 4 × 1, 2 classes" in page.inner_text("#intake-result")
    page.wait_for_selector(".doctor-table", timeout=240_000)
    assert page.locator(".doctor-table tbody tr").count() >= 3
    page.click("#intake-open")
    page.wait_for_function("() => document.querySelectorAll('.classifier').length === 1")
    steps.wait_for_map(page)


def test_a_hostile_file_is_refused_and_the_server_goes_on(pages: Pages, server: Server, tmp_path: Path) -> None:
    page = pages.open(server.address)
    page.wait_for_selector('[data-open="intake"]')
    bad = write_keras(tmp_path / "evil.keras", sequential(layer("Lambda", function="x")))
    drop(page, "evil.keras", bad.read_bytes())
    page.wait_for_selector("#intake-form:visible")
    add(page)
    assert "is a Lambda and would run code" in page.inner_text("#intake-problem")
    drop(page, "<img src=x onerror=alert(1)>.zip", b"no zip at all")
    page.wait_for_selector("#intake-form:visible")
    add(page)
    assert "damaged" in page.inner_text("#intake-problem")
    page.click("#intake-close")
    assert not page.locator("#intake").is_visible()
    assert page.locator("img[src='x']").count() == 0
    before = listed(page)
    assert page.evaluate("fetch('workspace').then((answer) => answer.json())")["version"]
    page.reload()
    page.wait_for_selector('[data-open="intake"]')
    assert listed(page) == before


def test_a_single_image_is_tested_at_once_and_becomes_no_dataset(pages: Pages, server: Server, tmp_path: Path) -> None:
    page = pages.open(server.address)
    page.wait_for_selector(".classifier.primary")
    picture(tmp_path / "one.png", 200, 9)
    drop(page, "one.png", (tmp_path / "one.png").read_bytes())
    page.wait_for_selector('#samples-list .sample[aria-pressed="true"]')
    page.wait_for_selector("#testing-bars .answer .bar-value")
    assert page.inner_text("#testing-sample").startswith("one")
    assert "one" not in listed(page)


def test_an_upload_is_cancelled_and_nothing_stays(pages: Pages, server: Server, tmp_path: Path) -> None:
    page = pages.open(server.address)
    page.wait_for_selector('[data-open="intake"]')
    (tmp_path / "large.npz").write_bytes(bytes(30 << 20))
    page.route("**/uploads/*?offset=*", lambda route: (page.wait_for_timeout(700), route.continue_()))
    open_dialog(page)
    choose(page, "files", str(tmp_path / "large.npz"))
    page.click("#intake-start")
    page.wait_for_selector("#intake-stop")
    page.wait_for_function("() => document.querySelector('#intake-steps').innerText.includes(' of ')")
    page.click("#intake-stop")
    page.wait_for_selector("#intake-problem:visible")
    assert page.inner_text("#intake-problem") == "Cancelled."
    page.unroute_all(behavior="wait")
    for _ in range(50):
        if not list((server.workspace / "cache" / "uploads").iterdir()):
            break
        page.wait_for_timeout(100)
    assert list((server.workspace / "cache" / "uploads").iterdir()) == []


def added(page: Any, dataset: str) -> float:
    """Wait until the dataset that was added is open; return the accuracy that the rail then shows, in percent."""
    page.wait_for_function(
        """(name) => {
            const shown = document.querySelector("#rail-dataset-select");
            const share = document.querySelector(".classifier.primary .share");
            return shown && shown.selectedOptions[0].textContent.startsWith(name + " ") && share && share.textContent;
        }""",
        arg=dataset,
        timeout=240_000,
    )
    steps.wait_for_map(page)
    return float(page.inner_text(".classifier.primary .share"))


@pytest.mark.shared_data
def test_a_mobilenet_of_an_old_keras_and_a_folder_of_photographs(
    pages: Pages, server: Server, shared_data: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(shared_data / "imagenet", tmp_path / "photographs"))
    names = sorted(path.name for path in folder.glob("*.JPEG"))
    (tmp_path / "truth.csv").write_text("".join(f"{name},{5 * place}\n" for place, name in enumerate(names)))
    page = pages.open(server.address)
    page.wait_for_selector('[data-open="intake"]')
    open_dialog(page)
    choose(page, "folder", str(folder))
    with page.expect_file_chooser() as chooser:
        page.click("#intake-labels")
    chooser.value.set_files(str(tmp_path / "truth.csv"))
    add(page)
    assert "200 images, 1000 classes" in page.inner_text("#intake-result")
    page.get_by_text("Add more").click()
    choose(page, "files", str(shared_data / "models/imagenet/mobilenet_v1_025_224_keras280.h5"))
    add(page)
    assert "DepthwiseConv2D: groups left out" in page.inner_text("#intake-result")
    page.wait_for_selector(".doctor-table tr.proposed", timeout=240_000)
    assert page.inner_text(".doctor-table tr.proposed td").startswith("symmetric")
    page.click(".doctor-table tr.proposed button, #intake-open")
    assert 54 <= added(page, "photographs") <= 65
    assert steps.points(page) == 200


@pytest.mark.shared_data
def test_a_list_of_layers_from_keras_2_1_6_and_the_mnist_files(pages: Pages, server: Server, shared_data: Path) -> None:
    page = pages.open(server.address)
    page.wait_for_selector('[data-open="intake"]')
    open_dialog(page)
    choose(page, "files", [str(path) for path in sorted((shared_data / "mnist").iterdir())])
    add(page)
    assert "10,000 images, 10 classes" in page.inner_text("#intake-result")
    page.get_by_text("Add more").click()
    choose(page, "files", str(shared_data / "models/mnist/tensorspace_keras216.h5"))
    add(page)
    page.wait_for_selector(".doctor-table tr.proposed", timeout=240_000)
    assert page.inner_text(".doctor-table tr.proposed td").startswith("unit")
    page.click("#intake-open")
    assert abs(added(page, "t10k") - 98.7) <= 0.5
