"""Imagery: scripts as data, the player that says their cues, and the rail that keeps a person safe."""
