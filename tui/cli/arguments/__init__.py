"""What may stand on the command line: a parser for each verb, built when that verb is typed."""
