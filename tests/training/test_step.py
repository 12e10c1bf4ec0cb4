"""One step of training, alone and over simulated devices."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lmjax.composer import load
from lmjax.composing import draw
from lmjax.music import rhythm
from lmjax.music.tokens import Vocabulary
from lmjax.networks.evidence import EvidenceSettings
from lmjax.networks.score import EmbeddingSettings, ScoreModel
from lmjax.networks.tokens import TokenSpace
from lmjax.networks.transformer import TransformerSettings
from lmjax.noise.condition import Condition
from lmjax.noise.denoiser import from_logits
from lmjax.noise.schedule import SigmaDistribution
from lmjax.training.conditions import ConditionSettings
from lmjax.training.state import TrainState
from lmjax.training.step import LOSSES, LossSettings, build_step, loss, score_objective

BATCH, TIME, TRACK_SIZES = 4, 8, (3, 5)
RANGES = ((60, 62), (60, 61), (48, 49), (36, 38))
NOISE = SigmaDistribution("log_uniform", 0.1, 2.0)
EVIDENCE = EvidenceSettings(channels=4, frame_channels=4, pitch_channels=4, cell_channels=8,
                            local_width=16, layers=1, heads=2, expansion=2, reach=4, offsets=3,
                            level_width=16)
# Quick to compile, so it is what all losses are tried on.
TRANSFORMER = TransformerSettings(width=16, layers=1, heads=2, feedforward=32)


def model_of(network):
    vocabulary = Vocabulary("sounding" if network is EVIDENCE else "hold", ranges=RANGES)
    space = TokenSpace(vocabulary.valid, *vocabulary.parts, vocabulary.pitches)
    return ScoreModel(space, network, EmbeddingSettings(), TRACK_SIZES)


def batch_of(model, seed=0):
    """Random notes and tracks; the last example's last two frames do not exist."""
    generator = np.random.default_rng(seed)
    sizes = np.asarray(model.space.valid).sum(axis=1)
    frames = np.ones((BATCH, TIME), bool)
    frames[-1, -2:] = False
    return (generator.integers(0, sizes, (BATCH, TIME, 4), np.int32),
            generator.integers(0, TRACK_SIZES, (BATCH, TIME, 2), np.int32), frames)


def trained(model, kind, steps, rate=1e-2):
    """The states before and after some steps on one batch, and their metrics."""
    rule = optax.adam(rate)
    batch = batch_of(model)
    conditions = ConditionSettings(known=0.5, allowed=0.0, drop=0.2)
    objective = score_objective(model, NOISE, conditions, ((0,), (1,)), LossSettings(kind))
    one = jax.jit(build_step(objective, rule, jax.random.key(1), 0.9))
    first = state = jax.jit(lambda key: TrainState.create(model.init(key, batch[1]), rule))(
        jax.random.key(0))
    rows = []
    for _ in range(steps):
        state, metrics = one(state, batch)
        rows.append(metrics)
    return first, state, rows


def loss_on(model, kind="cross_entropy", sigma=0.5):
    """The loss as a function of parameters, a key and tokens, nothing of which is given."""
    _, tracks, frames = map(jnp.asarray, batch_of(model))
    condition = Condition.free(tracks)._replace(frames=frames)
    return jax.jit(lambda params, key, tokens: loss(
        model, params, key, tokens, condition, jnp.full(BATCH, sigma), LossSettings(kind)))


@pytest.mark.parametrize("network, kind", [
    (EVIDENCE, "cross_entropy"), (TRANSFORMER, "weighted_denoising")])
def test_a_fixed_batch_is_learned(network, kind):
    model = model_of(network)
    first, last, _ = trained(model, kind, 100)
    measure, tokens = loss_on(model, kind), batch_of(model)[0]
    # Under noise that no step has drawn.
    before, after = (np.mean([measure(state.params, jax.random.key(seed), tokens)
                              for seed in range(100, 120)]) for state in (first, last))
    assert after < 0.7 * before


@pytest.mark.parametrize("kind", LOSSES)
def test_every_loss_gives_finite_steps(kind):
    first, last, rows = trained(model_of(TRANSFORMER), kind, 2)
    assert int(last.step) == 2
    assert all(np.isfinite(value) for row in rows for value in row.values())
    assert all(row["gradient_norm"] > 0 for row in rows)
    moved = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), first.params, last.params)
    assert max(jax.tree.leaves(moved)) > 0


def test_frames_that_do_not_exist_change_nothing():
    model = model_of(EVIDENCE)
    tokens, tracks, frames = batch_of(model)
    params = jax.jit(model.init)(jax.random.key(0), tracks)
    changed = np.where(frames[..., None], tokens, 0)
    assert (changed != tokens).any()
    measure = loss_on(model)
    one, other = (float(measure(params, jax.random.key(2), notes)) for notes in (tokens, changed))
    np.testing.assert_allclose(one, other, rtol=1e-5)


def test_the_loss_of_a_network_that_knows_nothing_is_that_of_guessing(monkeypatch):
    model = model_of(EVIDENCE)
    valid = jnp.asarray(model.space.valid)

    def denoiser(self, params, dropout_key=None):
        return lambda x, sigma, m: from_logits(self.table(params), jnp.broadcast_to(
            jnp.where(valid, 0.0, -1e9), (*x.shape[:2], *valid.shape)))

    monkeypatch.setattr(ScoreModel, "denoiser", denoiser)
    value = loss_on(model, sigma=0.1)({}, jax.random.key(0), batch_of(model)[0])
    # Uniform over the 7, 5, 5 and 7 tokens of the voices; 1 / 0.1 is capped to 2.
    np.testing.assert_allclose(float(value), 2 * np.log([7, 5, 5, 7]).sum(), rtol=1e-5)


