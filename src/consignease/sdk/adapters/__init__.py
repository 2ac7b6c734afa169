"""One file a framework: its request in, a verified event out."""
