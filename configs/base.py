"""Every field of a config, with the values from which the other configs depart.

What a field means is said where it is used: see the dataclasses in `lmjax/settings.py` and those
it names. A field that no module knows, or one that is missing, is an error at the start.
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
    """The base config."""
    return ml_collections.ConfigDict({
        "name": "base",
        "seed": 0,
        # lmjax.settings.DataSettings
        "data": {
            "source": "corpus",
            "path": "",
            "metres": (),
            "encoding": "sounding",
            "ranges": "wide",
            "padding": False,
            "transpose": "paper",
            "keep_outside": True,
        },
        # lmjax.networks.score.EmbeddingSettings
        "embedding": {
            "kind": "one_hot",
            "width": 16,
            "articulation": 0.15,
        },
        # lmjax.networks.evidence.EvidenceSettings
        "network": {
            "kind": "evidence",
            "channels": 16,
            "frame_channels": 16,
            "early_channels": 8,
            "pitch_channels": 12,
            "cell_channels": 24,
            "local_width": 64,
            "fold": 2,
            "layers": 3,
            "heads": 4,
            "expansion": 4,
            "reach": 64,
            "offsets": 4,
            "level_width": 64,
            "dropout": 0.05,
            "smoothing": True,
            "repeats": True,
            "rounds": 3,
            "pulse": True,
            "pairs": True,
            "chords": 8,
            "spacing": True,
            "symmetry": True,
        },
        # lmjax.noise.schedule.SigmaDistribution
        "noise": {
            "kind": "log_logistic",
            "sigma_min": 0.05,
            "sigma_max": 20.0,
            "levels": 20,
            "centre": 0.9,
            "spread": 0.55,
        },
        # lmjax.training.conditions.ConditionSettings
        "condition": {
            "known": 0.3,
            "allowed": 0.2,
            "drop": 0.2,
        },
        # lmjax.training.step.LossSettings
        "loss": {
            "kind": "cross_entropy",
            "cap": 2.0,
            "sigma": "example",
        },
        # lmjax.training.optimizer.OptimizerSettings
        "optimizer": {
            "kind": "muon",
            "learning_rate": 4e-3,
            "warmup": 200,
            "decay": 0.4,
            "b2": 0.99,
            "weight_decay": 0.01,
            "clip": 1.0,
            "ema": 0.999,
        },
        # lmjax.settings.TrainingSettings
        "training": {
            "steps": 12_000,
            "batch_size": 4,
            "length": 128,
            "devices": 0,
            "evaluate_every": 1_000,
            "evaluate_windows": 32,
            "checkpoint_every": 1_000,
            "init_from": "",
        },
        # lmjax.sampling.settings.SamplerSettings
        "sampler": {
            "kind": "predictor_corrector",
            "ladder": "log_logistic",
            "sigma_max": 20.0,
            "sigma_min": 0.15,
            "levels": 13,
            "centre": 0.9,
            "spread": 0.55,
            "steps": 3,
            "rate": 0.7,
            "scheme": "leimkuhler_matthews",
            "eta": 0.5,
            "guidance": 1.75,
            "guided_below": 5.0,
            "start": "normal",
        },
        # lmjax.settings.ComposeSettings
        "compose": {
            "num": 8,
            "batch_size": 16,
            "window": 512,
            "seed": 0,
            "form": "given",
            "metre": "4/4",
            "bars": 8,
            "anacrusis": 0,
            "key": "",
            "length": 0,
            "fermatas": (),
            "formats": ("musicxml", "mid", "png"),
        },
        # lmjax.settings.EvaluationSettings
        "evaluation": {
            "split": "valid",
            "metres": (),
            "ranges": "",
            "length": 0,
            "stride": 64,
            "draws": 16,
            "batch_size": 8,
            "sigma_min": 0.05,
            "sigma_max": 20.0,
            "tracks": ("position", "bar", "beat", "start", "end"),
            "samples": 64,
            "sample_length": 128,
            "wholes": 32,
        },
    })
