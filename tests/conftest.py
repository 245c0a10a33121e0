"""What all tests share: where the real images and foreign models are, and a quiet TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("NNVIS_DISK_LIMIT_PERCENT", "100")  # however full the disk of whoever runs the tests is

ROOT = Path(__file__).resolve().parent.parent


def shared_data_folder() -> Path:
    """Return where the shared test data would be."""
    return Path(os.environ.get("NNVIS_SHARED_DATA", ROOT.parent / "shared" / "data"))


# Folders whose tests share a server, an engine or fitted projections: one process runs all of them.
TOGETHER = ("tests/browser", "tests/engine", "tests/unit/analysis/projections")
ALONE = tuple(
    f"tests/browser/test_{name}.py" for name in ("intake", "map", "network_others")
)  # have servers of their own


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Say which tests one process must run, where several run at once: those of a file, those of some folders."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            folder = file.rpartition("/")[0]
            return folder if folder in TOGETHER and file not in ALONE else file

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real images and foreign models; skips where it isn't there."""
    folder = shared_data_folder()
    if not folder.is_dir():
        pytest.skip("the shared test data is not here (set NNVIS_SHARED_DATA to its folder)")
    return folder


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say loudly what did not run and why: a skipped test proves nothing."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        reasons[reason] = reasons.get(reason, 0) + 1
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"NOT RUN: {count} tests. {reason}", red=True, bold=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that skipped browser or data tests that it could have run, where NNVIS_NO_SKIPS asks for that."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("NNVIS_NO_SKIPS") or reporter is None:
        return
    for report in reporter.stats.get("skipped", []):
        could = "browser" in report.keywords
        if "shared_data" in report.keywords:
            could = shared_data_folder().is_dir()
        if could:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
