"""Steps of jobs as values: each is read again as what it was, and what is none is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import IntegrityError
from backend.steps import (
    CopyForgotten,
    DataCommitted,
    DataMoved,
    DirectoryMade,
    DoomedFile,
    ExportBegun,
    FileBegun,
    FilesMoved,
    ForgetBegun,
    ForgettingBegun,
    ForgottenSet,
    Moved,
    MovedSlot,
    PublicationBegun,
    Published,
    PublishedFile,
    RestoreBegun,
    SafetySnapshot,
    SafetySnapshotMade,
    ServicesStarted,
    ServicesStopped,
    SlotsDiscarded,
    SlotsMade,
    SnapdAsked,
    SnapdAwaited,
    SnapdStarted,
    SnapdUndoBegun,
    StagingBegun,
    Stamp,
    Step,
    UndoBegun,
    UndoPromised,
    parse_step,
)

GUARD = SafetySnapshot(7, ("hello",), ("alice",), ("/new",))
GUARD_JSON = {"set_id": 7, "snaps": ["hello"], "users": ["alice"], "made": ["/new"]}
# What the version before wrote and read: a key that changes here is one that it does not know.
STEPS: list[tuple[Step, dict[str, Any]]] = [
    (RestoreBegun(5, ("bar", "foo")), {"set_id": 5, "snaps": ["bar", "foo"]}),
    (UndoBegun(3, 5, ("foo",)), {"of": 3, "set_id": 5, "snaps": ["foo"]}),
    (SlotsMade("1-a", ("/p",)), {"slot": "1-a", "parents": ["/p"]}),
    (SlotsMade("1-a", ("/p",), ".h"), {"slot": "1-a", "parents": ["/p"], "holder": ".h"}),
    (DirectoryMade("/a"), {"made": "/a"}),
    (DataMoved((), ()), {"moves": {"slots": [], "moves": [], "made": [], "done": False}}),
    (
        DataMoved(
            (MovedSlot("/p", (1, 2), "1-a", (1, 3), ".h"), MovedSlot("/q", (1, 4), "1-a", (1, 5))),
            (Moved(0, "x1", None, (1, 6)), Moved(1, "a/b", (1, 7), None, "1")),
            ("/p",),
            stamp=Stamp(3, 12),
        ),
        {
            "moves": {
                "slots": [["/p", 1, 2, "1-a", 1, 3, ".h"], ["/q", 1, 4, "1-a", 1, 5]],
                "moves": [[0, "x1", [], [1, 6]], [1, "a/b", [1, 7], [], "1"]],
                "made": ["/p"],
                "done": False,
                "stamp": [3, 12],
            }
        },
    ),
    (
        FilesMoved(0, "d", (Moved(0, "d/a", None, (0, 6), "1"), Moved(0, "d/b", (0, 7), (0, 8), "2"))),
        {"files": [["a", 1, 0, 6], ["b", 2, 7, 8]], "slot": 0, "folder": "d"},
    ),
    (SlotsDiscarded(), {"discarded": True}),
    (UndoPromised(), {"promised": True}),
    (DataCommitted(), {"committed": True}),
    (FileBegun("/a\udcff"), {"temporary": "/a\udcff"}),
    (StagingBegun("/s"), {"staging": "/s"}),
    (
        PublicationBegun(5, (PublishedFile("/t", "5_a.zip", (1, 2)), PublishedFile("/u", "5_b.zip", None))),
        {"publish": {"set": 5, "files": [["/t", "5_a.zip", 1, 2], ["/u", "5_b.zip"]]}},
    ),
    (Published(5), {"published": 5}),
    (ForgetBegun((DoomedFile("5_a.zip", (1, 2)),)), {"forget": [["5_a.zip", 1, 2]]}),
    (
        ForgettingBegun((ForgottenSet(5, ("a", "b")), ForgottenSet(6, ("a",), (3, 4)))),
        {"trash": [[5, ["a", "b"], []], [6, ["a"], [3, 4]]]},
    ),
    (ExportBegun("/e.part", "/e"), {"part": "/e.part", "file": "/e"}),
    (ExportBegun("/e.part", "/e", None, ()), {"part": "/e.part", "file": "/e", "checksum": []}),
    (
        ExportBegun("/e.part", "/e", (1, 2), (1, 3)),
        {"part": "/e.part", "file": "/e", "identity": [1, 2], "checksum": [1, 3]},
    ),
    (SafetySnapshotMade(GUARD), {"guard": GUARD_JSON}),
    (SnapdUndoBegun(3, GUARD), {"of": 3, "guard": GUARD_JSON}),
    (SnapdAsked("save"), {"asked": "save"}),
    (SnapdStarted("12", "save", 7), {"change": "12", "action": "save", "set_id": 7}),
    (SnapdAwaited("12"), {"waiting": "12"}),
    (ServicesStopped(("a.web", "a.db")), {"services_stopped": ["a.web", "a.db"]}),
    (CopyForgotten("web1/x"), {"copy_forgotten": "web1/x"}),
    (ServicesStarted(("a.web", "a.db")), {"services_started": ["a.web", "a.db"]}),
]


@pytest.mark.parametrize(("step", "document"), STEPS, ids=lambda parameter: type(parameter).__name__)
def test_a_step_is_written_in_words_that_never_change(step: Step, document: dict[str, Any]) -> None:
    assert json.loads(json.dumps(step.to_json())) == document
    assert parse_step(document) == step


def kinds_below(kind: type[Step]) -> set[type[Step]]:
    return {below for direct in kind.__subclasses__() for below in (direct, *kinds_below(direct))}


def test_every_kind_is_written_above() -> None:
    assert {type(step) for step, _ in STEPS} == kinds_below(Step)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"tomorrow": 1},
        {"made": 5},
        {"moves": []},
        {"committed": "yes"},
        {"slot": "1-a", "parents": [5]},
        {"slot": "1-a", "parents": ["/p"], "holder": None},
        {"publish": {"set": "5", "files": []}},
        {"publish": {"set": 5, "files": [["/t"]]}},
        {"publish": {"set": 5, "files": [["/t", "n", "1", 2]]}},
        {"forget": [["name"]]},
        {"forget": ["name"]},
        {"part": "/e.part", "identity": [1]},
        {"part": "/e.part", "checksum": "x"},
        {"guard": {"set_id": 1}},
        {"of": 3, "guard": {**GUARD_JSON, "snaps": [5]}},
        {"change": 12},
    ],
)
def test_invalid_steps_are_damage(document: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="its journal is damaged"):
        parse_step(document)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)
KEYS = sorted({key for _, document in STEPS for key in document})


@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=3))
def test_any_document_is_a_step_or_damage(document: dict[str, Any]) -> None:
    try:
        step = parse_step(document)
    except IntegrityError:
        return
    assert parse_step(step.to_json()) == step
