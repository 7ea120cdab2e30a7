import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import InvalidInputError
from backend.format.names import (
    FileName,
    filename,
    is_snap_name,
    is_user_name,
    is_version,
    parse_filename,
    revision_from_text,
    snapshot_id,
)
from backend.format.timestamps import ZERO_TIME
from backend.model import Revision, Snapshot

LARGEST = 2**63 - 1


def snapshot(set_id: int, snap: str, version: str, revision: int) -> Snapshot:
    return Snapshot(set_id, ZERO_TIME, snap, Revision(revision), version=version)


class TestSnapshotId:
    @pytest.mark.parametrize(
        ("name", "set_id"),
        [
            ("1_foo.zip", 1),
            ("14_hello-world_6.4_29.zip", 14),
            ("+1_foo.zip", 1),
            ("-1_foo.zip", 18446744073709551615),
            ("-0_foo.zip", 0),
            ("0_foo.zip", 0),
            ("007_x.zip", 7),
            *((name, 1) for name in ("1__.zip", "1_..zip", "1_.zip.zip", "1_000_f.zip", "1_2_importing.zip")),
            *(
                (name, 1)
                for name in ("/a/b/1_foo.zip", "1_foo.zip/", "a/1_foo.zip//", "1_a\nb.zip", "1_\udcff.zip")
            ),
            ("9223372036854775807_x.zip", LARGEST),
            ("-9223372036854775808_x.zip", 2**63),
            ("0" * 5000 + "1_x.zip", 1),
        ],
    )
    def test_counts_as_a_snapshot(self, name: str, set_id: int) -> None:
        assert snapshot_id(name) == set_id

    @pytest.mark.parametrize(
        "name",
        [
            *("1_.zip", "1_foo.zip.bak", "foo_1_foo.zip", "foo_bar_baz.zip", "", "1_", ".zip", "1.zip"),
            *("_foo.zip", "1_foo.ZIP", " 1_foo.zip", "0x1_f.zip", "1e3_x.zip", "9223372036854775808_x.zip"),
            *("1_importing", "１_x.zip", "74_postie_1.0_x1.zip.4dkJrwnkg36r~", "-9223372036854775809_x.zip"),
            *("+_x.zip", "+-1_x.zip", "1 _x.zip", "/", "1_foo.zip\n", "9" * 5000 + "_x.zip", "1²_x.zip"),
        ],
    )
    def test_does_not_count(self, name: str) -> None:
        assert snapshot_id(name) is None

    @given(st.text(st.sampled_from("+-019_.zip/x"), max_size=30))
    def test_agrees_with_the_rule_word_by_word(self, name: str) -> None:
        base = name.rstrip("/").split("/")[-1]
        first, marked, second = base.partition("_")
        try:
            number = int(first) if first.strip() == first and "_" not in first else None
        except ValueError:
            number = None
        accepted = "." in base and base[base.rindex(".") :] == ".zip" and marked and second != ".zip"
        expected = number % 2**64 if accepted and number is not None else None
        assert snapshot_id(name) == expected


