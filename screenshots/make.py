"""Takes the pictures of this folder from the demo: `python screenshots/make.py [NAME...]`.

Chromium draws the PNGs.
Each picture is a story on a fresh demo: the keys pressed, texts waited for on the way (`@`), and one that
tells when the screen is ready.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from tui.terminal.setup import prepare  # noqa: E402 - before Textual is imported

prepare()

from backend import Check, Progress, demo_root, open_engine  # noqa: E402
from tests.tui.support.user import User  # noqa: E402
from tui.app import Looks, SnapstowApp  # noqa: E402
from tui.session.place import Place  # noqa: E402
from tui.terminal import themes  # noqa: E402

SIZES = {"120x40": (120, 40), "80x24": (80, 24)}
THEMES = (themes.DARK, themes.LIGHT)
STORIES = {
    "inventory": ((), "#1"),
    "opened": (("end", "enter"), "▸ #1 "),
    "restore": (("end", "r"), "READY"),
    "save": (("s",), "last time"),
    "check": (("end", "c"), "same as"),
    "forget": (("end", "f"), "type 1"),
    "export": (("end", "e"), "same as"),
    "import": (("i",), "Import"),
    "jobs": (("J",), "restore"),
    "contents": (
        ("end", "enter", "down", "down", "enter", "@common data", "down", "enter", "@data", "enter"),
        "IMG_0000",
    ),
    "compare": (("end", "enter", "down", "down", "d"), "newer-than"),
    "find": (("F", *"notes-0*", "enter"), "notes-00"),
    "palette": (("colon",), "Find"),
    "help": (("question_mark",), "Restore"),
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


async def picture(root: str, keys: tuple[str, ...], ready: str, look: tuple[str, tuple[int, int]]) -> str:
    """The SVG of a screen after some keys."""
    theme, size = look
    app = SnapstowApp(Place(open_engine(root), ("--demo",)), Looks(theme))
    async with app.run_test(size=size) as pilot:
        user = User(app, pilot)
        await user.sees("#1")
        for key in keys:
            await (user.sees(key[1:]) if key.startswith("@") else user.presses(key))
        await user.sees(ready)
        await user.waits()
        return app.export_screenshot(title="snapstow --demo")


def to_png(svg: Path, browser: str) -> None:
    """Draw an SVG with a headless browser, at twice its size."""
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg.read_text())
    assert found is not None
    width, height = (round(float(number)) for number in found.groups())
    with tempfile.TemporaryDirectory() as home:
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += ["--disable-background-networking", f"--user-data-dir={home}"]
        command += [
            f"--window-size={width},{height}",
            f"--screenshot={svg.with_suffix('.png')}",
            svg.as_uri(),
        ]
        subprocess.run(command, check=True, capture_output=True)


def main() -> int:
    """Take every picture in every size and theme."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    os.environ["XDG_DATA_HOME"] = "/tmp/pictures"
    root = demo_root(anew=True)
    os.chdir(root)
    open_engine(root).check(Check(1), Progress())
    open_engine(root).check(Check(7), Progress())
    for name in sys.argv[1:] or STORIES:
        keys, ready = STORIES[name]
        for size, cells in SIZES.items():
            for theme in THEMES:
                svg = HERE / f"{name}-{size}-{theme}.svg"
                svg.write_text(asyncio.run(picture(root, keys, ready, (theme, cells))))
                if browser:
                    to_png(svg, browser)
                print(svg.name)
    if not browser:
        print("no PNGs: Chromium is not installed", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
