"""The two places that are measured: one under the real snapd, and its twin with the same data for us."""

import http.client
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backend.engine import FilesEngine
from backend.engine.select import files_engine
from backend.model import Snapshot
from backend.progress import Progress
from tests.bench.corpus import Corpus
from tests.support import TOP
from tests.support.realsnapd import RealSnapd
from tests.support.snapdrest import UnixConnection

HERE = TOP
POLL = 0.005
COMMAND = "import sys; from tui.cli.main import main; sys.exit(main())"
FOUR = ("one", "two", "three", "four")


class Daemon:
    """A running snapd, asked over its socket as closely as a client can."""

    def __init__(self, snapd: RealSnapd) -> None:
        self.snapd = snapd
        self.folder = snapd.snapshots

    def wait(self, answer: Any) -> None:
        """Return as soon as a change is ready; RuntimeError where it went wrong."""
        if answer["type"] != "async":
            raise RuntimeError(str(answer))
        while True:
            change = self.snapd.api("GET", f"/v2/changes/{answer['change']}")["result"]
            if change["ready"]:
                break
            time.sleep(POLL)
        if change["status"] != "Done":
            raise RuntimeError(f"{change['status']}: {change.get('err')}")

    def save(self, *snaps: str) -> int:
        """Save some snaps; the set's id."""
        answer = self.snapd.api("POST", "/v2/snaps", {"action": "snapshot", "snaps": snaps})
        self.wait(answer)
        return int(answer["result"]["set-id"])

    def act(self, action: str, set_id: int) -> None:
        """Check, restore or forget a set."""
        self.wait(self.snapd.api("POST", "/v2/snapshots", {"set": set_id, "action": action}))

    def settle(self) -> None:
        """Return when what a change leaves to be cleaned up has been cleaned up, as far as can be seen."""
        while list(self.snapd.base.glob("var/snap/*/*~")):
            time.sleep(0.05)

    def export(self, set_id: int, path: str) -> None:
        """Write an export to a file."""
        connection = UnixConnection(self.snapd.socket)
        connection.request("GET", f"/v2/snapshots/{set_id}/export")
        with connection.getresponse() as response, open(path, "wb") as file:
            shutil.copyfileobj(response, file, 1 << 20)
        connection.close()

    def take_in(self, path: str) -> int:
        """Import a file; the set's id."""
        connection = UnixConnection(self.snapd.socket)
        with open(path, "rb") as file:
            connection.putrequest("POST", "/v2/snapshots")
            connection.putheader("Content-Type", "application/x.snapd.snapshot")
            connection.putheader("Content-Length", str(os.path.getsize(path)))
            connection.endheaders()
            connection.sock.sendfile(file)
            answer = _json(connection.getresponse())
        connection.close()
        return int(answer["result"]["set-id"])

    def listing(self) -> bytes:
        """All sets, as JSON."""
        return self.snapd.raw("GET", "/v2/snapshots")[1]

    def command(self, *arguments: str) -> None:
        """The real `snap` command, whole."""
        done = self.snapd.cli(*arguments)
        if done.returncode:
            raise RuntimeError(done.stderr)


def _json(response: http.client.HTTPResponse) -> Any:
    import json

    return json.loads(response.read())


class Ours:
    """Our engine and our command below another root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "var/lib/snapd/snapshots"

    def engine(self) -> FilesEngine:
        """A new engine that knows nothing yet."""
        return files_engine(str(self.root))

    def command(self, *arguments: str) -> None:
        """The whole command in a process of its own, started as an installed one is."""
        run_command([sys.executable, "-c", COMMAND, "--root", str(self.root), *arguments])

    def newest(self) -> int:
        """The id of the last set."""
        return self.engine().store.last_set_id()

    def forget(self, set_id: int) -> None:
        """Remove a set."""
        store = self.engine().store
        store.forget(
            [snapshot for group in store.list_sets(set_id) for snapshot in group.snapshots], Progress()
        )

    def tidy(self) -> None:
        """Remove what restores keep so that they can be undone (they are asked to keep it for a second)."""
        time.sleep(1.1)
        self.engine().tidy(Progress())

    def read(self, set_id: int) -> tuple[Snapshot, ...]:
        """The snapshots of a set."""
        return self.engine().sets(set_id)[0].snapshots


def environment() -> dict[str, str]:
    """What our commands run with: bytecode is kept, as it is in an installed package."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return {**kept, "LC_ALL": "C.UTF-8"}


def run_command(command: Sequence[str]) -> None:
    """Run a program of ours quietly; RuntimeError with what it said where it failed."""
    done = subprocess.run(command, cwd=HERE, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr or done.stdout}")


def furnish(base: Path, corpus: Corpus, size: int) -> RealSnapd:
    """A world with `big`, `shared` (four owners) and four equal snaps, each of them `size` in all."""
    base.mkdir()
    snapd = RealSnapd(str(base))
    corpus.fill(snapd.install("big") / "common/data", size)
    corpus.fill(snapd.install("shared") / "common/data", size // 4)
    for user in snapd.users:
        corpus.fill(snapd.furnish_user(user, "shared") / "common/data", size // 4)
        snapd.give(snapd.data("shared", user), user)
    for snap in FOUR:
        corpus.fill(snapd.install(snap) / "common/data", size // 4)
    return snapd


@contextmanager
def folder_for(place: str) -> Iterator[Path]:
    """A short-named folder that is removed at the end."""
    path = Path(place) / f"sb-{os.getpid()}"
    path.mkdir(mode=0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def twin(of: Path, at: Path) -> Ours:
    """The same world once more, which no daemon looks after."""
    subprocess.run(["cp", "-a", str(of), str(at)], check=True)
    return Ours(at)
