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
    Pull,
    Push,
    Repair,
    Restore,
    TakeBack,
    Undo,
    spelling,
)


def command_line(operation: Operation, place: Sequence[str] = ()) -> str:
    """Write the command that does the same, for a shell; `place` are the options that say where."""
    subject = _copies(operation) if isinstance(operation, Copying) else _subject(operation)
    arguments = ["snapstow", *place, *subject]
    options = asdict(operation)
    arguments += options.get("snaps", options.get("items", ()))
    arguments += _options(options)
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


def _options(fields: Mapping[str, Any]) -> list[str]:
    arguments = []
    if fields.get("users"):
        arguments.append(f"--users={','.join(fields['users'])}")
    arguments += [f"--exclude={pattern}" for pattern in fields.get("exclude", ())]
    arguments += [f"--{name.replace('_', '-')}" for name, value in fields.items() if value is True]
    window = fields.get("undo_window", DAY)
    if window != DAY:
        arguments.append(f"--undo-window={window}s" if window else "--no-undo")
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
