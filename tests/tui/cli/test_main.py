"""The command line itself: what is understood, what is refused, how it ends."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from backend import Engine, open_engine
from backend.engine.files import FilesEngine
from tests.support.builders import World
from tests.tui.support.driver import HERE, Snapstow, environment, run_here, run_process
from tui.cli.arguments.reading import parse, parser_of
from tui.cli.arguments.verbs import VERBS, acting, describing
from tui.cli.manual import SUMMARIES


@pytest.fixture
def snapstow(tmp_path: Path) -> Snapstow:
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "system"})
    world.add(1, "hello")
    return Snapstow(world)


class TestHelp:
    def test_the_overview_fits_a_small_terminal(self) -> None:
        done = run_here("help")
        lines = done.out.splitlines()
        assert done.code == 0
        assert len(lines) <= 23
        assert all(len(line) < 80 for line in lines)
        about_itself = {"help", "version", "completion", "man"}
        listed = VERBS.keys() - {"reset", "browse"} - about_itself
        assert all(f"  {verb} " in done.out for verb in listed)

    @pytest.mark.parametrize("verb", sorted(VERBS))
    def test_each_verb_has_a_page(self, verb: str) -> None:
        done = run_here("help", verb)
        assert done == run_here(verb, "--help") or verb == "help"
        assert done.code == 0
        assert done.out.startswith(f"Usage: snapstow {verb}")
        assert all(len(line) < 80 for line in done.out.splitlines())
        parser = parser_of(verb)
        for action in (*parser.verb_flags(), *parser.global_options()):
            assert f"  {', '.join(action.option_strings)} " in done.out
        for operand in parser.operands:
            assert f"  {operand.metavar} " in done.out

    def test_examples_can_be_understood(self) -> None:
        for verb in VERBS:
            for example in parser_of(verb).examples:
                parse(shlex.split(re.split(" [|>]", example)[0]))

    def test_an_unknown_verb_has_none(self) -> None:
        assert run_here("help", "wxyz").code == 2

    @pytest.mark.parametrize("line", ["--version", "version", "saved --version", "restore --version"])
    def test_the_version(self, line: str) -> None:
        done = run_here(*line.split())
        assert re.fullmatch(r"snapstow [0-9]+\.[0-9]+\.[0-9]+\ncompression by .*[0-9].*\n", done.out)

    def test_a_verb_that_nobody_mentions_is_summarized_all_the_same(self) -> None:
        assert set(SUMMARIES) == set(VERBS)


class TestOneEngine:
    """A command makes its engine once, whatever it asks of it."""

    @pytest.mark.parametrize(
        "line",
        [
            "saved",
            "save",
            "check-snapshot 1",
            "check-snapshot --all hello",
            "restore 1 --plan",
            "restore 1",
            "extract 1 hello:rev --plan",
            "ls 1 hello:rev",
            "diff 1 live hello",
            "find f",
            "forget 1",
            "jobs",
            "undo --list",
            "doctor",
            "estimate",
            "finish 1",
        ],
    )
    def test_is_made(self, line: str, snapstow: Snapstow, monkeypatch: pytest.MonkeyPatch) -> None:
        opened = []

        def counting(root: str, kind: str, config: str, **options: bool) -> Engine:
            opened.append(root)
            return open_engine(root, kind, config, **options)

        monkeypatch.setattr("tui.cli.context.open_engine", counting)
        snapstow(*line.split())
        assert len(opened) == 1

    def test_help_makes_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tui.cli.context.open_engine", None)
        assert run_here("help", "restore").code == 0


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
        ("line", "text"),
        [("saved", "error: cancelled\n"), ("forget 1", "error: cancelled; nothing was changed\n")],
    )
    def test_control_c(
        self, line: str, text: str, snapstow: Snapstow, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(*_arguments: object, **_options: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("tui.cli.context.open_engine", interrupt)
        assert snapstow(*line.split()) == (130, "", text)


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

    @pytest.mark.parametrize(("line", "code"), [("saved", 0), ("saved --bogus", 2), ("forget 9", 1)])
    def test_closed_standard_error_changes_no_exit_code(
        self, line: str, code: int, snapstow: Snapstow
    ) -> None:
        with open("/dev/full", "wb") as full:
            assert snapstow.process(*line.split(), stderr=full).returncode == code

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


@pytest.mark.parametrize("verb", VERBS)
def test_the_table_of_verbs_names_what_there_is(verb: str) -> None:
    assert callable(describing(verb))
    assert callable(acting(verb))
