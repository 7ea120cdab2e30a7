"""What surveys found, in sentences: what will fail, may fail, is not included, is harmless."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from backend.save import Aim, Concern, Outlook, Survey, concern
from tui.text import amount_text, plain

_FEW = 3


_KEPT = ", kept as they are read"


class Met(NamedTuple):
    """One kind of concern about any number of snaps."""

    kind: str
    outlook: Outlook
    text: str
    concerns: tuple[tuple[Survey, Concern], ...] = ()


def name_of(aim: Aim) -> str:
    """Whose data, of which snap."""
    return f"{plain(aim.snap.name)} ({plain(aim.user.name)})" if aim.user else plain(aim.snap.name)


def met_in(surveys: Iterable[Survey], *, accept_changed: bool = False) -> list[Met]:
    """What is to be known of all of them, worst first; what is alike on one line."""
    alone: list[Met] = []
    alike: dict[str, list[tuple[Survey, Concern]]] = {}
    for survey in surveys:
        for single in survey.concerns:
            if single.examples:
                alike.setdefault(single.kind, []).append((survey, single))
            else:
                alone.append(Met(single.kind, single.outlook, f"{name_of(survey.aim)}: {plain(single.text)}"))
    for kind, pairs in alike.items():
        combined = concern(kind, sum(single.number for _, single in pairs))
        is_accepted = kind == "changing" and accept_changed
        names = ", ".join(dict.fromkeys(name_of(survey.aim) for survey, _ in pairs))
        text = f"{combined.text}{_KEPT if is_accepted else ''}: {names}"
        alone.append(Met(kind, Outlook.HARMLESS if is_accepted else combined.outlook, text, tuple(pairs)))
    order = list(Outlook)
    return sorted(alone, key=lambda met: order.index(met.outlook))


def worst_of(surveys: Iterable[Survey], *, accept_changed: bool = False) -> Outlook:
    """How a save of all of them will fare."""
    return next((met.outlook for met in met_in(surveys, accept_changed=accept_changed)), Outlook.HARMLESS)


def estimate_rows(all_surveys: Sequence[Survey]) -> list[tuple[str, ...]]:
    """A row for each snap, below a header."""
    snaps = _by_snap(all_surveys)
    rows: list[tuple[str, ...]] = [("Snap", "Size", "Files", "Owners")]
    for name, surveys in snaps.items():
        sizes = _owners(surveys)
        owners = ", ".join(f"{plain(owner)} {amount_text(size)}" for owner, size in sizes.items())
        rows.append((plain(name), f"{amount_text(sum(sizes.values())):>8}", str(_files(surveys)), owners))
    if len(snaps) > 1:
        total = sum(sum(_owners(surveys).values()) for surveys in snaps.values())
        rows.append(("(all)", f"{amount_text(total):>8}", str(sum(map(_files, snaps.values()))), "-"))
    return rows


def _owners(surveys: list[Survey]) -> dict[str, int]:
    """The bytes of each owner, whatever patterns leave out; of those without files not."""
    return {
        survey.owner: survey.read.allocated + survey.left_out.allocated
        for survey in surveys
        if survey.aim.user is None or survey.read.files + survey.left_out.files
    }


def _files(surveys: list[Survey]) -> int:
    return sum(survey.read.files + survey.left_out.files for survey in surveys)


def estimate_notes(surveys: Sequence[Survey]) -> Iterator[str]:
    """What will fail, may fail, is not included, is harmless; a line each and a few examples."""
    for met in met_in(surveys):
        yield f"{met.outlook.value}: {met.text}"
        yield from (f"  {plain(path)}" for path in _first_paths(met))


def estimates_json(all_surveys: Sequence[Survey]) -> list[dict[str, object]]:
    """Plain mappings, one for each snap."""
    return [_estimate_json(name, surveys) for name, surveys in _by_snap(all_surveys).items()]


def _by_snap(surveys: Sequence[Survey]) -> dict[str, list[Survey]]:
    snaps: dict[str, list[Survey]] = {}
    for survey in surveys:
        snaps.setdefault(survey.aim.snap.name, []).append(survey)
    return snaps


def _first_paths(met: Met) -> list[str]:
    paths = [
        f"{name_of(survey.aim)}: {path}" for survey, concern in met.concerns for path in concern.examples
    ]
    return paths if len(paths) <= _FEW else [*paths[:_FEW], "…"]


def _estimate_json(name: str, surveys: list[Survey]) -> dict[str, object]:
    sizes = _owners(surveys)
    return {
        "snap": name,
        "size": sum(sizes.values()),
        "owners": sizes,
        "files": _files(surveys),
        "left_out": sum(survey.left_out.allocated for survey in surveys),
        "findings": [
            {
                "owner": survey.owner,
                "kind": met.kind,
                "outlook": met.outlook.value,
                "text": met.text,
                "count": met.number,
                "examples": met.examples,
            }
            for survey in surveys
            for met in survey.concerns
        ],
        "largest": [
            {"owner": survey.owner, "path": folder.path, "size": folder.size}
            for survey in surveys
            for folder in survey.largest
        ],
    }
