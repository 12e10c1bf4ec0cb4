"""An order-agnostic model sampled by Gibbs sampling, as DeepBach and Coconet are.

`--config.sampler.kind=single_gibbs` draws one cell at a time, as DeepBach does.
"""

import ml_collections

from configs import base


def get_config() -> ml_collections.ConfigDict:
    """The config of the order-agnostic model, on the network of the score model."""
    config = base.get_config()
    config.name = "gibbs"
    # Only score models have these.
    del config.embedding, config.noise, config.loss
    config.network.kind = "masked"
    # Which cells are given is a part of its loss.
    config.condition.known = 0.0
    config.sampler = ml_collections.ConfigDict({
        "kind": "blocked_gibbs", "steps": 512, "largest": 0.9, "smallest": 0.1, "over": 0.7,
        "temperature": 1.0, "guidance": 1.0})
    return config
