"""The command line itself: what is understood, what is refused, how it ends."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.engine.files import FilesEngine
from tests.support.builders import World
from tests.tui.support.driver import HERE, Snapstow, environment, run_here, run_process
from tui.cli import arguments
from tui.cli import help as manual
from tui.cli.arguments import GLOBAL, VERBS, Arguments, UsageError, parse

HIDDEN = {"run-job"}  # what programs of ours start, and nobody types


@pytest.fixture
def snapstow(tmp_path: Path) -> Snapstow:
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "system"})
    world.add(1, "hello")
    return Snapstow(world)


class TestParsing:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("", Arguments("browse")),
            ("--plain --read-only", Arguments("browse", plain=True, read_only=True)),
            ("--ascii browse", Arguments("browse", ascii=True)),
            ("saved", Arguments()),
            ("saved a b", Arguments(snaps=("a", "b"))),
            ("saved --id 3 --abs-time", Arguments(id="3", abs_time=True)),
            ("saved --id=", Arguments(id="")),
            ("--json saved", Arguments(json=True)),
            ("saved --json", Arguments(json=True)),
            ("save --exclude A --exclude=B x", Arguments("save", exclude=("A", "B"), snaps=("x",))),
            (
                "restore 1 --undo-window 90m x",
                Arguments("restore", set_id="1", snaps=("x",), undo_window="90m"),
            ),
            ("restore x 1 --users=a,b", Arguments("restore", set_id="x", snaps=("1",), users="a,b")),
            ("check-snapshot --all", Arguments("check-snapshot", all=True)),
            ("export-snapshot 007 -", Arguments("export-snapshot", set_id="007", file="-")),
            ("import-snapshot -- --odd", Arguments("import-snapshot", file="--odd")),
            ("undo", Arguments("undo")),
            ("undo 7", Arguments("undo", job="7")),
            ("--root /x jobs", Arguments("jobs", root="/x")),
            ("jobs --root=/x", Arguments("jobs", root="/x")),
            ("help", Arguments("help")),
            ("--help", Arguments("help", help=True)),
            ("-h", Arguments("help", help=True)),
            ("restore --help", Arguments("help", help=True, topic="restore")),
            ("help restore", Arguments("help", topic="restore")),
            ("--version", Arguments("browse", version=True)),
        ],
    )
    def test_understood(self, line: str, expected: Arguments) -> None:
        assert parse(line.split()) == expected

    @pytest.mark.parametrize(
        ("line", "text"),
        [
            ("--bogus", "unknown flag `bogus'"),
            ("-x", "unknown flag `x'"),
            ("---all check-snapshot", "unknown flag `-all'"),
            ("restore -1", "unknown flag `1'"),
            ("saved --plan", "unknown flag `plan'"),
            ("--id 3 saved", "unknown flag `id'"),
            ("restore", "the required argument `<id>` was not provided"),
            ("export-snapshot 1", "the required argument `<filename>` was not provided"),
            ("export-snapshot", "the required arguments `<id>` and `<filename>` were not provided"),
            ("import-snapshot", "the required argument `<filename>` was not provided"),
            ("--plain saved", "unknown flag `plain'"),
            ("attach 1 2", 'too many arguments for command: "2"'),
            ("jobs 1", 'too many arguments for command: "1"'),
            ("saved --id", "expected argument for flag `--id'"),
            ("saved --id --json", "expected argument for flag `--id'"),
            ("saved --json=yes", "flag `--json' takes no value"),
            ("--engine best", "invalid value `best' for flag `--engine': choose auto, files, snapd"),
            ("--demo --root /x", "--demo and --root exclude each other"),
            ("check 1", 'unknown command "check": did you mean check-snapshot?'),
            ("list", 'unknown command "list": did you mean saved?'),
            ("restor 1", 'unknown command "restor": did you mean restore?'),
            ("wxyz", 'unknown command "wxyz"'),
        ],
    )
    def test_refused(self, line: str, text: str) -> None:
        with pytest.raises(UsageError) as refused:
            parse(line.split())
        assert str(refused.value) == text

    words = st.sampled_from([*VERBS, "--", "-", "--id", "--root", "--demo", "--help", "--users=x", "1"])

    @given(st.lists(words | st.text()))
    def test_anything_is_understood_or_refused(self, line: list[str]) -> None:
        try:
            found = parse(line)
        except UsageError:
            return
        assert found.verb in VERBS

    def test_every_flag_and_operand_has_its_field(self) -> None:
        for _, operands, flags in VERBS.values():
            for name in f"{operands} {flags} {GLOBAL}".split():
                field = name.rstrip("?*=").replace("-", "_")
                default = Arguments._field_defaults[field]
                many = name.endswith("*") or field == "exclude"
                expected = tuple if many else str if name[-1] == "=" or name in operands.split() else bool
                assert type(default) is expected, name


class TestHelp:
    def test_the_overview_fits_a_small_terminal(self) -> None:
        done = run_here("help")
        lines = done.out.splitlines()
        assert done.code == 0
        assert len(lines) <= 23
        assert all(len(line) < 80 for line in lines)
        assert all(
            f"  {verb} " in done.out for verb in VERBS if verb not in ("help", "reset", "browse", *HIDDEN)
        )

    @pytest.mark.parametrize("verb", sorted(VERBS.keys() - HIDDEN))
    def test_each_verb_has_a_page(self, verb: str) -> None:
        done = run_here("help", verb)
        assert done == run_here(verb, "--help") or verb == "help"
        assert done.code == 0
        assert done.out.startswith(f"Usage: snapstow {verb}")
        assert all(len(line) < 80 for line in done.out.splitlines())
        for flag in VERBS[verb][2].split():
            assert f"  --{flag.rstrip('=')} " in done.out

    def test_examples_can_be_understood(self) -> None:
        for examples in manual._EXAMPLES.values():
            for example in examples:
                parse(example.partition(" |")[0].split())

    def test_an_unknown_verb_has_none(self) -> None:
        assert run_here("help", "wxyz").code == 2

    def test_the_version(self) -> None:
        done = run_here("--version")
        assert re.fullmatch(r"snapstow [0-9]+\.[0-9]+\.[0-9]+\ncompression by .*[0-9].*\n", done.out)


class TestErrors:
    def test_usage_is_told_in_two_lines(self, snapstow: Snapstow) -> None:
        done = snapstow("restore")
        text = "error: the required argument `<id>` was not provided\n       (see 'snapstow help restore')\n"
        assert done == (2, "", text)

    def test_no_place(self, tmp_path: Path) -> None:
        done = run_here("--root", f"{tmp_path}/none", "saved")
        assert done == (5, "", f"error: cannot work below {tmp_path}/none: it is not a directory\n")

    @pytest.mark.parametrize(
        "verb", ["saved --id x", "jobs", "doctor", "estimate nosnap", "restore 1 --plan"]
    )
    def test_a_failed_query_leaves_nothing_on_standard_output(
        self, verb: str, snapstow: Snapstow, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from backend import SnapshotError

        def fail(*_arguments: object, **_more: object) -> None:
            raise SnapshotError("cannot look: it is dark")

        for name in ("findings", "plan", "sets", "estimate"):
            monkeypatch.setattr(FilesEngine, name, fail)
        monkeypatch.setattr("backend.jobs.journal.Journal.records", fail)
        done = snapstow("--json", *verb.split())
        assert done.code != 0
        assert done.out == ""
        assert done.err.startswith("error: ")

    def test_a_bug_is_one_sentence_and_a_file(
        self, snapstow: Snapstow, monkeypatch: pytest.MonkeyPatch
    ) -> None:

        def stumble(*_arguments: object) -> None:
            raise ZeroDivisionError("divided\nby \x1b[31m zero")

        monkeypatch.setattr(FilesEngine, "sets", stumble)
        done = snapstow("saved")
        first, second = done.err.splitlines()
        assert done.code == 1
        assert done.out == ""
        assert first == "error: a bug in snapstow: ZeroDivisionError: divided by \\x1b[31m zero"
        path = Path(second.removeprefix("       Details to report: "))
        assert path.parent == snapstow.state
        assert path.stat().st_mode & 0o777 == 0o600
        assert "in stumble" in path.read_text()

    def test_a_bug_in_an_operation_as_well(self, snapstow: Snapstow, monkeypatch: pytest.MonkeyPatch) -> None:

        def stumble(*_arguments: object) -> None:
            raise ZeroDivisionError("by zero")

        monkeypatch.setattr(FilesEngine, "check", stumble)
        done = snapstow("check-snapshot", "1")
        assert done.code == 1
        assert done.err.startswith("error: a bug in snapstow: ZeroDivisionError: by zero\n")
        (kept,) = snapstow.state.glob("bug-*.txt")
        assert "in stumble" in kept.read_text()
        assert "Traceback" not in done.err

    def test_a_bug_where_no_file_can_be_written(
        self, snapstow: Snapstow, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def stumble(*_arguments: object, **_options: object) -> None:
            raise ZeroDivisionError("by zero")

        monkeypatch.setattr(FilesEngine, "__init__", stumble)
        monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
        done = snapstow("saved")
        assert done.code == 1
        assert done.err.splitlines()[1].strip() == "Its details could not be written to a file."

    def test_an_unforeseen_refusal_of_the_system(
        self, snapstow: Snapstow, monkeypatch: pytest.MonkeyPatch
    ) -> None:

        def refuse(*_arguments: object) -> None:
            raise PermissionError(13, "Permission denied", "/some\x1bwhere")

        monkeypatch.setattr(FilesEngine, "sets", refuse)
        text = "error: cannot list the snapshots: /some\\x1bwhere: Permission denied\n"
        assert snapstow("saved") == (1, "", text)

    @pytest.mark.parametrize(
        ("words", "text"),
        [("saved", "error: cancelled\n"), ("forget 1", "error: cancelled; nothing was changed\n")],
    )
    def test_control_c(
        self, words: str, text: str, snapstow: Snapstow, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(*_arguments: object) -> None:
            raise KeyboardInterrupt

        for module in ("cli.commands.saved", "cli.run_operation"):
            monkeypatch.setattr(f"tui.{module}.engine", interrupt)
        assert snapstow(*words.split()) == (130, "", text)


class TestStreams:
    def test_a_reader_that_went_away(self, snapstow: Snapstow) -> None:
        for number in range(2, 40):
            snapstow.world.add(number, "hello", version="1.0")
        reading, writing = os.pipe()
        os.close(reading)
        done = snapstow.process("saved", stdout=writing)
        os.close(writing)
        assert (done.returncode, done.stderr) == (1, b"")

    def test_one_line_is_enough(self, snapstow: Snapstow) -> None:
        command = [sys.executable, "-m", "tui.cli.main", "--root", str(snapstow.world.root), "saved"]
        done = subprocess.run(
            ["sh", "-c", '"$@" | head -1', "sh", *command],
            capture_output=True,
            check=False,
            cwd=HERE,
            env=environment(),
        )
        assert done.stdout.startswith(b"Set  Snap")
        assert done.stderr == b""

    @pytest.mark.parametrize("buffered", [True, False])
    @pytest.mark.parametrize(
        ("words", "deed"),
        [
            ("saved", "list the snapshots"),
            ("--json saved", "list the snapshots"),
            ("--version", "carry out browse"),
            ("browse --plain", "carry out browse"),
            ("check-snapshot 1", "carry out check-snapshot"),
        ],
    )
    def test_a_full_disk(self, words: str, deed: str, buffered: bool, snapstow: Snapstow) -> None:
        env = {} if buffered else {"PYTHONUNBUFFERED": "1"}
        with open("/dev/full", "wb") as full:
            done = snapstow.process(*words.split(), stdout=full, env=env)
        assert done.returncode == 1
        assert done.stderr.decode() == f"error: cannot {deed}: No space left on device\n"

    @pytest.mark.parametrize(("words", "code"), [("saved", 0), ("saved --bogus", 2), ("forget 9", 1)])
    def test_full_standard_error_changes_no_exit_code(
        self, words: str, code: int, snapstow: Snapstow
    ) -> None:
        with open("/dev/full", "wb") as full:
            assert snapstow.process(*words.split(), stderr=full).returncode == code

    @pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
    def test_closed_streams_are_not_taken_for_files(self, closed: str, snapstow: Snapstow) -> None:
        words = [sys.executable, "-m", "tui.cli.main", "--root", str(snapstow.world.root), "--json", "save"]
        script = f'exec "$@" {closed}'
        done = subprocess.run(
            ["sh", "-c", script, "sh", *words], check=False, capture_output=True, cwd=HERE, env=environment()
        )
        assert done.returncode == 0
        assert snapstow("check-snapshot", "2", "--structure").code == 0
        assert b"Traceback" not in done.stderr

    def test_other_encodings_change_no_json(self, snapstow: Snapstow) -> None:
        snapstow.world.add(2, "hello", conf={"é": "\U0001f600 \u202e"}, summary="ü")
        poor = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "latin-1"}
        rich = snapstow.process("--json", "saved")
        assert snapstow.process("--json", "saved", env=poor).stdout == rich.stdout
        assert "\U0001f600 \u202e" in rich.stdout.decode()

    def test_a_poor_terminal_still_gets_its_table(self, snapstow: Snapstow) -> None:
        done = run_process("--root", str(snapstow.world.root) + "/ünwhere", env={"PYTHONIOENCODING": "ascii"})
        assert done.returncode == 5
        assert b"\\xfcnwhere" in done.stderr


def test_the_table_of_verbs_names_what_there_is() -> None:
    from importlib import import_module

    for verb, (module, _, _) in arguments.VERBS.items():
        assert callable(getattr(import_module(module), verb.replace("-", "_")))
