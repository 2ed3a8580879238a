"""What a shell may complete besides commands and options: names out of gateway.yaml.

Reads the file and nothing else; one that can not be read completes nothing, without a word.
"""

from __future__ import annotations


def destinations(incomplete: str) -> list[str]:
    """Destinations whose names begin so."""
    return _names("destinations", incomplete)


def sources(incomplete: str) -> list[str]:
    """Sources whose names begin so."""
    return _names("sources", incomplete)


def _names(section: str, incomplete: str) -> list[str]:
    from gateway.config import ConfigError, load
    from gateway.settings import Settings, SettingsError

    try:
        settings = Settings.read()
        config = load(settings.config_path, settings.environ).config
    except (ConfigError, SettingsError, OSError):
        return []
    return [name for name in getattr(config, section) if name.startswith(incomplete)]
