"""Outside systems, one module (or package) each: how they are started, spoken to and read."""
