"""The forwarder as it is, configured by its own variables. Asked for latencies, it notes each beside its own metric."""

from __future__ import annotations

import uvloop

from torghut.bench.latencies import Latencies, wanted
from torghut.bench.stage import leave_with_director
from torghut.config import AlpacaSettings, KafkaSettings, Symbols, load
from torghut.forwarder.main import configure_logs
from torghut.forwarder.service import Forwarder
from torghut.forwarder.settings import ForwarderSettings
from torghut.platform import memory


async def run() -> None:
    """Forward until SIGTERM."""
    settings = load(ForwarderSettings)
    configure_logs(settings)
    memory.bound_arenas()
    forwarder = Forwarder(settings, load(KafkaSettings), load(AlpacaSettings), load(Symbols))
    path = wanted()
    if path is None:
        await forwarder.run()
        return
    latencies = Latencies()
    delivery = forwarder._delivery  # noqa: SLF001 - the one look inside: its metric has buckets, we want each time
    counted = delivery.observe

    def observe(duration_ns: int) -> None:
        counted(duration_ns)
        latencies.add(duration_ns)

    delivery.observe = observe
    await forwarder.run()
    latencies.write(path)


if __name__ == "__main__":
    leave_with_director()
    uvloop.run(run())
