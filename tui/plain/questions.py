"""The questions before what changes something, one at a time; `cancel` and Ctrl-C drop everything asked.

Each answers with the operation that was agreed to. All raise SnapshotError, Dropped, EndOfInput.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from backend import (
    Cancelled,
    Export,
    Forget,
    Import,
    InvalidInputError,
    NotFoundError,
    Progress,
    Prune,
    Restore,
    Save,
    Snapshot,
    SnapshotSet,
    Undo,
    UndoOffer,
)
from backend.engine import undo_offers
from backend.format import validate_excludes
from backend.fs import free_space
from backend.restore import Verdict
from backend.save import mounts_of, place_concerns
from backend.store import room_of
from backend.transfer import (
    ExportChoice,
    ImportChoice,
    ImportObstacle,
    export_destination,
    plan_export,
    plan_import,
)
from tui.phrases import count_phrase
from tui.plain.console import CANCEL, Dropped
from tui.plain.follow import Desk, same_as
from tui.plain.words import DAY, and_words, moment_words
from tui.text import amount_in, amount_text, plain
from tui.views.export_plan import destination_obstacle_text
from tui.views.import_plan import obstacle_text

_ALL, _EVERYONE, _NOTHING, _RULES = "all", "everyone", "nothing", "rules"
_UNITS = {"minute": 60, "hour": 3600, "day": DAY, "week": 7 * DAY}
_LONGEST = 100 * 365 * DAY


def some_of(desk: Desk, question: str, known: Sequence[str], everything: str) -> tuple[str, ...]:
    """Names chosen out of those known; none where everything is meant. A single one is not asked about."""
    if len(known) < 2:
        return ()
    while True:
        answer = desk.console.ask(f"{question} Names separated by blanks, or {everything}", everything)
        names = tuple(dict.fromkeys(answer.replace(",", " ").split()))
        strange = [name for name in names if name not in known]
        if answer.lower() == everything or set(names) == set(known):
            return ()
        if not strange:
            return names
        desk.console.say(f"There is no {and_words(strange)}. There are {and_words(known, 50)}.")


def ask_save(desk: Desk, snaps: tuple[str, ...]) -> Save:
    """What to save, whose, and without what."""
    layout = desk.place.engine.layout
    installed = layout.installed_names()
    if not installed:
        raise NotFoundError("cannot save: no snaps are installed")
    users = [user.name for user in layout.users_with_data()[0]]
    desk.console.say(f"Installed snaps: {and_words(installed, 50)}.")
    desk.console.say(*(f"Not included: {plain(concern.text)}." for concern in place_concerns(layout)))
    snaps = snaps or some_of(desk, "Save which snaps?", installed, _ALL)
    chosen = some_of(desk, f"Data of which users? There are {and_words(users, 50)}.", users, _EVERYONE)
    save = Save(snaps, chosen, _patterns(desk), include_mounts=_includes_mounts(desk, snaps, chosen))
    _tell_sizes(desk, save)
    desk.console.say(same_as(desk, save))
    if not desk.console.agrees("Save now?"):
        raise Dropped
    return save


def _includes_mounts(desk: Desk, snaps: Sequence[str], users: Sequence[str]) -> bool:
    """Whether to save what is mounted below the data; asked only where something is."""
    layout = desk.place.engine.layout
    owners = layout.find_users(users) if users else layout.users_with_data()[0]
    installed = filter(None, map(layout.installed, snaps or layout.installed_names()))
    points = [plain(point) for snap in installed for point in mounts_of(layout, snap, owners)]
    if not points:
        return False
    desk.console.say(f"Mounted below the data, and not included: {and_words(points)}.")
    return desk.console.agrees("Include them?")


def _patterns(desk: Desk) -> tuple[str, ...]:
    question = "Exclude anything? Patterns such as $SNAP_COMMON/cache, separated by blanks"
    while True:
        answer = desk.console.ask(question, _NOTHING)
        patterns = () if answer.lower() == _NOTHING else tuple(answer.split())
        try:
            validate_excludes(patterns)
        except InvalidInputError as fault:
            desk.console.say(f"Not a valid pattern: {fault}.")
        else:
            return patterns


def _tell_sizes(desk: Desk, save: Save) -> None:
    """Say what would be read; Ctrl-C ends the measuring only."""
    desk.console.say("Measuring. Control C skips this.")
    try:
        estimates = desk.place.engine.estimate(
            save.snaps, save.users, Progress(), include_mounts=save.include_mounts
        )
    except (KeyboardInterrupt, Cancelled):
        desk.console.say("", "Not measured.")
        return
    for estimate in estimates:
        desk.console.say(
            f"{plain(estimate.snap)}: {amount_text(estimate.size)} in {count_phrase(estimate.files, 'file')}."
        )
    free = amount_text(free_space(desk.place.engine.layout.snapshots))
    total = amount_text(sum(estimate.size for estimate in estimates))
    desk.console.say(f"At most {total} to store, before exclusions; {free} free.")


# -- restore


def ask_restore(desk: Desk, part: SnapshotSet, named: tuple[str, ...]) -> Restore:
    """What to put back, whose data, and for how long it can be undone; then the plan, then the last word."""
    snaps = tuple(dict.fromkeys(snapshot.snap for snapshot in part.snapshots if snapshot.snap))
    if not named:
        named = some_of(desk, f"Restore which snaps? The set holds {and_words(snaps, 50)}.", snaps, _ALL)
    taken = [snapshot for snapshot in part.snapshots if not named or snapshot.snap in named]
    users = tuple(dict.fromkeys(name for snapshot in taken for name in snapshot.users))
    question = f"In addition to the system, data of which users? The set holds {and_words(users, 50)}."
    chosen = some_of(desk, question, users, _EVERYONE)
    wanted = Restore(part.set_id, named, chosen, undo_window=_window(desk))
    return _agree_to_plan(desk, wanted)


def _window(desk: Desk) -> int:
    question = "Keep what is replaced for how long, so that it can be undone? For example 7 days, or none"
    while True:
        span = span_of(desk.console.ask(question, "24 hours"))
        if span is not None:
            return span
        desk.console.say("Type a number of minutes, hours, days or weeks, or none.")


def span_of(text: str) -> int | None:
    """Seconds of a span as typed: `24 hours`, `24h`, `7 days`, `none`; None where it is no span."""
    text = text.lower().replace(" ", "")
    if text in ("none", "0"):
        return 0
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    word = text[len(digits) :].removesuffix("s")
    unit = next((size for name, size in _UNITS.items() if word in (name, name[0])), None)
    if unit is None or not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        return None
    span = int(digits) * unit
    return span if 0 < span <= _LONGEST else None


def _agree_to_plan(desk: Desk, wanted: Restore) -> Restore:
    from tui.plain.restore_plan import plan_sentences

    desk.console.say("Checking what would be replaced.")
    preview = desk.place.restore_planner().preview(wanted)
    desk.console.say(*plan_sentences(preview, wanted), same_as(desk, wanted))
    if preview.verdict is Verdict.BLOCKED:
        raise Dropped
    if preview.lost_files or not wanted.undo_window:
        lost = preview.lost_files
        loss = f"{count_phrase(lost, 'file')} would be lost." if lost else "It cannot be undone."
        desk.console.demands(f"Restore set {wanted.set_id}? {loss}", str(wanted.set_id))
    elif not desk.console.agrees(f"Restore set {wanted.set_id}?"):
        raise Dropped
    return preview.confirm(wanted)


def ask_undo(desk: Desk, job: int) -> Undo:
    """Which job to undo."""
    offers = undo_offers(desk.place.engine, desk.place.jobs.records())
    if not offers:
        raise NotFoundError(
            "nothing can be undone: what a restore replaces, or a forget removes, is kept for a day"
        )
    for offer in offers:
        desk.console.say(f"Job {offer.job}: {_offer_words(offer)}, until {moment_words(offer.until)}.")
        if offer.doubt:
            desk.console.say(f"Job {offer.job} is still kept: {offer.doubt}.")
    known = {offer.job for offer in offers}
    while job not in known:
        if job:
            desk.console.say(f"Job {job} cannot be undone.")
        job = number_in(desk.console.ask("Undo which job?", CANCEL))
    desk.console.say(same_as(desk, Undo(job)))
    chosen = next(offer for offer in offers if offer.job == job)
    is_forget = bool(chosen.sets or chosen.copies)
    promise = "What it forgot is put back" if is_forget else "The data from before is restored"
    if not desk.console.agrees(f"Undo job {job}? {promise}"):
        raise Dropped
    return Undo(job)


def _offer_words(offer: UndoOffer) -> str:
    if offer.copies:
        return f"{offer.verb} of {count_phrase(len(offer.copies), 'copy', 'copies')} in a repository"
    sets = and_words(map(str, offer.sets or (offer.set_id,)))
    several = "s" if len(offer.sets) > 1 else ""
    what = f"{offer.verb} of set{several} {sets}, {and_words(offer.snaps)}"
    return f"{what}, holds {amount_text(offer.held)}"


def number_in(text: str) -> int:
    """The number that was typed, or 0 where it is none: `12`, `#12`."""
    digits = text.removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else 0


# -- forget


def ask_forget(desk: Desk, part: SnapshotSet, named: tuple[str, ...]) -> Forget:
    """Say what would be removed, and have the number typed."""
    from tui.dialogs.forget import losses
    from tui.dialogs.forget_lines import freed_text, kept_texts

    stock = desk.place.inventory()
    going = [snapshot for snapshot in part.snapshots if not named or snapshot.snap in named]
    for loss in losses([SnapshotSet(part.set_id, tuple(going))], stock):
        what = f"the last usable copy of {plain(loss.snap)}, of {and_words(loss.owners)}"
        if loss.left:
            left = and_words(str(number) for number in loss.left)
            what = f"the last verified copy of {plain(loss.snap)}; not verified: set {left}"
        desk.console.say(f"Warning: this is {what}.")
    whole = not named or len(going) == len(part.snapshots)
    what = f"set {part.set_id}" if whole else f"{and_words(named)} of set {part.set_id}"
    room = room_of(going)
    for text in kept_texts(going, room):
        desk.console.say(f"Warning: {plain(text)}.")
    pin = stock.pins.get(part.set_id, "")
    fault = desk.place.engine.trash_fault()
    forget = Forget(
        part.set_id,
        () if whole else named,
        undo_window=0 if fault else Forget.undo_window,
        pinned=bool(pin),
    )
    if pin:
        desk.console.say(f"Warning: set {part.set_id} is {plain(pin)}.")
    if fault:
        desk.console.say(f"Nothing is kept for an undo: {fault}.")
        desk.console.say(same_as(desk, forget), f"This {freed_text([part], room)}. It cannot be undone.")
        desk.console.demands(f"Forget {what} permanently?", str(part.set_id))
        return forget
    freed = amount_text(room.freed)
    desk.console.say(same_as(desk, forget), f"It is kept for 24 hours, for an undo; {freed} are free then.")
    if pin:
        desk.console.demands(f"Forget {what}?", str(part.set_id))
    elif not desk.console.agrees(f"Forget {what}?"):
        raise Dropped
    return forget


# -- prune


def ask_prune(desk: Desk, snaps: tuple[str, ...]) -> Prune:
    """Tell what would go, by the rules that are configured or to free an amount, and have it agreed to."""
    from backend.engine import plan_prune
    from tui.views.prune_plan import plan_sentences, reasons_text, snaps_text, verdict_text

    fault = desk.place.engine.trash_fault()
    wanted = Prune(snaps, free=_amount(desk), undo_window=0 if fault else Prune.undo_window)
    plan = plan_prune(wanted, desk.place.engine)
    for decision in plan.decisions:
        candidate = decision.candidate
        what = f"Set {candidate.id} {verdict_text(decision)}, {amount_text(candidate.size)}"
        desk.console.say(f"{what}, {snaps_text(candidate)}: {reasons_text(decision)}.")
    if fault:
        desk.console.say(f"Nothing is kept for an undo: {fault}.")
    desk.console.say(same_as(desk, wanted), *plan_sentences(plan, wanted))
    if not plan.going:
        raise Dropped
    question = f"Forget {count_phrase(len(plan.going), 'set')}?"
    if fault:
        desk.console.demands(f"{question} It cannot be undone.", "forget")
    elif not desk.console.agrees(question):
        raise Dropped
    return replace(wanted, confirmed=tuple(candidate.id for candidate in plan.going))


def _amount(desk: Desk) -> int:
    question = "Free how much, for example 20 GB? Enter goes by the rules that are configured"
    while True:
        answer = desk.console.ask(question, _RULES)
        amount = 0 if answer.lower() == _RULES else amount_in(answer)
        if amount is not None:
            return amount
        desk.console.say("Type an amount such as 20 GB or 500 MB, or rules.")


# -- export and import


def ask_export(desk: Desk, part: SnapshotSet, named: tuple[str, ...]) -> Export:
    """Where to, and what to do with what is broken or in the way."""
    plan = plan_export(desk.place.engine, part.set_id)
    named_paths = (snapshot.path for snapshot in plan.snapshots if not named or snapshot.snap in named)
    choice = ExportChoice(frozenset(named_paths), checksum=False)
    if broken := [snapshot.snap or "an unreadable file" for snapshot in plan.broken(choice)]:
        choice = choice._replace(chosen=choice.chosen & plan.sound)
        if choice.chosen and not desk.console.agrees(
            f"Damaged: {and_words(broken)}. Leave {'it' if len(broken) == 1 else 'them'} out?"
        ):
            raise Dropped
    if plan.obstacle(choice):
        raise InvalidInputError(f"cannot export set {part.set_id}: all of it is damaged")
    for snap, fault in plan.doubts(choice).items():
        desk.console.say(f"Warning: the last check of {plain(snap)} failed: {plain(fault)}.")
    if plan.doubts(choice) and not desk.console.agrees("Export it anyway?"):
        raise Dropped
    size = desk.place.engine.export_size(plan.operation(choice, ""))
    export = plan.operation(choice, _target(desk, f"{part.set_id}.snapshot", size))
    desk.console.say(same_as(desk, export))
    if not desk.console.agrees(f"Write {amount_text(size)} to {export.file}?"):
        raise Dropped
    return export


def _target(desk: Desk, name: str, size: int) -> str:
    from tui.session.paths import absolute, in_folder, working_directory

    base, avoid = working_directory(), desk.place.engine.layout.snapshots
    while True:
        typed = desk.console.ask("Write to which file?", in_folder(base, name))
        where = export_destination(absolute(typed, base), name, avoid)
        if reason := destination_obstacle_text(where, size, checksum=False):
            desk.console.say(f"Not possible: {reason}.")
            continue
        if where.present is not None:
            desk.console.say(f"{where.path} already exists, {amount_text(where.present.size)}.")
            if not desk.console.agrees("Replace it?"):
                continue
        return where.path


def ask_import(desk: Desk, path: str) -> Import:
    """Which file, after a look into it."""
    from tui.session.paths import absolute, working_directory

    path = absolute(path or desk.console.ask("Import which file?", CANCEL), working_directory())
    desk.console.say("Reading the file.")
    plan = plan_import(desk.place.engine, path, Progress())
    choice = ImportChoice(plan.snaps)
    desk.console.say(*_inside(plan.snapshots))
    if number := plan.duplicate_of(choice):
        desk.console.say(f"It is identical to set {number}: nothing would be added.")
    if plan.obstacle(choice) is ImportObstacle.WRONG_HASH:
        desk.console.say("The content hash of the set does not match, though every file in it is sound.")
        if not desk.console.agrees("Import it anyway?"):
            raise Dropped
        choice = choice._replace(accept_hash=True)
    if reason := obstacle_text(plan, choice, {}):
        raise InvalidInputError(reason)
    operation = plan.operation(choice)
    desk.console.say(same_as(desk, operation))
    size, free = amount_text(plan.added_bytes(choice)), amount_text(plan.free)
    if not desk.console.agrees(f"Import {size}, with {free} free?"):
        raise Dropped
    return operation


def _inside(snapshots: Sequence[Snapshot]) -> Iterator[str]:
    for snapshot in snapshots:
        name = plain(snapshot.snap) or "Unreadable"
        if snapshot.broken:
            yield f"{name}: damaged, {plain(snapshot.broken)}."
        else:
            whose = f", users {and_words(snapshot.users)}" if snapshot.users else ""
            version = plain(snapshot.version) or "unknown"
            yield f"{name}, version {version}, revision {snapshot.revision}{whose}."
