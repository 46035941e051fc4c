"""The viewer in a browser, from disk and from a server."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from embedded_support import ROOT
from web_support import RangeServer

import hemp_codec

if TYPE_CHECKING:
    from playwright.sync_api import Page

VIEWER = ROOT / "tools" / "viewer"
MODEL = ROOT / "examples" / "web" / "lenet5.hemp"
DROP = """async ([text, name]) => {
  const file = new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name);
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(file);
  document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
}"""


def arc(x: float, y: float, wide: float, high: float, start: float, end: float) -> list[tuple[float, float]]:
    """Points of an ellipse, angles in degrees, clockwise from the right."""
    angles = [math.radians(start + (end - start) * step / 20) for step in range(21)]
    return [(x + wide * math.cos(angle), y + high * math.sin(angle)) for angle in angles]


DIGITS = {
    0: [arc(140, 140, 60, 90, 0, 360)],
    1: [[(145, 50), (135, 230)]],
    2: [[*arc(140, 100, 55, 50, 190, 380), (85, 225), (205, 225)]],
    3: [[*arc(135, 95, 50, 45, 200, 440), *arc(135, 180, 60, 50, 280, 520)]],
    4: [[(110, 50), (85, 150), (200, 150)], [(185, 60), (175, 235)]],
    7: [[(80, 60), (200, 60), (130, 235)]],
}


@pytest.fixture(params=["disk", "server"])
def viewer(request: pytest.FixtureRequest, page: Page) -> Iterator[Page]:
    """The page with the example open."""
    files = {f"/{path.name}": path.read_bytes() for path in VIEWER.iterdir() if path.is_file()}
    with RangeServer(files) as server:
        page.goto(f"{server.address}/index.html" if request.param == "server" else (VIEWER / "index.html").as_uri())
        page.get_by_text("LeNet-5 from lenet5.hemp").wait_for()
        yield page


def drop(page: Page, name: str, content: bytes) -> None:
    """Drop a file on the page."""
    page.evaluate(DROP, [base64.b64encode(content).decode(), name])


def choose(page: Page, name: str) -> None:
    """Look into a tensor."""
    page.get_by_role("button", name=name).click()
    page.locator("#tensor-title").filter(has_text=name).wait_for()


def draw(page: Page, strokes: list[list[tuple[float, float]]]) -> None:
    """Draw with the mouse."""
    page.get_by_role("button", name="Clear").click()
    pad = page.locator("#pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box is not None
    for first, *rest in strokes:
        page.mouse.move(box["x"] + first[0], box["y"] + first[1])
        page.mouse.down()
        for x, y in rest:
            page.mouse.move(box["x"] + x, box["y"] + y)
        page.mouse.up()


def test_file_dropped_and_number_read(viewer: Page, tmp_path: Path) -> None:
    tensors = {
        "blocks": np.random.default_rng(5).standard_normal((30, 40)).astype(np.float32),
        "counts": np.array([3, -(2**60)], np.int64),
        "tiny\u202e<b>": np.float16([1.5, -2]),
    }
    hemp_codec.save_file(tensors, tmp_path / "a.hemp", metadata={"epoch": "3"}, quantizer="lloyd-max:8")
    content = (tmp_path / "a.hemp").read_bytes()
    drop(viewer, "<i>dropped</i>.hemp", content)
    viewer.get_by_role("heading", name="<i>dropped</i>.hemp").wait_for()
    assert f"{len(content):,} bytes" in viewer.locator("#summary").inner_text()
    assert "epoch" in viewer.locator("#summary").inner_text()

    row = viewer.locator("#tensors tr").nth(0)
    with hemp_codec.safe_open(tmp_path / "a.hemp") as file:
        blocks, indices = file.get_tensor("blocks"), file.get_indices("blocks")
    assert row.locator("td").nth(1).inner_text() == "30 x 40"
    assert row.locator("td").nth(3).inner_text() == "8 codebook"
    choose(viewer, "blocks")
    viewer.get_by_label("Element at").fill("29, 38")
    text = viewer.locator("#element").inner_text()
    number, index = text.removeprefix("is ").rstrip(")").split(" (index ")
    assert np.float32(number) == blocks[29, 38] and int(index) == indices[29, 38]
    viewer.get_by_label("Element at").fill("30, 0")
    assert viewer.get_by_label("Element at").get_attribute("aria-invalid") == "true"

    counts = np.bincount(indices.reshape(-1), minlength=8)
    assert viewer.locator("#histogram rect").count() == 8
    viewer.get_by_text("The same as a table").click()
    cells = viewer.locator("#histogram td:last-child").all_inner_texts()
    assert [int(cell) for cell in cells] == counts.tolist()
    assert viewer.locator("#picture canvas").evaluate("canvas => [canvas.width, canvas.height]") == [40, 30]
    pixel = viewer.locator("#picture canvas").evaluate("c => [...c.getContext('2d').getImageData(38, 29, 1, 1).data]")
    assert (pixel[0] > pixel[2]) == (blocks[29, 38] > 0) and pixel[0] != pixel[2]

    choose(viewer, "counts")
    viewer.get_by_label("Element at").fill("1")
    assert viewer.locator("#element").inner_text() == f"is {-(2**60)}"
    choose(viewer, "tiny\\u{202e}<b>")
    assert viewer.locator("#element").inner_text().startswith("is 1.5")
    viewer.get_by_role("button", name="Decode all").click()
    viewer.get_by_text(f"All right: {30 * 40 * 4 + 2 * 8 + 2 * 2:,} bytes").wait_for()


def test_tensors_of_every_kind(viewer: Page, tmp_path: Path) -> None:
    """Nothing that a file may hold is too strange to be shown."""
    tensors = {
        "empty": np.zeros((0, 4), np.float32),
        "scalar": np.float64(-0.5),
        "not-finite": np.array([np.nan, np.inf, 1, 3], np.float32),
        "bits": np.array([True, False]),
        "large": np.array([2**64 - 1], np.uint64),
        "complex": np.array([1j], np.complex64),
    }
    shown = {"scalar": "is -0.5", "not-finite": "is NaN", "bits": "is 1", "large": f"is {2**64 - 1}"}
    hemp_codec.save_file(tensors, tmp_path / "all.hemp")
    drop(viewer, "all.hemp", (tmp_path / "all.hemp").read_bytes())
    viewer.get_by_role("heading", name="all.hemp").wait_for()
    for name in tensors:
        choose(viewer, name)
        assert viewer.locator("#element").is_visible() == (name in shown)
        assert name not in shown or viewer.locator("#element").inner_text() == shown[name]
    choose(viewer, "not-finite")
    viewer.get_by_text("The same as a table").click()
    assert sum(map(int, viewer.locator("#histogram td:last-child").all_inner_texts())) == 2
    assert viewer.get_by_role("alert").inner_text() == ""


def test_file_picked_by_keyboard_and_damaged(viewer: Page, tmp_path: Path) -> None:
    content = bytearray(MODEL.read_bytes())
    content[len(content) // 2] ^= 16
    (tmp_path / "damaged.hemp").write_bytes(content)
    viewer.get_by_label("Choose a .hemp file").set_input_files(tmp_path / "damaged.hemp")
    viewer.get_by_role("heading", name="damaged.hemp").wait_for()
    button = viewer.get_by_role("button", name="Decode all")
    button.focus()
    viewer.keyboard.press("Enter")
    alert = viewer.get_by_role("alert").filter(has_text="damaged.hemp: the file is damaged: the bytes of a tensor")
    alert.wait_for()
    assert "SEGMENT_CHECKSUM" in alert.inner_text()

    for content, message in [
        (MODEL.read_bytes()[:-10], "the file is incomplete: its end is missing"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "this is not a .hemp file"),
        (b"", "the file is incomplete"),
    ]:
        drop(viewer, "other.hemp", content)
        viewer.get_by_role("alert").filter(has_text=f"other.hemp: {message}").wait_for()
        assert not viewer.locator("#contents").is_visible()
    viewer.get_by_role("button", name="Open the example").click()
    viewer.get_by_role("heading", name="lenet5.hemp").wait_for()
    assert viewer.get_by_role("alert").inner_text() == ""


def test_digits_drawn_and_recognised(viewer: Page) -> None:
    for digit, strokes in DIGITS.items():
        draw(viewer, strokes)
        viewer.locator("#answer").filter(has_text="This is a").wait_for()
        assert viewer.locator("#answer").inner_text().startswith(f"This is a {digit} "), digit
    assert viewer.locator("#scores li").count() == 10
    viewer.get_by_role("button", name="Clear").click()
    assert viewer.locator("#answer").inner_text() == ""


def test_digit_drawn_with_keys(viewer: Page) -> None:
    pad = viewer.get_by_role("application")
    pad.focus()
    for key in ["Escape", "Space", *["ArrowDown"] * 18, "Space"]:
        viewer.keyboard.press(key)
    viewer.locator("#answer").filter(has_text="This is a 1 ").wait_for()
    assert viewer.locator("#pen").inner_text() == "pen up"


def test_network_is_that_of_torch(viewer: Page) -> None:
    """The few lines of JavaScript give what torch gives for the same image and weights."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    weights = {name: torch.from_numpy(array) for name, array in hemp_codec.load_file(MODEL).items()}
    image = np.random.default_rng(1).random((28, 28), np.float32)
    hidden = (torch.from_numpy(image)[None, None] - 0.1307) / 0.3081
    for name in ("conv1", "conv2"):
        hidden = functional.conv2d(hidden, weights[f"{name}.weight"], weights[f"{name}.bias"])
        hidden = functional.relu(functional.max_pool2d(hidden, 2))
    hidden = functional.relu(functional.linear(hidden.flatten(1), weights["fc1.weight"], weights["fc1.bias"]))
    scores = functional.softmax(functional.linear(hidden, weights["fc2.weight"], weights["fc2.bias"]), 1)
    found = viewer.evaluate("image => recognize(network, Float32Array.from(image))", image.reshape(-1).tolist())
    assert np.allclose(found, scores.numpy()[0], rtol=1e-3, atol=1e-6)


def test_light_and_dark(page: Page) -> None:
    colors = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto((VIEWER / "index.html").as_uri())
        colors.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colors == ["rgb(255, 255, 255)", "rgb(22, 24, 26)"]


def test_everything_has_a_name(viewer: Page) -> None:
    """What can be operated or is a picture says what it is."""
    choose(viewer, "conv1.weight")
    nameless = """() => [...document.querySelectorAll("button, input, canvas, svg, section, [tabindex='0']")].filter(
      (item) => !(item.ariaLabel || item.textContent.trim() || item.labels?.length)).map((item) => item.outerHTML)"""
    assert viewer.evaluate(nameless) == []
