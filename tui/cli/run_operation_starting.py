"""Starting jobs in processes of their own, from the screens and from the command line (`--no-wait`)."""
