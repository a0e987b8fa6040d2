"""The measurement of the Flink job: ours beside the naive one and beside the limit, on the same records.

    plan       what is measured, and how much of it
    place      Kafka and MinIO of our own, components of the job, a copy of its code
    cluster    JobManager and TaskManager of one subject: started, paused, gone on with, ended
    pump       a process that writes a load into the input topics, on its schedule
    watch      a reader of the output that notes when each record could be seen
    trial      one subject through all loads
    figures    what the notes say: rates, latencies, checkpoints, memory
    measure    all subjects, the report, the targets

The subjects stand in `bench.flink`. All write into the contract's topics, so that one reader judges all of them.
"""
