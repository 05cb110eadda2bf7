"""The subcommands of the command line: options in, pipeline calls, lines out. They import what they need when they run."""
