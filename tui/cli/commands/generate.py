"""The verbs about the command itself: its version, its completions, its manual pages."""

import os

from backend import BlockedError
from tui.cli.arguments.manual import CompletionArgs, ManArgs, VersionArgs
from tui.cli.context import Context
from tui.cli.output import print_result


def version(_context: Context, _args: VersionArgs) -> int:
    """Print the version, and by what archives are compressed."""
    from backend.archive import compression_text
    from tui.cli.main import VERSION

    print_result(f"snapstow {VERSION}", f"compression by {compression_text()}")
    return 0


def completion(_context: Context, args: CompletionArgs) -> int:
    """Print the completions of a shell."""
    from tui.cli.completion import completion_script

    print_result(completion_script(args.shell).rstrip("\n"))
    return 0


def man(_context: Context, args: ManArgs) -> int:
    """Write the manual pages into a directory, which is made if it is not there."""
    from backend.fs import make_directories, write_whole
    from backend.transfer import output_at
    from tui.cli.main import VERSION
    from tui.cli.manual import man_pages

    make_directories(args.directory)
    for name, text in man_pages(VERSION):
        path = os.path.join(args.directory, name)
        output = output_at(path, checksum=False)
        if output.kind:
            raise BlockedError(f"cannot write {path}: it is {output.kind}")
        write_whole(output.path, text.encode(), 0o644)
        print_result(path)
    return 0
