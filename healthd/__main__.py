"""`python -m healthd`."""

import sys

from healthd.cli import main

if __name__ == "__main__":
    sys.exit(main())
