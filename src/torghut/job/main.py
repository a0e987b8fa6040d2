"""What Flink runs: `flink run -py`, or the Python driver of application mode, with the environment of the contract."""

from __future__ import annotations

import sys

from torghut.config import KafkaSettings, load
from torghut.job.admission import REFUSED, KafkaRefusalError, await_kafka
from torghut.job.pipeline import JOB_NAME, build
from torghut.job.settings import JobSettings


def connection_properties(kafka: KafkaSettings) -> dict[str, str]:
    """The Java client's properties, without secrets."""
    properties = {"bootstrap.servers": kafka.bootstrap_servers, "security.protocol": kafka.security_protocol}
    if kafka.security_protocol.startswith("SASL"):
        properties["sasl.mechanism"] = kafka.sasl_mechanism
    if kafka.ca_file is not None:
        properties |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": str(kafka.ca_file)}
    return properties


def main() -> None:
    """Build the job from the environment's settings and execute it. Kafka may come up while it is planned."""
    kafka = load(KafkaSettings)
    job = build(load(JobSettings), connection_properties(kafka), kafka.topic_prefix)
    try:
        await_kafka(kafka)
    except KafkaRefusalError as error:
        sys.exit(f"{REFUSED}{error}")
    job.execute(JOB_NAME)


if __name__ == "__main__":
    main()
