"""Recordings: append-only JSON Lines that survive crashes, open in any editor, and give every number again."""
