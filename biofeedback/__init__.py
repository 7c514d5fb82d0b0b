"""A biofeedback-assisted regulation trainer: HRV from a chest strap, paced breathing, imagery, honest evidence."""

__version__ = "0.1.0"
