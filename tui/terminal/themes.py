"""The looks that can be chosen: four themes, each readable throughout, and which one a terminal gets.

`terminal` uses the terminal's own colours, `dark` and `light` bring theirs, `contrast` keeps every text at
7:1 or more against what is behind it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from rich.color_triplet import ColorTriplet
from rich.terminal_theme import TerminalTheme
from textual.theme import Theme

TERMINAL, DARK, LIGHT, CONTRAST = NAMES = ("terminal", "dark", "light", "contrast")

_FEW_COLOURS = 16
_CURSOR = {
    "block-cursor-foreground": "ansi_default",
    "block-cursor-background": "ansi_default",
    "block-cursor-text-style": "bold reverse",
    "block-cursor-blurred-foreground": "ansi_default",
    "block-cursor-blurred-background": "ansi_default",
    "block-cursor-blurred-text-style": "underline",
    "line-cursor-background": "ansi_default",
    "line-cursor-text-style": "bold reverse",
    "input-cursor-foreground": "ansi_default",
    "input-cursor-background": "ansi_default",
    "input-cursor-text-style": "reverse",
    "button-focus-text-style": "bold reverse",
}


class Palette(NamedTuple):
    """The colours of a theme that brings its own, each as `#rrggbb`.

    `quiet` is for text that comes second, `line` for frames, `tree` for the lines of trees: neither of
    these two for text. `selection` is behind the row under the cursor, `elsewhere` where the focus is not
    there, `track` what is left of a bar. `shares` tell parts of a whole apart.
    """

    background: str
    panel: str
    text: str
    quiet: str
    line: str
    tree: str
    track: str
    accent: str
    selection: str
    elsewhere: str
    good: str
    warning: str
    bad: str
    shares: tuple[str, str, str]


_PALETTES = {
    DARK: Palette(
        background="#141417",
        panel="#1a1a1f",
        text="#e4e4e8",
        quiet="#9a9aa6",
        line="#3a3a44",
        tree="#5c5c68",
        track="#2e2e36",
        accent="#e8825a",
        selection="#2c2430",
        elsewhere="#222228",
        good="#86c98f",
        warning="#e5b95c",
        bad="#ef7d7d",
        shares=("#7aa7d9", "#b18bd0", "#6fbcb5"),
    ),
    LIGHT: Palette(
        background="#fbfbfa",
        panel="#f1f1ef",
        text="#1c1c21",
        quiet="#5b5b66",
        line="#c9c9d0",
        tree="#9b9ba6",
        track="#dcdce2",
        accent="#a8431a",
        selection="#f7e6dd",
        elsewhere="#e9e9ec",
        good="#1f6b35",
        warning="#7a4d00",
        bad="#b01a1a",
        shares=("#2b649f", "#7745a5", "#19706a"),
    ),
    CONTRAST: Palette(
        background="#000000",
        panel="#000000",
        text="#ffffff",
        quiet="#d8d8d8",
        line="#9a9a9a",
        tree="#9a9a9a",
        track="#5a5a5a",
        accent="#ffb27f",
        selection="#3a2a20",
        elsewhere="#262626",
        good="#8dff8d",
        warning="#ffff80",
        bad="#ffb0b0",
        shares=("#9fd0ff", "#dcbcff", "#90f0e6"),
    ),
}


def themes() -> list[Theme]:
    """All of them."""
    return [_terminal(), *(_own(name) for name in _PALETTES)]


def palette(name: str) -> TerminalTheme:
    """What the sixteen colours of a terminal are in a theme that brings its own."""
    tones = _PALETTES.get(name, _PALETTES[DARK])
    eight = (tones.background, tones.bad, tones.good, tones.warning, *tones.shares, tones.text)
    colours = [_triplet(tone) for tone in eight]
    return TerminalTheme(colours[0], colours[-1], [*colours], [*colours])


def colours(environment: Mapping[str, str]) -> int:
    """How many colours the terminal has, as far as the environment tells."""
    if environment.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return 1 << 24
    return 256 if environment.get("TERM", "").endswith(("-256color", "-kitty")) else _FEW_COLOURS


def is_colourless(environment: Mapping[str, str]) -> bool:
    """Whether the user wants no colour anywhere: NO_COLOR, with anything in it."""
    return bool(environment.get("NO_COLOR"))


def chosen(wanted: str, environment: Mapping[str, str]) -> str:
    """The theme to begin with: the one `wanted`, else that of SNAPSTOW_THEME, else what suits the terminal.

    Where no colour is wanted it is `terminal`, whatever was asked for. ValueError for what is no theme.
    """
    name = wanted or environment.get("SNAPSTOW_THEME", "")
    if name and name not in NAMES:
        source = "" if wanted else "SNAPSTOW_THEME: "
        raise ValueError(f"{source}there is no theme `{name}': choose {', '.join(NAMES)}")
    if is_colourless(environment):
        return TERMINAL
    return name or (TERMINAL if colours(environment) <= _FEW_COLOURS else DARK)


def _triplet(tone: str) -> ColorTriplet:
    return ColorTriplet(*(int(tone[at : at + 2], 16) for at in (1, 3, 5)))


def _terminal() -> Theme:
    quiet = {"border": "ansi_cyan", "border-blurred": "ansi_default", "tree-line": "ansi_default"}
    quiet |= {"share-1": "ansi_blue", "share-2": "ansi_magenta", "share-3": "ansi_cyan"}
    quiet |= {"bar-track": "ansi_default", "badge": "ansi_default", "badge-text": "ansi_default"}
    quiet |= {"footer-key-foreground": "ansi_cyan"}
    for part in ("scrollbar", "scrollbar-hover", "scrollbar-active"):
        quiet[part] = "ansi_bright_black"
    for part in ("background", "background-hover", "background-active", "corner-color"):
        quiet[f"scrollbar-{part}"] = "ansi_default"
    for part in ("input-selection-foreground", "input-selection-background"):
        quiet[part] = "ansi_default"
    for part in ("ansi-foreground", "ansi-background"):
        quiet[part] = "ansi_default"
    return Theme(
        TERMINAL,
        ansi=True,
        primary="ansi_default",
        secondary="ansi_default",
        warning="ansi_yellow",
        error="ansi_red",
        success="ansi_green",
        accent="ansi_cyan",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        variables=_CURSOR | quiet,
    )


def _own(name: str) -> Theme:
    tones = _PALETTES[name]
    return Theme(
        name,
        primary=tones.accent,
        secondary=tones.accent,
        warning=tones.warning,
        error=tones.bad,
        success=tones.good,
        accent=tones.accent,
        foreground=tones.text,
        background=tones.background,
        surface=tones.panel,
        panel=tones.panel,
        boost=tones.panel,
        dark=name != LIGHT,
        variables=_texts(tones) | _parts(tones) | _cursors(tones),
    )


def _texts(tones: Palette) -> dict[str, str]:
    """The colours of texts, which Textual would otherwise mix out of those of the theme."""
    return {
        "text": tones.text,
        "text-muted": tones.quiet,
        "text-disabled": tones.quiet,
        "text-primary": tones.accent,
        "text-accent": tones.accent,
        "text-success": tones.good,
        "text-warning": tones.warning,
        "text-error": tones.bad,
        "footer-key-foreground": tones.accent,
        "button-foreground": tones.text,
        "button-color-foreground": tones.background,
    }


def _parts(tones: Palette) -> dict[str, str]:
    """The colours of frames, bars and backgrounds."""
    scrollbars = ("scrollbar-background", "scrollbar-background-hover", "scrollbar-background-active")
    return dict.fromkeys(scrollbars, tones.background) | {
        "primary-background": tones.panel,
        "border": tones.accent,
        "border-blurred": tones.line,
        "tree-line": tones.tree,
        "bar-track": tones.track,
        "badge": tones.accent,
        "badge-text": tones.background,
        "share-1": tones.shares[0],
        "share-2": tones.shares[1],
        "share-3": tones.shares[2],
        "footer-background": tones.panel,
        "scrollbar": tones.tree,
        "scrollbar-hover": tones.quiet,
        "scrollbar-active": tones.quiet,
        "scrollbar-corner-color": tones.background,
    }


def _cursors(tones: Palette) -> dict[str, str]:
    """What is behind the row, line or text under a cursor: what is written there keeps its colour."""
    return {
        "block-cursor-background": tones.selection,
        "block-cursor-foreground": tones.text,
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": tones.elsewhere,
        "block-cursor-blurred-foreground": tones.text,
        "block-cursor-blurred-text-style": "none",
        "block-hover-background": tones.elsewhere,
        "line-cursor-background": tones.selection,
        "line-cursor-text-style": "none",
        "button-focus-text-style": "bold reverse",
        "input-cursor-background": tones.text,
        "input-cursor-foreground": tones.background,
        "input-selection-background": tones.elsewhere,
    }
