"""With every warning an error and all of Python's own checks on, the command has nothing to add."""

from pathlib import Path

from tests.support.builders import World
from tests.tui.support.driver import Snapstow

STRICT = ("-W", "error", "-X", "dev")
STORY = (
    "saved",
    "--json saved --id 1",
    "save",
    "check-snapshot 1 --structure",
    "check-snapshot --all",
    "ls 1",
    "find f",
    "diff 1 live hello",
    "cat 1 hello:x1/f",
    "estimate",
    "restore 1 --plan",
    "restore 1 --no-undo",
    "export-snapshot 1 {root}/out --checksum",
    "forget 1 --now",
    "import-snapshot {root}/out",
    "jobs",
    "undo --list",
    "doctor",
    "help restore",
    "browse --plain",
)


def test_no_command_has_anything_to_add(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "system"}, users={"alice": {"n": "hers"}})
    world.write_state()
    world.add(1, "hello", {"x1": {"f": "then"}, "common": {}}, users={"alice": {"common": {"n": "then"}}})
    endings = {}
    for line in STORY:
        done = Snapstow(world).process(*line.format(root=world.root).split(), python=STRICT)
        endings[line] = (done.returncode, done.stderr.decode())
    freed = endings.pop("forget 1 --now")
    assert (freed[0], freed[1].endswith(" are free.\n"), freed[1].count("\n")) == (0, True, 1)
    assert set(endings.values()) == {(0, "")}
