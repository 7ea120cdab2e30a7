import re
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.format.metadata import parse_metadata
from backend.format.timestamps import unix_time
from backend.model import Revision, Snapshot, SnapshotSet
from tests import golden
from tests.support import TOP
from tui.text import (
    age_text,
    cells,
    cut_end,
    cut_middle,
    cut_path,
    local_time_text,
    moment_text,
    notes_text,
    plain,
    quoted,
    saved_table,
    snapd_size_text,
    time_text,
)

NOW = unix_time("2026-11-22T09:06:05.5Z")
DAY = 86400
YEAR = 365.25 * DAY
HOSTILE = [
    "x[/].txt",
    "a\x1b]0;T\x07",
    "n\u202egpj",
    "caf\udce9",
    "t\tb\nc",
    "\x9b31m",
    "a\u200bb",
    "\ud800",
    "\U000e0041",
    "a\r\u2028b",
]


def snapshot(set_id: int = 1, snap: str = "hello", **facts: object) -> Snapshot:
    common = {"time": "2026-11-22T09:06:05Z", "revision": Revision(-1), "version": "1.0", "size": 416}
    return Snapshot(set_id, snap=snap, **{**common, **facts})  # type: ignore[arg-type] # each of its own type


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "    0B"),
        (357, "  357B"),
        (5000, " 5000B"),
        (5001, "5.00kB"),
        (9499, "9.50kB"),
        (9500, " 9.5kB"),
        (9999, "10.0kB"),
        (12345, "12.3kB"),
        (99500, " 100kB"),
        (999499, " 999kB"),
        (999500, "1.00MB"),
        (30010000, "30.0MB"),
        (300049489, " 300MB"),
        (2**63 - 1, "9.22EB"),
    ],
)
def test_sizes_are_those_of_snap(amount: int, text: str) -> None:
    assert snapd_size_text(amount) == text


@given(st.integers(0, 2**64 - 1))
def test_any_size_takes_six_columns(amount: int) -> None:
    assert len(snapd_size_text(amount)) == 6


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.105, "105ms"),
        (0.999, "999ms"),
        (0.010, "10ms"),
        (0.0095, "9.5ms"),
        (0.00095, "950µs"),
        (1e-9, "1.0ns"),
        (0.0, "0.0ns"),
        (-5, "in 5.00s"),
        (-3 * YEAR, "in 3.00y"),
        (-(2**63) / 1e9, "in 292y"),
        (-1e30, "in ages!"),
        (1, "1.00s"),
        (8.18, "8.18s"),
        (9.99, "9.99s"),
        (10, "10.0s"),
        (59.9, "59.9s"),
        (59.95, "60.0s"),
        (60, "1m00s"),
        (119.6, "1m60s"),
        (599, "9m59s"),
        (600, "10.0m"),
        (99.9 * 60, "99.9m"),
        (6000, "1h40m"),
        (35999, "9h60m"),
        (36000, "10h0m"),
        (10.5 * 3600, "10.5h"),
        (86399, "24.0h"),
        (DAY, "1d00h"),
        (863999, "9d24h"),
        (10 * DAY, "10d0h"),
        (10 * DAY + 10 * 3600, "10.4d"),
        (100 * DAY, "100d"),
        (730 * DAY, "730d"),
        (2 * YEAR, "2.00y"),
        (29.2 * YEAR, "29.2y"),
        (2**63 / 1e9, "292y"),
        (3168 * YEAR, "3168y"),
        (317_000 * YEAR, "317ky"),
        (1e30, "ages!"),
        (float("nan"), "ages!"),
    ],
)
def test_ages_are_those_of_snap(seconds: float, text: str) -> None:
    assert age_text(seconds) == text


@given(st.floats())
def test_any_age_has_a_text(seconds: float) -> None:
    assert age_text(seconds).strip() == age_text(seconds) != ""


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("2026-11-22T09:06:05.185921212Z", "2026-11-22T09:06:05Z"),
        ("2026-11-22T09:06:05.9+02:30", "2026-11-22T09:06:05+02:30"),
        ("2026-11-22T09:06:05-07:00", "2026-11-22T09:06:05-07:00"),
        ("yesterday\x1b", "0001-01-01T00:00:00Z"),
    ],
)
def test_absolute_times_are_whole_seconds_in_their_own_zone(stored: str, text: str) -> None:
    assert local_time_text(stored) == text


