"""Saving through a real snapd: which engine does it, what is kept, what is refused."""

import json
import re
from typing import Any

import pytest

from backend.engine.select import open_engine
from backend.engine.snapd.client import Client
from backend.engine.snapd.responses import Asked
from backend.engine.snapd.save import EXCLUDES_SINCE
from backend.errors import ConflictError, InvalidInputError, NotFoundError, UnknownUserError
from backend.host.state import version_of
from backend.model import Action
from backend.operations import Import, Operation, Restore, Save
from backend.progress import Noted, Progress
from tests.support.builders import tree_of
from tests.support.realsnapd import RealSnapd
from tests.support.snapdworld import NEW, OLD, change, do, engine, give_data, hello_there, install, sets

__all__ = ["hello_there"]

pytestmark = pytest.mark.snapd


def test_auto_is_snapd_while_it_answers(snapd: RealSnapd) -> None:
    root = str(snapd.base)
    assert open_engine(root).name == "files"
    snapd.start()
    selected = open_engine(root)
    assert (selected.name, selected.refusal(Action.SAVE), open_engine(root, "snapd").name) == (
        "snapd",
        "",
        "snapd",
    )
    why, kept = selected.about()
    assert f"answers at {root}/run/snapd.socket" in why
    assert kept == "Automatic snapshots are kept for 31d"
    files = open_engine(root, "files")
    assert "use --engine snapd, or stop snapd first" in files.refusal(Action.SAVE)
    with pytest.raises(ConflictError, match="cannot repair"):
        selected.repair(Progress())
    snapd.stop()
    assert open_engine(root).name == "files"


@pytest.mark.root
def test_save_of_users_and_snaps(hello: RealSnapd) -> None:
    give_data(hello, "bob", "hello", OLD)
    assert do(hello, Save()).snaps == ("hello",)
    do(hello, Save(("hello", "hello"), ("alice",)))
    users = [group.snapshots[0].users for group in engine(hello).sets()]
    assert users == [["alice", "bob"], ["alice"]]
    with pytest.raises(UnknownUserError, match=r"unknown user .ghost."):
        do(hello, Save(users=("ghost",)))
    assert sets(hello) == [1, 2]


def test_save_keeps_all_that_snapd_keeps(snapd: RealSnapd) -> None:
    install(snapd, "hello", exclude=["$SNAP_COMMON/cache"], conf={"a": [1, "ä<"]})
    (snapd.data("hello") / "common/cache").write_text("excluded by the snap")
    snapd.start()
    made = do(snapd, Save())
    (snapshot,) = engine(snapd).sets(made.set_id)[0].snapshots
    assert json.loads(json.dumps(snapshot.conf, default=lambda number: int(number.literal))) == {
        "a": [1, "ä<"]
    }
    change(snapd.data("hello"), NEW)
    do(snapd, Restore(made.set_id))
    assert tree_of(snapd.data("hello")) == OLD


def test_a_snap_without_data_makes_no_broken_snapshot(hello: RealSnapd) -> None:
    hello.stop()
    data = hello.install("void")
    for part in ("x1", "common"):
        (data / part).rmdir()
    hello.start()
    notes: list[str] = []
    made = do(
        hello, Save(), lambda _job, event: notes.append(event.text) if isinstance(event, Noted) else None
    )
    assert (made.snaps, made.exit_code) == (("hello",), 0)
    assert 'snap "void" has no data: there is nothing to save of it' in notes
    assert [s.broken for group in engine(hello).sets() for s in group.snapshots] == [""]
    with pytest.raises(NotFoundError, match="no data"):
        do(hello, Save(("void",)))


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        (Save(accept_changed=True), "leave out --accept-changed"),
        (Restore(1, revision="x9"), "onto the installed revision only"),
        (Import("-", snaps=("a",)), "snapd takes a file as a whole"),
    ],
)
def test_operations_that_snapd_lacks_are_refused_beforehand(
    hello: RealSnapd, operation: Operation, reason: str
) -> None:
    hello.save()
    if not isinstance(operation, Restore):  # of a restore the plan tells
        assert re.search(reason, engine(hello).refusal_of(operation))
    assert engine(hello).refusal_of(Save()) == ""
    with pytest.raises(InvalidInputError, match=reason) as refused:
        do(hello, operation)
    assert refused.value.exit_code == 5
    assert (sets(hello), len(hello.api("GET", "/v2/changes?select=all")["result"])) == ([1], 1)


def test_patterns_to_exclude_are_heeded_or_refused_beforehand(hello: RealSnapd) -> None:
    (hello.data("hello") / "x1/waste").write_text("excluded")
    operation = Save(("hello",), exclude=("$SNAP_DATA/waste",))
    if version_of(hello.version) >= EXCLUDES_SINCE:
        do(hello, operation)
        hello.act("restore", 1)
        assert not (hello.data("hello") / "x1/waste").exists()
        return
    reason = f"snapd {hello.version} takes no patterns to exclude, 2.60 does"
    assert reason in engine(hello).refusal_of(operation)
    with pytest.raises(InvalidInputError, match=re.escape(reason)) as refused:
        do(hello, operation)
    assert (refused.value.exit_code, sets(hello)) == (5, [])


def test_patterns_go_to_a_snapd_that_takes_them(hello: RealSnapd, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    honest = Client.save

    def save(client: Client, snaps: Any, users: Any = (), exclude: Any = None) -> Asked:
        asked.append(exclude)
        return honest(client, snaps, users, exclude)

    monkeypatch.setattr(Client, "save", save)
    for version in ("2.60", "2.63.1+ubuntu", "3.0"):
        monkeypatch.setattr(Client, "version", lambda _client, stated=version: stated)
        do(hello, Save(exclude=("$SNAP_DATA/x",)))
    assert asked == [{"hello": ("$SNAP_DATA/x",)}] * 3
    with pytest.raises(InvalidInputError):
        do(hello, Save(exclude=("/etc/passwd",)))
    assert len(asked) == 3
