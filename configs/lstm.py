"""The sequential LSTM of Zhang & Sirohi, which their score model is compared with.

Where their text is silent, the field is ours and says so.
"""

import ml_collections

from configs import base


def get_config() -> ml_collections.ConfigDict:
    """The config of the paper's LSTM."""
    config = base.get_config()
    config.name = "lstm"
    # Only score models have these.
    del config.embedding, config.noise, config.loss
    # Text, as of their score model: 4/4 pieces, each cell Hold, Rest or a pitch of the voice's
    # range; every transposition inside the ranges, pieces outside them skipped.
    config.data.update(metres=("4/4",), encoding="hold", ranges="paper", keep_outside=False)
    # Text: vectors of 32 a voice, three layers of 256, dropout 0.2, gradients through 32 frames.
    config.network = ml_collections.ConfigDict({
        "kind": "lstm", "embedding": 32, "width": 256, "layers": 3, "dropout": 0.2,
        "truncation": 32})
    config.condition.update(known=0.0, allowed=0.0, drop=0.0)
    # Text: Adam. The rate is ours, its default; no warm-up, decay, clipping or average.
    config.optimizer.update(kind="adam", learning_rate=1e-3, warmup=0, decay=0.0, b2=0.999,
                            weight_decay=0.0, clip=0.0, ema=0.0)
    # Ours: whole pieces, nearly, and two hours of a CPU core; after that it learns by heart.
    config.training.update(batch_size=16, length=256, steps=4_000, evaluate_every=250,
                           evaluate_windows=64, checkpoint_every=250)
    # Text: warm samples by the softmax as it is, or the most probable tokens ("cold").
    config.sampler = ml_collections.ConfigDict({
        "kind": "warm", "temperature": 1.0, "top_k": 0, "top_p": 1.0,
        "guidance": 1.0})
    # It hears nothing but notes, and so knows no form.
    config.evaluation.update(metres=("4/4",), ranges="paper", tracks=(), wholes=0)
    return config
