"""An operation as the command that does the same."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from backend.operations import (
    DAY,
    Check,
    CheckCopies,
    Copying,
    Export,
    Extract,
    Finish,
    Forget,
    ForgetCopies,
    Import,
    Operation,
    Prune,
    PruneCopies,
    Pull,
    Push,
    Repair,
    Restore,
    TakeBack,
    Undo,
    spelling,
)

_AMOUNTS = ("keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly", "free")


def command_line(operation: Operation, place: Sequence[str] = ()) -> str:
    """Write the command that does the same, for a shell; `place` are the options that say where."""
    subject = _copies(operation) if isinstance(operation, Copying) else _subject(operation)
    arguments = ["snapstow", *place, *subject]
    options = asdict(operation)
    arguments += options.get("snaps", options.get("items", ()))
    arguments += _options(operation.verb, options)
    return shlex.join(arguments)


def _subject(operation: Operation) -> list[str]:
    """The verb, and what it is about."""
    verb = operation.verb
    match operation:
        case Check() | Restore() | Forget():
            return [verb, str(operation.set_id or "--all")]
        case Export():
            return [verb, str(operation.set_id), operation.file]
        case Extract(file=file):
            return [verb, f"--file={file}" if file else str(operation.set_id)]
        case Import():
            return [verb, operation.file]
        case Undo(job) | Finish(job) | TakeBack(job) if job:
            return [verb, str(job)]
        case Repair():
            return ["doctor", "--repair"]
        case _:
            return [verb]


def _copies(operation: Copying) -> list[str]:
    match operation:
        case Push(repository, sets, new):
            which = [] if new else [*map(str, sets)] or ["--all"]
            return [operation.verb, *which, repository]
        case Pull(repository, copy, file):
            return [operation.verb, f"{repository}:{copy}", *([f"--to={file}"] if file else [])]
        case CheckCopies(repository, copies):
            return [Check.verb, f"--repo={repository}", *copies]
        case ForgetCopies(repository, copies):
            return [Forget.verb, f"--repo={repository}", *copies]
        case PruneCopies(repository=repository):
            return [Prune.verb, f"--repo={repository}"]


def _options(verb: str, fields: Mapping[str, Any]) -> list[str]:
    arguments = []
    if fields.get("users"):
        arguments.append(f"--users={','.join(fields['users'])}")
    arguments += [f"--exclude={pattern}" for pattern in fields.get("exclude", ())]
    arguments += [f"--{_dashed(name)}" for name, value in fields.items() if value is True]
    window = fields.get("undo_window", DAY)
    if window != DAY:
        at_once = "--now" if verb in (Forget.verb, Prune.verb) else "--no-undo"
        arguments.append(f"--undo-window={window}s" if window else at_once)
    arguments += [f"--{_dashed(name)}={fields[name]}" for name in _AMOUNTS if fields.get(name)]
    if span := fields.get("keep_within"):
        arguments.append(f"--keep-within={span}s")
    if fields.get("sample"):
        arguments.append(f"--sample={fields['sample']}%")
    if age := fields.get("older_than"):
        arguments.append(f"--older-than={age}s")
    arguments += [
        f"--{spelling(name)}={fields[name]}" for name in ("target_dir", "revision") if fields.get(name)
    ]
    if fields.get("owners"):
        arguments.append(f"--owner={','.join(fields['owners'])}")
    if fields.get("policy", "always") != "always":
        arguments.append(f"--policy={fields['policy']}")
    return arguments


def _dashed(name: str) -> str:
    return name.replace("_", "-")