def test_notes_name_what_snap_names_then_our_own() -> None:
    assert notes_text(snapshot()) == "-"
    assert notes_text(snapshot(auto=True, broken="was broken")) == "auto, broken: was broken"
    odd = snapshot(hidden=True, broken="no\nzip", warning="renamed")
    assert notes_text(odd) == "broken: no\\x0azip, not shown by snap, renamed"


def test_the_table_is_laid_out_like_snaps() -> None:
    sets = [
        SnapshotSet(119, (snapshot(119, time="2026-11-22T09:05:57.32Z", auto=True, size=419),)),
        SnapshotSet(
            1,
            (
                snapshot(snap="nodata", version="1~beta+1", size=0, broken="invalid snapshot"),
                snapshot(snap="inst_key", version="2", revision=Revision(7), size=356),
                snapshot(),
            ),
        ),
    ]
    for older in ("2.57.6-1+deb12u1+b2", "2.68.3", "2.74.9"):
        assert saved_table(sets, NOW, abs_time=False, version=older) == [
            "Set  Snap      Age    Version   Rev  Size    Notes",
            "1    hello     500ms  1.0       x1     416B  -",
            "1    inst_key  500ms  2         7      356B  -",
            "1    nodata    500ms  1~beta+1  x1       0B  broken: invalid snapshot",
            "119  hello     8.18s  1.0       x1     419B  auto",
        ]
    for newer in ("", "unknown", "2.75", "2.77.1-2", "3.1"):
        assert saved_table(sets, NOW, abs_time=False, version=newer) == [
            "Set  Snap      Age    Version   Rev  Size  Notes",
            "1    hello     500ms  1.0       x1   416B  -",
            "1    inst_key  500ms  2         7    356B  -",
            "1    nodata    500ms  1~beta+1  x1   0B    broken: invalid snapshot",
            "119  hello     8.18s  1.0       x1   419B  auto",
        ]


def test_the_table_is_the_one_that_the_real_snap_printed() -> None:
    members: dict[int, list[Snapshot]] = {}
    for set_id, held in golden.index()["sets"].items():
        for member in held:
            raw = _metadata(golden.SNAPSHOTS / member["file"])
            members.setdefault(int(set_id), []).append(parse_metadata(raw, int(set_id)))
    sets = [SnapshotSet(set_id, tuple(snapshots)) for set_id, snapshots in members.items()]
    printed = (golden.HERE / "saved.txt").read_text().splitlines()
    version = golden.index()["made_by"].removeprefix("snapd ")
    assert saved_table(sets, NOW, abs_time=True, version=version) == printed


def _metadata(path: Path) -> bytes:
    from zipfile import ZipFile

    with ZipFile(path) as container:
        return container.read("meta.json")


def test_hidden_rows_come_after_all_others() -> None:
    sets = [SnapshotSet(1, (snapshot(hidden=True),)), SnapshotSet(2, (snapshot(2, snap="zz"),))]
    rows = saved_table(sets, NOW, abs_time=True)[1:]
    assert [row.split()[:2] for row in rows] == [["2", "zz"], ["1", "hello"]]
    assert rows[1].endswith("not shown by snap")


def test_a_zero_or_senseless_time_is_292_years_old_and_a_future_one_lies_ahead() -> None:
    times = ["0001-01-01T00:00:00Z", "soon", "2026-11-22T09:06:10.5Z", "9999-12-31T23:59:59Z"]
    sets = [SnapshotSet(n, (snapshot(n, time=time),)) for n, time in enumerate(times)]
    ages = [row[12:].split("  ")[0] for row in saved_table(sets, NOW, abs_time=False)[1:]]
    assert ages == ["292y", "292y", "in 5.00s", "in 292y"]


