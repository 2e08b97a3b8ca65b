"""The command line: one thin function per command over `steelyard.verbs`. `main` is the frame, `output` what is printed."""
