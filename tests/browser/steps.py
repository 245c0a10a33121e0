"""What a person does on the page, as steps that the browser tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nnvis_dash.services import fits
from nnvis_dash.state.codec import encode_link
from nnvis_dash.state.session import Session
from nnvis_dash.state.state import State
from nnvis_dash.workspace.store import Workspace

if TYPE_CHECKING:
    from tests.browser.conftest import Pages, Server

MAP = "#embedding-graph"


def points(page: Any) -> int:
    """Return how many points the map shows."""
    return int(page.get_attribute(MAP, "data-points") or 0)


def wait_for_map(page: Any, timeout: float = 240_000) -> int:
    """Wait until the map stands still with its points; return their number."""
    page.wait_for_function(
        f"""() => {{
            const gd = document.querySelector("{MAP}");
            const busy = ["index", "embedding"].some((name) => {{
                const line = document.getElementById("tray-" + name);
                return !line || line.dataset.running;
            }});
            return gd && Number(gd.dataset.points) > 0 && !busy;
        }}""",
        timeout=timeout,
    )
    page.wait_for_timeout(150)
    return points(page)


def open_on(pages: Pages, server: Server, dataset: str, model: str = "") -> Any:
    """Open a page on a dataset by a link, with this classifier in front, and wait for its map."""
    workspace = Workspace(server.workspace)
    card = workspace.dataset(dataset).card
    fitting = [one for one in workspace.models() if fits(one, card)]
    fitting.sort(key=lambda one: one.name != model)
    session = Session(card.fingerprint, tuple(one.fingerprint for one in fitting))
    page = pages.open(f"{server.address}/?s={encode_link(State(session))}")
    page.wait_for_selector(MAP)
    wait_for_map(page)
    return page


def choose_dataset(page: Any, name: str) -> None:
    """Choose a dataset in the rail and wait for its map."""
    page.wait_for_selector("#rail-dataset-select option", state="attached")
    page.wait_for_selector(MAP)
    before = page.get_attribute(MAP, "data-look") or ""
    value = page.eval_on_selector_all(
        "#rail-dataset-select option",
        "(all, name) => all.find((o) => o.textContent.startsWith(name + ' ')).value",
        name,
    )
    if page.input_value("#rail-dataset-select") != value:
        page.select_option("#rail-dataset-select", value)
        page.wait_for_function(
            f"""(before) => (document.querySelector("{MAP}").dataset.look || "") !== before""",
            arg=before,
            timeout=240_000,
        )
    wait_for_map(page)


def press(page: Any, group: str, label: str) -> None:
    """Press a button of a segmented control and wait until it is pressed."""
    button = page.locator(f'[aria-label="{group}"] button', has_text=label).first
    button.click()
    page.wait_for_function(
        """([group, label]) => [...document.querySelectorAll(`[aria-label="${group}"] button`)]
            .some((b) => b.textContent.startsWith(label) && b.getAttribute("aria-pressed") === "true")""",
        arg=[group, label],
    )


def settle(page: Any) -> None:
    """Wait until every change that was sent is applied and stands in the link."""
    page.wait_for_function("() => window.nnvis.settled()")


def lasso_everything(page: Any) -> None:
    """Draw a lasso around the whole map."""
    page.click('[data-tool="fit"]')
    page.wait_for_function(
        f"""() => {{
            const gd = document.querySelector("{MAP}");
            const map = nnvis.drawnMap();
            return map && !map.plane.moved() && Array.from(map.at.ids).every((_, row) => {{
                if (!map.plane.data.states[row]) return true; // filtered out
                const [px, py] = map.pixel(map.at.place(row));
                return px > 14 && px < gd.clientWidth - 14 && py > 48 && py < gd.clientHeight - 38;
            }});
        }}"""
    )
    box = page.locator(MAP).bounding_box()
    left, top = box["x"] + 14, box["y"] + 48
    right, bottom = box["x"] + box["width"] - 14, box["y"] + box["height"] - 38
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top)):
        page.mouse.move(x, y, steps=10)
    page.mouse.up()


def on_screen(page: Any, place: Any) -> list[float]:
    """Return where a place of the map, in its own coordinates, is on the screen."""
    found = page.evaluate(
        f"""(place) => {{
            const box = document.querySelector("{MAP}").getBoundingClientRect();
            const [x, y] = nnvis.drawnMap().pixel(place);
            return [box.left + x, box.top + y];
        }}""",
        [float(value) for value in place],
    )
    return list(found)


def place_of(page: Any, row: int) -> list[float]:
    """Return where a point of the map lies, in the map's own coordinates."""
    return list(page.evaluate("(row) => nnvis.drawnMap().at.place(row)", row))


