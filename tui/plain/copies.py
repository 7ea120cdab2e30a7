"""The questions before a set is copied into a repository, or a copy is imported."""

from backend import InvalidInputError, NotFoundError, Pull, Push
from tui.plain.console import CANCEL
from tui.plain.follow import Desk, same_as
from tui.plain.words import and_words
from tui.text import plain


def ask_push(desk: Desk, set_id: int, repository: str) -> Push:
    """Ask into which repository a set is to be copied, unless there is but one."""
    names = sorted(desk.place.engine.config.repositories)
    if not names:
        raise NotFoundError("no repository is configured: snapstow help repo says how one is added")
    if not repository:
        repository = (
            names[0] if len(names) == 1 else desk.console.ask(f"Where to? {and_words(names)}", CANCEL)
        )
    push = Push(repository, (set_id,))
    desk.console.say(same_as(desk, push))
    return push


def ask_pull(desk: Desk, address: str) -> Pull:
    """Ask which copy is to be imported, unless it was named."""
    typed = address or desk.console.ask("Which copy? repository:number, for example offsite:3", CANCEL)
    repository, _, copy = typed.partition(":")
    if not copy:
        raise InvalidInputError(f"{plain(typed)} names no copy: type repository:number")
    pull = Pull(repository, copy)
    desk.console.say(same_as(desk, pull))
    return pull
