"""A session: the plan, the pure engine, and the shell that feeds it, records it and shows it."""
