"""A session in lines: what can be typed, and what it does."""

import re
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from backend import (
    Action,
    Check,
    Finish,
    NotAllowedError,
    NotFoundError,
    SnapshotError,
    SnapshotSet,
    TakeBack,
)
from tui.plain.console import CANCEL, Console, Dropped, EndOfInput
from tui.plain.copies import ask_pull, ask_push
from tui.plain.extract import ask_extract
from tui.plain.follow import Desk, follow, start
from tui.plain.lists import PAGE, Lists
from tui.plain.questions import (
    ask_export,
    ask_forget,
    ask_import,
    ask_prune,
    ask_restore,
    ask_save,
    ask_undo,
    number_in,
)
from tui.plain.words import and_words
from tui.session.job_views import JobBoard
from tui.session.place import Place
from tui.text import pin_text, plain

_COLUMNS = re.compile(r" {2,}")


def _split(line: str) -> list[str]:
    """What was typed, by words; quotes keep blanks as in a shell, where they are closed."""
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


class Verb(NamedTuple):
    """A word that can be typed: what it does, what may follow it, and how it is explained."""

    act: Callable[["Session", Sequence[str]], None]
    operands: str
    text: str


def converse(place: Place, read: Callable[[Sequence[str]], list[str]]) -> int:
    """Answer lines with lines until the user leaves or nobody answers any more; returns the exit code.

    `read` carries out the verbs that only read, and returns the lines that they print.
    """
    for stream in (sys.stdin, sys.stdout):
        stream.reconfigure(errors="surrogateescape")  # type: ignore[union-attr] # names are bytes
    console = Console(sys.stdin, sys.stdout)
    Session(Desk(place, console, JobBoard(place.jobs, place.location_options), read)).run()
    return 0


