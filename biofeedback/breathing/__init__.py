"""Paced breathing: the breath is a pure function of a schedule and the time."""
