"""The whole path in under two minutes: a tiny network, few steps. What it composes is noise."""

import ml_collections

from configs import base


def get_config() -> ml_collections.ConfigDict:
    """The config of `configs/ncsn.py`, made small."""
    config = base.get_config()
    config.name = "smoke"
    config.network.update(channels=4, frame_channels=4, pitch_channels=4, cell_channels=8,
                          local_width=16, layers=1, heads=2, level_width=16, reach=16)
    config.optimizer.warmup = 5
    config.training.update(steps=30, batch_size=8, length=32, evaluate_every=10,
                           evaluate_windows=4, checkpoint_every=10)
    config.sampler.update(levels=6, steps=1)
    config.compose.update(num=2, bars=4)
    config.evaluation.update(length=32, stride=16, draws=2, samples=4, sample_length=32,
                             wholes=2)
    return config
