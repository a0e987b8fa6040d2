"""What procedures run against. Each target implements `torghut.runbooks.ports`; the procedures are the same."""
