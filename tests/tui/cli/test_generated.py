"""Completions and manual pages: made of the parsers, so that nothing is missing in them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tui.support.driver import run_here
from tui.cli.arguments.manual import SHELLS
from tui.cli.manual import described_parsers

PARSERS = {parser.verb: parser for parser in described_parsers()}
COMPLETE = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_snapstow
printf '%s\\n' "${COMPREPLY[@]}"
"""


def flags_of(verb: str) -> set[str]:
    parser = PARSERS[verb]
    actions = (*parser.verb_flags(), *parser.global_options())
    return {flag for action in actions for flag in action.option_strings}


def lines_about(shell: str, verb: str) -> str:
    """The part of a script that is about a verb."""
    script = run_here("completion", shell).out
    starts = {
        "bash": rf"^ +{verb}\).*",
        "zsh": rf"^ +{verb}\) _arguments(?:.*\\\n)*.*",
        "fish": rf"^.*seen_subcommand_from {verb}'.*",
    }
    return "\n".join(re.findall(starts[shell], script, re.MULTILINE))


class TestCompletion:
    @pytest.mark.parametrize("shell", SHELLS)
    @pytest.mark.parametrize("verb", PARSERS)
    def test_holds_every_verb_and_flag(self, shell: str, verb: str) -> None:
        about = lines_about(shell, verb)
        for flag in flags_of(verb):
            spelled = (
                flag if shell != "fish" else f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
            )
            assert re.search(rf"(?<![\w-]){re.escape(spelled)}(?![\w-])", about), flag

    @pytest.mark.parametrize("shell", SHELLS)
    def test_is_understood_by_the_shell(self, shell: str, tmp_path: Path) -> None:
        if not shutil.which(shell):
            pytest.skip(f"there is no {shell} here")
        script = tmp_path / "script"
        script.write_text(run_here("completion", shell).out)
        done = subprocess.run([shell, "-n", str(script)], capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")

    @pytest.mark.parametrize(
        ("line", "offered"),
        [
            ("exp", {"export-snapshot"}),
            ("--root /x exp", {"export-snapshot"}),
            ("--root = /x exp", {"export-snapshot"}),
            ("restore --un", {"--undo-window"}),
            ("restore 1 --un", {"--undo-window"}),
            ("--engine ", {"auto", "files", "snapd"}),
            ("ls --sort = s", {"size"}),
            ("help forg", {"forget"}),
            ("import-snapshot fi", {"file"}),
            ("restore --to ", {"folder"}),
            ("restore 1 ", {""}),
        ],
    )
    def test_of_bash_offers_what_fits(self, line: str, offered: set[str], tmp_path: Path) -> None:
        script = tmp_path / "script"
        script.write_text(run_here("completion", "bash").out)
        (tmp_path / "here/folder").mkdir(parents=True)
        (tmp_path / "here/file").touch()
        done = subprocess.run(
            ["bash", "-c", COMPLETE, "bash", str(script), "snapstow", *line.split(" ")],
            capture_output=True,
            check=True,
            text=True,
            cwd=tmp_path / "here",
        )
        assert set(done.stdout.rstrip("\n").split("\n")) == offered


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the manual pages."""
    directory = tmp_path_factory.mktemp("man") / "man1"
    done = run_here("man", str(directory))
    assert done.code == 0
    assert sorted(done.out.splitlines()) == sorted(map(str, directory.iterdir()))
    return directory


class TestManualPages:
    def test_there_is_one_for_each_verb(self, pages: Path) -> None:
        names = {path.name for path in pages.iterdir()}
        assert names == {"snapstow.1", *(f"snapstow-{verb}.1" for verb in PARSERS)}

    @pytest.mark.parametrize("verb", PARSERS)
    def test_hold_every_flag(self, verb: str, pages: Path) -> None:
        text = (pages / f"snapstow-{verb}.1").read_text().replace("\\-", "-")
        for flag in flags_of(verb):
            assert re.search(rf"^\.B (?:.*, )?{flag}(?:,| |$)", text, re.MULTILINE), flag
        overview = (pages / "snapstow.1").read_text().replace("\\-", "-")
        assert f".B snapstow-{verb}(1)\n" in overview

    def test_are_set_without_a_warning(self, pages: Path) -> None:
        if not shutil.which("groff"):
            pytest.skip("there is no groff here")
        for page in pages.iterdir():
            done = subprocess.run(
                ["groff", "-man", "-Tascii", "-ww", "-z", str(page)], capture_output=True, check=False
            )
            assert (done.returncode, done.stderr) == (0, b""), page
