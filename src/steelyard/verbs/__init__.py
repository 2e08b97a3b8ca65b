"""One function per command, over all engines: the Python API behind the command line and the dashboard. Nothing here prints."""