def test_what_is_allowed_is_told_to_the_model(monkeypatch):
    model, told = model_of(EVIDENCE), []

    def denoiser(self, params, dropout_key=None):
        def denoise(x, sigma, m):
            told.append(m.allowed)
            shape = (*x.shape[:2], *self.space.pitch.shape)
            return from_logits(self.table(params), jnp.zeros(shape))

        return denoise

    monkeypatch.setattr(ScoreModel, "denoiser", denoiser)
    batch = batch_of(model)
    for share in (0.0, 1.0):
        score_objective(model, NOISE, ConditionSettings(known=0.0, allowed=share), ((0,),),
                        LossSettings())({}, jax.random.key(0), batch)
    nothing, allowed = told
    assert nothing is None
    assert not np.asarray(allowed).all()
    assert np.take_along_axis(np.asarray(allowed), batch[0][..., None], axis=-1).all()


@pytest.mark.parametrize("fields, message", [
    ({"kind": "mse"}, "loss.kind must be one of cross_entropy, denoising"),
    ({"cap": 0.0}, "loss.cap must be positive"),
    ({"sigma": "frame"}, "loss.sigma must be 'example' or 'batch'")])
def test_a_loss_that_cannot_be(fields, message):
    with pytest.raises(ValueError, match=message):
        LossSettings(**fields)


# Prints as JSON, by the number of devices: losses of three steps, and tokens composed then.
ON_DEVICES = """
import dataclasses, json, pathlib, sys
import jax, numpy as np
from configs import smoke
from lmjax.composer import Composer, load
from lmjax.composing import draw
from lmjax.families import score
from lmjax.music import rhythm
from lmjax.settings import from_config, to_config
from lmjax.training import checkpoints, mesh, optimizer, step
from lmjax.training.state import TrainState

def run(count):
    config = smoke.get_config()
    config.training.update(length=16, devices=count)
    config.network.update(channels=2, frame_channels=2, pitch_channels=2, cell_channels=4,
                          local_width=8, heads=1, level_width=8, reach=4, rounds=1)
    config.optimizer.kind = "adam"
    config.sampler.update(kind="ancestral", levels=3)
    settings = from_config(config)
    vocabulary = settings.data.vocabulary(True)
    model, rule = score.build(settings, vocabulary), optimizer.build(settings.optimizer, 3)
    tracks = rhythm.tracks(16, sharps=0)
    tokens = np.random.default_rng(0).integers(0, vocabulary.sizes, (8, 16, 4), np.int32)
    batch = tokens, np.repeat(tracks[None], 8, 0), np.ones((8, 16), bool)
    devices = mesh.build_mesh(8, count)
    assert devices.size == count
    everywhere, over = mesh.copied_to(devices), mesh.split_over(devices)
    params = jax.jit(model.init)(jax.random.key(0), batch[1])
    state = jax.device_put(TrainState.create(params, rule), everywhere)
    placed = tuple(mesh.place_batch(devices, batch))
    assert len(placed[0].addressable_shards) == count
    one = jax.jit(step.build_step(
        score.objective(model, settings), rule, jax.random.key(1), 0.9),
        in_shardings=(everywhere, over), out_shardings=(everywhere, everywhere),
    ).lower(state, placed).compile()
    losses = []
    for _ in range(3):
        state, metrics = one(state, placed)
        losses.append(float(metrics["loss"]))
    # Composing must not hang on the last digits of the weights, so both start with the same.
    composer = Composer(settings, vocabulary, params, vocabulary.valid / vocabulary.size, {})
    # A batch of one is composed on one device, a batch of eight on eight.
    drawn = draw(composer, jax.random.key(2), 8, tracks, batch_size=count)
    folder = pathlib.Path(sys.argv[1]) / str(count)
    folder.mkdir()
    about = {"config": to_config(settings), "vocabulary": dataclasses.asdict(vocabulary),
             "frequencies": composer.frequencies.tolist()}
    checkpoints.save(folder, checkpoints.BEST, 1, jax.device_put(params, everywhere), about)
    again = draw(load(folder), jax.random.key(2), 2, tracks)  # on two devices
    return {"losses": losses, "tokens": drawn.tokens.tolist(), "again": again.tokens.tolist()}

print(json.dumps({n: run(n) for n in (1, 8)}))
"""


def test_eight_devices_do_what_one_does(tmp_path):
    root = Path(__file__).parents[2]
    environment = os.environ | {
        "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(root), "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "cache"),
        "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=8"}
    done = subprocess.run([sys.executable, "-c", ON_DEVICES, str(tmp_path)], env=environment,
                          cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    one, eight = json.loads(done.stdout).values()
    np.testing.assert_allclose(eight["losses"], one["losses"], rtol=1e-4)
    assert one["losses"][0] != one["losses"][2]
    np.testing.assert_array_equal(eight["tokens"], one["tokens"])
    assert len(np.unique(one["tokens"])) > 5
    # What was trained on some devices composes on others: there on two, here on one.
    tracks = rhythm.tracks(16, sharps=0)
    for count, ran in ((1, one), (8, eight)):
        assert ran["again"] == one["tokens"][:2]
        drawn = draw(load(tmp_path / str(count)), jax.random.key(2), 2, tracks)
        np.testing.assert_array_equal(drawn.tokens, one["tokens"][:2])
