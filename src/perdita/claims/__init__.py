"""What papers claim, measured again at small scale: a file for each claim, in the room of its paper."""
