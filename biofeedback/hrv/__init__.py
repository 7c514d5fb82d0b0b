"""Heart-rate variability: beats on one time line, artefacts named, metrics that say when they cannot be given."""
