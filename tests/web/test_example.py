"""examples/web in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from embedded_support import ROOT
from web_support import RangeServer

import hemp_codec

if TYPE_CHECKING:
    from playwright.sync_api import Page

FOLDERS = ("examples/web", "hemp_codec/web")
MODEL = ROOT / "examples" / "web" / "lenet5.hemp"


def served() -> dict[str, bytes]:
    """What a server of the root of the repository has of these folders, by path."""
    paths = [path for folder in FOLDERS for path in (ROOT / folder).iterdir() if path.is_file()]
    files = {f"/{path.relative_to(ROOT).as_posix()}": path.read_bytes() for path in paths}
    return {**files, "/favicon.ico": b""}


def test_example(page: Page) -> None:
    with RangeServer(served()) as server:
        page.goto(f"{server.address}/examples/web/index.html")
        status = page.get_by_role("status").filter(has_text="Mean of fc2.weight")
        status.wait_for()
        found = float(status.inner_text().split(": ")[1])
    with hemp_codec.safe_open(MODEL) as file:
        assert page.get_by_role("listitem").count() == len(file.keys())
        assert np.isclose(found, file.get_tensor("fc2.weight").astype(np.float64).mean())


def test_damaged_file(page: Page) -> None:
    damaged = bytearray(MODEL.read_bytes())
    damaged[30] ^= 1
    with RangeServer({**served(), "/examples/web/lenet5.hemp": bytes(damaged)}) as server:
        page.goto(f"{server.address}/examples/web/index.html")
        page.get_by_role("status").filter(has_text="the file is damaged").wait_for()
        assert "FRONT_CHECKSUM" in page.get_by_role("status").inner_text()
