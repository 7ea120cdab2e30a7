"""Carries operations out, here or as jobs, and prints how they ended in the words of `snap`."""

import os
from typing import NamedTuple

from backend import (
    Check,
    CheckCopies,
    CheckCount,
    CheckResult,
    Export,
    Extract,
    Finish,
    Forget,
    ForgetCopies,
    Import,
    InvalidInputError,
    Operation,
    Prune,
    PruneCopies,
    Pull,
    Push,
    Repair,
    Restore,
    Result,
    Save,
    TakeBack,
    Undo,
)
from backend.format import minute_text
from tui.cli.context import Context
from tui.cli.output import print_result, print_status, show_table
from tui.cli.run_operation import run_operation, start_job
from tui.phrases import count_phrase
from tui.terminal.streams import is_open_for
from tui.text import amount_text, plain, quoted


class AsTyped(NamedTuple):
    """How the user wrote what the sentences of `snap` repeat; nothing where nobody typed it."""

    set_id: str = ""
    file: str = ""


def perform(
    context: Context,
    operation: Operation,
    *,
    typed: AsTyped = AsTyped(),  # noqa: B008 - it cannot be changed
    no_wait: bool = False,
    abs_time: bool = False,
) -> int:
    """Carry an operation out and print how it ended, or start it as a job; returns the exit code."""
    if no_wait:
        return start_job(context, operation)
    result = run_operation(context, operation, _stream_of(operation))
    if not context.json:
        _Outcome(context, result, typed, abs_time).tell(operation)
    return result.exit_code


def _stream_of(operation: Operation) -> int | None:
    """The descriptor of the standard stream that an operation works with, if any.

    InvalidInputError where that is a terminal, or closed.
    """
    match operation:
        case Export(file="-"):
            return _usable(1, os.O_WRONLY, "cannot export a snapshot to", "standard output")
        case Import(file="-"):
            return _usable(0, os.O_RDONLY, "cannot import a snapshot from", "standard input")
        case _:
            return None


def _usable(fd: int, access: int, refusal: str, name: str) -> int:
    if os.isatty(fd):
        raise InvalidInputError(f"{refusal} a terminal: name a file, or redirect {name}")
    if not is_open_for(fd, access):
        raise InvalidInputError(f"{refusal} {name}: it is closed")
    return fd


class _Outcome:
    """Prints how an operation ended."""

    def __init__(self, context: Context, result: Result, typed: AsTyped, abs_time: bool) -> None:
        self._context = context
        self._result = result
        self._typed = typed
        self._abs_time = abs_time

    def tell(self, operation: Operation) -> None:
        """Print it."""
        match operation:
            case Save() | Import():
                self._new_set(operation)
            case Check():
                _Verdicts(operation, self._result, self._name(operation)).tell()
            case Export():
                self._exported(operation)
            case Forget() | Prune():
                self._let_go(operation)
            case Push() | Pull() | CheckCopies() | ForgetCopies() | PruneCopies():
                from tui.cli.copies_outcome import tell_copies

                tell_copies(self._context, operation, self._result)
            case Repair():
                print_result("Removed what crashes left.")
            case Finish() | TakeBack():
                print_status(f"{plain(self._result.outcome)}.")
            case _:
                print_result(self._undoable(operation))
                show_undo(self._context, self._result)

    def _name(self, operation: "Check | Restore | Export | Forget") -> str:
        return f"#{plain(self._typed.set_id or str(operation.set_id))}"

    def _undoable(self, operation: "Restore | Extract | Undo") -> str:
        beside, result = plain(self._result.beside), self._result
        match operation:
            case Restore(snaps=snaps):
                where = f" into {beside}; nothing was replaced" if beside else ""
                return f"Restored snapshot {self._name(operation)}{_of_snaps(snaps)}{where}."
            case Undo(job=job):
                if result.copies:
                    return (
                        f"Undid job {job}: {count_phrase(len(result.copies), 'copy is', 'copies are')} back."
                    )
                if result.sets:
                    sets = ", ".join(f"#{number}" for number in result.sets)
                    back = (
                        f"snapshots {sets} are back" if len(result.sets) > 1 else f"snapshot {sets} is back"
                    )
                    return f"Undid {f'job {job}' if job else 'the last forget'}: {back}."
                which = f"job {job}" if job else "the last restore"
                return f"Undid {which}, of snapshot #{result.set_id}."
            case Extract():
                kept = f"; {count_phrase(result.kept, 'path')} left as they were" if result.kept else ""
                where = f" into {beside}" if beside else ""
                return f"Extracted {count_phrase(result.extracted, 'path')}{where}{kept}."

    def _new_set(self, operation: "Save | Import") -> None:
        set_id, engine = self._result.set_id, self._context.engine
        if isinstance(operation, Import):
            if self._result.duplicate:
                print_status("The same content is already here; nothing was added.")
            print_result(f"Imported snapshot as #{set_id}")
        show_table(engine.sets(set_id), engine, abs_time=self._abs_time)

    def _exported(self, operation: Export) -> None:
        if operation.file == "-":
            return
        file = plain(self._typed.file or operation.file)
        print_result(f'Exported snapshot {self._name(operation)}{_of_snaps(operation.snaps)} into "{file}"')
        if operation.checksum:
            beside = plain(os.path.realpath(operation.file)) if os.path.islink(operation.file) else file
            print_result(f'Its checksum is in "{beside}.sha256"')

    def _let_go(self, operation: Forget | Prune) -> None:
        if isinstance(operation, Forget):
            self._forgotten(operation)
        else:
            self._pruned()
        self._tell_kept()

    def _forgotten(self, operation: Forget) -> None:
        several = "s" if len(operation.snaps) > 1 else ""
        of_snaps = f" of snap{several} {plain(quoted(operation.snaps))}" if operation.snaps else ""
        print_result(f"Snapshot {self._name(operation)}{of_snaps} forgotten.")

    def _pruned(self) -> None:
        sets = self._result.sets
        names = ", ".join(f"#{number}" for number in sets)
        print_result(
            f"Forgot {count_phrase(len(sets), 'set')}: {names}." if sets else "Nothing was forgotten."
        )

    def _tell_kept(self) -> None:
        """Say for how long what was forgotten is kept, and how it is had back."""
        result = self._result
        if result.undo_job:
            until = minute_text(result.undo_until)
            again = self._context.command(Undo(result.undo_job))
            print_status(
                f"Its files are kept until {until}; {amount_text(result.held)} are free then. To undo:",
                f"  {again}",
            )
        elif result.freed:
            print_status(f"{amount_text(result.freed)} are free.")


