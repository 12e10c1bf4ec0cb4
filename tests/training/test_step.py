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

from lmjax.music.tokens import Vocabulary
from lmjax.networks.evidence import EvidenceSettings, TokenSpace
from lmjax.networks.score import EmbeddingSettings, ScoreModel
from lmjax.networks.transformer import TransformerSettings
from lmjax.noise.condition import Condition
from lmjax.noise.schedule import SigmaDistribution
from lmjax.training.conditions import ConditionSettings
from lmjax.training.state import TrainState
from lmjax.training.step import LOSSES, LossSettings, build_step, loss

BATCH, TIME, TRACK_SIZES = 4, 8, (3, 5)
RANGES = ((60, 62), (60, 61), (48, 49), (36, 38))
NOISE = SigmaDistribution("log_uniform", 0.1, 2.0)
EVIDENCE = EvidenceSettings(width=16, frame_width=16, layers=1, heads=2, expansion=2, reach=4,
                            offsets=3, level_width=16)
TRANSFORMER = TransformerSettings()


def model_of(network=EVIDENCE, encoding="sounding"):
    vocabulary = Vocabulary(encoding, ranges=RANGES)
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
    one = jax.jit(build_step(model, rule, jax.random.key(1), NOISE, ConditionSettings(0.5, 0.2),
                             ((0,), (1,)), LossSettings(kind), 0.9))
    first = state = TrainState.create(model.init(jax.random.key(0), batch[1]), rule)
    rows = []
    for _ in range(steps):
        state, metrics = one(state, batch)
        rows.append(metrics)
    return first, state, rows


def held_out_noise(model, params, kind):
    """The loss on the batch under noise that no step has drawn, the same in every call."""
    tokens, tracks, frames = map(jnp.asarray, batch_of(model))
    condition = Condition.free(tracks)._replace(frames=frames)
    sigma = jnp.full(BATCH, 0.5)
    keys = jax.random.split(jax.random.key(99), 16)
    return float(jax.jit(jax.vmap(
        lambda key: loss(model, params, key, tokens, condition, sigma, LossSettings(kind))))(
            keys).mean())


@pytest.mark.parametrize("kind", ["cross_entropy", "denoising"])
def test_a_fixed_batch_is_learned(kind):
    model = model_of()
    first, last, _ = trained(model, kind, 60)
    before, after = (held_out_noise(model, s.params, kind) for s in (first, last))
    assert after < 0.7 * before


@pytest.mark.parametrize("kind", LOSSES)
def test_every_loss_gives_finite_steps(kind):
    first, last, rows = trained(model_of(), kind, 2)
    assert int(last.step) == 2
    assert all(np.isfinite(value) for row in rows for value in row.values())
    assert all(row["gradient_norm"] > 0 for row in rows)
    moved = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), first.params, last.params)
    assert max(jax.tree.leaves(moved)) > 0


@pytest.mark.parametrize("kind", ["weighted_denoising", "sliced"])
def test_the_transformer_trains_with_dropout(kind):
    _, _, rows = trained(model_of(TRANSFORMER, "hold"), kind, 2)
    assert all(np.isfinite(row["loss"]) and row["gradient_norm"] > 0 for row in rows)


def test_frames_that_do_not_exist_change_nothing():
    model = model_of()
    params = model.init(jax.random.key(0), batch_of(model)[1])
    tokens, tracks, frames = batch_of(model)
    condition = Condition.free(jnp.asarray(tracks))._replace(frames=jnp.asarray(frames))
    changed = np.where(frames[..., None], tokens, 0)
    assert (changed != tokens).any()
    one, other = (float(loss(model, params, jax.random.key(2), jnp.asarray(notes), condition,
                             jnp.full(BATCH, 0.3), LossSettings())) for notes in (tokens, changed))
    np.testing.assert_allclose(one, other, rtol=1e-5)


