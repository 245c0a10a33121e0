"""Several machines on one: a scheduler and workers as separate programs, started as docs/deployment.md says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

from tests.serving.server import ROOT, free_port

DASK = str(Path(sys.executable).with_name("dask"))


def certificates(folder: Path) -> dict[str, str]:
    """Make a throw-away CA and a certificate that it signs; return the settings."""
    ca, cert, key = folder / "ca.pem", folder / "cert.pem", folder / "key.pem"
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    named = ("-subj", "/CN=nnvis test CA", "-days", "2")
    for command in (
        ("req", "-x509", *curve, "-keyout", folder / "ca-key.pem", "-out", ca, *named),
        ("req", *curve, "-keyout", key, "-out", folder / "request.pem", "-subj", "/CN=nnvis"),
        ("x509", "-req", "-in", folder / "request.pem", "-CA", ca, "-CAkey", folder / "ca-key.pem", "-CAcreateserial",
         "-days", "2", "-out", cert),
    ):  # fmt: skip
        subprocess.run(["openssl", *map(str, command)], check=True, capture_output=True)
    return {"NNVIS_TLS_CA": str(ca), "NNVIS_TLS_CERT": str(cert), "NNVIS_TLS_KEY": str(key)}


class Machines:
    """A scheduler and n workers over one workspace."""

    def __init__(
        self,
        workspace: Path,
        n_workers: int,
        tls: dict[str, str] | None = None,
        threads: int = 0,
        preload: Sequence[str] = (),
    ) -> None:
        self.workspace = workspace
        self.tls = tls or {}
        self.port = free_port()
        scheme = "tls" if tls else "tcp"
        self.address = f"{scheme}://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            **self.tls,
            "PYTHONPATH": str(ROOT),
            "DASK_CONFIG": str(ROOT / "nnvis_dash" / "engine" / "dask.yaml"),
            "TF_CPP_MIN_LOG_LEVEL": "2",
            **({"TF_NUM_INTRAOP_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)} if threads else {}),
        }
        where = ["--host", "127.0.0.1", "--no-dashboard"]
        self.scheduler = self._start("scheduler", *where, "--port", str(self.port), "--protocol", scheme)
        self.workers = [
            self._start(
                *("worker", self.address, *where, "--name", f"machine-{number}", "--nthreads", "2"),
                *("--resources", "batch=1", "--preload", "nnvis_dash.engine.worker"),
                *(word for module in preload for word in ("--preload", module)),
                *("--local-directory", str(workspace / "cache" / "engine" / f"machine-{number}")),
            )
            for number in range(n_workers)
        ]

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        names = ("--tls-ca-file", "--tls-cert", "--tls-key")
        tls = [word for pair in zip(names, self.tls.values(), strict=False) for word in pair]
        return subprocess.Popen(
            [DASK, *words, *tls], env=self.environment, cwd=self.workspace, stderr=subprocess.DEVNULL
        )

    def processes(self) -> list[psutil.Process]:
        """Return every process of all machines that runs."""
        started = [psutil.Process(program.pid) for program in (self.scheduler, *self.workers) if program.poll() is None]
        return [process for one in started for process in (one, *one.children(recursive=True))]

    def stop(self) -> None:
        """Stop all as an administrator does."""
        for program in (*self.workers, self.scheduler):
            program.terminate()
        for program in (*self.workers, self.scheduler):
            try:
                program.wait(30)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()
