"""The dialog before a save: what it takes, how big that is, what stays out."""

from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input

from backend import Cancelled, Progress, Save, SnapshotError, command_line
from backend.save import SavePreflight, SaveSurveys, preflight_save
from tui.dialogs.answers import Answer
from tui.dialogs.base import CHOOSE
from tui.dialogs.field import Field
from tui.dialogs.lines import BAD, WARN, LineList, styled
from tui.dialogs.operation import Proposing
from tui.dialogs.save_concerns import ConcernKey, PathKey, pattern_for
from tui.dialogs.save_lines import (
    Draft,
    Look,
    OptionKey,
    PatternKey,
    SnapKey,
    UserKey,
    answer_of,
    fault_of,
    keepers,
    lines_of,
    summary_of,
)
from tui.session.place import Place

PERIOD = 0.5
SECOND_LOOK = 1.0
VARIABLES = ("$SNAP_DATA/", "$SNAP_COMMON/", "$SNAP_USER_DATA/", "$SNAP_USER_COMMON/")


class PreflightDone(Message):
    """There is a preflight to save, or trouble."""

    def __init__(self, preflight: SavePreflight | None, trouble: str = "") -> None:
        super().__init__()
        self.preflight = preflight
        self.trouble = trouble


class Surveyed(Message):
    """Everything was looked at once, as a part of that job."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self.job = progress


class AskSave(Proposing[Save | None]):
    """Lets snaps and users be chosen; answers with the save that was confirmed, or None."""

    KEYS = (CHOOSE, Answer("l", "l", "unfold"))
    ANSWER = "Save"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("asterisk", "choose(True)", "All", show=False),
        Binding("minus", "choose(False)", "None", show=False),
        Binding("f5", "look_anew", "Refresh", show=False),
    ]

    def __init__(self, place: Place) -> None:
        super().__init__("Save")
        self._place = place
        self._look: Look | None = None
        self._painted: tuple[object, ...] = ()
        self._is_bare = False

    def fields(self) -> Iterable[Widget]:
        """Where patterns are typed."""
        suggester = SuggestFromList(VARIABLES, case_sensitive=False)
        hint = "a pattern, such as $SNAP_COMMON/cache"
        box = Input(id="pattern", compact=True, placeholder=hint, suggester=suggester, max_length=4096)
        yield Field("Exclude", box, classes="-gap")

    def on_mount(self) -> None:
        """Look around."""
        self.lines.focus()
        self.answer_with(self.ANSWER, "reading what is installed…")
        self.show_command(command_line(Save(), self._place.location_options))
        self._look_around()
        self.set_interval(PERIOD, self._follow)

    def on_unmount(self) -> None:
        """Look no further."""
        if self._look is not None:
            self._look.surveys.stop()

    @work(thread=True, group="look")
    def _look_around(self) -> None:
        try:
            self.post_message(PreflightDone(preflight_save(self._place.engine)))
        except (SnapshotError, OSError) as trouble:
            self.post_message(PreflightDone(None, str(trouble)))

    def on_preflight_done(self, message: PreflightDone) -> None:
        """Show what can be chosen and begin to measure it; too late when the dialog was left."""
        if not self.is_open:
            return
        preflight = message.preflight
        if preflight is None or not preflight.snaps:
            self._is_bare = True
            nothing = "No snaps are installed here: there is nothing to save."
            self.sum_up(styled(message.trouble or nothing, BAD if message.trouble else WARN))
            self.LEAVES = "Close"
            self.answer_with("")
            return
        users = frozenset(user.name for user in preflight.users)
        self._look = Look(
            preflight, SaveSurveys(self._place.engine.layout, preflight), Draft(preflight.active, users)
        )
        self._show()
        self._renew(self._look)

    def _renew(self, look: Look, *, anew: bool = False) -> None:
        """Look at everything with the patterns chosen now, and stop looking with those of before."""
        draft = look.draft
        progress = look.surveys.renew(draft.patterns, anew=anew, include_mounts=draft.include_mounts)
        self._survey(look.surveys, progress)

    @work(thread=True, group="survey")
    def _survey(self, surveys: SaveSurveys, progress: Progress) -> None:
        try:
            surveys.survey_all(progress)
        except Cancelled:
            return
        self.post_message(Surveyed(progress))

    def on_surveyed(self, message: Surveyed) -> None:
        """Look once more, a little later, at what changed just before."""
        if self.is_open:
            self._follow()
            self.set_timer(SECOND_LOOK, lambda: self.look_twice(message.job))

    @work(thread=True, group="second look")
    def look_twice(self, progress: Progress) -> None:
        """Look once more at what changed lately, unless that job was stopped."""
        try:
            if self._look is not None:
                self._look.surveys.look_again(progress)
        except Cancelled:
            pass

    def action_look_anew(self) -> None:
        """Look at everything again."""
        if self._look is not None:
            self.say("")
            self._renew(self._look, anew=True)

    def _follow(self) -> None:
        """Show what was found since; nothing is drawn when nothing changed."""
        if self._look is not None:
            surveys = self._look.surveys
            now = (surveys.version, surveys.reading, surveys.done)
            if now != self._painted:
                self._painted = now
                self._show()

    # -- showing

    def _show(self) -> None:
        look = self._look
        if look is None or not self.is_open:
            return
        self.sum_up(summary_of(look))
        self.show_lines(lines_of(look))
        self.show_command(command_line(self._operation(look), self._place.location_options))
        self.answer_with(answer_of(look), self._waits(look))
        self.propose(self._place, self._operation(look))

    def _waits(self, look: Look) -> str:
        """For what the answer waits, or nothing."""
        typed = self.query_one("#pattern", Input).value
        if typed and fault_of(typed):
            return "mend the pattern"
        return "choose a snap" if not look.draft.snaps else "refused" if self.refusal else ""

    def redraw(self) -> None:
        """Show everything as it is now."""
        self._show()

    def _operation(self, look: Look) -> Save:
        typed = self.query_one("#pattern", Input).value
        return look.draft.operation(look.preflight, "" if typed and fault_of(typed) else typed)

    # -- choosing

    def on_line_list_marked(self, message: LineList.Marked) -> None:
        """Choose a line, or take the choice back."""
        if self._look is not None:
            self.say("")
            self._draw_up(self._changed(message.key, self._look))

    def on_line_list_opened(self, message: LineList.Opened) -> None:
        """Unfold what can be unfolded, or fold it; else the same as choosing."""
        look = self._look
        if look is not None and isinstance(message.key, SnapKey | ConcernKey):
            self.say("")
            self._look = look._replace(opened=look.opened ^ {message.key})
            self._show()
        else:
            self.on_line_list_marked(LineList.Marked(message.key))

    def _changed(self, key: Hashable, look: Look) -> Draft:
        draft = look.draft
        match key:
            case SnapKey(snap):
                return replace(draft, snaps=draft.snaps ^ {snap})
            case UserKey(user) if draft.users == {user}:
                self.say("at least one user has to stay selected")
            case UserKey(user) if len(look.preflight.users) > 1:
                return replace(draft, users=draft.users ^ {user})
            case PatternKey(pattern):
                return replace(draft, patterns=tuple(kept for kept in draft.patterns if kept != pattern))
            case OptionKey(name):
                return draft.with_option(name)
            case PathKey():
                return self._leaving_out(key, look)
            case ConcernKey():
                self.say("l lists them")
        return draft

    def _leaving_out(self, key: PathKey, look: Look) -> Draft:
        """The same without a file or directory, or with it again."""
        survey, draft = look.surveys.of(key.snap, key.user), look.draft
        if survey is None:
            return draft
        pattern, fault = pattern_for(survey.aim, key.path)
        if pattern in draft.patterns:
            return replace(draft, patterns=tuple(shown for shown in draft.patterns if shown != pattern))
        kept = next((keepers(shown, draft) for shown in survey.largest if shown.path == key.path), [])
        if fault or kept:
            by = (
                "the snap itself excludes it"
                if "" in kept
                else f"{', '.join(kept)} excludes it; see Excluded"
            )
            self.say(fault or by)
            return draft
        return replace(draft, patterns=(*draft.patterns, pattern))

    def action_choose(self, everything: bool) -> None:
        """Choose all snaps, or none; where the cursor is among the users, all of them."""
        if self._look is None:
            return
        self.say("")
        self.lines.focus()
        preflight, draft = self._look.preflight, self._look.draft
        if isinstance(self.lines.cursor_key, UserKey):
            if everything:
                self._draw_up(replace(draft, users=frozenset(user.name for user in preflight.users)))
            else:
                self.say("at least one user has to stay selected")
        else:
            self._draw_up(replace(draft, snaps=preflight.active if everything else frozenset()))

    def _draw_up(self, draft: Draft) -> None:
        if self._look is not None:
            before = self._look.draft
            self._look = self._look._replace(draft=draft)
            if (draft.patterns, draft.include_mounts) != (before.patterns, before.include_mounts):
                self._renew(self._look)
            self._show()

    # -- leaving out

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say at once what is wrong with a pattern."""
        fault = fault_of(event.value) if event.value else ""
        self.say(fault, BAD)
        if self._look is not None:
            operation = self._operation(self._look)
            self.show_command(command_line(operation, self._place.location_options))
            self.answer_with(answer_of(self._look), self._waits(self._look))
            self.propose(self._place, operation)

    @on(Input.Blurred)
    def add_pattern(self, event: Input.Blurred) -> None:
        """Whoever goes on has typed a whole pattern: it joins the lines, and the next one can be typed."""
        if event.value and self._look is not None and not fault_of(event.value):
            draft = self._look.draft
            event.input.value = ""
            if event.value not in draft.patterns:
                self._draw_up(replace(draft, patterns=(*draft.patterns, event.value)))

    # -- answering

    def confirm(self) -> None:
        """Answer with what was chosen, a pattern that is being typed as well."""
        box, look = self.query_one("#pattern", Input), self._look
        if look is None:
            if self._is_bare:
                self.leave()
        elif box.value and fault_of(box.value):
            self.say(fault_of(box.value), BAD)
            box.focus()
        elif waits := self._waits(look):
            self.say(self.refusal or waits)
        else:
            self.dismiss(self._operation(look))
