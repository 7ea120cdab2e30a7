"""The looks that can be chosen: four themes, each readable throughout, and which one a terminal gets.

`terminal` uses the terminal's own colours, `dark` and `light` bring theirs, `contrast` keeps every text at
7:1 or more against what is behind it.
"""

from collections.abc import Mapping

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

# In hex: background, surface, text, quiet text, lines and the focused, what is behind headings, behind
# the cursor, the text on it, behind the cursor elsewhere; then good, warning, bad.
_PALETTES = {
    DARK: "121212 1c1c1c e6e6e6 adadad 4aa3e0 16324a 0f5490 ffffff 2b4256 7fd191 f2c14e ff9a9a",
    LIGHT: "fafafa ffffff 1a1a1a 4d4d4d 005a9e d6e6f3 005a9e ffffff cfe3f3 14592a 6b4100 a01010",
    CONTRAST: "000000 000000 ffffff e0e0e0 ffff00 000070 ffff00 000000 333333 8dff8d ffff80 ffb0b0",
}


def themes() -> list[Theme]:
    """All of them."""
    return [_terminal(), *(_own(name) for name in _PALETTES)]


def palette(name: str) -> TerminalTheme:
    """What the sixteen colours of a terminal are in a theme that brings its own."""
    tones = _tones(name if name in _PALETTES else DARK)
    background, text, accent = (_triplet(tones[number]) for number in (0, 2, 4))
    good, warning, bad = (_triplet(tone) for tone in tones[-3:])
    eight = [background, bad, good, warning, accent, accent, accent, text]
    return TerminalTheme(background, text, list(eight), list(eight))


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


def _tones(name: str) -> list[str]:
    return [f"#{tone}" for tone in _PALETTES[name].split()]


def _triplet(tone: str) -> ColorTriplet:
    return ColorTriplet(*(int(tone[at : at + 2], 16) for at in (1, 3, 5)))


def _terminal() -> Theme:
    quiet = {"border": "ansi_default", "border-blurred": "ansi_default"}
    for part in ("scrollbar", "scrollbar-hover", "scrollbar-active"):
        quiet[part] = "ansi_bright_black"
    for part in ("background", "background-hover", "background-active", "corner-color"):
        quiet[f"scrollbar-{part}"] = "ansi_default"
    for part in ("footer-key-foreground", "input-selection-foreground", "ansi-foreground"):
        quiet[part] = "ansi_default"
    for part in ("input-selection-background", "ansi-background"):
        quiet[part] = "ansi_default"
    return Theme(
        TERMINAL,
        ansi=True,
        primary="ansi_default",
        secondary="ansi_default",
        warning="ansi_yellow",
        error="ansi_red",
        success="ansi_green",
        accent="ansi_default",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        variables=_CURSOR | quiet,
    )


def _own(name: str) -> Theme:
    background, surface, text, _quiet, line, heading, *_, good, warning, bad = _tones(name)
    return Theme(
        name,
        primary=line,
        secondary=line,
        warning=warning,
        error=bad,
        success=good,
        accent=line,
        foreground=text,
        background=background,
        surface=surface,
        panel=surface,
        boost=heading,
        dark=name != LIGHT,
        variables=_variables(name),
    )


def _variables(name: str) -> dict[str, str]:
    """The colours of parts that Textual would otherwise mix out of those of the theme."""
    tones = _tones(name)
    background, surface, text, quiet, line, heading, cursor, on_cursor, elsewhere, *states = tones
    good, warning, bad = states
    bars = {f"scrollbar-{part}": surface for part in ("background", "background-hover", "background-active")}
    return bars | {
        "text": text,
        "text-muted": quiet,
        "text-disabled": quiet,
        "text-primary": line,
        "text-accent": line,
        "text-success": good,
        "text-warning": warning,
        "text-error": bad,
        "primary-background": heading,
        "border": line,
        "border-blurred": quiet,
        "block-cursor-background": cursor,
        "block-cursor-foreground": on_cursor,
        "block-cursor-blurred-background": elsewhere,
        "block-cursor-blurred-foreground": text,
        # The lines of a list keep their colours under the cursor: it is quieter, or turns them round.
        "line-cursor-background": background if name == CONTRAST else elsewhere,
        "line-cursor-text-style": "bold reverse" if name == CONTRAST else "bold",
        "block-hover-background": elsewhere,
        "footer-background": heading,
        "footer-key-foreground": text,
        "button-foreground": text,
        "button-color-foreground": background,
        "button-focus-text-style": "bold reverse",
        "input-cursor-background": text,
        "input-cursor-foreground": background,
        "input-selection-background": elsewhere,
        "scrollbar": quiet,
        "scrollbar-hover": text,
        "scrollbar-active": text,
        "scrollbar-corner-color": surface,
    }
