import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import InvalidInputError
from backend.format.excludes import MANIFEST_LIMIT, VARIABLES, expand, read_manifest, validate_excludes
from backend.model import Revision

X1 = Revision(-1)
KNOWN = '["$SNAP_DATA" "$SNAP_COMMON" "$SNAP_USER_DATA" "$SNAP_USER_COMMON"]'


class TestValidate:
    @pytest.mark.parametrize("variable", VARIABLES)
    @pytest.mark.parametrize(
        "rest", ["", "/a", "/*", "/a b/é/*.txt", "/a$X/$", "/a\\*", "/...", "/a*b*c", "/-x", "/a\n"]
    )
    def test_accepts(self, variable: str, rest: str) -> None:
        validate_excludes([variable + rest])

    @pytest.mark.parametrize(
        "pattern",
        [
            "",
            "/",
            "x",
            "$SNAP",
            "$SNAP_DATAX/a",
            "SNAP_DATA/a",
            "${SNAP_DATA}/a",
            "/$SNAP_DATA",
            "$SNAP_DATA*",
        ],
    )
    def test_another_start(self, pattern: str) -> None:
        assert refusal(pattern) == f'snapshot exclude path must start with one of {KNOWN} (got: "{pattern}")'

    @pytest.mark.parametrize("rest", ["/", "//a", "/a/", "/a//b", "/.", "/..", "/a/../b", "/./a", "/a/."])
    def test_not_clean(self, rest: str) -> None:
        assert refusal(f"$SNAP_DATA{rest}") == f'snapshot exclude path not clean: "$SNAP_DATA{rest}"'

    @pytest.mark.parametrize("rest", ["/[a", "/a]", "/{a", "/a}", "/a?", "/**", "/a/**/b", "/***"])
    def test_invalid_characters(self, rest: str) -> None:
        assert (
            refusal(f"$SNAP_DATA{rest}")
            == f'snapshot exclude path contains invalid characters: "$SNAP_DATA{rest}"'
        )

    @pytest.mark.parametrize("rest", ["/a\0b", "/\ud800"])
    def test_patterns_with_control_characters_are_refused(self, rest: str) -> None:
        assert refusal(f"$SNAP_DATA{rest}").startswith("snapshot exclude path contains invalid characters: ")

    def test_the_first_failing_pattern_and_rule_are_named(self) -> None:
        assert (
            refusal("$SNAP_DATA/ok", "$SNAP_DATA/?/", "x")
            == 'snapshot exclude path not clean: "$SNAP_DATA/?/"'
        )

    @given(st.text())
    def test_accepted_patterns_are_arguments_below_the_data(self, text: str) -> None:
        pattern = f"$SNAP_COMMON/{text}"
        try:
            validate_excludes([pattern])
        except InvalidInputError:
            return
        assert os.path.normpath(pattern) == pattern
        assert b"\0" not in os.fsencode(pattern)


def refusal(*patterns: str) -> str:
    with pytest.raises(InvalidInputError) as raised:
        validate_excludes(patterns)
    return str(raised.value)


