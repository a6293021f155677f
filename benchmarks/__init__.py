"""perdita against its peers, side by side in one process. ``python -m benchmarks --list`` names the rows."""
