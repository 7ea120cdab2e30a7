"""What the jobs screen looks up: the log of a job."""

from pathlib import Path

from backend.operations import Check
from tests.support.builders import World
from tui.session.job_poller import Log


def test_the_log_of_a_failed_check_lists_what_failed(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    world.add(1, "hello", {"x1": {"a": "b"}}, sums={"archive.tgz": "0" * 96})
    world.do(Check(1))
    log = Log(lambda: world.engine.journal.record(1))
    for _ in range(2):
        *_, last = log.look()
        assert last.startswith("✗ #1 hello archive.tgz: ")
