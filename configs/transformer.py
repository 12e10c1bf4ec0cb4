"""Our strongest left-to-right model, told what the score model of `configs/ncsn.py` is told."""

import ml_collections

from configs import base


def get_config() -> ml_collections.ConfigDict:
    """The config of the opponent."""
    config = base.get_config()
    config.name = "transformer"
    # Only score models have these.
    del config.embedding, config.noise, config.loss
    config.network = ml_collections.ConfigDict({
        "kind": "chained", "channels": 16, "pitch_channels": 12, "cell_channels": 32,
        "local_width": 64, "layers": 4, "heads": 4, "expansion": 4, "reach": 128, "dropout": 0.25,
        "pairs": True})
    # It learns fast, and more steps by heart.
    config.training.update(steps=3_000, evaluate_every=250, checkpoint_every=250)
    # What is given later, or allowed, it cannot hear.
    config.condition.update(known=0.0, allowed=0.0)
    config.sampler = ml_collections.ConfigDict({
        "kind": "warm", "temperature": 1.0, "top_k": 0, "top_p": 1.0,
        "guidance": 1.0})
    return config
