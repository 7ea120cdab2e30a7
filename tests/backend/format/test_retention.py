"""How long automatic snapshots are kept, in snapd's spelling and in people's."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.engine.files import FilesEngine
from backend.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from backend.format.retention import DEFAULT, configured, parse_retention, retention_text, retention_words
from backend.host.layout import Layout
from backend.operations import Save
from backend.progress import Progress


@pytest.mark.parametrize(
    ("typed", "snapds"),
    [("14d", "336h"), ("1d", "24h"), ("24h", "24h"), ("36h", "36h"), ("no", "no"), ("", "")],
)
def test_retention_is_read_as_people_write_durations(typed: str, snapds: str) -> None:
    assert parse_retention(typed) == snapds


@given(st.text() | st.from_regex(r"[0-9]{1,12}[smhdw]", fullmatch=True))
def test_anything_is_a_time_that_snapd_takes_or_refused(typed: str) -> None:
    try:
        snapds = parse_retention(typed)
    except InvalidInputError:
        pass
    else:
        assert snapds in ("", "no") or (snapds[-1] == "h" and int(snapds[:-1]) >= 24)


@given(st.integers(1, 36500))
def test_days_come_back_as_days(days: int) -> None:
    assert retention_words(parse_retention(f"{days}d")) == f"{days}d"


@pytest.mark.parametrize(
    ("snapds", "phrase"),
    [("744h", "31d"), ("744h0m0s", "31d"), ("36h", "36h"), ("25h30m", "25h30m"), ("no", "no"), ("", "")],
)
def test_durations_of_snapd_are_put_in_words(snapds: str, phrase: str) -> None:
    assert retention_words(snapds) == phrase


def test_in_a_sentence() -> None:
    assert retention_text("744h") == "Automatic snapshots are kept for 31d"
    assert retention_text("no") == "No automatic snapshots are made"


@pytest.mark.parametrize("odd", [None, {}, {"snapshots": 3}, {"snapshots": {"automatic": {"retention": []}}}])
def test_an_odd_configuration_is_none(odd: object) -> None:
    assert configured(odd) == DEFAULT  # type: ignore[arg-type] # whatever a file holds


def test_without_snapd_it_is_read_from_its_state(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path))
    daemon = FilesEngine(layout, str(tmp_path / "own")).daemon
    with pytest.raises(NotAllowedError, match=r"cannot tell how long .*: there is no "):
        daemon.retention()
    state = tmp_path / "var/lib/snapd/state.json"
    state.parent.mkdir(parents=True)
    config = {"core": {"snapshots": {"automatic": {"retention": "48h"}}}}
    state.write_text(json.dumps({"data": {"config": config}}))
    assert daemon.retention() == "48h"
    with pytest.raises(ConflictError, match="only snapd can; start snapd first"):
        daemon.set_retention("24h", Progress())


def test_without_snapd_there_are_no_changes(tmp_path: Path) -> None:
    daemon = FilesEngine(Layout(str(tmp_path)), str(tmp_path / "own")).daemon
    assert (daemon.version, daemon.changes(), daemon.watch().look()) == ("", [], [])
    assert (daemon.in_the_way(Save()), daemon.change_of(1)) == (None, "")
    with pytest.raises(NotFoundError):
        daemon.attach("1", Progress())
    with pytest.raises(NotFoundError):
        daemon.abort("1")
