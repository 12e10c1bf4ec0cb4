"""The score model of `configs/ncsn.py`, trained for longer.

    python -m lmjax.main --config=configs/ncsn_long.py

`configs/ncsn_finish.py` goes on from there, to the shipped weights.
"""

import ml_collections

from configs import base


def get_config() -> ml_collections.ConfigDict:
    """The config of our model, with more steps."""
    config = base.get_config()
    config.name = "ncsn_long"
    config.training.update(steps=15_000, evaluate_every=1_500)
    return config
