"""The sequential Transformer of Zhang & Sirohi, which their score model is compared with."""

import ml_collections

from configs import lstm


def get_config() -> ml_collections.ConfigDict:
    """The config of the paper's Transformer."""
    config = lstm.get_config()
    config.name = "transformer_paper"
    # Text: vectors of 128 a voice, so 512 a frame, eight heads, six layers. The feed-forward width
    # and the dropout are those of their score model.
    config.network = ml_collections.ConfigDict({
        "kind": "causal", "embedding": 128, "layers": 6, "heads": 8, "feedforward": 2048,
        "dropout": 0.1})
    # Text: Adam at 1e-4.
    config.optimizer.learning_rate = 1e-4
    # Ours: as many steps as an hour on two CPU cores has.
    config.training.update(batch_size=8, steps=1_000, evaluate_every=50, checkpoint_every=50)
    # It knows no places beyond those it was trained on.
    config.compose.window = 256
    return config