def test_the_loss_of_a_network_that_knows_nothing_is_that_of_guessing(monkeypatch):
    # Uniform over the voices' 7, 5, 5 and 7 tokens, weighted by the cap.
    from lmjax.noise.denoiser import from_logits

    model = model_of()
    monkeypatch.setattr(ScoreModel, "denoiser", lambda self, params, key: lambda x, sigma, m: (
        from_logits(self.table(params),
                    jnp.broadcast_to(jnp.where(self.space.valid, 0.0, -1e9),
                                     (*x.shape[:2], *self.space.valid.shape)))))
    tokens, tracks, _ = map(jnp.asarray, batch_of(model))
    value = loss(model, {}, jax.random.key(0), tokens, Condition.free(tracks),
                 jnp.full(BATCH, 0.1), LossSettings(cap=2.0))
    counts = np.tile([7, 5, 5, 7], (BATCH * TIME, 1))
    np.testing.assert_allclose(float(value), 2 * np.log(counts).sum() / (BATCH * TIME), rtol=1e-5)


@pytest.mark.parametrize("fields, message", [
    ({"kind": "mse"}, "loss.kind must be one of cross_entropy, denoising"),
    ({"cap": 0.0}, "loss.cap must be positive"),
    ({"sigma": "frame"}, "loss.sigma must be 'example' or 'batch'")])
def test_a_loss_that_cannot_be(fields, message):
    with pytest.raises(ValueError, match=message):
        LossSettings(**fields)


# Prints as JSON, by the number of devices: losses of three steps, and tokens composed then.
ON_DEVICES = """
import json
import jax, numpy as np
from configs import smoke
from lmjax.composer import Composer, build_model, draw
from lmjax.music import rhythm
from lmjax.settings import from_config
from lmjax.train import DROPPED_TOGETHER
from lmjax.training import mesh, optimizer, step
from lmjax.training.state import TrainState

def run(count):
    config = smoke.get_config()
    config.training.update(length=16, devices=count)
    config.sampler.levels = 3
    settings = from_config(config)
    vocabulary = settings.data.vocabulary(True)
    model, rule = build_model(settings, vocabulary), optimizer.build(settings.optimizer, 3)
    tracks = rhythm.tracks(16, sharps=0)
    tokens = np.random.default_rng(0).integers(0, vocabulary.sizes, (8, 16, 4), np.int32)
    batch = tokens, np.repeat(tracks[None], 8, 0), np.ones((8, 16), bool)
    devices = mesh.build_mesh(8, count)
    assert devices.size == count
    everywhere, over = mesh.copied_to(devices), mesh.split_over(devices)
    one = jax.jit(step.build_step(
        model, rule, jax.random.key(1), settings.noise, settings.condition, DROPPED_TOGETHER,
        settings.loss, 0.9), in_shardings=(everywhere, over),
        out_shardings=(everywhere, everywhere))
    state = jax.device_put(
        TrainState.create(model.init(jax.random.key(0), batch[1]), rule), everywhere)
    placed = tuple(mesh.place_batch(devices, batch))
    assert len(placed[0].addressable_shards) == count
    losses = []
    for _ in range(3):
        state, metrics = one(state, placed)
        losses.append(float(metrics["loss"]))
    # Composing must not hang on the last digits of the weights, so both start with the same.
    params = model.init(jax.random.key(0), batch[1])
    composer = Composer(settings, vocabulary, params, vocabulary.valid / vocabulary.size, {})
    drawn = draw(composer, jax.random.key(2), 8, tracks)
    return {"losses": losses, "tokens": drawn.tokens.tolist()}

print(json.dumps({n: run(n) for n in (1, 8)}))
"""


def test_eight_devices_do_what_one_does():
    root = Path(__file__).parents[2]
    environment = os.environ | {
        "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(root),
        "XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    done = subprocess.run([sys.executable, "-c", ON_DEVICES], env=environment, cwd=root,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    one, eight = json.loads(done.stdout).values()
    np.testing.assert_allclose(eight["losses"], one["losses"], rtol=1e-4)
    assert one["losses"][0] != one["losses"][2]
    np.testing.assert_array_equal(eight["tokens"], one["tokens"])
    assert len(np.unique(one["tokens"])) > 5
