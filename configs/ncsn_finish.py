"""The weights of `configs/ncsn_long.py`, trained on with half as many sets of allowed tokens.

    python -m lmjax.main --config=configs/ncsn_long.py
    python -m lmjax.main --config=configs/ncsn_finish.py
    python -m lmjax.export runs/ncsn_finish lmjax/pretrained/ncsn
"""

import ml_collections

from configs import base


def get_config() -> ml_collections.ConfigDict:
    """The config of our model, for a second training."""
    config = base.get_config()
    config.name = "ncsn_finish"
    config.condition.allowed = 0.1
    config.training.update(steps=6_000, evaluate_every=1_000, init_from="runs/ncsn_long")
    return config
