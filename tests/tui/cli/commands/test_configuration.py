"""config and repo: what they show, what they refuse, and that nothing secret is printed."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.agekeys import library_key
from tests.tui.support.command_world import make_snapstow, make_world
from tests.tui.support.driver import Done, Snapstow

world = pytest.fixture(make_world)
snapstow = pytest.fixture(make_snapstow)


@pytest.fixture(name="file")
def configuration(tmp_path: Path) -> Path:
    file = tmp_path / "config.toml"
    file.write_text("")
    return file


def run(snapstow: Snapstow, file: Path, *arguments: str) -> Done:
    return snapstow(f"--config={file}", *arguments)


def test_repository_is_added_tried_listed_and_removed(snapstow: Snapstow, file: Path, tmp_path: Path) -> None:
    assert run(snapstow, file, "repo").out == "No repository is configured: see snapstow help repo.\n"
    added = run(snapstow, file, "repo", "add", "offsite", str(tmp_path / "backups"))
    assert added.out == f"Repository offsite is in {file}.\n"
    assert "Its copies are not encrypted" in added.err
    assert added.err.endswith(f"--config {file} repo test offsite\n")
    tried = run(snapstow, file, "repo", "test", "offsite")
    assert tried.code == 0
    assert tried.out.endswith(f"offsite (file://{tmp_path}/backups) can keep copies.\n")
    assert [*(tmp_path / "backups").rglob("*")] == []
    assert run(snapstow, file, "repo", "list").out.splitlines()[1].split() == [
        *("offsite", f"file://{tmp_path}/backups", "no", "yes")
    ]
    assert run(snapstow, file, "repo", "remove", "offsite").code == 0
    assert run(snapstow, file, "repo", "remove", "offsite").code == 1


def test_keys_are_tried_when_a_repository_is(snapstow: Snapstow, file: Path, tmp_path: Path) -> None:
    mine, other = library_key(tmp_path / "mine"), library_key(tmp_path / "other")
    line = ["repo", "add", "x", str(tmp_path / "x"), f"--recipient={mine.recipient}", "--identity"]
    added = run(snapstow, file, *line, other.identity)
    assert "Note: cannot decrypt with" in added.err
    assert run(snapstow, file, "config", "check").code == 1
    run(snapstow, file, "repo", "remove", "x")
    assert "Note:" not in run(snapstow, file, *line, mine.identity).err
    assert run(snapstow, file, "config", "check").code == 0
    assert run(snapstow, file, "repo", "test", "x").code == 0


@pytest.mark.parametrize(
    ("line", "code", "text"),
    [
        ("repo add x ftp://host", 5, "is no address; expected file:///PATH"),
        ("repo add X! /tmp/x", 5, "that is no name"),
        ("repo add x", 2, "a URL goes with add, and only with that"),
        ("repo test x /tmp", 2, "a URL goes with add, and only with that"),
        ("repo remove", 2, "the required argument `<name>` was not provided"),
        ("repo list x", 2, "a list is of all repositories"),
        ("repo frob", 2, "list, add, remove, test"),
        ("repo test nosuch", 5, 'no repository "nosuch" is configured (there are: none)'),
        ("config frob", 2, "show, check"),
    ],
)
def test_mistakes_are_told(snapstow: Snapstow, file: Path, line: str, code: int, text: str) -> None:
    done = run(snapstow, file, *line.split())
    assert done.code == code
    assert text in done.err
    assert file.read_text() == ""


def test_config_shows_what_is_set_and_where_and_no_secret(snapstow: Snapstow, file: Path) -> None:
    assert run(snapstow, file, "config").out == f"Nothing is configured in {file}.\n"
    file.write_text(
        '[retention]\nkeep_last = 3\n\n[schedules.nightly]\nwhen = "daily"\nsteps = ["save"]\n'
        'notify = ["json://user:hidden@localhost"]\n'
    )
    file.chmod(0o600)
    done = run(snapstow, file, "config")
    rows = [line.split() for line in done.out.splitlines()]
    assert ["retention.keep_last", "3", "2"] in rows
    document: Any = run(snapstow, file, "--json", "config").document
    assert document["settings"][0] == {"key": "retention.keep_last", "value": "3", "line": 2}
    assert not any("hidden" in text for text in (done.out, done.err, str(document)))


def test_check_tells_every_mistake_that_reading_does_not(snapstow: Snapstow, file: Path) -> None:
    file.write_text(
        '[repositories.a]\nurl = "file:///a"\nidentity = "/nowhere"\n'
        '[schedules.x]\nwhen = "whenever"\nsteps = ["save --frob"]\n'
    )
    done = run(snapstow, file, "config", "check")
    assert done.code == 1
    assert "there is no identity /nowhere" in done.err
    assert 'schedule x, step 1, "save --frob"' in done.err
    document: Any = run(snapstow, file, "--json", "config", "check").document
    assert len(document["troubles"]) >= 2


def test_file_that_cannot_be_understood_stops_no_listing(snapstow: Snapstow, file: Path) -> None:
    file.write_text("[repositories\n")
    assert snapstow(f"--config={file}", "saved").code == 0
    done = run(snapstow, file, "config")
    assert done.code == 5
    assert done.err.startswith(f"error: {file}: ")
