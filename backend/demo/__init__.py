"""A small world to try everything on: a machine, and a repository with copies of two."""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names

if TYPE_CHECKING:
    from backend.demo.repository import demo_config
    from backend.demo.world import demo_root, make_demo
else:
    __getattr__ = lazy_names(__name__)
