"""The verbs about the configuration: what holds, whether it can work, and its repositories."""

import json
import os
from collections.abc import Callable, Iterator
from functools import partial

from backend import SnapshotError
from backend.config import (
    Config,
    RepositoryConfig,
    add_repository,
    remove_repository,
    settings_of,
)
from backend.engine import opened_repository
from backend.repository import ProbeReport, probe, try_config
from backend.schedule import metrics_refusal, notice_refusal, read_calendar
from tui.cli.arguments.configuration import ConfigArgs, RepoArgs
from tui.cli.arguments.parser import UsageError
from tui.cli.commands.schedule_steps import steps_of
from tui.cli.context import Context
from tui.cli.output import print_result, print_status, show_rows
from tui.phrases import count_phrase
from tui.text import plain

# -- config


def config(context: Context, args: ConfigArgs) -> int:
    """Show what is configured, or look whether it can work; 1 where something cannot."""
    engine = context.engine
    return _check(context, engine.config) if args.action == "check" else _show(context, engine.config)


def _show(context: Context, config: Config) -> int:
    settings = settings_of(config)
    if context.json:
        document = {"file": config.path, "settings": [setting._asdict() for setting in settings]}
        print_result(json.dumps(document))
        return 0
    rows = [("Key", "Value", "Line")]
    rows += [(plain(each.key), plain(each.value), str(each.line or "-")) for each in settings]
    print_status(f"{plain(config.path)}:" if settings else "", *([""] if settings else []))
    show_rows(rows, empty=f"Nothing is configured in {plain(config.path)}.")
    return 0


def _check(context: Context, config: Config) -> int:
    troubles = [*_troubles(config)]
    if context.json:
        print_result(json.dumps({"file": config.path, "troubles": troubles}))
    else:
        print_status(*(f"error: {plain(trouble)}" for trouble in troubles))
        counts = (
            count_phrase(len(config.repositories), "repository", "repositories"),
            count_phrase(len(config.schedules), "schedule"),
        )
        if not troubles:
            print_result(f"{plain(config.path)}: {', '.join(counts)}; nothing is wrong.")
    return 1 if troubles else 0


def _troubles(config: Config) -> Iterator[str]:
    """What of a configuration cannot work here, though it can be read."""
    for repository in config.repositories.values():
        yield from _refused(partial(try_config, repository))
    for schedule in config.schedules.values():
        yield from _refused(partial(steps_of, config, schedule))
        yield from _refused(partial(read_calendar, schedule.when))
        yield from filter(None, (notice_refusal(schedule), metrics_refusal(schedule)))


def _refused(look: Callable[[], object]) -> list[str]:
    try:
        look()
    except SnapshotError as trouble:
        return [str(trouble)]
    return []


# -- repo


def repo(context: Context, args: RepoArgs) -> int:
    """List repositories, add one, remove one, or try what it can do."""
    if args.action == "list":
        if args.name:
            raise UsageError("a list is of all repositories", "repo")
        return _list(context)
    if not args.name:
        raise UsageError("the required argument `<name>` was not provided", "repo")
    if bool(args.url) != (args.action == "add"):
        raise UsageError("a URL goes with add, and only with that", "repo")
    actions = {"add": _add, "remove": _remove, "test": _test}
    return actions[args.action](context, args)


def _list(context: Context) -> int:
    repositories = context.engine.config.repositories
    if context.json:
        rows = [
            {
                "repository": each.name,
                "url": each.url,
                "recipients": list(each.recipients),
                "identity": each.identity or None,
            }
            for each in repositories.values()
        ]
        print_result(json.dumps(rows))
        return 0
    table = [("Repository", "URL", "Encrypted", "Reads back")]
    table += [
        (
            plain(each.name),
            plain(each.url),
            f"for {count_phrase(len(each.recipients), 'key')}" if each.recipients else "no",
            "no identity" if each.recipients and not each.identity else "yes",
        )
        for each in repositories.values()
    ]
    show_rows(table, empty="No repository is configured: see snapstow help repo.")
    return 0


def _add(context: Context, args: RepoArgs) -> int:
    url = args.url if ":" in args.url else f"file://{os.path.abspath(args.url)}"
    repository = RepositoryConfig(
        name=args.name,
        url=url,
        endpoint=args.endpoint,
        region=args.region,
        recipients=tuple(args.recipients),
        identity=args.identity,
        credentials="instance" if args.instance else "",
        ca_file=args.ca_file,
    )
    config = add_repository(context.engine.config_path, repository)
    print_result(f"Repository {plain(args.name)} is in {plain(config.path)}.")
    if not args.recipients:
        print_status("Its copies are not encrypted: --recipient encrypts them.")
    for trouble in _refused(partial(try_config, repository)):
        print_status(f"Note: {plain(trouble)}.")
    print_status(f"Try it: {context.command(f'repo test {args.name}')}")
    return 0


def _remove(context: Context, args: RepoArgs) -> int:
    config = remove_repository(context.engine.config_path, args.name)
    print_result(f"Repository {plain(args.name)} is not in {plain(config.path)} any more; its copies stay.")
    return 0


def _test(context: Context, args: RepoArgs) -> int:
    """Try a repository; 1 where it cannot keep copies."""
    with opened_repository(context.engine, args.name) as repository:
        try_config(repository.config)
        report = probe(repository.store)
    if context.json:
        print_result(json.dumps(_report_json(report)))
    else:
        _tell_report(args.name, report)
    return 0 if report.is_usable else 1


def _tell_report(name: str, report: ProbeReport) -> None:
    for result in report.results:
        outcome = f"no: {plain(result.trouble)}" if result.trouble else f"yes ({result.seconds:.2f} s)"
        print_result(f"  {result.trial.value}: {outcome}")
    print_status(*(f"Note: {plain(warning)}." for warning in report.warnings))
    where = f"{plain(name)} ({plain(report.url)})"
    print_result(f"{where} can keep copies." if report.is_usable else f"{where} cannot keep copies.")


def _report_json(report: ProbeReport) -> dict[str, object]:
    return {
        "url": report.url,
        "usable": report.is_usable,
        "trials": [
            {"trial": result.trial.value, "trouble": result.trouble or None, "seconds": result.seconds}
            for result in report.results
        ],
        "warnings": list(report.warnings),
    }
