"""The verbs about copies of sets in repositories: push, pull, copies, and the others with --repo."""

import json
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from backend import CheckCopies, NotFoundError, Pull, Push, SnapshotError
from backend.engine import opened_repository
from backend.format import minute_text
from backend.repository import Copy, content_hash_of
from tui.cli.arguments.copies import CopiesArgs, PullArgs, PushArgs, set_numbers
from tui.cli.arguments.parser import UsageError
from tui.cli.context import Context
from tui.cli.outcome import perform
from tui.cli.output import print_result, print_status, show_rows
from tui.cli.progress import interruptible
from tui.phrases import count_phrase
from tui.text import age_text, amount_text, plain

if TYPE_CHECKING:
    from tui.cli.arguments.changes import CheckArgs
    from tui.cli.arguments.saved import SavedArgs


def push(context: Context, args: PushArgs) -> int:
    """Copy sets into a repository."""
    return perform(context, push_operation(args), no_wait=args.no_wait)


def push_operation(args: PushArgs) -> Push:
    """The push that arguments stand for; UsageError for none."""
    if not args.targets:
        raise UsageError("the required argument `<repo>` was not provided", "push")
    *sets, repository = args.targets
    if bool(sets) == (args.new or args.all):
        raise UsageError("name the sets to copy, or --new, or --all", "push")
    return Push(repository, set_numbers(tuple(sets)), new=args.new, force=args.force)


def pull(context: Context, args: PullArgs) -> int:
    """Import a copy, or write it to a file."""
    operation = Pull(args.copy.repository, args.copy.copy, args.file)
    return perform(context, operation, no_wait=args.no_wait, abs_time=args.abs_time)


def check_copies(context: Context, args: "CheckArgs") -> int:
    """Read copies in a repository back; every one that is damaged is reported."""
    return perform(context, check_copies_operation(args), no_wait=args.no_wait)


def check_copies_operation(args: "CheckArgs") -> CheckCopies:
    """The check of copies that arguments stand for; UsageError for none."""
    names = tuple(name for name in (args.set_id, *args.snaps) if name)
    if names and args.all:
        raise UsageError("copies and --all cannot be combined", "check-snapshot")
    return CheckCopies(
        repository=args.repo,
        copies=names,
        quick=args.quick,
        sample=args.sample,
        older_than=args.older_than,
    )


def saved_copies(context: Context, args: "SavedArgs") -> int:
    """List the copies in a repository: of this machine, or of all."""
    with opened_repository(context.engine, args.repo) as repository:
        copies = interruptible(context, repository.copies)
        chosen = [
            copy
            for copy in copies
            if (args.all_hosts or copy.name.host == repository.host)
            and (not args.set_id or copy.name.set_id == args.set_id)
            and (not args.snaps or not copy.is_readable or set(args.snaps) & set(copy.snaps))
        ]
    if context.json:
        print_result(json.dumps([_json(copy) for copy in chosen]))
        return 0
    show_rows([*_table(chosen, abs_time=args.abs_time)], empty="No copies found.")
    if others := len({copy.name.host for copy in copies} - {repository.host}) * (not args.all_hosts):
        machines = count_phrase(others, "other machine")
        print_status(f"There are copies of {machines} as well: add --all-hosts.")
    return 0


def copies(context: Context, args: CopiesArgs) -> int:
    """List the copies of the sets that are here; 3 where a repository could not be asked."""
    numbers = set_numbers(args.sets)
    sets = [group for group in context.engine.sets() if not numbers or group.set_id in numbers]
    if numbers and (missing := set(numbers) - {group.set_id for group in sets}):
        raise NotFoundError(f"there is no snapshot set #{min(missing)}")
    rows: list[tuple[str, ...]] = [("Set", "Repository", "Copy", "Read back", "Notes")]
    documents, failures = [], 0
    names = sorted(context.engine.config.repositories)
    for name in names:
        try:
            with opened_repository(context.engine, name) as repository:
                stored = interruptible(context, repository.copies)
        except SnapshotError as failure:
            failures += 1
            print_status(f"Note: {plain(name)} could not be asked: {plain(str(failure))}")
            continue
        for group in sets:
            for copy in (c for c in stored if c.name.matches(content_hash_of(group))):
                row = (str(group.set_id), plain(name), copy.name.short, *_state(copy, abs_time=args.abs_time))
                rows.append(row)
                documents.append({"set": group.set_id, "repository": name, **_json(copy)})
    if context.json:
        print_result(json.dumps(documents))
    else:
        show_rows(rows, empty="No copies found." if names else "No repository is configured: see repo add.")
    return 3 if failures else 0


def _table(copies: Sequence[Copy], *, abs_time: bool) -> Iterator[tuple[str, ...]]:
    yield ("Copy", "Host", "Set", "Saved", "Snaps", "Size", "Read back", "Notes")
    for copy in copies:
        name = copy.name
        yield (
            name.short,
            name.host_name,
            str(name.set_id),
            _time(name.time, abs_time=abs_time),
            ", ".join(copy.snaps) or "?",
            amount_text(copy.stored) if copy.stored >= 0 else "-",
            *_state(copy, abs_time=abs_time),
        )


def _state(copy: Copy, *, abs_time: bool) -> tuple[str, str]:
    """When a copy was read back, and what is to be known of it."""
    checked = _time(copy.checked, abs_time=abs_time) if copy.checked else "never"
    notes = (
        f"damaged: {copy.trouble}" if copy.trouble else "",
        "encrypted" if copy.sealed else "",
        "" if copy.is_readable or copy.fault else "no identity to read it",
    )
    return checked, plain(", ".join(filter(None, notes))) or "-"


def _time(seconds: float, *, abs_time: bool) -> str:
    return minute_text(seconds) if abs_time else age_text(time.time() - seconds)


def _json(copy: Copy) -> dict[str, object]:
    """A copy for programs: times in seconds since the epoch, sizes in bytes."""
    return {
        "copy": str(copy.name),
        "host": copy.name.host_name,
        "host-id": copy.name.host,
        "set-id": copy.name.set_id,
        "saved": copy.name.time,
        "snaps": list(copy.snaps) if copy.is_readable else None,
        "stored-size": copy.stored if copy.stored >= 0 else None,
        "encrypted": copy.sealed,
        "read-back": copy.checked or None,
        "fault": copy.trouble or None,
    }
