"""The verb `help`: everything on one screen, and a page for each verb."""

from collections.abc import Iterator
from itertools import zip_longest

from tui.cli.arguments.manual import HelpArgs
from tui.cli.arguments.parser import ENGINES, UsageError
from tui.cli.arguments.reading import parser_of
from tui.cli.arguments.verbs import VERBS
from tui.cli.context import Context
from tui.cli.manual import GROUPS, page
from tui.cli.output import print_result


def help(_context: Context, args: HelpArgs) -> int:
    """Print the page of a verb, or the overview."""
    if not args.topic:
        print_result(*_overview())
        return 0
    if args.topic not in VERBS:
        raise UsageError(f'unknown command "{args.topic}"')
    print_result(page(parser_of(args.topic)))
    return 0


def _overview() -> Iterator[str]:
    yield "Snapstow manages the snapshots of snaps. Without a verb it opens its screens."
    yield "Usage: snapstow [--root DIR | --demo] [--json] [VERB] [ARGUMENT...]"
    for title, verbs in GROUPS.items():
        yield f"{title}:"
        width = max(map(len, verbs))
        cells = [f"  {name:{width}}  {summary}" for name, summary in verbs.items()]
        pairs = zip_longest(cells[::2], cells[1::2], fillvalue="")
        yield from (f"{left:40}{right}".rstrip() for left, right in pairs)
    yield f"Everywhere: --root DIR, --demo, --json, --engine {'|'.join(ENGINES)}"
    yield "More: 'snapstow help VERB', 'help browse' for the screens. Safe to try: --demo."
