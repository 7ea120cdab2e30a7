"""The journals of other users: whatever they put there is looked at without harm, and never acted upon."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.errors import NotAllowedError, NotFoundError
from backend.fs.mounts import Mount
from backend.host.layout import Layout
from backend.jobs.journal import Journal
from backend.jobs.other_users import ForeignJournal, journals
from backend.jobs.record import JobState
from backend.jobs.result import JobResult
from backend.jobs.runner import Follower, Runner
from backend.model import User
from backend.operations import Check, Save, to_json
from backend.progress import Progress
from tests.support.builders import World, plant
from tests.support.descriptors import descriptors

ME = os.geteuid()
THEM = 12001 if ME == 0 else ME


class People:
    """Accounts that are listed as they were given."""

    def __init__(self, *users: User) -> None:
        self._users = users

    def by_name(self, name: str) -> User | None:
        raise NotImplementedError

    def by_uid(self, uid: int) -> User | None:
        raise NotImplementedError

    def everyone(self) -> list[User]:
        return list(self._users)


class Theirs:
    """A user's home with a journal in it for the root of `world`."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder / "root")
        self.layout = Layout(str(self.world.root))
        self.home = folder / "alice"
        self.user = User("alice", THEM, THEM, str(self.home))
        self.state = self.home / ".local/state" / self.layout.own_name
        self.jobs = self.state / "jobs"
        plant(self.home, {".local": {"state": {}}})
        self.jobs.mkdir(parents=True)
        self.owned()

    def owned(self) -> None:
        for place in (self.home, *self.home.rglob("*")):
            os.chown(place, THEM, THEM, follow_symlinks=False)

    def job(self, number: int, **documents: Any) -> Path:
        """A job with these documents, as texts or values; `operation` is the operation itself."""
        folder = self.jobs / str(number)
        header = {
            "operation": documents.pop("operation", to_json(Save())),
            "started": 1000.0,
            "uid": 0,
            "pid": 1,
        }
        contents = {
            "operation.json": header,
            **{f"{name}.json": document for name, document in documents.items()},
        }
        texts = {
            name: document if isinstance(document, str) else json.dumps(document)
            for name, document in contents.items()
        }
        plant(folder, {"alive": "", **texts})
        self.owned()
        return folder

    def seen_journals(self) -> list[ForeignJournal]:
        return journals(self.layout, People(self.user))

    @property
    def journal(self) -> ForeignJournal:
        return ForeignJournal(self.user, f".local/state/{self.layout.own_name}")


@pytest.fixture
def theirs(tmp_path: Path) -> Theirs:
    return Theirs(tmp_path)


as_root = pytest.mark.skipif(ME != 0, reason="only root looks at others, and can make files of theirs")


@as_root
def test_root_sees_the_jobs_that_others_keep_for_the_same_root(theirs: Theirs) -> None:
    theirs.job(3, operation=to_json(Check(7)), result={"state": "failed", "error": "no luck"})
    theirs.job(4)
    (journal,) = theirs.seen_journals()
    first, second = journal.records()
    assert (first.name, first.owner, first.uid, first.pid) == ("alice/3", "alice", THEM, 0)
    assert (first.state, first.verb) == (JobState.FAILED, "check-snapshot")
    assert second.state is JobState.INTERRUPTED
    assert journal.record(4) == second
    with pytest.raises(NotFoundError, match="no job alice/9"):
        journal.record(9)


@as_root
def test_a_job_that_lives_is_seen_to_and_can_be_followed(theirs: Theirs) -> None:
    folder = theirs.job(1)
    (folder / "events.jsonl").write_text('{"event":"noted","text":"so far"}\n')
    theirs.owned()
    with open(folder / "alive") as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)
        (record,) = theirs.journal.records()
        assert record.state is JobState.RUNNING
        assert [event["text"] for event in Follower(record).news()] == ["so far"]


@as_root
def test_nothing_of_theirs_makes_us_do_anything(theirs: Theirs) -> None:
    theirs.job(1)
    (record,) = theirs.journal.records()
    assert not record.is_private
    with pytest.raises(NotAllowedError, match="it is alice's; alice can, with: snapstow stop 1"):
        Runner(theirs.world.engine.journal, []).stop(record)
    engine = theirs.world.engine
    assert engine.tidy(Progress()) == []
    assert theirs.journal.records() == [record]


@as_root
def test_whose_folder_it_is_counts(theirs: Theirs, tmp_path: Path) -> None:
    """A folder of somebody else in alice's home is not alice's."""
    folder = theirs.job(1)
    os.chown(folder, THEM + 1, THEM + 1)
    assert theirs.journal.records() == []
    theirs.owned()
    assert len(theirs.journal.records()) == 1
    os.chown(theirs.jobs, 0, 0)
    assert theirs.journal.records() == []


@as_root
@pytest.mark.parametrize("part", [".local", ".local/state", "JOBS", "JOBS/1", "JOBS/1/operation.json"])
def test_no_link_is_followed(theirs: Theirs, part: str, tmp_path: Path) -> None:
    theirs.job(1)
    place = theirs.home / part.replace("JOBS", str(theirs.jobs.relative_to(theirs.home)))
    elsewhere = tmp_path / "elsewhere"
    shutil.move(place, elsewhere)
    place.symlink_to(elsewhere)
    os.chown(place, THEM, THEM, follow_symlinks=False)
    assert [record for journal in theirs.seen_journals() for record in journal.records()] == []


