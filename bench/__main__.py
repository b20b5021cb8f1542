"""``python -m bench`` is the console command."""

from bench.cli import main

main()
