"""What is in deploy/ can be read by what it is for, and names only settings, commands and files that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from nnvis_dash.engine.cluster import CONFIG, PRELOAD
from nnvis_dash.settings import Settings
from tests.serving.machines import DASK
from tests.serving.server import ROOT

DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
SETTINGS = {f"NNVIS_{entry.name.upper()}" for entry in fields(Settings)}
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))


@pytest.mark.parametrize("path", [*FILES, ROOT / "docs" / "deployment.md"], ids=lambda path: path.name)
def test_settings_commands_and_files_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert set(re.findall(r"NNVIS_[A-Z_]+[A-Z]", text)) <= SETTINGS
    for file in re.findall(r"(?:/opt/nnvis/|\s)((?:nnvis_dash|docs|deploy)/[\w./@-]+\.\w+)", text):
        assert (ROOT / file).exists(), file
    for module in re.findall(r"--preload[= ](\S+)", text):
        assert module == PRELOAD
    for command in re.findall(r"-m nnvis_dash ([a-z-]+)", text):
        assert (ROOT / "nnvis_dash" / "commands" / f"{command.replace('-', '_')}.py").exists(), command


@pytest.fixture(scope="module")
def options() -> dict[str, set[str]]:
    """The options of the dask commands that are installed."""
    said = {
        name: subprocess.run([DASK, name, "--help"], capture_output=True, text=True, check=True).stdout
        for name in ("scheduler", "worker")
    }
    return {name: set(re.findall(r"--[a-z-]+", text)) for name, text in said.items()}


def test_the_dask_commands_know_every_option(options: dict[str, set[str]]) -> None:
    """In units, Compose and manifests alike; several of one command in a file are held against that command."""
    seen = 0
    for path in (*UNITS, DEPLOY / "compose.yaml", *MANIFESTS, ROOT / "docs" / "deployment.md"):
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        text = re.sub(r"\n\s*- (?=--|dask|scheduler|worker|tls:)", " ", text)  # a command as a YAML list, on one line
        for name, rest in re.findall(r"dask (scheduler|worker)(\s[^\n`]*)", text):
            given = set(re.findall(r"(?<=\s)--[a-z-]+", rest))
            assert given <= options[name], (path.name, given - options[name])
            seen += bool(given)
    assert seen >= 8


def documents(path: Path) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one]


def test_the_manifests_belong_together() -> None:
    every = [one for path in MANIFESTS for one in documents(path)]
    named = {(one["kind"], one["metadata"]["name"]) for one in every}
    assert len(named) == len(every)
    parts = {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in every if one["kind"] == "Deployment"}
    assert set(parts) == {"nnvis-web", "nnvis-scheduler", "nnvis-worker", "nnvis-gpu-worker"}
    for spec in parts.values():
        (container,) = spec["containers"]
        assert {mount["name"] for mount in container["volumeMounts"]} <= {volume["name"] for volume in spec["volumes"]}
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["resources"]["limits"]["memory"]
        assert ("ConfigMap", container["envFrom"][0]["configMapRef"]["name"]) in named
    (web,) = parts["nnvis-web"]["containers"]
    assert web["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert web["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert parts["nnvis-gpu-worker"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
    (claim,) = (one for one in every if one["kind"] == "PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert {("Service", "nnvis-web"), ("Service", "nnvis-scheduler")} <= named


def test_compose_has_what_it_names() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    assert {"web", "scheduler", "worker", "gpu-worker"} == set(compose["services"])
    for service in compose["services"].values():
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
        assert set(service.get("depends_on", ())) <= set(compose["services"])
        for volume in service["volumes"]:
            name = volume.split(":")[0]
            assert name.startswith("./") or name in compose["volumes"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_the_units_are_well_formed_and_hardened(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "UMask=0077", "MemoryMax=", "User=nnvis"):
        assert line in text
    if (verify := shutil.which("systemd-analyze")) is not None:
        done = subprocess.run([verify, "verify", str(path)], capture_output=True, text=True, timeout=60)
        wrong = [line for line in done.stderr.splitlines() if path.stem[:12] in line and "not executable" not in line]
        assert wrong == []


def test_the_dask_settings_reach_programs_that_are_started_by_hand() -> None:
    """The file is found where the units say, and Dask reads it as the engine of one machine does."""
    code = "import dask; print(dask.config.get('distributed.scheduler.work-stealing'), " + (
        "dask.config.get('distributed.worker.memory.terminate'), dask.config.get('distributed.worker.http.routes'))"
    )
    python = str(Path(DASK).with_name("python"))
    environment = {"DASK_CONFIG": str(ROOT / "nnvis_dash/engine/dask.yaml"), "HOME": "/nonexistent"}
    done = subprocess.run([python, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "0.95", "[]"]
    assert CONFIG["distributed"]["scheduler"]["work-stealing"] is False
