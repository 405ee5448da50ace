# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A headless Chromium whose camera plays a clip: what the phone's page is tested, measured and photographed with.

with Browser(folder, clip, size=(390, 844)) as browser:
    browser.open(link)
    browser.click("#start")
    browser.wait_until("window.mimica.results > 10")
    browser.screenshot(path)
"""

import asyncio
import base64
import itertools
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np

ENVIRONMENT_VARIABLE = "MIMICA_CHROMIUM"
PATIENCE = 30.0


class BrowserError(AssertionError):
    """The browser or its page did not do what was asked."""


def find_chromium() -> str | None:
    """The browser, from MIMICA_CHROMIUM or the path; None where there is none."""
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    names = (named,) if named else ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


def write_camera_clip(video: Path, clip: Path, size: tuple[int, int], *, first: int = 0, images: int = 90) -> Path:
    """Write some images of a video as Motion JPEG, which Chromium takes for a camera of 30 images a second.

    :param size: width and height; the video is cut to fill them.
    """
    reader = cv2.VideoCapture(str(video))
    reader.set(cv2.CAP_PROP_POS_FRAMES, first)
    parts = []
    for _ in range(images):
        good, image = reader.read()
        if not good:
            break
        _good, data = cv2.imencode(".jpg", fill(image, size), [cv2.IMWRITE_JPEG_QUALITY, 90])
        parts.append(data.tobytes())
    reader.release()
    if not parts:
        raise BrowserError(f"{video} cannot be read.")
    # To and fro, so that it has no cut.
    clip.write_bytes(b"".join(parts + parts[-2:0:-1]))
    return clip


def fill(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return an image scaled and cut at its edges to a size (width, height)."""
    height, width = image.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    scaled = cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    left, top = (scaled.shape[1] - size[0]) // 2, (scaled.shape[0] - size[1]) // 2
    return np.ascontiguousarray(scaled[top : top + size[1], left : left + size[0]])


class Browser:
    """A browser with one page. Used from one thread."""

    def __init__(self, folder: Path, clip: Path, *, size: tuple[int, int] = (390, 844), scale: float = 1.0) -> None:
        """Start it: some seconds.

        :param folder: for its profile.
        :param size: of the window in CSS pixels.
        """
        program = find_chromium()
        if program is None:
            raise BrowserError("There is no Chromium here.")
        self._size, self._scale = size, scale
        profile = folder / "chromium"
        options = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-background-timer-throttling",
            "--disable-renderer-backgrounding",
            "--disable-backgrounding-occluded-windows",
            "--ignore-certificate-errors",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={clip}",
            "--autoplay-policy=no-user-gesture-required",
            f"--user-data-dir={profile}",
            "--remote-debugging-port=0",
            f"--window-size={size[0]},{size[1]}",
            "about:blank",
        ]
        folder.mkdir(parents=True, exist_ok=True)
        self._log = (folder / "chromium.log").open("wb")
        self.process = subprocess.Popen(
            [program, *options], stdout=self._log, stderr=subprocess.STDOUT, start_new_session=True
        )
        self._loop = asyncio.new_event_loop()
        self._numbers = itertools.count(1)
        self._http: Any = None
        self._socket: Any = None
        try:
            self._loop.run_until_complete(self._connect(profile / "DevToolsActivePort"))
        except BaseException:
            self.kill()
            raise

    async def _connect(self, port_file: Path) -> None:
        import aiohttp

        limit = time.monotonic() + PATIENCE
        while not port_file.exists() or not port_file.read_text("utf-8").strip():
            if self.process.poll() is not None or time.monotonic() > limit:
                raise BrowserError("Chromium does not start.")
            await asyncio.sleep(0.05)
        port = int(port_file.read_text("utf-8").split()[0])
        self._http = aiohttp.ClientSession()
        while True:
            async with self._http.get(f"http://127.0.0.1:{port}/json") as answer:
                pages = [page for page in await answer.json(content_type=None) if page["type"] == "page"]
            if pages:
                break
            await asyncio.sleep(0.05)
        self._socket = await self._http.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0)
        width, height = self._size
        screen = {"width": width, "height": height, "deviceScaleFactor": self._scale, "mobile": True}
        await self._ask("Emulation.setDeviceMetricsOverride", screen)
        await self._ask("Page.enable", {})

    async def _ask(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(PATIENCE):
            while True:
                message = await self._socket.receive_json()
                if message.get("id") == number:
                    break
        if "error" in message:
            raise BrowserError(f"{method}: {message['error']}")
        return message["result"]

    def order(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give an order of the DevTools protocol and return its result."""
        return self._loop.run_until_complete(self._ask(method, parameters))

    def open(self, address: str) -> None:
        """Go to an address."""
        result = self.order("Page.navigate", url=address)
        if result.get("errorText"):
            raise BrowserError(f"The page does not open: {result['errorText']}")
        self.wait_until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression on the page."""
        result = self.order("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise BrowserError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait_until(self, expression: str, seconds: float = PATIENCE) -> Any:
        """Wait until an expression is true on the page; returns its value."""
        limit = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            if time.monotonic() > limit:
                state = self.evaluate("JSON.stringify(window.mimica || null)")
                raise BrowserError(f"Not within {seconds:g} s: {expression}; the page: {str(state)[:300]}")
            time.sleep(0.05)
        return value

    def click(self, selector: str) -> None:
        """Click an element as a finger would, where it is on the screen."""
        box = f"document.querySelector({selector!r}).getBoundingClientRect()"
        place = self.evaluate(f"(r => [r.x + r.width / 2, r.y + r.height / 2])({box})")
        for kind in ("mousePressed", "mouseReleased"):
            self.order("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def slide(self, selector: str, value: float) -> None:
        """Set a slider."""
        slider = f"document.querySelector({selector!r})"
        self.evaluate(f"(e => {{ e.value = {value}; e.dispatchEvent(new Event('input')); }})({slider})")

    def screenshot(self, path: Path) -> Path:
        """Save what the page shows as PNG."""
        data = base64.b64decode(self.order("Page.captureScreenshot", format="png")["data"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def kill(self) -> None:
        """End it as a phone's battery does: at once, without a word to anybody."""
        if self.process.poll() is None:
            # Its own session: the browser and the processes of its pages, nobody else.
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._close()

    def close(self) -> None:
        """Quit, as when the user closes the page."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                pass
        self.kill()

    def _close(self) -> None:
        async def close() -> None:
            if self._http is not None:
                await self._http.close()

        if not self._loop.is_closed():
            self._loop.run_until_complete(close())
            self._loop.close()
            self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
