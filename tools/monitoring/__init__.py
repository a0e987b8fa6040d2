"""Making `deploy/monitoring`: Grafana's dashboards and the alert rules, from code.

dashboards  what Grafana shows, as values and then as its JSON
generate    writes the files, or checks that they are current
"""
