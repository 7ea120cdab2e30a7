"""Notices of a run, by apprise, which is loaded only where one is due.

An address holds passwords and tokens, in any of its parts: only its scheme is ever told.
"""

import logging
import os
import warnings
from collections.abc import Sequence
from importlib.util import find_spec

from backend.config.values import ScheduleConfig
from backend.engine.protocol import Engine
from backend.errors import InvalidInputError, SnapshotError
from backend.schedule.history import RunRecord

_RESULTS = {0: "done", 1: "failed", 3: "done in part", 130: "stopped"}


class NoticeError(SnapshotError):
    """A notice could not be sent."""


def notice_refusal(config: ScheduleConfig) -> str:
    """Say why no notice of a schedule can be sent here, or nothing."""
    if config.notify and find_spec("apprise") is None:
        return f"schedule {config.name}: notices need apprise: pip install 'snapstow[notify]'"
    return ""


def result_text(record: RunRecord) -> str:
    """Say in a word or two how a run ended."""
    return _RESULTS.get(record.exit, "failed")


def subject(record: RunRecord) -> str:
    """Return the subject of a notice, with the name of this machine."""
    return f"snapstow on {os.uname().nodename}: schedule {record.name} {result_text(record)}"


def body(record: RunRecord) -> str:
    """Return the text of a notice: the steps and how each ended, then what failed besides."""
    lines = [_line(number, record) for number in range(1, len(record.steps) + 1)]
    lines += [f"Also: {trouble}" for trouble in record.troubles]
    return "\n".join(lines)


def _line(number: int, record: RunRecord) -> str:
    step = record.steps[number - 1]
    job = f" (job {step.job})" if step.job else ""
    return f"{number}. {step.step}: {': '.join(filter(None, (step.state, step.text)))}{job}"


def send_notices(config: ScheduleConfig, _engine: Engine, record: RunRecord) -> None:
    """Tell of a run whoever is to be told: of every run, or of one that did not all go well.

    Raises:
        InvalidInputError: apprise is missing.
        NoticeError: a notice could not be sent; the others were.
    """
    is_due = config.notify_always or record.exit or record.troubles
    if not config.notify or not is_due:
        return
    if reason := notice_refusal(config):
        raise InvalidInputError(reason)
    failed = [
        f"notice {number} ({_scheme(address)}) could not be sent"
        for number, address in enumerate(config.notify, 1)
        if not _is_sent(address, subject(record), body(record))
    ]
    if failed:
        raise NoticeError("; ".join(failed))


def _is_sent(address: str, title: str, text: str) -> bool:
    """Send one; whatever goes wrong, nothing is told of the address."""
    _silence(("apprise", "urllib3", "requests"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from apprise import Apprise, NotifyFormat

            sender = Apprise()
            is_known = bool(sender.add(address))
            return is_known and bool(sender.notify(title=title, body=text, body_format=NotifyFormat.TEXT))
        except Exception:  # noqa: BLE001 - many libraries, and what they say may hold the address
            return False


def _silence(names: Sequence[str]) -> None:
    """Have loggers say nothing: they quote addresses, and where nobody listens Python prints them."""
    for name in names:
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False


def _scheme(address: str) -> str:
    scheme, colon, _ = address.partition("://")
    is_plain = scheme.isascii() and scheme.isalnum()
    return f"{scheme}://" if colon and is_plain else "an address that cannot be understood"