def _of_snaps(snaps: tuple[str, ...]) -> str:
    return f" of snaps {plain(quoted(snaps))}" if snaps else ""


def show_undo(context: Context, result: Result) -> None:
    """Say how to undo it."""
    if result.beside and not result.undo_job:
        print_status(f"To undo, remove {plain(result.beside)}.")
    if result.undo_job:
        until = minute_text(result.undo_until)
        again = context.command(Undo(result.undo_job))
        print_status(f"Replaced data are kept until {until}. To undo:", f"  {again}")


# -- what a check found


def verdict_outcome(*, quick: bool) -> str:
    """What can be said of archives in which a check found nothing wrong."""
    return "look complete; no archive was read" if quick else "verified successfully"


class _Verdicts:
    """Prints what a check found."""

    def __init__(self, operation: Check, result: Result, name: str) -> None:
        self._check = operation
        self._result = result
        self._name = name
        self._bad = [verdict for verdict in result.verdicts if verdict.fault]
        self._count = CheckCount.of(result.verdicts)
        self._outcome = verdict_outcome(quick=operation.quick)

    def tell(self) -> None:
        """Print every fault, then the sum."""
        print_status(*(f"error: {_fault(verdict)}" for verdict in sorted(self._bad)))
        tell = print_status if self._bad else print_result
        if self._result.skipped:
            tell(_skipped(self._result))
        if self._bad:
            tell(self._some_bad())
        elif not self._result.skipped or self._result.verdicts:
            tell(self._all_well())

    def _some_bad(self) -> str:
        return f"{self._count.sound} of {count_phrase(self._count.snapshots, 'snapshot')} {self._outcome}."

    def _all_well(self) -> str:
        if not self._check.set_id:
            checked = count_phrase(self._count.snapshots, "snapshot")
            return f"All {checked} {self._outcome}." if self._count.snapshots else "No snapshots found."
        which = f"Snapshot {self._name}{_of_snaps(self._check.snaps)}"
        return f"{which}: all archives {self._outcome}." if self._check.quick else f"{which} {self._outcome}."


def _skipped(result: Result) -> str:
    """How many snapshots a check left out because they were verified lately."""
    checked = len(result.snaps)
    if not checked:
        were = "1 snapshot was" if result.skipped == 1 else f"All {result.skipped} snapshots were"
        return f"{were} verified since; nothing left to check."
    were = "was" if result.skipped == 1 else "were"
    of_all = f"{result.skipped} of {result.skipped + checked} snapshots"
    return f"{of_all} {were} verified since; {checked} checked."


def _fault(verdict: CheckResult) -> str:
    archive = f" {verdict.entry}:" if verdict.entry and verdict.entry not in verdict.fault else ""
    return plain(f"snapshot #{verdict.set_id} {verdict.snap or '(unknown snap)'}:{archive} {verdict.fault}")
