"""The page that people look at: the chart, the health of every part, and what the procedures did. Read-only.

It is a process of its own at a lower priority than the pipeline, reads Kafka as the read-only user, and keeps the last
hour in bounded memory. `row` and `board` are what the page shows, `reading` fills it from Kafka, `watcher` and `live`
bring it to browsers, `health` says in words how the parts are, `journals` what procedures did, `api` and `guard` are
the HTTP side, `page/` the files that the browser runs.
"""
