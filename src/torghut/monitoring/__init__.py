"""What raises an alarm and what Prometheus asks: values, rendered for a Prometheus on this machine and for a cluster.

`alerts` are the rules, each naming the procedure to run, `scrape` is the configuration of a Prometheus beside a local
stack. The files in `deploy/monitoring` are made from here (`tools/monitoring`).
"""