class TestExpand:
    def test_for_the_system(self) -> None:
        patterns = ["$SNAP_USER_DATA/u", "$SNAP_COMMON/c", "$SNAP_DATA", "$SNAP_USER_COMMON", "$SNAP_DATA/*"]
        assert expand(patterns, X1, True) == ["common/c", "x1", "x1/*"]

    def test_for_a_user(self) -> None:
        patterns = ["$SNAP_USER_DATA/u", "$SNAP_COMMON/c", "$SNAP_DATA", "$SNAP_USER_COMMON", "$SNAP_DATA/*"]
        assert expand(patterns, Revision(42), False) == ["42/u", "common"]

    @pytest.mark.parametrize(
        ("pattern", "expanded"),
        [
            ("$SNAP_DATA/$X", "x1/-"),
            ("$SNAP_DATA/a$SNAP_COMMON", "x1/acommon"),
            ("$SNAP_DATA/$", "x1/$"),
            ("$SNAP_DATA/$SNAP_USER_DATA/b", "x1/-/b"),
            ("$SNAP_DATA/$X_1$Y.txt", "x1/--.txt"),
            ("$SNAP_DATA/$é$/$.", "x1/$é$/$."),
            ("$SNAP_DATA/$*$#$$$@$!$-", "x1/------"),
            ("$SNAP_DATA/$12", "x1/-2"),
            ("$SNAP_DATA/-a", "x1/-a"),
        ],
    )
    def test_later_dollars(self, pattern: str, expanded: str) -> None:
        validate_excludes([pattern])
        assert expand([pattern], X1, True) == [expanded]

    @given(st.lists(st.builds("{}/{}".format, st.sampled_from(VARIABLES), st.text())), st.booleans())
    def test_every_result_lies_below_the_data(self, patterns: list[str], system: bool) -> None:
        for pattern in expand(patterns, X1, system):
            assert pattern.split("/")[0] in ("x1", "common")


TREE = [
    *(
        "cache/sub/deep",
        "cache/.dot",
        "a.txt",
        "sub/a.txt",
        "abc/x",
        "sub/one.gif",
        "sub/two/two.gif",
        "sab/b",
    ),
    *(".hidden", "common/foo", "back\\slash", "st*r", "star"),
]


class TestMatching:
    """GNU tar takes our patterns as the specification says (§7.4)."""

    @pytest.fixture
    def data(self, tmp_path: Path) -> Path:
        for name in (*(f"x1/{name}" for name in TREE), "common/foo", "common/x1/a.txt"):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        (tmp_path / "x1/link").symlink_to("cache")
        return tmp_path

    @pytest.mark.parametrize(
        ("pattern", "gone"),
        [
            ("$SNAP_DATA/cache/*", ["x1/cache/.dot", "x1/cache/sub/", "x1/cache/sub/deep"]),
            ("$SNAP_DATA/*.txt", ["x1/a.txt"]),
            ("$SNAP_DATA/*/*.gif", ["x1/sub/one.gif"]),
            ("$SNAP_DATA/a*", ["x1/a.txt", "x1/abc/", "x1/abc/x"]),
            ("$SNAP_COMMON/foo", ["common/foo"]),
            (
                "$SNAP_DATA/s*b/*",
                ["x1/sab/b", "x1/sub/a.txt", "x1/sub/one.gif", "x1/sub/two/", "x1/sub/two/two.gif"],
            ),
            ("$SNAP_DATA/A.TXT", []),
            ("$SNAP_DATA/link", ["x1/link"]),
            ("$SNAP_DATA/back\\\\slash", ["x1/back\\slash"]),
            ("$SNAP_DATA/st\\*r", ["x1/st*r"]),
            ("$SNAP_COMMON", ["common/", "common/foo", "common/x1/", "common/x1/a.txt"]),
        ],
    )
    def test_rows(self, data: Path, pattern: str, gone: list[str]) -> None:
        assert sorted(members(data) - members(data, pattern)) == gone

    @pytest.mark.parametrize(("pattern", "left"), [("$SNAP_DATA/*", {"x1/"}), ("$SNAP_DATA", set())])
    def test_whole_directories(self, data: Path, pattern: str, left: set[str]) -> None:
        assert {name for name in members(data, pattern) if name.startswith("x1/")} == left


def members(data: Path, *patterns: str) -> set[str]:
    validate_excludes(patterns)
    excluded = [f"--exclude={pattern}" for pattern in expand(patterns, X1, True)]
    command = ["tar", "--create", "--anchored", "--no-wildcards-match-slash", *excluded, "x1", "common"]
    packed = subprocess.run(command, cwd=data, check=True, capture_output=True).stdout
    listing = ["tar", "--list", "--quoting-style=literal"]
    listed = subprocess.run(listing, input=packed, check=True, capture_output=True).stdout
    return set(listed.decode().splitlines())


