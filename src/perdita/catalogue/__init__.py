"""What there is, and how to find it: losses, papers and the results of claims, as the terminal and the docs show."""
