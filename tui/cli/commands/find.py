"""The verb `find`: files by name in snapshots, or in a file of them, each with its versions."""

import json
from collections.abc import Sequence

from backend import Cancelled, NotFoundError, Progress, Snapshot
from backend.browse import Hit, Missed, PathPattern, search_files
from tui.cli.arguments.contents import FindArgs
from tui.cli.commands.copy_files import local_file
from tui.cli.commands.inspect_lines import hit_document, minute
from tui.cli.context import Context
from tui.cli.output import print_result, print_status, show_rows
from tui.cli.progress import watched_progress
from tui.phrases import count_phrase
from tui.text import amount_text, plain, quoted
from tui.views.search_rows import FileVersion, file_versions, missed_text, sets_text

_MOST_HITS = 100_000
_NONE = 1


def find(context: Context, args: FindArgs) -> int:
    """Find files in all snapshots, or in some; 1 where there is none, whatever could not be searched."""
    file = local_file(context, args.file)
    where: Sequence[Snapshot | str] = [file] if file else _of_store(context, args)
    search = _Search(context, PathPattern(args.pattern))
    try:
        with watched_progress() as progress, progress.step("Searching"):
            for place in where:
                search.look_into(place, progress)
    except Cancelled as stop:
        search.show(abs_time=args.abs_time, empty="Nothing found so far.")
        of_all = f"{search.searched} of {count_phrase(len(where), 'snapshot')} searched"
        print_status(f"stopped: {of_all}, {count_phrase(search.files, 'file')} so far")
        return stop.exit_code
    search.show(abs_time=args.abs_time, empty="Nothing found.")
    return 0 if search.count else _NONE


class _Search:
    """Finds files in one place after the other, and notes what could not be searched."""

    def __init__(self, context: Context, pattern: PathPattern) -> None:
        self._context = context
        self._pattern = pattern
        self._hits: list[Hit] = []
        self._missed: list[Missed] = []
        self.searched = 0
        self.count = 0

    @property
    def files(self) -> int:
        """How many files were found; as JSON, how many times."""
        if self._context.json:
            return self.count
        return sum(version.number == 0 for version in file_versions(self._hits))

    def look_into(self, place: Snapshot | str, progress: Progress) -> None:
        """Search one more place."""
        for hit in search_files([place], self._pattern, self._context.engine.state_dir, progress):
            if isinstance(hit, Missed):
                self._missed.append(hit)
                continue
            self.count += 1
            if self._context.json:
                print_result(json.dumps(hit_document(hit)))
            elif len(self._hits) < _MOST_HITS:
                self._hits.append(hit)
        self.searched += 1

    def show(self, *, abs_time: bool, empty: str) -> None:
        """Print what was found, which as JSON was printed at once, and what was not searched."""
        if not self._context.json:
            rows: list[tuple[str, ...]] = [("Size", "Modified", "Sets", "Path")]
            rows += [_row(version, abs_time=abs_time) for version in file_versions(self._hits)]
            show_rows(rows, empty=empty)
        if self.count > len(self._hits) >= _MOST_HITS:
            print_status(f"Only the first {_MOST_HITS} are shown.")
        if self._missed:
            print_status(missed_text(self._missed, reasons=True))


def _of_store(context: Context, args: FindArgs) -> list[Snapshot]:
    """What to search; what is named and not there is no empty answer."""
    sets = context.engine.sets(args.set_id or None, args.snaps)
    if not sets and (args.set_id or args.snaps):
        of_snaps = f" of {quoted(args.snaps)}" if args.snaps else ""
        in_set = f" in set #{args.set_id}" if args.set_id else ""
        raise NotFoundError(f"cannot search: no snapshot{of_snaps}{in_set}")
    return [snapshot for group in sets for snapshot in group.snapshots]


def _row(version: FileVersion, *, abs_time: bool) -> tuple[str, ...]:
    """A version, its path written as the other verbs take it."""
    history, node = version.history, version.newest.node
    owner = f"user/{history.user}/" if history.user else ""
    sets = sets_text(version.version)
    if abs_time:
        sets = ", ".join(
            f"#{hit.snapshot.set_id} ({plain(hit.snapshot.time)})" for hit in version.version.hits
        )
    path = plain(f"{history.snap}:{owner}{version.path_text}")
    return f"{amount_text(node.size):>8}", minute(node.mtime_ns), sets, path
