"""Long work gives way to people."""

from __future__ import annotations

import threading

from nnvis_dash.engine.courtesy import give_way, serving


def test_a_step_begins_when_nobody_is_served() -> None:
    order: list[str] = []
    stepping = threading.Thread(target=lambda: (give_way(60), order.append("step")))
    with serving(), serving():
        stepping.start()
        stepping.join(0.05)
        order.append("answered")
    stepping.join(30)
    assert order == ["answered", "step"]


def test_it_gives_way_for_a_while_only_and_an_error_serves_nobody() -> None:
    with serving():
        give_way(0.01)
    try:
        with serving():
            raise ValueError
    except ValueError:
        give_way(60)
