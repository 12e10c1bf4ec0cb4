"""Energies of music that can be counted, and tilts of which the answer is known."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.metrics import theory
from lmjax.music.chorale import REST
from lmjax.music.tokens import STRUCK, Vocabulary
from lmjax.noise.condition import Condition, Wishes
from lmjax.noise.denoiser import from_logits
from lmjax.noise.embed import NEVER, one_hot_table
from lmjax.sampling.constraints import hold
from lmjax.sampling.energies import Counts, Notes, energy, expected, tilt, tilt_next


def notes_of(vocabulary):
    return Notes(vocabulary.pitches, vocabulary.parts[1] == STRUCK)


WIDE = Vocabulary()
NARROW = Vocabulary(ranges=((64, 69), (60, 65), (57, 62), (52, 58)))
NOTES, TABLE = notes_of(NARROW), one_hot_table(NARROW.sizes)
# Two voices a fifth or an octave apart or neither; token 0 is silent, token 3 holds the last pitch.
TINY = Notes(np.array([[-1, 67, 69, 69], [-1, 60, 62, 57]]),
             np.array([[False, True, True, False], [False, True, True, True]]))

counted = jax.jit(lambda p, frames: expected(p, notes_of(WIDE), frames))
counted_narrow = jax.jit(lambda p, frames: expected(p, NOTES, frames))
energy_narrow = jax.jit(lambda p, frames, wishes: energy(p, NOTES, frames, wishes))


def certain(vocabulary, pitch, struck):
    """The probabilities float32[B, T, 4, K] of chorales int[B, T, 4]."""
    tokens = np.stack([vocabulary.encode(*piece) for piece in zip(pitch, struck, strict=True)])
    return jax.nn.one_hot(tokens, vocabulary.size)


def walks(batch, time, seed=0):
    """Voices that often move together, and now and then rest: int[B, T, 4]; and what is struck."""
    rng = np.random.default_rng(seed)
    together = rng.integers(-4, 5, (batch, time, 1))
    alone = rng.integers(-9, 10, (batch, time, 4))
    moves = rng.choice(3, (batch, time, 4), p=[0.4, 0.4, 0.2])
    moves = np.select([moves == 0, moves == 1], [0 * alone, together + 0 * alone], alone)
    low, high = np.add(np.transpose(WIDE.ranges), [[2], [-2]])
    pitch = np.empty(moves.shape, int)
    now = np.array([67, 60, 55, 48])
    for t in range(time):
        now = np.clip(now + moves[:, t], low, high)
        pitch[:, t] = now
    pitch[rng.random(pitch.shape) < 0.05] = REST
    changed = np.concatenate([pitch[:, :1] != REST, pitch[:, 1:] != pitch[:, :-1]], axis=1)
    return pitch, (pitch != REST) & (changed | (rng.random(pitch.shape) < 0.2))


def random_logits(batch=3, time=9, seed=0, spread=4.0):
    """Logits of the narrow vocabulary, sharp."""
    logits = np.random.default_rng(seed).normal(0, spread, (batch, time, 4, NARROW.size))
    return jnp.where(NARROW.valid, jnp.asarray(logits, jnp.float32), NEVER)


def condition_of(batch=3, time=9, voices=4):
    return Condition.free(jnp.zeros((batch, time, 1), jnp.int32), voices)


def wished(batch=3, **weights):
    return Wishes(*(jnp.full(batch, weights.get(name, 0.0)) for name in Counts._fields))


def program(notes, table):
    """What a model that says the same of everything becomes, as a function of what it says."""
    def tilted(logits, wishes, condition):
        model = tilt(hold(lambda *_: from_logits(table, logits), table), table, notes, wishes)
        return model(jnp.zeros(()), jnp.ones(()), condition)

    return jax.jit(tilted)


tilted = program(NOTES, TABLE)


@pytest.mark.parametrize("before, after, parallels, motion", [
    ((67, 60), (69, 62), 1, 4),  # a fifth
    ((79, 60), (81, 62), 1, 4),  # a twelfth
    ((74, 67), (71, 64), 1, 6),  # downwards
    ((60, 67), (58, 65), 1, 4),  # the voices crossed
    ((62, 67), (64, 69 - 12), 0, 12),  # a fourth, then a fifth
    ((72, 60), (74, 62), 1, 4),  # an octave
    ((60, 60), (62, 62), 1, 4),  # a unison
    ((79, 60), (69, 62), 0, 12),  # a twelfth and a fifth, in contrary motion
    ((72, 60), (60, 48), 1, 24),  # an octave leap of both
    ((64, 60), (69, 62), 0, 7),  # into a fifth
    ((67, 60), (60, 67), 0, 14),  # the voices change places
    ((67, 60), (67, 60), 0, 0),  # repeated
    ((67, 60), (67, 48), 0, 12),  # only one moves
    ((67, 60), (69, REST), 0, 2),  # into a rest
])
def test_steps_counted_by_hand(before, after, parallels, motion):
    pitch = np.full((1, 2, 4), REST)
    pitch[0, :, 0], pitch[0, :, 3] = zip(before, after, strict=True)
    counts = counted(certain(WIDE, pitch, pitch != REST), jnp.ones((1, 2), bool))
    attacks = 4 - (after[1] == REST)
    np.testing.assert_array_equal(np.ravel(counts), [parallels, motion, attacks])


def test_certain_chorales_are_counted_as_the_tables_count_them():
    pitch, struck = walks(8, 60)
    counts = counted(certain(WIDE, pitch, struck), jnp.ones((8, 60), bool))
    tables = [theory.count(piece) for piece in pitch]
    parallels = [table["parallel_fifths"][0] + table["parallel_octaves"][0] for table in tables]
    sounds = (pitch[:, 1:] != REST) & (pitch[:, :-1] != REST)
    assert sum(parallels) > 20
    np.testing.assert_array_equal(counts.parallels, parallels)
    np.testing.assert_array_equal(
        counts.motion, (np.abs(np.diff(pitch, axis=1)) * sounds).sum((1, 2)))
    np.testing.assert_array_equal(counts.attacks, struck.sum((1, 2)))


def test_transposing_changes_nothing():
    pitch, struck = walks(8, 60)
    frames = jnp.ones((8, 60), bool)
    higher = np.where(pitch == REST, REST, pitch + 2)
    for before, after in zip(counted(certain(WIDE, pitch, struck), frames),
                             counted(certain(WIDE, higher, struck), frames), strict=True):
        np.testing.assert_array_equal(before, after)


def count_one_by_one(tokens, notes):
    """The counts of tokens int[T, V], by the words of the definition."""
    pitch = np.take_along_axis(notes.height, tokens.T, axis=1).T
    struck = np.take_along_axis(notes.struck, tokens.T, axis=1).T
    parallels = motion = 0
    for a, b, new in zip(pitch[:-1], pitch[1:], struck[1:], strict=True):
        moves = (a != -1) & new & (a != b)
        motion += np.abs(b - a)[moves].sum()
        for u, l in itertools.combinations(np.flatnonzero(moves), 2):
            parallels += b[u] - a[u] == b[l] - a[l] and abs(a[u] - a[l]) % 12 in (0, 7)
    return parallels, motion, struck.sum()


@pytest.mark.parametrize("time, notes", [
    (3, TINY),
    (2, Notes(np.array([[-1, 67, 69], [72, 74, 74], [60, 62, -1], [55, 57, 50]]),
              np.array([[0, 1, 1], [1, 1, 0], [1, 1, 0], [1, 1, 1]], bool))),
])
def test_expectations_are_sums_over_all_that_may_be(time, notes):
    voices, size = notes.height.shape
    p = np.random.default_rng(0).dirichlet(np.ones(size), (time, voices))
    total = np.zeros(3)
    for tokens in itertools.product(range(size), repeat=time * voices):
        chorale = np.reshape(tokens, (time, voices))
        chance = np.take_along_axis(p, chorale[..., None], axis=-1).prod()
        total += chance * np.array(count_one_by_one(chorale, notes))
    counts = expected(jnp.asarray(p, jnp.float32)[None], notes, jnp.ones((1, time), bool))
    assert total.min() > 0.01
    np.testing.assert_allclose(np.ravel(counts), total, rtol=1e-5)


def test_energy_is_linear_in_the_weights():
    p = jax.nn.softmax(random_logits())
    frames = jnp.ones(p.shape[:2], bool)
    counts = counted_narrow(p, frames)
    assert counts.parallels.min() > 0.01
    weights = Wishes(*jnp.array([[3.0, 0.0, -1.0], [0.0, 0.5, 2.0], [-1.0, 0.0, 4.0]]))
    np.testing.assert_allclose(
        energy_narrow(p, frames, weights),
        sum(np.multiply(w, count) for w, count in zip(weights[:3], counts, strict=True)), rtol=1e-5)
    np.testing.assert_array_equal(energy_narrow(p, frames, Wishes()), 0)


def test_gradient_is_that_of_finite_differences():
    p = jnp.asarray(np.random.default_rng(0).dirichlet(np.ones(4), (3, 2)), jnp.float32)
    wishes, frames = wished(1, parallels=3.0, motion=0.5, attacks=-1.0), jnp.ones((1, 3), bool)

    @jax.jit
    def total(p):
        return energy(p.reshape(1, 3, 2, 4), TINY, frames, wishes)[0]

    # As the energy is linear in the probabilities of each cell, no step is too large.
    moves = jnp.eye(p.size).reshape(-1, *p.shape) / 2
    differences = jax.vmap(lambda move: total(p + move) - total(p - move))(moves)
    np.testing.assert_allclose(jax.grad(total)(p).ravel(), differences, atol=1e-4)


def test_the_next_token_is_tilted_by_what_it_costs():
    """The last voice's, for all notes that can have been drawn before it."""
    wishes = wished(1, parallels=3.0, motion=0.5, attacks=-1.0)
    said = jnp.asarray([[0.3, -0.2, 0.1, 0.7]])

    @jax.jit
    def costs(before, above):
        after = jnp.stack([jnp.full(4, above), jnp.arange(4)], axis=-1)
        p = jax.nn.one_hot(jnp.stack([jnp.broadcast_to(before, (4, 2)), after], axis=1), 4)
        return energy(p, TINY, jnp.ones((4, 2), bool), Wishes(*(w.repeat(4) for w in wishes[:3])))

    @jax.jit
    def tilted(before, above):
        here = jnp.stack([above, 3])[None]  # what stands where nothing is drawn yet is not heard
        return tilt_next(said, before[None], here, 1, TINY, wishes)[0]

    for *before, above in itertools.product(range(4), repeat=3):
        found, cost = tilted(jnp.array(before), above), costs(jnp.array(before), above)
        np.testing.assert_allclose(found - found[0], said[0] - said[0, 0] - (cost - cost[0]),
                                   atol=1e-5)


