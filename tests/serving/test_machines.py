"""One index over three workers of several machines, with TLS between them and one worker killed in the middle."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import psutil
import pytest

from nnvis_dash.analysis.index import load_index
from nnvis_dash.analysis.intake import add_model
from nnvis_dash.demo.build import WEIGHTS
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.engine.tls import security
from nnvis_dash.errors import EngineError, ParameterError
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.store import Workspace
from tests.serving.machines import Machines, certificates
from tests.serving.server import await_true, left_of


def test_an_index_over_three_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path / "workspace")
    tls = certificates(tmp_path)
    machines = Machines(workspace.path, 3, tls)
    family: list[psutil.Process] = []
    try:
        model, _ = add_model(workspace, WEIGHTS / "digits-large.keras", name="net", preprocessing="unit")
        images = np.random.default_rng(0).integers(0, 256, (40_000, *model.input_shape)).astype(np.uint8)
        data, _ = workspace.add_dataset(images, name="noise")
        request = Request("index", {"model": model.fingerprint, "dataset": data.fingerprint, "precision": "float32"})

        # without a certificate, nobody gets in
        with pytest.raises(ParameterError, match="NNVIS_TLS_CA is not set"):
            Engine(workspace.path, machines.address).submit(request)
        with monkeypatch.context() as hasty:
            hasty.setattr("nnvis_dash.engine.client.CONNECT", 1.0)
            with pytest.raises(EngineError, match="no engine"):
                Engine(workspace.path, machines.address.replace("tls", "tcp")).submit(request)
        for name, file in tls.items():
            monkeypatch.setenv(name, file)
        engine = Engine(workspace.path, machines.address)
        await_true(lambda: sum(worker.alive for worker in engine.workers()) == 3)
        engine.submit(request)

        def chunks() -> dict[str, int]:
            return {worker.name: worker.jobs.get(("index-chunk", "done"), (0, 0.0))[0] for worker in engine.workers()}

        await_true(lambda: sum(count > 0 for count in chunks().values()) == 3)
        family = machines.processes()
        parts = engine.workspace.artifacts.parts(request.key)
        assert not workspace.artifacts.has(request.key) and parts.names()
        victim = psutil.Process(machines.workers[0].pid)
        killed = [victim, *victim.children(recursive=True)]
        victim.send_signal(signal.SIGKILL)  # the nanny, whose worker ends with it
        await_true(lambda: not left_of([process for process in killed if process.pid != victim.pid]))
        index = load_index(engine.result(request, timeout=500))
        assert index.probabilities.shape == (40_000, 10)
        twice = np.array([0, 17, 39_999])
        alone, _ = workspace.add_dataset(images[twice], name="three")
        again = Request("index", {"model": model.fingerprint, "dataset": alone.fingerprint, "precision": "float32"})
        expected = load_index(engine.result(again, timeout=500)).probabilities
        np.testing.assert_allclose(index.probabilities[twice], expected, atol=1e-5)
        assert {worker.name for worker in engine.workers() if worker.alive} >= {"machine-1", "machine-2"}
        engine.close()
    finally:
        machines.stop()
    await_true(lambda: not left_of(family))


def test_tls_is_all_or_nothing(tmp_path: Path) -> None:
    assert security(Settings()) is None
    with pytest.raises(ParameterError, match="NNVIS_TLS_CERT is not set"):
        security(Settings(tls_ca="ca.pem"))
    with pytest.raises(ParameterError, match="NNVIS_TLS_CA can't be read"):
        security(Settings(tls_ca=str(tmp_path / "ca.pem"), tls_cert="c", tls_key="k"))