class TestFileName:
    @pytest.mark.parametrize(
        ("name", "parts"),
        [
            ("12_hello-snap_v1.33_42.zip", (12, "hello-snap", "v1.33", 42)),
            ("42_a-snap_1.33_x1.zip", (42, "a-snap", "1.33", -1)),
            ("1_inst_key_2_7.zip", (1, "inst_key", "2", 7)),
            ("1_hello__x1.zip", (1, "hello", "", -1)),
            ("1_inst_key__x1.zip", (1, "inst_key", "", -1)),
            (f"{LARGEST}_ab_1_{LARGEST}.zip", (LARGEST, "ab", "1", LARGEST)),
        ],
    )
    def test_reads_and_writes(self, name: str, parts: tuple[int, str, str, int]) -> None:
        set_id, snap, version, revision = parts
        assert parse_filename(name) == FileName(set_id, snap, version, Revision(revision))
        assert filename(snapshot(*parts)) == name

    @pytest.mark.parametrize(
        "name",
        [
            *(
                "",
                "1_foo.zip",
                "1_foo_x1.zip",
                "0_foo_1_1.zip",
                "01_foo_1_1.zip",
                "+1_foo_1_1.zip",
                "-1_foo_1_1.zip",
            ),
            *("1_foo_1_0.zip", "1_foo_1_01.zip", "1_foo_1_x0.zip", "1_foo_1_X1.zip", "1_foo_1_+1.zip"),
            *(
                "1_foo_1_unset.zip",
                "1_foo_1_1.ZIP",
                "1_foo_1_1",
                "1_foo_1_1.zip\n",
                "a/1_foo_1_1.zip",
                "1__1_1.zip",
            ),
            *("1_Foo_1_1.zip", "1_foo_a_b_1_1.zip", "1_foo_.._1.zip", "1_.._1_1.zip", "1_foo_1_1.zip.zip"),
            *(f"{LARGEST + 1}_foo_1_1.zip", f"1_foo_1_{LARGEST + 1}.zip", "１_foo_1_1.zip", "1_foo_1_x.zip"),
            *(
                "1_foo_1_1_importing",
                "1_foo_a b_1.zip",
                "1_foo__.zip",
                "9" * 5000 + "_foo_1_1.zip",
                "1_foo_1_xx1.zip",
            ),
        ],
    )
    def test_refuses_what_it_would_not_write(self, name: str) -> None:
        assert parse_filename(name) is None

    @pytest.mark.parametrize(
        "parts",
        [
            (0, "foo", "1", 1),
            (LARGEST + 1, "foo", "1", 1),
            (1, "../foo", "1", 1),
            (1, "foo", "../1", 1),
            (1, "foo", "1", 0),
            (1, "foo", "a_b", 1),
            (1, "", "", 1),
        ],
    )
    def test_writes_no_name_that_does_not_read_back(self, parts: tuple[int, str, str, int]) -> None:
        with pytest.raises(InvalidInputError):
            filename(snapshot(*parts))

    @given(
        st.integers(1, LARGEST),
        st.from_regex(r"[a-z][a-z0-9]{1,15}(-[a-z0-9]{1,15})?(_[a-z0-9]{1,10})?", fullmatch=True),
        st.from_regex(r"([a-zA-Z0-9]([a-zA-Z0-9:.+~-]{0,30}[a-zA-Z0-9+~])?)?", fullmatch=True),
        st.integers(-LARGEST, LARGEST).filter(bool),
    )
    def test_round_trip(self, set_id: int, snap: str, version: str, revision: int) -> None:
        name = filename(snapshot(set_id, snap, version, revision))
        assert parse_filename(name) == (set_id, snap, version, Revision(revision))
        assert snapshot_id(name) == set_id

    @given(st.text(st.sampled_from("01x_ab-./zip")) | st.text())
    def test_parsed_names_are_spelled_the_same(self, text: str) -> None:
        for name in (text, f"1_{text}_1.zip"):
            if parts := parse_filename(name):
                assert (
                    filename(snapshot(parts.set_id, parts.snap, parts.version, parts.revision.number)) == name
                )


class TestValidNames:
    @pytest.mark.parametrize(
        "name", ["ab", "a1", "1a", "hello-world", "a" * 40, "a-b_key1", "x2_1234567890", "0-a"]
    )
    def test_snaps(self, name: str) -> None:
        assert is_snap_name(name)

    @pytest.mark.parametrize(
        "name",
        [
            *(
                "",
                "a",
                "a" * 41,
                "12",
                "1-2",
                "1-2_abc",
                "-ab",
                "ab-",
                "a--b",
                "Ab",
                "é1",
                "ab_",
                "ab_12345678901",
            ),
            *("ab_K", "ab_a_b", "_ab", "ab\n", "../ab", "a b", "a_key", "ab_é", "ab-_key", "."),
        ],
    )
    def test_not_snaps(self, name: str) -> None:
        assert not is_snap_name(name)

    @pytest.mark.parametrize("text", ["", "1", "v1.33", "1:2.3-4+5~", "a" * 32])
    def test_versions(self, text: str) -> None:
        assert is_version(text)

    @pytest.mark.parametrize("text", [".", "..", "1.", "-1", "a_b", "a/b", "a b", "1\n", "a" * 33, "é"])
    def test_not_versions(self, text: str) -> None:
        assert not is_version(text)

    @pytest.mark.parametrize(
        "name", ["alice", "user@domain", "a b", "é", "...", ".a", "a-", "dom\\user", "x\udcff", "$HOME"]
    )
    def test_users(self, name: str) -> None:
        assert is_user_name(name)

    @pytest.mark.parametrize(
        "name", ["", ".", "..", "-a", "a/b", "/", "a\0", "a\n", "\x1b[0m", "a\x1f", "../a", "\n"]
    )
    def test_not_users(self, name: str) -> None:
        assert not is_user_name(name)


class TestRevision:
    @pytest.mark.parametrize(
        ("text", "number"),
        [
            ("42", 42),
            ("x1", -1),
            ("unset", 0),
            ("007", 7),
            ("+7", 7),
            ("x+1", -1),
            ("x007", -7),
            (str(LARGEST), LARGEST),
        ],
    )
    def test_texts(self, text: str, number: int) -> None:
        assert revision_from_text(text) == Revision(number)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "0",
            "-1",
            "x0",
            "X1",
            "y1",
            "1.0",
            "x",
            "x-1",
            "+x1",
            "xx1",
            " 1",
            "1\n",
            "²",
            "1_0",
            str(LARGEST + 1),
        ],
    )
    def test_others_are_refused(self, text: str) -> None:
        with pytest.raises(InvalidInputError, match=r"^invalid snap revision: "):
            revision_from_text(text)

    @given(st.integers(-LARGEST, LARGEST))
    def test_round_trip(self, number: int) -> None:
        assert revision_from_text(str(Revision(number))) == Revision(number)