class Session:
    """Somebody at a desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._console = desk.console
        self.lists = Lists(desk)

    def run(self) -> None:
        """Say where we are and what there is, then do what is typed."""
        try:
            self._attempt(self.lists.greet)
            while True:
                self._attempt(self._next)
        except EndOfInput:
            with suppress(EndOfInput):  # nobody hears it
                self._take_leave()

    def _take_leave(self) -> None:
        if running := [view.name for view in self._desk.board.views() if view.is_running]:
            self._console.say(f"Still running: job {and_words(running, PAGE)}.")
        self._console.say("Leaving.")

    def _attempt(self, act: Callable[[], None]) -> None:
        """Do something; what went wrong is reported, and the session goes on."""
        try:
            act()
        except Dropped:
            self._console.say("Nothing was done.")
        except KeyboardInterrupt:
            self._console.say("", "Nothing was done. To leave, type: quit")
        except (SnapshotError, OSError) as failure:
            lines = str(failure).split("\n")
            self._console.say(f"Error: {lines[0]}", *lines[1:])

    def _next(self) -> None:
        typed = _split(self._console.ask("Command"))
        if not typed:
            self._console.say("For the list of commands, type: help")
            return
        name = _OTHER_NAMES.get(typed[0].lower(), typed[0].lower())
        if name not in VERBS:
            self._console.say(f"Unknown command {typed[0]}. For the list of commands, type: help")
            return
        VERBS[name].act(self, typed[1:])

    def help(self, _words: Sequence[str]) -> None:
        """Say what can be typed."""
        for name, verb in VERBS.items():
            self._console.say(f"{name}{verb.operands and ' '}{verb.operands}: {verb.text}.")
        self._console.say("N stands for the number of a set. The answer in brackets after a question")
        self._console.say("is what Enter alone gives. To drop the questions, type cancel or Control C.")

    def show(self, arguments: Sequence[str]) -> None:
        """Tell everything about a set."""
        self.lists.show(self._set("show", arguments)[0])

    # -- what only reads

    def read(self, verb: str, arguments: Sequence[str]) -> None:
        """Tell what the verb of the command line prints, its columns separated by commas."""
        changes = {
            "doctor": "--repair" in arguments,
            "retention": bool(arguments),
            "repo": bool(arguments and arguments[0] != "list"),
            "schedule": bool(arguments and arguments[0] != "list"),
        }
        if self._desk.place.read_only and changes.get(verb):
            raise NotAllowedError(f"cannot change anything with {verb}: this session is read-only")
        self.lists.tell([_COLUMNS.sub(", ", line.strip()) for line in self._desk.read([verb, *arguments])])

    # -- which set, which job

    def _set(self, verb: str, arguments: Sequence[str]) -> tuple[SnapshotSet, tuple[str, ...]]:
        """The set that is named, or asked for, and the snaps named after it."""
        typed = arguments[0] if arguments else self._console.ask(f"Which set to {verb}?", CANCEL)
        number = number_in(typed)
        sets = self._desk.place.engine.sets(number) if number else []
        if not sets:
            raise NotFoundError(f"there is no set {plain(typed)}")
        names, known = tuple(arguments[1:]), {snapshot.snap for snapshot in sets[0].snapshots}
        if strange := [name for name in names if name not in known]:
            raise NotFoundError(f"there is no {and_words(strange)} in set {number}")
        return sets[0], names

    def _set_and_paths(self, arguments: Sequence[str]) -> tuple[int, tuple[str, ...]]:
        part, _ = self._set("extract files of", arguments[:1])
        return part.set_id, tuple(arguments[1:])

    def _job(self, verb: str, arguments: Sequence[str]) -> int:
        """The job that is named, or else the newest that runs."""
        if arguments:
            number = number_in(arguments[0])
            self._desk.view(number)
            return number
        running = [view.id for view in self._desk.board.views() if view.is_running]
        if not running:
            raise NotFoundError(f"there is no job to {verb}: none is running")
        return running[0]

    def _demand(self, action: Action) -> None:
        if reason := self._desk.place.refusal(action):
            raise NotAllowedError(reason)

    # -- doing

    def save(self, arguments: Sequence[str]) -> None:
        """Ask what to save, and save it."""
        self._demand(Action.SAVE)
        start(self._desk, ask_save(self._desk, tuple(arguments)))

    def check(self, arguments: Sequence[str]) -> None:
        """Verify a set, or all: reading changes nothing, so nothing is asked."""
        kinds = [word.lstrip("-") for word in arguments if word.lstrip("-") in ("structure", "quick")]
        rest = [word for word in arguments if word.lstrip("-") not in ("structure", "quick")]
        structure, quick = "structure" in kinds, "quick" in kinds
        if rest and rest[0].lstrip("-") == "all":
            operation = Check(0, tuple(rest[1:]), structure=structure, quick=quick)
        else:
            part, names = self._set("check", rest)
            operation = Check(part.set_id, names, structure=structure, quick=quick)
        start(self._desk, operation)

    def restore(self, arguments: Sequence[str]) -> None:
        """Ask what to restore, tell the plan, and restore."""
        self._demand(Action.RESTORE)
        start(self._desk, ask_restore(self._desk, *self._set("restore", arguments)))

    def undo(self, arguments: Sequence[str]) -> None:
        """Ask which job to undo, and undo it."""
        self._demand(Action.UNDO)
        start(self._desk, ask_undo(self._desk, number_in(arguments[0]) if arguments else 0))

    def export(self, arguments: Sequence[str]) -> None:
        """Ask where to, and export."""
        start(self._desk, ask_export(self._desk, *self._set("export", arguments)))

    def take_in(self, arguments: Sequence[str]) -> None:
        """Ask for a file, tell what is in it, and import it."""
        self._demand(Action.IMPORT)
        start(self._desk, ask_import(self._desk, " ".join(arguments)))

    def forget(self, arguments: Sequence[str]) -> None:
        """Say what would go, and for how long it is kept, and forget it."""
        self._demand(Action.FORGET)
        start(self._desk, ask_forget(self._desk, *self._set("forget", arguments)))

    def prune(self, arguments: Sequence[str]) -> None:
        """Tell what rules, or a lack of room, let go, and forget it."""
        self._demand(Action.FORGET)
        start(self._desk, ask_prune(self._desk, tuple(arguments)))

    def pin(self, arguments: Sequence[str]) -> None:
        """Keep a set from going; what follows its number is the note."""
        part, _ = self._set("pin", arguments[:1])
        self._demand_writing("pin")
        made = self._desk.place.engine.pins.pin(part, " ".join(arguments[1:]), time.time())
        self._console.say(f"Set {part.set_id} is {pin_text(made.note)}.")

    def unpin(self, arguments: Sequence[str]) -> None:
        """Let a set go again."""
        part, _ = self._set("unpin", arguments[:1])
        self._demand_writing("unpin")
        if not self._desk.place.engine.pins.unpin(part):
            raise NotFoundError(f"set {part.set_id} is not pinned")
        self._console.say(f"Set {part.set_id} is not pinned any more.")

    def _demand_writing(self, verb: str) -> None:
        if self._desk.place.read_only:
            raise NotAllowedError(f"cannot {verb}: this session is read-only")

    def push(self, arguments: Sequence[str]) -> None:
        """Copy a set into a repository."""
        part, _ = self._set("push", arguments[:1])
        start(self._desk, ask_push(self._desk, part.set_id, " ".join(arguments[1:])))

    def pull(self, arguments: Sequence[str]) -> None:
        """Import a copy from a repository."""
        self._demand(Action.PULL)
        start(self._desk, ask_pull(self._desk, " ".join(arguments)))

    def attach(self, arguments: Sequence[str]) -> None:
        """Follow a job."""
        follow(self._desk, self._job("attach", arguments))

    def stop(self, arguments: Sequence[str]) -> None:
        """Ask a job to stop, and follow it until it has."""
        if self._desk.place.read_only:
            raise NotAllowedError("cannot stop a job: this session is read-only")
        number = self._job("stop", arguments)
        if not self._console.agrees(f"Stop job {number}? It undoes what it did."):
            raise Dropped
        self._desk.place.runner.stop(self._desk.place.engine.journal.record(number))
        follow(self._desk, number)

    def extract(self, arguments: Sequence[str]) -> None:
        """Ask which files of a set, and where to; tell the plan, and restore them."""
        self._demand(Action.EXTRACT)
        start(self._desk, ask_extract(self._desk, *self._set_and_paths(arguments)))

    def finish(self, arguments: Sequence[str]) -> None:
        """Complete an interrupted job."""
        self._end(arguments, finish=True)

    def take_back(self, arguments: Sequence[str]) -> None:
        """Undo an interrupted job."""
        self._end(arguments, finish=False)

    def _end(self, arguments: Sequence[str], *, finish: bool) -> None:
        verb, engine = "finish" if finish else "take back", self._desk.place.engine
        if self._desk.place.read_only:
            raise NotAllowedError(f"cannot {verb} a job: this session is read-only")
        number = number_in(arguments[0] if arguments else self._console.ask(f"Which job to {verb}?", CANCEL))
        self._desk.view(number)
        ways = engine.resolutions(number)
        way = ways.finish if finish else ways.take_back
        if way.refusal:
            raise NotAllowedError(f"cannot {verb} job {number}: {way.refusal}")
        self._console.say(f"{way.text}.")
        if not self._console.agrees(f"{verb.capitalize()} job {number}?"):
            raise Dropped
        start(self._desk, Finish(number) if finish else TakeBack(number))

    def quit(self, _words: Sequence[str]) -> None:
        """Leave; jobs go on."""
        raise EndOfInput


def _reading(verb: str, operands: str, text: str) -> Verb:
    """A verb that only reads, as on the command line."""
    return Verb(lambda session, arguments: session.read(verb, arguments), operands, text)


VERBS = {
    "list": Verb(
        lambda session, arguments: session.lists.list(arguments),
        "",
        "list the sets; with problems: those that need attention first; with words: those that match",
    ),
    "more": Verb(lambda session, _: session.lists.more(), "", "list the next sets"),
    "show": Verb(Session.show, "N", "show everything about a set"),
    "save": Verb(Session.save, "", "save the data of snaps as a new set"),
    "check": Verb(Session.check, "N", "verify a set; check all verifies every set"),
    "restore": Verb(Session.restore, "N", "restore the data of a set, after showing the plan"),
    "extract": Verb(Session.extract, "N", "restore single files of a set, after showing the plan"),
    "ls": _reading("ls", "N", "list what a set holds; ls N SNAP:PATH lists a directory"),
    "cat": _reading("cat", "N", "show a file of a set; cat N SNAP:PATH"),
    "find": _reading("find", "", "find files in all sets; find and a part of the path"),
    "diff": _reading("diff", "N", "compare two sets; diff N N, or diff N live for the live data"),
    "open": _reading("open", "", "list what a file of snapshots holds; open and the file"),
    "undo": Verb(Session.undo, "", "undo a restore or a forget"),
    "export": Verb(Session.export, "N", "write a set to a file"),
    "import": Verb(Session.take_in, "", "read a set from a file"),
    "forget": Verb(Session.forget, "N", "remove a set"),
    "prune": Verb(Session.prune, "", "forget what no rule keeps, or what frees room, after showing the plan"),
    "pin": Verb(Session.pin, "N", "keep a set from going; pin N and a note"),
    "unpin": Verb(Session.unpin, "N", "let a pinned set go again"),
    "push": Verb(Session.push, "N", "copy a set to a repository; push N and its name"),
    "pull": Verb(Session.pull, "", "import a copy; pull and repository:number"),
    "copies": _reading("copies", "", "list which sets have copies where"),
    "repo": _reading("repo", "", "list the repositories"),
    "status": _reading("status", "", "tell how this machine is"),
    "hosts": _reading("hosts", "", "tell how machines are; hosts and their names"),
    "config": _reading("config", "", "show what is configured; config check looks whether it can work"),
    "schedule": _reading("schedule", "", "list what runs by a timer"),
    "jobs": Verb(lambda session, _: session.lists.jobs(), "", "list what runs, and how the others ended"),
    "attach": Verb(Session.attach, "", "follow a running job; attach and a number for one of several"),
    "stop": Verb(Session.stop, "", "stop a running job, and undo it"),
    "finish": Verb(Session.finish, "", "complete an interrupted job; finish and its number"),
    "takeback": Verb(Session.take_back, "", "roll back an interrupted job; takeback and its number"),
    "estimate": _reading("estimate", "", "measure what a save would read, and what would fail"),
    "doctor": _reading("doctor", "", "find leftovers of crashes, and what is hidden"),
    "retention": _reading("retention", "", "tell how long snapd keeps automatic snapshots"),
    "help": Verb(Session.help, "", "list the commands"),
    "quit": Verb(Session.quit, "", "quit; jobs keep running"),
}
_OTHER_NAMES = {
    "saved": "list",
    "check-snapshot": "check",
    "export-snapshot": "export",
    "import-snapshot": "import",
    "exit": "quit",
    "?": "help",
}
