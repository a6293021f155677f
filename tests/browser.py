"""A headless Chromium that tests steer by its DevTools protocol, over two pipes: a window as narrow as a phone's, which
the command line cannot ask for, and what a page looks like and says in it."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

QUIET = ("no-first-run", "disable-background-networking", "disable-component-update", "disable-sync", "disable-quic")
WAIT = 60.0  # seconds
WIDER = """[...document.querySelectorAll("body *")].filter((one) => {
  const box = one.getBoundingClientRect();
  if (!box.width || box.right <= WIDTH + 1 && box.left >= -1) return false;
  for (let around = one.parentElement; around; around = around.parentElement)
    if (getComputedStyle(around).overflowX !== "visible" && around !== document.body) return false;
  return getComputedStyle(one).position !== "fixed" && box.right > WIDTH + 1;
}).map((one) => one.tagName + "." + one.className)"""

needs_chromium = pytest.mark.skipif(
    not shutil.which("chromium"), reason="chromium, which shows a page as a reader sees it, is not installed"
)


class Browser:
    """One tab; ``complaints`` are what its pages' scripts threw or logged since the last `open`."""

    def __init__(self, profile: Path) -> None:
        (hears, asks), (told, tells) = os.pipe(), os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (hears, tells)]  # not 3 or 4, which they become
        options = ["headless", "no-sandbox", "disable-gpu", "remote-debugging-pipe", f"user-data-dir={profile}", *QUIET]
        command = ["bash", "-c", f'exec "$@" 3<&{ends[0]} 4>&{ends[1]}', "bash", "chromium"]
        self.process = subprocess.Popen(
            [*command, *(f"--{option}" for option in options), "about:blank"],
            pass_fds=ends, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for end in (hears, tells, *ends):
            os.close(end)
        self.reads, self.writes, self.left, self.count = told, asks, b"", 0
        self.width = 0
        self.session: str | None = None
        self.complaints: list[str] = []
        self.events: list[dict[str, Any]] = []
        page = next(one for one in self.call("Target.getTargets")["targetInfos"] if one["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(WAIT)
        os.close(self.reads)
        os.close(self.writes)

    def call(self, method: str, **parameters: Any) -> Any:
        """What a method of the protocol gives."""
        self.count += 1
        asked = {"id": self.count, "method": method, "params": parameters}
        session = {"sessionId": self.session} if self.session else {}
        os.write(self.writes, json.dumps(asked | session).encode() + b"\0")
        while (found := self._message()).get("id") != self.count:
            self.events.append(found)
        assert "error" not in found, (method, found["error"])
        return found["result"]

    def open(self, address: str, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Show a page in a window of this size; narrow ones are a phone's. Returns when it has loaded and is still."""
        self.width, phone = width, width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.complaints, self.events = [], []
        self.call("Page.navigate", url=address)
        self._wait("Page.loadEventFired")
        self.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, awaited where it is a promise."""
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        self._collect()
        return found["result"].get("value")

    def until(self, expression: str) -> Any:
        """The value of an expression as soon as it is true."""
        end = time.monotonic() + WAIT
        while not (found := self.evaluate(expression)):
            assert time.monotonic() < end, expression
            time.sleep(0.05)
        return found

    def overflow(self) -> tuple[int, list[str]]:
        """How many pixels the page is wider than its window, and the elements that stand out and cannot be scrolled."""
        past = self.evaluate("document.documentElement.scrollWidth") - self.width  # a phone's innerWidth grows with it
        return max(0, past), self.evaluate(WIDER.replace("WIDTH", str(self.width))) if past > 0 else []

    def picture(self, path: Path, whole: bool = True) -> None:
        """Write what the page looks like as a PNG file."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=whole, clip=self._page()) if whole else (
            self.call("Page.captureScreenshot")
        )  # fmt: skip
        path.write_bytes(base64.b64decode(shot["data"]))

    def _page(self) -> dict[str, float]:
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 12000), "scale": 1}

    def _wait(self, event: str) -> None:
        while not any(found.get("method") == event for found in self.events):
            self.events.append(self._message())

    def _collect(self) -> None:
        for found in self.events:
            if found.get("method") in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
                self.complaints.append(json.dumps(found["params"]))
        self.events = []

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self.left:
            ready, _, _ = select.select([self.reads], [], [], WAIT)
            assert ready, "chromium does not answer"
            more = os.read(self.reads, 1 << 20)
            assert more, "chromium has ended"
            self.left += more
        found, _, self.left = self.left.partition(b"\0")
        return json.loads(found)
