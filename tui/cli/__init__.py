"""The command line: reads the arguments, runs the verb, turns failures into sentences and exit codes."""
