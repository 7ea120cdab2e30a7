"""The configuration: repositories, retention, schedules, hosts, read from one TOML file."""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names

if TYPE_CHECKING:
    from backend.config.reading import default_path, load_config, parse_config, user_config_home
    from backend.config.settings import Setting, settings_of
    from backend.config.spans import span_text
    from backend.config.values import (
        Config,
        HostsConfig,
        RepositoryConfig,
        RetentionConfig,
        ScheduleConfig,
    )
    from backend.config.writing import add_repository, remove_repository
else:
    __getattr__ = lazy_names(__name__)
