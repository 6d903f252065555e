"""Which folder is the home: where its config/, data/ and logs/ stand."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def find_home(given: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """The home: as given, as HOMECLIMATE_HOME says, where we stand, the checkout, or the user's data folder.

    Where we stand counts when config/config.yaml is there. `./run` says where the checkout is.
    """
    if given is not None:
        return given.absolute()
    if named := environment.get("HOMECLIMATE_HOME"):
        return Path(named).absolute()
    if Path("config/config.yaml").is_file():
        return Path.cwd()
    if checkout := environment.get("HOMECLIMATE_CHECKOUT"):
        return Path(checkout)
    import platformdirs

    return platformdirs.user_data_path("homeclimate")
