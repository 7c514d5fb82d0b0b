"""The command line: one file a subcommand. stdout is data, stderr is talk."""
