"""The library behind the stages: see the README for what each folder holds."""

import sys
from importlib.util import find_spec

# Without its environment a stage would end in a traceback before it could say anything.
if sys.version_info < (3, 11) or not (find_spec("pydantic") and find_spec("yaml")):
    raise SystemExit(
        f"{sys.executable} is not the environment of this repository. To fix it: run `make repro`, "
        "or activate the environment first (`. .venv/bin/activate`)."
    )
