"""A large upload from a real Chromium: its speed beside a plain copy of the same bytes, and the web workers' memory.

    python -m benchmarks.uploads [--size-mb 1024] [--write]

The file is a zip of images that can't be compressed; it is sent by the page's own code, then the peak of each web
worker's memory (VmHWM) is compared with what it took before.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks.report import table, write_section
from tests.browser.conftest import BROWSER, FLAGS, Server

PIECE = 8 << 20


def make_zip(path: Path, n_bytes: int) -> None:
    """Write a stored zip with members of random bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        number = 0
        while path.stat().st_size < n_bytes:
            archive.writestr(f"class_{number % 2}/{number:06d}.png", os.urandom(PIECE))
            number += 1


def peaks(server: Server) -> dict[int, int]:
    """Return the peak of resident memory of each web worker, in kB."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    found = {}
    for line in listed.splitlines():
        if "nnvis_dash.gunicorn_conf" in line:
            pid = int(line.split()[0])
            status = Path(f"/proc/{pid}/status").read_text()
            found[pid] = int(next(row for row in status.splitlines() if row.startswith("VmHWM")).split()[1])
    return found


def bare(source: Path, target: Path) -> float:
    """Return the seconds that a plain copy in pieces takes."""
    began = time.perf_counter()
    with source.open("rb") as reading, target.open("wb") as writing:
        while block := reading.read(PIECE):
            writing.write(block)
    seconds = time.perf_counter() - began
    target.unlink()
    return seconds


def main() -> None:
    """Measure, print, and keep the result with --write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size-mb", type=int, default=1024)
    parser.add_argument("--write", action="store_true", help="write the result into docs/benchmarks.md")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        archive = Path(folder) / "images.zip"
        make_zip(archive, args.size_mb << 20)
        megabytes = archive.stat().st_size / 2**20
        copied = bare(archive, Path(folder) / "copy")
        server = Server(Path(folder) / "workspace")
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        try:
            page = browser.new_page()
            page.goto(server.address)
            page.wait_for_selector('[data-open="intake"]')
            page.wait_for_timeout(1000)
            before = peaks(server)
            page.evaluate(
                "() => document.body.append(Object.assign(document.createElement('input'), {type: 'file', id: 'b'}))"
            )
            page.set_input_files("#b", str(archive))
            began = time.perf_counter()
            page.evaluate(
                """() => nnvis.upload(nnvis.chosen(document.getElementById("b").files), () => null,
                    new AbortController().signal)"""
            )
            seconds = time.perf_counter() - began
            after = peaks(server)
        finally:
            browser.close()
            server.stop()
    grown = max((after[pid] - before[pid]) / 1024 for pid in before if pid in after)
    rows = [
        ("plain copy on this disk", f"{megabytes / copied:,.0f}", "1"),
        ("upload from Chromium", f"{megabytes / seconds:,.0f}", f"{copied / seconds:.2f}"),
    ]
    body = table(["", "MB/s", "of the copy"], rows)
    body += (
        f"\n\nA zip of {megabytes:,.0f} MB; browser and server share the cores. The peak memory of the web worker that "
        f"grew most: {max(before.values()) / 1024:.0f} MB before, {grown:+.0f} MB by the upload."
    )
    print(body)
    if args.write:
        write_section("uploads", "Uploads", body)


if __name__ == "__main__":
    main()
