"""The verb `estimate`: what a save would read, and what would fail."""

import json

from backend.save import aims, survey_of
from tui.cli.arguments.place import EstimateArgs
from tui.cli.context import Context
from tui.cli.output import print_result, print_status, show_rows
from tui.cli.progress import watched_progress
from tui.text import plain
from tui.views.survey import estimate_notes, estimate_rows, estimates_json


def estimate(context: Context, args: EstimateArgs) -> int:
    """Show what a save would read; 3 where not everything can be read, or restored."""
    layout = context.engine.layout
    with watched_progress() as progress, progress.step("Measuring"):
        wanted = (
            aim._replace(include_mounts=args.include_mounts) for aim in aims(layout, args.snaps, args.users)
        )
        surveys = [survey_of(layout, aim, progress) for aim in wanted]
    if context.json:
        print_result(json.dumps(estimates_json(surveys)))
    else:
        show_rows(estimate_rows(surveys), empty="No snaps are installed.")
        print_result(*estimate_notes(surveys))
    unsaved = [] if args.users else layout.users_with_data()[1]
    print_status(*(f"left out: {plain(str(data))}" for data in unsaved))
    is_whole = all(survey.whole and survey.is_lossless for survey in surveys)
    return 0 if is_whole and not unsaved else 3
