"""The console's own settings, beside Kafka's."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from torghut.config import Settings


class ConsoleSettings(Settings):
    """Where it listens, and by which names it is reached."""

    host: str = Field("127.0.0.1", alias="CONSOLE_HOST", description="an address to listen on", min_length=1)
    port: int = Field(8088, alias="CONSOLE_PORT", description="a TCP port, 0 for any", ge=0, le=65535)
    hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), alias="CONSOLE_HOSTS", description="names, separated by commas, by which browsers reach it besides loopback"
    )

    @field_validator("hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value
