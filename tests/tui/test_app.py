"""What nobody foresaw: the screens end with one sentence, and a report that tells the rest."""

import sys
from pathlib import Path

from tests.support.builders import World
from tests.tui.support.driver import Terminal

_BROKEN = """
import sys
from tui.session.place import Place
def stock(place):
    secret = "a secret value"
    raise ValueError("nobody foresaw this")
Place.inventory = stock
from tui.cli.main import main
sys.exit(main())
"""


def test_a_bug_on_a_screen_is_one_sentence_and_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    with Terminal([sys.executable, "-c", _BROKEN, "--root", str(world.root)]) as terminal:
        assert terminal.ended() == 1
    text = terminal.seen.decode()
    assert "a bug in snapstow: ValueError: nobody foresaw this" in " ".join(text.split())
    assert "Traceback" not in text
    assert "secret" not in text
    assert "\x1b[?1049l" in text
