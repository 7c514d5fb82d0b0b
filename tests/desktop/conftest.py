"""Windows are painted off the screen, unless the environment wants to see them."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
