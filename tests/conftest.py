"""Settings of all tests."""

from hypothesis import settings

# The same examples on every run and machine; how long one takes says nothing here.
settings.register_profile("house", derandomize=True, deadline=None, database=None)
settings.load_profile("house")
