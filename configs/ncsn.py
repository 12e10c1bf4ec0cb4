"""Our score model, on every four-part chorale of the corpus."""

import ml_collections

from configs import base


def get_config() -> ml_collections.ConfigDict:
    """The config of our model."""
    config = base.get_config()
    config.name = "ncsn"
    return config
