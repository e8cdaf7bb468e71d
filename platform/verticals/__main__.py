"""``python -m verticals``: the long form of the command ``platform``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
