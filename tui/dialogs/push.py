"""The dialog before sets are copied into a repository: which one, and what is there already."""

from collections.abc import Iterator, Sequence

from backend import Push, SnapshotSet, command_line
from backend.config import RepositoryConfig
from tui.dialogs.base import CHOOSE
from tui.dialogs.lines import DIM, Line, LineList, label, styled
from tui.dialogs.operation import Proposing
from tui.phrases import count_phrase, sets_phrase
from tui.session.copies import CopiesElsewhere
from tui.session.place import Place
from tui.text import amount_text


class AskPush(Proposing[Push | None]):
    """Lets a repository be chosen; answers with the push, or None."""

    KEYS = (CHOOSE,)
    ANSWER = "Push"

    def __init__(
        self,
        place: Place,
        sets: Sequence[SnapshotSet],
        elsewhere: CopiesElsewhere,
        repositories: Sequence[RepositoryConfig],
    ) -> None:
        super().__init__(f"Push {sets_phrase([group.set_id for group in sets])}")
        self._place = place
        self._sets = tuple(sets)
        self._elsewhere = elsewhere
        self._repositories = {each.name: each for each in repositories}
        self._chosen = next(iter(self._repositories))

    def on_mount(self) -> None:
        """Show where the sets can go; Enter starts at once."""
        self.lines.focus()
        self.redraw()

    @property
    def _push(self) -> Push:
        return Push(self._chosen, tuple(group.set_id for group in self._sets))

    def _present(self, repository: str) -> list[int]:
        """The sets that have a sound copy there, as far as is known."""
        return [
            group.set_id
            for group in self._sets
            if any(
                mark.repository == repository and not mark.trouble
                for mark in self._elsewhere.of_set(group.set_id)
            )
        ]

    def redraw(self) -> None:
        """Show everything as it is now."""
        self.show_lines(list(self._lines()))
        self.show_command(command_line(self._push, self._place.location_options))
        going = len(self._sets) - len(self._present(self._chosen))
        self.answer_with(f"Push {count_phrase(going, 'set')}" if going else "Push", self.refusal)
        self.propose(self._place, self._push)

    def _lines(self) -> Iterator[Line]:
        for name, repository in self._repositories.items():
            yield Line(name, styled(f"{name}  {repository.url}"), name == self._chosen, is_choice=True)
        present = self._present(self._chosen)
        sent = [group for group in self._sets if group.set_id not in present]
        size = amount_text(sum(group.size for group in sent))
        what = f"{sets_phrase([group.set_id for group in sent])}, {size}" if sent else "nothing"
        yield Line("sends", styled(what), head=label("Sends"), gap=True)
        if present:
            there = f"{sets_phrase(present)} {'is' if len(present) == 1 else 'are'} there already"
            yield Line("there", styled(there, DIM), head=label(""))
        recipients = self._repositories[self._chosen].recipients
        keys = count_phrase(len(recipients), "key")
        sealed = f"for {keys}" if recipients else "no: who can read there reads all"
        yield Line("sealed", styled(sealed), head=label("Encrypted"))

    def on_line_list_marked(self, message: LineList.Marked) -> None:
        """Choose a repository."""
        if message.key in self._repositories:
            self._chosen = str(message.key)
            self.redraw()

    def confirm(self) -> None:
        """Answer with what was chosen."""
        if self.refusal:
            self.say(self.refusal)
        else:
            self.dismiss(self._push)
