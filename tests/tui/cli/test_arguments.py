"""What may stand on the command line: what is understood, and what is refused in which words."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend import InvalidInputError
from backend.browse import Order
from backend.restore import OverwritePolicy
from tui.cli.arguments.changes import (
    CheckArgs,
    ExportArgs,
    ForgetArgs,
    ImportArgs,
    RestoreArgs,
    SaveArgs,
    SetId,
    UndoArgs,
)
from tui.cli.arguments.contents import ORDERS, POLICIES, CatArgs, ExtractArgs, LsArgs
from tui.cli.arguments.jobs import JobsArgs
from tui.cli.arguments.manual import HelpArgs, VersionArgs
from tui.cli.arguments.parser import GlobalOptions, UsageError
from tui.cli.arguments.reading import CommandLine, parse
from tui.cli.arguments.saved import SavedArgs
from tui.cli.arguments.screens import THEMES, BrowseArgs
from tui.cli.arguments.verbs import VERBS
from tui.terminal.themes import NAMES


def values(line: str) -> object:
    """The arguments of a line, as the verb is given them."""
    return parse(line.split()).arguments


class TestUnderstood:
    def test_no_verb_is_the_screens(self) -> None:
        assert parse([]).verb == "browse"
        args = values("--plain --read-only --theme=dark")
        assert isinstance(args, BrowseArgs)
        assert (args.plain, args.read_only, args.ascii, args.theme) == (True, True, False, "dark")
        assert parse(["--ascii", "browse"]) == parse(["browse", "--ascii"])

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("saved", SavedArgs()),
            ("saved a b", SavedArgs(snaps=("a", "b"))),
            ("saved a --id 3 b --abs-time", SavedArgs(snaps=("a", "b"), set_id=3, abs_time=True)),
            ("saved --id=", SavedArgs()),
            ("saved -- --id", SavedArgs(snaps=("--id",))),
            ("jobs", JobsArgs(abs_time=False)),
            ("help", HelpArgs()),
            ("--help", HelpArgs()),
            ("-h", HelpArgs()),
            ("restore --help", HelpArgs("restore")),
            ("browse -h", HelpArgs("browse")),
            ("help restore", HelpArgs("restore")),
            ("--version", VersionArgs()),
        ],
    )
    def test_values(self, line: str, expected: object) -> None:
        assert values(line) == expected

    @pytest.mark.parametrize(
        ("line", "options"),
        [
            ("jobs", GlobalOptions()),
            ("--root /x jobs", GlobalOptions(root="/x")),
            ("jobs --root=/x", GlobalOptions(root="/x")),
            ("--engine files --json jobs", GlobalOptions(engine="files", json=True)),
            ("--json jobs --engine=snapd", GlobalOptions(engine="snapd", json=True)),
            ("--demo jobs", GlobalOptions(demo=True)),
            ("--root /x jobs --root /y", GlobalOptions(root="/y")),
            ("--root=/x -- jobs", GlobalOptions(root="/x")),
        ],
    )
    def test_global_options_stand_before_or_after_the_verb(self, line: str, options: GlobalOptions) -> None:
        assert parse(line.split()) == CommandLine("jobs", options, JobsArgs(abs_time=False))

    def test_lists_and_spans_and_sets_are_read(self) -> None:
        saved = values("save --exclude A --exclude=-B x --users=a,,b")
        assert isinstance(saved, SaveArgs)
        assert (saved.exclude, saved.users, saved.snaps) == (("A", "-B"), ("a", "b"), ("x",))
        restored = values("restore 007 --undo-window 90m x --no-wait")
        assert isinstance(restored, RestoreArgs)
        assert (restored.set_id, restored.undo_window, restored.snaps) == (SetId(7, "007"), 5400, ("x",))
        assert (restored.no_wait, restored.wait) == (True, False)
        checked = values("check-snapshot --all --older-than 30d")
        assert isinstance(checked, CheckArgs)
        assert (checked.all, checked.set_id, checked.older_than) == (True, "", 30 * 24 * 3600)

    def test_paths_are_absolute_and_streams_stay(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir("/usr")
        restored, exported, imported = (
            values("restore 1 --to bin"),
            values("export-snapshot 1 -"),
            "import-snapshot",
        )
        assert isinstance(restored, RestoreArgs)
        assert restored.target_dir == "/usr/bin"
        assert isinstance(exported, ExportArgs)
        assert (exported.set_id, exported.file) == (SetId(1, "1"), "-")
        for typed, file in (("-", "-"), ("x", "/usr/x"), ("-- --odd", "/usr/--odd")):
            read = values(f"{imported} {typed}")
            assert isinstance(read, ImportArgs)
            assert read.file == file

    def test_a_file_stands_for_a_set(self) -> None:
        listed = values("ls --file /f hello:rev")
        assert listed == LsArgs(set_id=0, target="hello:rev", file="/f", sort="name", abs_time=False)
        assert values("cat 3 hello:rev/f") == CatArgs(set_id=3, target="hello:rev/f", file="")
        extracted = values("extract --file /f hello:a hello:b")
        assert isinstance(extracted, ExtractArgs)
        assert (extracted.set_id, extracted.paths) == (0, ("hello:a", "hello:b"))

    def test_optional_operands_may_be_left_out(self) -> None:
        for line, job in (("undo", ""), ("undo 7", "7")):
            undone = values(line)
            assert isinstance(undone, UndoArgs)
            assert undone.job == job

    def test_bytes_that_are_no_text_come_through(self) -> None:
        name = os.fsdecode(b"caf\xe9")
        assert parse(["saved", name, "-"]).arguments.snaps == (name, "-")
        forgotten = parse(["forget", "1", "--", name, "--wait"]).arguments
        assert isinstance(forgotten, ForgetArgs)
        assert (forgotten.set_id, forgotten.snaps) == ("1", (name, "--wait"))
        assert (forgotten.wait, forgotten.no_wait) == (False, False)


class TestRefused:
    @pytest.mark.parametrize(
        ("line", "text"),
        [
            ("--bogus", "unknown flag `bogus'"),
            ("-x", "unknown flag `x'"),
            ("---all check-snapshot", "unknown flag `-all'"),
            ("restore -1", "unknown flag `1'"),
            ("saved --plan", "unknown flag `plan'"),
            ("--id 3 saved", "unknown flag `id'"),
            ("--plain saved", "unknown flag `plain'"),
            ("restore 1 --undo 3h", "unknown flag `undo': did you mean --no-undo?"),
            ("save --user a", "unknown flag `user': did you mean --users?"),
            ("saved --abs", "unknown flag `abs'"),
            ("restore", "the required argument `<id>` was not provided"),
            ("export-snapshot 1", "the required argument `<filename>` was not provided"),
            ("export-snapshot", "the required arguments `<id>` and `<filename>` were not provided"),
            ("import-snapshot", "the required argument `<filename>` was not provided"),
            ("diff", "the required arguments `<id>` and `<id>` were not provided"),
            ("ls", "the required argument `<id>` was not provided"),
            ("ls --file=x 3 foo", "a set and --file cannot be combined"),
            ("cat 3 foo", "the required argument `<snap>:<path>` was not provided"),
            ("attach 1 2", 'too many arguments for command: "2"'),
            ("jobs 1", 'too many arguments for command: "1"'),
            ("saved --id", "expected argument for flag `--id'"),
            ("saved --id --json", "expected argument for flag `--id'"),
            ("restore 1 --to=", "expected argument for flag `--to'"),
            ("saved --json=yes", "flag `--json' takes no value"),
            (
                "saved --id x",
                "invalid argument for snapshot set id: expected a non-negative integer argument",
            ),
            ("restore x", "invalid argument for snapshot set id: expected a non-negative integer argument"),
            ("--engine best", "invalid value `best' for flag `--engine': choose auto, files, snapd"),
            ("ls 1 --sort colour", "invalid value `colour' for flag `--sort': choose name, size, time"),
            ("completion csh", "invalid value `csh' for `<shell>`: choose bash, zsh, fish"),
            ("--demo --root /x", "--demo and --root cannot be combined"),
            ("restore 1 --no-undo --undo-window 1h", "--undo-window and --no-undo cannot be combined"),
            ("check 1", 'unknown command "check": did you mean check-snapshot?'),
            ("list", 'unknown command "list": did you mean saved?'),
            ("restor 1", 'unknown command "restor": did you mean restore?'),
            ("wxyz", 'unknown command "wxyz"'),
        ],
    )
    def test_in_a_sentence(self, line: str, text: str) -> None:
        with pytest.raises(UsageError) as refused:
            parse(line.split())
        assert str(refused.value) == text

    @pytest.mark.parametrize(("line", "verb"), [("restore x", "restore"), ("jobs 1", "jobs"), ("-x", "")])
    def test_with_the_verb_to_read_about(self, line: str, verb: str) -> None:
        with pytest.raises(UsageError) as refused:
            parse(line.split())
        assert refused.value.verb == verb

    def test_there_is_no_set_0(self) -> None:
        with pytest.raises(InvalidInputError, match="requires snapshot set ID"):
            parse(["restore", "0"])


arguments = st.sampled_from([*VERBS, "--", "-", "--id", "--root", "--demo", "--help", "--users=x", "1"])


@given(st.lists(arguments | st.text()))
def test_anything_is_understood_or_refused(line: list[str]) -> None:
    try:
        read = parse(line)
    except (UsageError, InvalidInputError):
        return
    assert read.verb in VERBS


def test_the_words_that_are_offered_are_those_of_the_library() -> None:
    assert {order.value for order in Order} == set(ORDERS)
    assert {policy.value for policy in OverwritePolicy} == set(POLICIES)
    assert set(NAMES) == set(THEMES)
