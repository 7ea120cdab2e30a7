"""Journals as the version of commit 002df66 wrote them: of jobs that were done, and of jobs that were killed.

Each directory is a recording (`tests.support.journals`). `make` makes them again, in the format of today.
"""

from pathlib import Path

HERE = Path(__file__).resolve().parent
