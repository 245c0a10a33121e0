"""Dask's messages and tornado's loops run evenly, whatever the time of day is set to."""

from __future__ import annotations

import asyncio
import time

import distributed.batched
import pytest
from tornado.ioloop import IOLoop

from nnvis_dash.engine.steady import steady_time


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
def test_a_clock_that_jumps_moves_neither_messages_nor_loops(monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    assert distributed.batched.time is steady_time

    async def passed() -> float:
        before = IOLoop.current().time()
        assert abs(before - time.time()) < 3600
        true = time.time
        with monkeypatch.context() as set_anew:
            set_anew.setattr(time, "time", lambda: true() + jump)
            return IOLoop.current().time() - before

    assert 0 <= asyncio.run(passed()) < 60