class TestManifest:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "snapshots.yaml"

    def test_the_example(self, path: Path) -> None:
        path.write_text("exclude:\n  - $SNAP_DATA/cache/*\n  - $SNAP_USER_COMMON/tmp\nother: {a: 1}\n")
        assert read_manifest(str(path)) == ["$SNAP_DATA/cache/*", "$SNAP_USER_COMMON/tmp"]

    def test_no_file_means_no_exclusions(self, path: Path) -> None:
        assert read_manifest(str(path)) == []
        path.touch()
        assert read_manifest(str(path / "below")) == []

    @pytest.mark.parametrize(
        "text", ["exclude:", "exclude: ~", "exclude: []", "{}", "other: 1", "--- {exclude: null}"]
    )
    def test_nothing_excluded(self, path: Path, text: str) -> None:
        path.write_text(text)
        assert read_manifest(str(path)) == []

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "EOF"),
            ("# nothing\n", "EOF"),
            ("text", "not a mapping"),
            ("- a\n", "not a mapping"),
            ("exclude: text", "exclude is not a list"),
            ("exclude: ''", "exclude is not a list"),
            ("exclude: {a: b}", "exclude is not a list"),
            ("exclude: [[a]]", "exclude is not a list of texts"),
            ("a: &a [x]\nexclude: *a\n", "aliases are not accepted"),
            ("exclude: " + "[" * 60 + "]" * 60, "too much in it, or nested too deeply"),
            ("exclude: [" + "a," * 20_000 + "]", "too much in it, or nested too deeply"),
            ("\x00", "not a YAML text"),
        ],
    )
    def test_unusable_manifests_are_refused_with_the_reason(self, path: Path, text: str, reason: str) -> None:
        path.write_text(text)
        with pytest.raises(InvalidInputError) as raised:
            read_manifest(str(path))
        assert str(raised.value) == f"cannot read snapshot manifest: {reason}"

    def test_manifest_too_deep_for_the_parser_is_refused(self, path: Path) -> None:
        path.write_text("exclude: " + "[" * 10_000)
        with pytest.raises(InvalidInputError, match=r"^cannot read snapshot manifest: .*(deep|depth)"):
            read_manifest(str(path))

    def test_errors_do_not_show_what_is_in_the_file(self, path: Path) -> None:
        path.write_text("root:secret\n\t[: {")
        with pytest.raises(
            InvalidInputError, match=r"^cannot read snapshot manifest: .* in line \d+$"
        ) as raised:
            read_manifest(str(path))
        assert "secret" not in str(raised.value)

    def test_patterns_are_validated(self, path: Path) -> None:
        path.write_text("exclude: [$SNAP_DATA/a, 1]\n")
        with pytest.raises(InvalidInputError, match=r'\(got: "1"\)$'):
            read_manifest(str(path))

    def test_a_file_that_is_too_long(self, path: Path) -> None:
        path.write_bytes(b"#" * MANIFEST_LIMIT + b"\n")
        with pytest.raises(InvalidInputError, match="longer than 1048576 bytes"):
            read_manifest(str(path))

    def test_only_plain_files_are_read(self, path: Path, tmp_path: Path) -> None:
        os.mkfifo(path)
        with pytest.raises(InvalidInputError, match="not a plain file"):
            read_manifest(str(path))
        with pytest.raises(InvalidInputError, match="not a plain file"):
            read_manifest(str(tmp_path))
        plain, link = tmp_path / "plain", tmp_path / "link"
        plain.write_text("exclude: []")
        link.symlink_to(plain)
        with pytest.raises(InvalidInputError, match=r"^cannot read snapshot manifest: "):
            read_manifest(str(link))

    @given(raw=st.binary() | st.text("[]{}:,-&*!|>\n \"'aé~").map(str.encode))
    def test_arbitrary_bytes(self, raw: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
        path = tmp_path_factory.getbasetemp() / "arbitrary.yaml"
        path.write_bytes(b"exclude:\n- " + raw)
        try:
            assert isinstance(read_manifest(str(path)), list)
        except InvalidInputError:
            pass
