"""What can be said of the runs: metrics, paired statistics, one sentence."""
