"""Starting the forwarder: settings from the environment, logs, then the service."""

from __future__ import annotations

import logging
import sys

import structlog

from torghut.config import AlpacaKeys, AlpacaSettings, ConfigError, KafkaSettings, Symbols, load
from torghut.forwarder.health import HealthServerError
from torghut.forwarder.service import Forwarder
from torghut.forwarder.settings import ForwarderSettings
from torghut.platform import memory


async def run() -> None:
    """Run one instance until it is asked to leave.

    Raises:
        ConfigError: a setting is missing or wrong, or a port is taken.
    """
    settings = load(ForwarderSettings)
    kafka = load(KafkaSettings)
    kafka.client()
    load(AlpacaKeys)
    parts = load(AlpacaSettings), load(Symbols)
    configure_logs(settings)
    memory.bound_arenas()
    try:
        service = Forwarder(settings, kafka, *parts)
        memory.calm_collector()
        await service.run()
    except HealthServerError as error:
        raise ConfigError(str(error)) from error


def configure_logs(settings: ForwarderSettings) -> None:
    """Structured logs on stderr: JSON lines for programs, columns for people."""
    json = settings.log_format == "json"
    renderer = (
        structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    level = logging.getLevelNamesMapping()[settings.log_level]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr, format="%(name)s: %(message)s")
