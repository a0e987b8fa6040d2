"""Which TCP port each part of the stack has: chosen once, kept, and chosen anew only when a stranger took it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from torghut.platform import ports
from torghut.stack.errors import PortError


class PortBook:
    """Ports by name (`kafka.clients`, `forwarder.health`, ...)."""

    def __init__(
        self,
        kept: Mapping[str, int],
        fixed: Mapping[str, int],
        *,
        is_free: Callable[[int], bool] = ports.is_free,
        free_port: Callable[[], int] = ports.free_port,
    ) -> None:
        """Start with the ports that were `kept` from before; `fixed` ones are the user's and never change."""
        self._chosen = dict(kept)
        self._fixed = dict(fixed)
        self._is_free = is_free
        self._free_port = free_port

    def port(self, name: str) -> int:
        """The port called `name`; a free one is chosen when it is asked for the first time."""
        if name in self._fixed:
            return self._fixed[name]
        if name not in self._chosen:
            self._chosen[name] = self._unused()
        return self._chosen[name]

    def _unused(self) -> int:
        taken = {*self._chosen.values(), *self._fixed.values()}
        return next(port for port in iter(self._free_port, None) if port not in taken)

    def renew_taken(self, names: Iterable[str]) -> bool:
        """Choose anew those of `names` that somebody else listens on; True when one changed.

        Raises:
            PortError: a port that the user fixed is taken.
        """
        taken = [name for name in names if not self._is_free(self.port(name))]
        for name in taken:
            if name in self._fixed:
                raise PortError(
                    f"port {self._fixed[name]} ({name}) is taken by another program: end that program, or choose "
                    f"another with --port {name}=PORT"
                )
            del self._chosen[name]
            self.port(name)
        return bool(taken)

    def all(self) -> dict[str, int]:
        """Every port in use, by name."""
        return {**self._chosen, **self._fixed}
