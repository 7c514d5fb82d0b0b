"""Arousal from RR intervals alone: the heart-rate level over whole breaths, beside the person's paced baseline."""
