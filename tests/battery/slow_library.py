"""A library whose import takes minutes."""

import time

time.sleep(300)
