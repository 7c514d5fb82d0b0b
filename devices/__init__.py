"""Where RR intervals come from: straps, simulated people and recordings, all spoken of in one vocabulary.

Standard library only, so that it can be used alone. Start reading at `devices.events`.
"""
