"""Takes the pictures of this folder from the demo: `python screenshots/make.py [NAME...]`.

Needs Chromium, which draws what Textual exports, and Pillow (`pip install '.[pictures]'`), which makes it
small. A picture is a story on a fresh demo: the keys pressed, texts waited for on the way (`@`), and one that
tells when the screen is ready. `story.gif` is several of them, one after the other on the same screen.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from tui.terminal.setup import prepare  # noqa: E402 - before Textual is imported

prepare()

from PIL import Image  # noqa: E402 - after the path is set

from backend import Save, demo_config, demo_root, open_engine  # noqa: E402 - after the path is set
from backend.engine import perform_recorded  # noqa: E402 - after the path is set
from tests.tui.support.user import User  # noqa: E402 - after the path is set
from tui.app import Looks, SnapstowApp  # noqa: E402 - after the path is set
from tui.session.place import Place  # noqa: E402 - after the path is set
from tui.terminal import themes  # noqa: E402 - after the path is set

WIDE, NARROW = (120, 40), (80, 24)
COLOURS = 256
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LARGE = 2_400_000_000
MIDDLE = 4.2  # seconds after which a restore of that is in the middle
PATIENCE = 30.0
WORKER = b"backend.jobs.worker"
SETTLE = "settle"


class Story(NamedTuple):
    """Keys that lead to a screen, and a text that tells that it is there."""

    keys: tuple[str, ...]
    ready: str


STORIES = {
    "inventory": Story((), "#1"),
    "opened": Story(("end", "l"), "▾ #1"),
    "restore": Story(("end", "r"), "READY"),
    "save": Story(("s",), "last time"),
    "check": Story(("end", "c"), "same as"),
    "forget": Story(("end", "f"), "Enter Forget"),
    "export": Story(("end", "e"), "same as"),
    "import": Story(("i",), "Import"),
    "jobs": Story(("J",), "restore"),
    "contents": Story(
        ("end", "enter", "down", "down", "enter", "@common data", "down", "enter", "@data", "enter"),
        "IMG_0000",
    ),
    "compare": Story(("end", "enter", "down", "down", "d"), "newer-than"),
    "care": Story(("exclamation_mark",), "What needs attention"),
    "losses": Story(("end", "r", "@READY", "l"), "would lose"),
    "compare-sets": Story(("end", "space", "up", "space", "d"), "only in #1"),
    "find": Story(("F", *"notes", "enter"), "notes-00"),
    "copies": Story(("t", "@Repository", "a", "@web1", "c", "@Check 1 copy", "escape"), "4 copies"),
    "push": Story(("asterisk", "P"), "there already"),
    "prune": Story(("colon", *"prune", "@Prune", "enter"), "same as"),
    "palette": Story(("colon",), "Find"),
    "help": Story(("question_mark",), "Restore"),
}
NARROW_TOO = ("inventory", "restore", "jobs", "contents", "compare")
LIGHT_TOO = ("inventory", "restore")
IN_TERMINAL_COLOURS = ("inventory",)
MOMENTS = ("running", "story")


def wanted_pictures() -> Iterator[tuple[str, Story, tuple[int, int], str]]:
    """Every still picture: its name, story, size and theme."""
    for name, story in STORIES.items():
        yield name, story, WIDE, themes.DARK
    for names, size, theme in (
        (NARROW_TOO, NARROW, themes.DARK),
        (LIGHT_TOO, WIDE, themes.LIGHT),
        (IN_TERMINAL_COLOURS, WIDE, themes.TERMINAL),
    ):
        for name in names:
            yield name, STORIES[name], size, theme


@asynccontextmanager
async def screens(root: str, size: tuple[int, int], theme: str) -> AsyncIterator[User]:
    """Somebody at the screens of a demo."""
    app = SnapstowApp(Place(open_engine(root, "auto", demo_config(root)), ("--demo",)), Looks(theme))
    async with app.run_test(size=size) as pilot:
        user = User(app, pilot)
        await user.sees("#1")
        yield user


async def tell(user: User, keys: Sequence[str], ready: str) -> str:
    """Press keys, and return the screen as SVG once it is ready."""
    for key in keys:
        if key == SETTLE:
            await asyncio.sleep(0.6)  # no key acts on a row that has just come under the cursor
        else:
            await (user.sees(key[1:]) if key.startswith("@") else user.presses(key))
    await user.sees(ready)
    await asyncio.sleep(0.6)  # previews wait for the cursor to rest
    await user.waits()
    return drawn(user)


def drawn(user: User) -> str:
    """The screen as SVG."""
    return user.app.export_screenshot(title="snapstow --demo")


async def still(root: str, story: Story, size: tuple[int, int], theme: str) -> str:
    """The screen that a story leads to."""
    async with screens(root, size, theme) as user:
        return await tell(user, story.keys, story.ready)


async def running(root: str) -> str:
    """A restore in the middle: its worker is held while the picture is taken."""
    engine = open_engine(root)
    data = Path(engine.layout.root, "var/snap/nextcloud/common/data")
    for number in range(4):
        (data / f"film-{number}.mkv").write_bytes(os.urandom(LARGE // 4))
    number = perform_recorded(Save(("nextcloud",)), engine, lambda _job: lambda _event: None).set_id
    (data / "film-0.mkv").unlink()
    async with screens(root, WIDE, themes.DARK) as user:
        await user.presses("home")
        await tell(user, (SETTLE, "r"), "READY")
        with held_worker():
            await user.presses(*str(number), "enter", "J")
            await user.sees(" left")
            return drawn(user)


@contextmanager
def held_worker() -> Iterator[None]:
    """Stop the next worker of a job in the middle of its work, and let it go on afterwards."""
    held: list[int] = []
    thread = threading.Thread(target=hold_worker, args=(held,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        for pid in held:
            os.kill(pid, signal.SIGCONT)


def hold_worker(held: list[int]) -> None:
    """Wait for a worker, and stop it a moment later."""
    end = time.monotonic() + PATIENCE
    while not held and time.monotonic() < end:
        time.sleep(0.01)
        held += [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if is_worker(path)]
    time.sleep(MIDDLE)
    for pid in held:
        os.kill(pid, signal.SIGSTOP)


def is_worker(path: Path) -> bool:
    """Whether a command line is that of a job's process."""
    try:
        return WORKER in path.read_bytes()
    except OSError:
        return False


