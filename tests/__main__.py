"""Everything that a change must pass, in one command: `python -m tests [pytest's arguments]`.

Format, lint, spelling, types, import contracts, tests. Stops at the first that fails.
"""

import subprocess
import sys
from pathlib import Path

CHECKS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("codespell",),
    ("mypy",),
    ("lint-imports",),
)


def main() -> int:
    top = Path(__file__).parent.parent
    tools = Path(sys.executable).parent
    commands = [[str(tools / check[0]), *check[1:]] for check in CHECKS]
    commands.append([sys.executable, "-m", "pytest", "-n", "auto", *sys.argv[1:]])
    for command in commands:
        print(f"== {' '.join([Path(command[0]).name, *command[1:]])}", flush=True)
        if status := subprocess.run(command, cwd=top, check=False).returncode:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
