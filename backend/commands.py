"""An operation as the command that does the same."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from backend.operations import (
    DAY,
    Check,
    Export,
    Extract,
    Finish,
    Forget,
    Import,
    Operation,
    Repair,
    Restore,
    TakeBack,
    Undo,
    spelling,
)


def command_line(operation: Operation, place: Sequence[str] = ()) -> str:
    """Write the command that does the same, for a shell; `place` are the options that say where."""
    arguments = ["snapstow", *place, operation.verb]
    match operation:
        case Check(set_id=0):
            arguments.append("--all")
        case Check() | Restore() | Forget():
            arguments.append(str(operation.set_id))
        case Export():
            arguments += [str(operation.set_id), operation.file]
        case Extract(file=file):
            arguments.append(f"--file={file}" if file else str(operation.set_id))
        case Import():
            arguments.append(operation.file)
        case Undo(job) | Finish(job) | TakeBack(job) if job:
            arguments.append(str(job))
        case Repair():
            arguments[-1:] = ["doctor", "--repair"]
        case _:
            pass
    options = asdict(operation)
    arguments += options.get("snaps", options.get("items", ()))
    arguments += _options(operation.verb, options)
    return shlex.join(arguments)


def _options(verb: str, fields: Mapping[str, Any]) -> list[str]:
    arguments = []
    if fields.get("users"):
        arguments.append(f"--users={','.join(fields['users'])}")
    arguments += [f"--exclude={pattern}" for pattern in fields.get("exclude", ())]
    arguments += [f"--{name.replace('_', '-')}" for name, value in fields.items() if value is True]
    window = fields.get("undo_window", DAY)
    if window != DAY:
        at_once = "--now" if verb == Forget.verb else "--no-undo"
        arguments.append(f"--undo-window={window}s" if window else at_once)
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
