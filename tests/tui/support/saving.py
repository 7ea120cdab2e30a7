"""The dialog before a save, asked on a small world."""

from typing import Any

from backend.save.preflight import SaveSurveys, preflight_save
from tests.support.builders import World
from tests.tui.support import dialogs
from tests.tui.support.dialogs import Tell, keys_in
from tests.tui.support.patient import Patient
from tui.dialogs.save import AskSave
from tui.dialogs.save_lines import Draft, Look
from tui.session.place import Place


def place_of(world: World) -> Place:
    return Place(world.engine, ("--demo",))


def ask(world: World, tell: Tell, size: tuple[int, int] = (120, 50)) -> list[Any]:
    return dialogs.ask(world, AskSave, tell, size)


async def types(user: Patient, text: str) -> None:
    await keys_in(user, text, "#pattern")


async def confirms(user: Patient) -> None:
    await user.presses("enter")


async def follows(user: Patient) -> None:
    """See what was found meanwhile."""
    await user.waits()
    await user.lets_time_pass()


def surveys_of(world: World, *patterns: str) -> Look:
    place = place_of(world)
    there = preflight_save(place.engine)
    surveys = SaveSurveys(place.engine.layout, there)
    surveys.survey_all(surveys.renew(patterns))
    users = frozenset(user.name for user in there.users)
    return Look(there, surveys, Draft(there.active, users, patterns))
