"""Waiting until the screens have nothing left to do; a clock is never looked at.

Textual's own pilot waits until the whole process is idle, which on a busy machine it never is.
"""

import asyncio
import unicodedata
from typing import Any

from textual._callback import invoke
from textual.app import App
from textual.events import Key
from textual.keys import REPLACED_KEYS, _character_to_key, _get_unicode_name_from_key
from textual.screen import Screen


async def settled(app: App[Any]) -> None:
    """Until no thread works, no message waits and nothing is to be drawn any more."""
    while True:
        await _drawn(app)
        threads = [worker for worker in app.workers if worker._thread_worker]
        if not threads:
            return
        await app.workers.wait_for_complete(threads)


async def tick(screen: Screen[Any]) -> None:
    """Do at once what a screen does every few moments."""
    for timer in list(screen._timers):
        if timer._repeat is None and timer._callback is not None:
            await invoke(timer._callback)


async def press(app: App[Any], key: str) -> None:
    """Press a key by its name; what it does in the event loop is done afterwards."""
    name = _character_to_key(key) if len(key) == 1 and not key.isalnum() else key
    plain = REPLACED_KEYS.get(name, name)
    try:
        character: str | None = unicodedata.lookup(_get_unicode_name_from_key(plain))
    except KeyError:
        character = name if len(name) == 1 else None
    event = Key(name, character)
    event.set_sender(app)
    assert app._driver is not None
    app._driver.send_message(event)
    await _drawn(app)


async def _drawn(app: App[Any]) -> None:
    await _calm()
    while app._exception is None and _is_dirty(app.screen):
        app.screen._on_timer_update()
        await _calm()


async def _calm() -> None:
    """Until nothing can run in the event loop but on a timer's, a thread's or a file's account."""
    ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined] # no public name tells it
    await asyncio.sleep(0)
    while ready:
        await asyncio.sleep(0)


def _is_dirty(screen: Screen[Any]) -> bool:
    return bool(
        screen._layout_required
        or screen._scroll_required
        or screen._repaint_required
        or screen._recompose_required
        or screen._dirty_widgets
        or screen._callbacks
    )