def test_without_snapshots_it_says_so() -> None:
    assert saved_table([], NOW, abs_time=False) == ["No snapshots found."]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_on_their_line_and_print(name: str) -> None:
    table = saved_table([SnapshotSet(1, (snapshot(snap=name, version=name),))], NOW, abs_time=True)
    lines = [*table, quoted([name])]
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Fotos größer", "Fotos größer"),
        ("ｆｕｌｌ　漢字", "ｆｕｌｌ　漢字"),
        ("a\x1b[31m\n", "a\\x1b[31m\\x0a"),
        ("caf\udce9", "caf\\xe9"),
        ("\x9b", "\\u009b"),
        ("\u202e\ufeff", "\\u202e\\ufeff"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_unprintable_characters_become_visible(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text(st.characters(exclude_categories=[])))
def test_a_plain_text_can_be_shown_anywhere_and_is_never_changed_again(text: str) -> None:
    shown = plain(text)
    assert shown.replace("\u3000", "").isprintable()
    assert shown.encode().decode() == shown
    assert plain(shown) == shown


@given(st.text(st.characters(exclude_categories=["C", "Z", "M"]), min_size=1), st.integers(0, 30))
def test_a_cut_text_fits_and_keeps_both_ends(text: str, width: int) -> None:
    cut = cut_middle(text, width)
    assert cells(cut) <= width
    if cells(text) <= width:
        assert cut == text
    elif width >= 5:
        head, tail = cut.split("…", 1) if "…" not in text else (text[0], text[-1])
        assert text.startswith(head)
        assert text.endswith(tail)
        assert head


@pytest.mark.parametrize(
    ("width", "cut"),
    [
        (99, "/srv/world/root/var/snap/cloud/common"),
        (37, "/srv/world/root/var/snap/cloud/common"),
        (36, "/srv/…/root/var/snap/cloud/common"),
        (32, "/srv/…/var/snap/cloud/common"),
        (13, "/srv/…/common"),
        (12, "…/common"),
        (7, "/sr…mon"),
        (0, ""),
    ],
)
def test_a_path_is_cut_between_its_parts(width: int, cut: str) -> None:
    assert cut_path("/srv/world/root/var/snap/cloud/common", width) == cut


@given(st.text("/ab漢…", max_size=40), st.integers(0, 30))
def test_a_cut_path_fits_and_ends_as_it_did(path: str, width: int) -> None:
    cut = cut_path(path, width)
    assert cells(cut) <= width or cut == path == ""
    assert cells(path) > width or cut == path
    if "/" in cut and "…" not in path:
        assert path.endswith(cut.split("…")[-1])


def test_nothing_slow_is_imported_to_print_a_list() -> None:
    code = "import sys, tui.text; print(*sys.modules)"
    root = TOP
    run = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(root)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    slow = {"humanize", "datetime", "dataclasses", "textual", "rich", "yaml", "sqlite3", "pathlib"}
    assert slow.isdisjoint(run.stdout.split())


def test_marks_that_take_no_room_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0

    def combining(letter: str) -> int:
        nonlocal looked
        looked += 1
        return int(letter == "\u0301")

    monkeypatch.setattr(unicodedata, "combining", combining)
    text = "é" * 100 + "\u0301" * 10_000
    assert cells(cut_middle(text, 60)) <= 60
    assert looked < 10 * len(text)


@pytest.mark.parametrize("seconds", [1e300, float("inf"), float("nan"), -1e20])
def test_a_moment_that_no_clock_can_tell(seconds: float) -> None:
    assert moment_text(seconds) == "an unknown time"


@given(st.integers(0, 2**33))
def test_a_moment_is_a_day_and_a_time(seconds: int) -> None:
    assert re.fullmatch(r"(\w{3}|\d{4}-\d\d-\d\d) [0-2]\d:[0-5]\d", moment_text(seconds))


def test_a_moment_of_this_week_is_told_by_its_day_and_any_other_by_its_date() -> None:
    assert re.fullmatch(r"\w{3} \d\d:\d\d", moment_text(time.time() + 5 * DAY))
    assert moment_text(time.time() + 30 * DAY).startswith("20")


@pytest.mark.parametrize(
    ("text", "width", "cut"),
    [
        ("a sentence", 10, "a sentence"),
        ("a sentence", 5, "a se…"),
        ("日本語", 4, "日…"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_sentences_are_cut_at_their_end(text: str, width: int, cut: str) -> None:
    assert cut_end(text, width) == cut


def test_times_are_told_by_the_clock_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        assert time_text("2026-11-22T23:09:36.185921212Z") == "2026-11-23 00:09"
        assert time_text("2026-11-23T01:09:36+02:00") == "2026-11-23 00:09"
        assert time_text("no time") == "unknown"
    finally:
        monkeypatch.undo()
        time.tzset()