def test_padding_counts_for_nothing():
    p = jax.nn.softmax(random_logits())
    frames = jnp.ones((3, 9), bool).at[1, 6:].set(False).at[2].set(False)
    counts = counted_narrow(p, frames)
    short = counted_narrow(p[1:2, :6], frames[1:2, :6])
    for count, alone in zip(counts, short, strict=True):
        np.testing.assert_allclose(count[1:2], alone, rtol=1e-5)
        assert count[2] == 0 and count[1] > 0


def test_tokens_that_do_not_tell_what_is_struck():
    silent = Vocabulary(ranges=NARROW.ranges, articulation=False)
    pitch = np.random.default_rng(0).integers(*np.transpose(NARROW.ranges), (3, 9, 4))
    struck, frames = np.ones(pitch.shape, bool), jnp.ones((3, 9), bool)
    telling = counted_narrow(certain(NARROW, pitch, struck), frames)
    counts = jax.jit(lambda p: expected(p, notes_of(silent), frames))(
        certain(silent, pitch, struck))
    assert telling.parallels.sum() > 0
    np.testing.assert_array_equal(counts.parallels, telling.parallels)
    np.testing.assert_array_equal(counts.motion, telling.motion)
    np.testing.assert_array_equal(counts.attacks, 0)


@pytest.mark.parametrize("wishes", [Wishes(), wished(), Wishes(motion=jnp.zeros(3))])
def test_without_a_wish_the_model_is_what_it_was(wishes):
    logits = random_logits()
    found = tilted(logits, wishes, condition_of())
    np.testing.assert_array_equal(found.logits, logits)
    np.testing.assert_allclose(found.mean, from_logits(TABLE, logits).mean, atol=1e-6)


