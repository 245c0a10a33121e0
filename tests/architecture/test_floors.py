"""The laws of the design that no single test of behaviour would notice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    path
    for folder in ("nnvis_dash", "layouts", "callbacks")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "__pycache__" not in path.parts
]


def run(code: str) -> str:
    """Run a piece of Python in a process of its own, where nothing is imported yet."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_imports_point_down_the_floors() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert done.returncode == 0, done.stdout


def test_the_web_tier_never_imports_tensorflow(tmp_path: Path) -> None:
    heavy = run(
        "import sys; from nnvis_dash.app import create_app, render_once; from nnvis_dash.settings import Settings;"
        f"render_once(create_app(Settings(workspace={str(tmp_path)!r})));"
        "print([name for name in ('tensorflow', 'keras', 'numba', 'scipy', 'sklearn', 'umap') if name in sys.modules])"
    )
    assert heavy == "[]"


def test_importing_the_package_is_cheap() -> None:
    heavy = run(
        "import sys, nnvis_dash;"
        "print([name for name in ('tensorflow', 'keras', 'dash', 'distributed', 'h5py') if name in sys.modules])"
    )
    assert heavy == "[]"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


def test_only_the_settings_read_the_projects_environment() -> None:
    readers = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if path.name != "settings.py" and ('environ["NNVIS' in (text := path.read_text()) or 'getenv("NNVIS' in text)
    ]
    assert readers == []


def test_nothing_is_pickled() -> None:
    offenders = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if "import pickle" in (text := path.read_text(encoding="utf-8")) or "allow_pickle=True" in text
    ]
    assert offenders == []