@as_root
def test_events_behind_a_link_are_not_read(theirs: Theirs, tmp_path: Path) -> None:
    folder = theirs.job(1)
    (record,) = theirs.journal.records()
    secret = tmp_path / "secret"
    secret.write_text('{"event":"noted","text":"secret"}\n')
    (folder / "events.jsonl").symlink_to(secret)
    assert list(Follower(record).news()) == []
    (folder / "events.jsonl").unlink()
    os.link(secret, folder / "events.jsonl")  # not alice's own
    assert list(Follower(record).news()) == []
    shutil.move(folder, tmp_path / "moved")
    folder.symlink_to(tmp_path / "moved")
    assert list(Follower(record).news()) == []


@as_root
@pytest.mark.parametrize("name", ["operation.json", "result.json", "alive", "events.jsonl"])
@pytest.mark.parametrize("what", ["fifo", "directory", "huge", "closed"])
def test_odd_or_oversized_records_are_passed_over(theirs: Theirs, name: str, what: str) -> None:
    folder = theirs.job(1, result={"state": "done"})
    theirs.job(2)
    path = folder / name
    path.unlink(missing_ok=True)
    if what == "fifo":
        os.mkfifo(path)
    elif what == "directory":
        path.mkdir()
    else:
        path.touch(0o600 if what == "huge" else 0)
        os.truncate(path, 1 << 40)
    theirs.owned()
    numbers = [record.id for record in theirs.journal.records()]
    assert numbers in ([1, 2], [2])
    assert (numbers == [2]) == (name == "operation.json")
    for record in theirs.journal.records():
        assert len(list(Follower(record).news())) <= 1


DEEP = "[" * 100_000 + "]" * 100_000
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@as_root
@pytest.mark.parametrize(
    "header",
    [
        DEEP,
        "",
        "[]",
        "{}",
        '{"operation": []}',
        '{"operation": {"verb": "save"}, "started": NaN}',
        '{"operation": {"verb": "save"}, "started": 1e400}',
        '{"operation": {"verb": "save"}, "started": ' + "9" * 400 + "}",
        '{"operation": {"verb": ' + DEEP + "}}",
        '{"operation": {"verb": "save"}, "uid": 0, "pid": 1, "token": {}, "root": 7}',
    ],
)
def test_headers_that_nobody_would_write(theirs: Theirs, header: str) -> None:
    folder = theirs.job(1)
    (folder / "operation.json").write_text(header)
    theirs.owned()
    for record in theirs.journal.records():
        assert (record.started, record.uid, record.pid) == (0, THEM, 0)


@as_root
def test_only_the_newest_are_read(theirs: Theirs) -> None:
    for number in range(1, 80):
        theirs.jobs.joinpath(str(number)).mkdir()
    theirs.job(80)
    for odd in ("0", "-1", "x", "9" * 30, "1 ", "٣"):
        theirs.jobs.joinpath(odd).mkdir()
    theirs.owned()
    assert [record.id for record in theirs.journal.records()] == [80]


@as_root
def test_our_own_and_those_of_strangers_are_not_others(theirs: Theirs) -> None:
    theirs.job(1)
    root = theirs.user._replace(name="root", uid=0)
    homeless = theirs.user._replace(name="bob", home="/no/such/home")
    assert journals(theirs.layout, People(root, homeless)) == []
    twice = theirs.user._replace(name="alias")
    assert [journal.owner for journal in journals(theirs.layout, People(theirs.user, twice))] == ["alice"]


@pytest.mark.skipif(ME == 0, reason="for those who are not root")
def test_others_are_for_root_only(theirs: Theirs) -> None:
    assert theirs.world.engine.others() == []


@as_root
@pytest.mark.parametrize(("kind", "seen"), [("nfs4", 0), ("fuse.sshfs", 0), ("autofs", 0), ("ext4", 1)])
def test_a_home_on_another_machine_is_passed_over(theirs: Theirs, kind: str, seen: int) -> None:
    theirs.job(1)
    mounts = [Mount("/", "nfs4"), Mount(str(theirs.home), kind)]
    assert len(journals(theirs.layout, People(theirs.user), lambda: mounts)) == seen


@as_root
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(operation=JSON, result=JSON)
def test_any_document(theirs: Theirs, operation: Any, result: Any) -> None:
    theirs.job(1, operation=operation, result=result)
    for record in theirs.journal.records():
        assert record.operation.verb == record.verb
        assert isinstance(record.result, JobResult)


def test_a_journal_of_ours_has_no_owner(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "own"))
    with journal.job(Save(), {}) as record:
        record.tell({"event": "noted", "text": "x"})
    (read_back,) = journal.records()
    assert (read_back.owner, read_back.name) == ("", "1")
    with read_back.opened_events() as fd:
        assert os.pread(fd, 9, 0) == b'{"event":'


@pytest.fixture(autouse=True)
def no_descriptor_stays_open() -> Iterator[None]:
    before = len(descriptors())
    yield
    assert len(descriptors()) <= before
