"""``python -m hemp_codec``: the same as the command ``hemp``."""

import sys

from hemp_codec.cli import main

if __name__ == "__main__":
    sys.exit(main())
