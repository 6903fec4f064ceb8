"""Where the data that ships with peil lies: beside the package in a wheel, in the checkout else."""

from importlib.resources import files
from pathlib import Path

from stream.errors import Stop


def shipped_config() -> Path:
    """The folder `config/` of this installation; Stop when the installation lacks it."""
    package = Path(str(files("peil")))
    for candidate in (package / "config", package.parent / "config"):
        if (candidate / "peil.toml").is_file():
            return candidate
    raise Stop(
        f"the installation has no config folder beside {package}; install peil again, from the "
        "wheel or with `make setup` in a checkout"
    )
