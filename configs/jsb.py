"""Our score model on the JSB benchmark: no re-attacks, no metre, its own split.

    python -m lmjax.main --config=configs/jsb.py --config.data.path=jsb16_train_valid.npz
"""

import ml_collections

from configs import base


def get_config() -> ml_collections.ConfigDict:
    """The config of `configs/ncsn.py` on the benchmark's pieces."""
    config = base.get_config()
    config.name = "jsb"
    config.data.source = "jsb16"
    # To be measured, and not to be asked for anything.
    config.condition.allowed = 0.0
    # Fewer pieces, read more often.
    config.network.dropout = 0.1
    # It brought nothing here: 1.910 nats per frame after 1,000 steps, and 1.888 to 1.906 without.
    config.network.spacing = False
    # Its weights (`experiments/jsb`) are older than this.
    config.network.pulse = False
    # There is no form that guidance could be by.
    config.sampler.update(levels=20, steps=4, guidance=1.0)
    return config
