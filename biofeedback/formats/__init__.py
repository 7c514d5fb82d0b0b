"""Files of other programs, read as intervals."""
