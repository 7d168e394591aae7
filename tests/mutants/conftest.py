"""This folder's own modules importable by name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