@pytest.mark.parametrize("spread", [1.0, 4.0, 10.0])
@pytest.mark.parametrize("weights", [
    {"parallels": 3.0}, {"parallels": 30.0}, {"parallels": -1.0}, {"motion": 0.3}, {"motion": 3.0},
    {"motion": -0.3}, {"motion": -3.0}, {"attacks": 1.0}, {"attacks": -1.0},
    {"parallels": 5.0, "motion": -0.2, "attacks": 0.5}])
def test_tilting_lowers_the_energy_and_is_worth_its_distance(weights, spread):
    logits, wishes = random_logits(8, 16, spread=spread), wished(8, **weights)
    p, frames = jax.nn.softmax(logits), jnp.ones((8, 16), bool)
    found = tilted(logits, wishes, condition_of(8, 16)).logits
    q = jax.nn.softmax(found)
    before, after = (energy_narrow(each, frames, wishes) for each in (p, q))
    distance = jnp.where(q > 0, q * (jax.nn.log_softmax(found) - jax.nn.log_softmax(logits)), 0)
    assert (after < before).all()
    assert (distance.sum((1, 2, 3)) + after < before).all()


def test_beside_what_is_certain_the_tilt_is_exact():
    """One voice; the first and the last frame are given, and the posterior is Bayes's."""
    notes = Notes(np.array([[-1, 60, 60, 62, 67]]), np.array([[False, True, False, True, True]]))
    table, weight, strike = one_hot_table((5,)), 0.4, -0.7
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(1, 3, 1, 5)), jnp.float32)
    known = jnp.array([True, False, True])[None, :, None]
    condition = condition_of(1, 3, 1)._replace(known=known, tokens=jnp.where(known, 3, 0))
    found = program(notes, table)(logits, wished(1, motion=weight, attacks=strike), condition)
    # From 62 to each token and on to a 62 that is struck; silence and held notes are not moved to.
    moved, struck = np.array([0, 2 + 2, 2, 0, 5 + 5]), notes.struck[0]
    expect = np.exp(logits[0, 1, 0] - weight * moved - strike * struck)
    np.testing.assert_allclose(
        jax.nn.softmax(found.logits)[0, 1, 0], expect / expect.sum(), rtol=1e-5)
    np.testing.assert_array_equal(
        jax.nn.softmax(found.logits)[0, ::2, 0], np.eye(5)[[3, 3]])
    np.testing.assert_allclose(found.mean[0, 1], expect / expect.sum(), rtol=1e-5)