def to_image(svg: str, browser: str) -> Image.Image:
    """Draw an SVG with a headless browser, in few colours."""
    match = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert match is not None
    width, height = (round(float(number)) for number in match.groups())
    with tempfile.TemporaryDirectory() as home:
        source, target = Path(home, "screen.svg"), Path(home, "screen.png")
        source.write_text(svg)
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += ["--disable-background-networking", f"--user-data-dir={home}"]
        command += [f"--window-size={width},{height}", f"--screenshot={target}", source.as_uri()]
        subprocess.run(command, check=True, capture_output=True)
        with Image.open(target) as image:
            return in_few_colours(image.convert("RGB"))


def in_few_colours(image: Image.Image) -> Image.Image:
    """The same with a palette: the colours that are seen most as they are, the shades between them near."""
    counts = sorted(image.getcolors(1 << 24) or [], reverse=True)
    palette = Image.new("P", (1, 1))
    palette.putpalette([tone for _, colour in counts[:COLOURS] for tone in colour])
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


def fresh_demo() -> str:
    """A new demo."""
    root = demo_root(anew=True)
    os.chdir(root)
    return root


def main() -> int:
    """Take every picture, or those that are named."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("cannot take pictures: Chromium is not installed", file=sys.stderr)
        return 1
    chosen = sys.argv[1:] or [*STORIES, *MOMENTS]
    with tempfile.TemporaryDirectory() as home:
        os.environ["XDG_DATA_HOME"] = home
        root = fresh_demo()
        for name, story, size, theme in wanted_pictures():
            if name in chosen:
                path = HERE / f"{name}-{size[0]}x{size[1]}-{theme}.png"
                to_image(asyncio.run(still(root, story, size, theme)), browser).save(path, optimize=True)
                print(path.name)
        if "story" in chosen:
            take_story(fresh_demo(), browser)
        if "running" in chosen:
            path = HERE / "running-120x40-dark.png"
            to_image(asyncio.run(running(fresh_demo())), browser).save(path, optimize=True)
            print(path.name)
        os.chdir(HERE)
    return 0


def take_story(root: str, browser: str) -> None:
    """The story of the README: save, break, compare, restore, undo."""
    frames = asyncio.run(story_frames(root))
    images = [to_image(svg, browser) for svg, _ in frames]
    path = HERE / "story.gif"
    images[0].save(
        path,
        save_all=True,
        append_images=images[1:],
        duration=[milliseconds for _, milliseconds in frames],
        loop=0,
        optimize=True,
    )
    print(path.name, f"{path.stat().st_size:,} bytes")


async def story_frames(root: str) -> list[tuple[str, int]]:
    """Each screen of the story, and for how many milliseconds it is shown."""
    frames: list[tuple[str, int]] = []
    data = Path(root, "var/snap/nextcloud/common/data")
    async with screens(root, (100, 30), themes.DARK) as user:

        async def shows(keys: Sequence[str], ready: str, milliseconds: int = 1800) -> None:
            """Go on with some keys, and keep what is seen then."""
            frames.append((await tell(user, keys, ready), milliseconds))

        await shows((), "#1")
        await shows(("s",), "last time")
        await shows(("enter",), "Saved as #11")
        for path in sorted(data.iterdir())[:3]:
            path.unlink() if path.is_file() else shutil.rmtree(path)
        await shows((SETTLE, "l", "down", "down", "d"), "IMG_0002", 2800)
        await shows(("escape", "r"), "READY", 2500)
        await shows((*"11", "enter"), "Restored #11", 2500)
        await shows(("u",), "Undo job")
        await shows(("enter",), "Undone", 3500)
    return frames


if __name__ == "__main__":
    sys.exit(main())