def selected(page: Any) -> int:
    """Return the number of selected samples that the strip names."""
    text = page.text_content("#embedding-strip .strong") or ""
    return int("".join(letter for letter in text if letter.isdigit()))


def wait_for_selection(page: Any) -> int:
    """Wait until the strip shows pictures; return the number of selected samples."""
    page.wait_for_function(
        """() => (document.querySelector("#embedding-strip .strong") || {textContent: ""})
            .textContent.startsWith("Selection")"""
    )
    return selected(page)


def options(page: Any, choice: str) -> dict[str, str]:
    """Return the names of a list's entries by value, without its default."""
    pairs = page.eval_on_selector_all(f"{choice} option", "all => all.map((o) => [o.value, o.textContent])")
    return {value: name for value, name in pairs if value not in ("", "-")}


def heatmap(page: Any, other_than: str | None = None) -> str:
    """Wait until a heatmap is drawn that is not an old one; return the picture's address."""
    page.wait_for_function(
        """(old) => {
            const image = document.getElementById("testing-raw-image");
            const panel = document.getElementById("testing-panel");
            return image.src && image.src !== old && !panel.classList.contains("pending")
                && !panel.classList.contains("nothing") && image.complete && image.naturalWidth > 0;
        }""",
        arg=other_than,
    )
    return str(page.get_attribute("#testing-raw-image", "src"))


def shown(page: Any) -> dict[str, Any]:
    """Return what the page shows, to be compared after a reload."""
    return dict(
        page.evaluate(
            """() => {
                const map = nnvis.drawnMap();
                const pressed = [...document.querySelectorAll('[aria-pressed="true"]')].map((b) => b.textContent);
                return {
                    address: location.search,
                    xy: Array.from(map.plane.data.xy), at: map.at.place(0),
                    tones: Array.from(map.plane.data.tones), palette: Array.from(map.plane.data.palette),
                    states: Array.from(map.plane.data.states),
                    pressed: pressed.filter((text) => !["Lasso", "Box", "Pan"].includes(text)),
                    lists: [...document.querySelectorAll("select")].map((s) => `${s.id || s.ariaLabel} ${s.value}`),
                    strip: document.getElementById("embedding-strip").textContent,
                    thumbs: [...document.querySelectorAll(".thumb img")].map((i) => i.getAttribute("src")),
                    title: document.getElementById("testing-sample").textContent,
                    bars: document.getElementById("testing-bars").textContent,
                    heatmap: document.getElementById("testing-raw-image").src,
                };
            }"""
        )
    )


def at_rest(page: Any) -> dict[str, Any]:
    """Return what the page shows once it shows the same for half a second: its parts are drawn one after another."""
    settle(page)
    for _ in range(60):
        before = shown(page)
        page.wait_for_timeout(500)
        if shown(page) == before:
            return before
    raise AssertionError("the page does not come to rest within 30 s")


def comes_to_show(page: Any, before: dict[str, Any]) -> None:
    """Wait until the page shows what another did: its parts are drawn one after another."""
    for _ in range(60):
        if shown(page) == before:
            return
        page.wait_for_timeout(500)
    assert shown(page) == before
