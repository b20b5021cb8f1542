"""What a config would run, and a guess of how long it takes; nothing is run."""
