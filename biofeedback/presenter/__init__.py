"""What there is to show of a session and what keys mean, for every face alike: no terminal, no window, no clock."""