def test_voices_part_where_they_would_move_in_parallel():
    """The alto is given; the soprano would rather follow it a fifth above."""
    logits = jnp.full((1, 2, 2, 4), NEVER).at[0, :, 1].set(jnp.array([[NEVER, 0, NEVER, NEVER],
                                                                      [NEVER, NEVER, 0, NEVER]]))
    logits = logits.at[0, 0, 0, 1].set(0).at[0, 1, 0, 1].set(0).at[0, 1, 0, 2].set(2)
    found = program(TINY, one_hot_table((4, 4)))(
        logits, wished(1, parallels=5.0), condition_of(1, 2, 2))
    np.testing.assert_allclose(found.logits[0, 1, 0, 1:3], [0, 2 - 5], atol=1e-5)


@pytest.mark.parametrize("weight", [-1e30, -3.0, 3.0, 1e9, 1e30])
def test_what_is_given_and_what_is_forbidden_is_held(weight):
    logits, free = random_logits(), condition_of()
    known = jax.random.bernoulli(jax.random.key(0), 0.3, (3, 9, 4))
    allowed = jax.random.bernoulli(jax.random.key(1), 0.3, logits.shape).at[..., 1].set(True)
    condition = free._replace(known=known, tokens=jnp.where(known, 4, 0), allowed=allowed)
    found = tilted(logits, wished(parallels=weight, motion=weight, attacks=weight), condition)
    may = condition.possible(NARROW.size) & NARROW.valid
    assert jnp.isfinite(found.logits).all() and jnp.isfinite(found.mean).all()
    assert (found.logits[~may] <= NEVER / 2).all()
    assert (found.logits[may] > NEVER / 2).all()
    np.testing.assert_array_equal(found.logits.argmax(-1)[known], 4)


def test_padding_is_left_alone_and_nothing_heard_of_it():
    logits, wishes = random_logits(), wished(parallels=5.0, motion=0.5, attacks=1.0)
    frames = jnp.ones((3, 9), bool).at[:, 6:].set(False)
    found = tilted(logits, wishes, condition_of()._replace(frames=frames)).logits
    short = tilted(logits[:, :6], wishes, condition_of(3, 6)).logits
    np.testing.assert_array_equal(found[:, 6:], logits[:, 6:])
    np.testing.assert_allclose(found[:, :6], short, rtol=1e-5, atol=1e-4)


def test_a_chorale_depends_on_its_own_weights_alone():
    logits = random_logits()
    wishes = Wishes(*jnp.array([[5.0, 0.0, 2.0], [0.3, 0.0, -0.3], [0.0, 0.0, 1.0]]))
    every = tilted(logits, wishes, condition_of()).logits
    np.testing.assert_array_equal(every[1], logits[1])
    for b in (0, 2):
        own = Wishes(*(w[b:b + 1] for w in wishes[:3]))
        alone = tilted(logits[b:b + 1], own, condition_of(1)).logits
        np.testing.assert_allclose(every[b:b + 1], alone, rtol=1e-5, atol=1e-4)
        assert not np.array_equal(every[b], logits[b])


def test_counts_are_what_can_be_wished_for():
    assert set(Counts._fields) <= set(Wishes._fields)
