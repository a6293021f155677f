"""One file for each subject; importing it registers its rows."""
