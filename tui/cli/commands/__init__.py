"""One function per verb of the command line; each is given the parsed arguments and returns an exit code."""
