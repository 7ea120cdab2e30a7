"""What tests share: builders of snapshots and roots, fakes, a real snapd, kills."""

from pathlib import Path

TOP = Path(__file__).resolve().parents[2]  # of the checkout
