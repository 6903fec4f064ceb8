import os
from pathlib import Path

# The encoder takes some seconds to build and 80 MB to keep: all tests share one.
os.environ.setdefault("PEIL_ENRICH__MODELS", str(Path(__file__).parents[1] / ".cache" / "models"))
