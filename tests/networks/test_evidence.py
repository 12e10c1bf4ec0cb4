"""The network as a whole: what each part of its input may change, and in which keys."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.music.tokens import Vocabulary
from lmjax.networks import pairs
from lmjax.networks.evidence import EvidenceNetwork, EvidenceSettings, narrowed
from lmjax.noise.condition import Condition
from lmjax.noise.embed import NEVER, embed, evidence, factored_table, one_hot_table
from lmjax.noise.perturb import perturb

TINY = EvidenceSettings(channels=2, frame_channels=2, early_channels=2, pitch_channels=2,
                        cell_channels=4, local_width=8, fold=2, layers=1, heads=2, expansion=2,
                        reach=4, offsets=3, level_width=8, rounds=2, chords=2)
DEAF = {"smoothing": False, "repeats": False, "pulse": False, "pairs": False, "chords": 0,
        "spacing": False}
BATCH, TIME = 2, 8
TRACK_SIZES, KEY = (3, 13, 5), 1  # the second track is the key, 0 if it is not known


def network_of(space, **changes):
    return EvidenceNetwork(space, dataclasses.replace(TINY, **changes), TRACK_SIZES, KEY)


def random_params(network, condition, scale=0.2):
    """Parameters without zeros, so that no part of the network is silent."""
    start = jnp.zeros((BATCH, TIME, *network.space.valid.shape))
    shapes = jax.eval_shape(network.init, jax.random.key(0), start, jnp.ones(BATCH), condition)
    generator = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: jnp.asarray(
        generator.normal(0, scale, leaf.shape), jnp.float32), shapes)


def changed(params, **values):
    """The parameters with some of those of the network itself, or some layers, replaced."""
    return {"params": {**params["params"], **values}}


def silenced(params, *names):
    """The parameters with all of the layers `names` zero."""
    return changed(params, **{
        name: jax.tree.map(jnp.zeros_like, params["params"][name]) for name in names})


@pytest.fixture(scope="module")
def network(space):
    return network_of(space)


@pytest.fixture(scope="module")
def table(space):
    return factored_table(space.sound, space.articulation, space.valid, 0.5)


@pytest.fixture(scope="module")
def apply(network):
    return jax.jit(network.apply)


@pytest.fixture(scope="module")
def some_condition(random_condition):
    """Random tracks, nothing known."""
    def make(time=TIME):
        return random_condition(BATCH, time, sizes=TRACK_SIZES)
    return make


@pytest.fixture(scope="module")
def params(network, some_condition):
    return random_params(network, some_condition())


def noisy_evidence(table, space, sigma=1.0, seed=0, time=TIME):
    key = jax.random.key(seed)
    tokens = jax.random.randint(
        key, (BATCH, time, 4), 0, jnp.asarray(space.valid.sum(1)))
    level = jnp.full(BATCH, sigma)
    x, _ = perturb(jax.random.fold_in(key, 1), embed(table, tokens), level)
    return evidence(table, x, level), level


def log_share(logits):
    return jax.nn.log_softmax(logits)


def test_without_context_struck_and_held_are_told_apart_by_their_own_evidence(
        apply, params, table, space, some_condition):
    """Neighbours speak of what sounds, not of how: they move both forms of a pitch alike."""
    own, sigma = noisy_evidence(table, space)
    logits = np.asarray(apply(
        silenced(params, "cells", "plain", "prior"), own, sigma, some_condition()))
    for voice in range(4):
        for struck in range(1, int(space.valid[voice].sum()), 2):
            np.testing.assert_allclose(
                logits[:, :, voice, struck] - logits[:, :, voice, struck + 1],
                own[:, :, voice, struck] - own[:, :, voice, struck + 1], atol=1e-3)


def test_a_token_that_a_voice_lacks_is_never_expected(apply, params, table, space,
                                                      some_condition):
    own, sigma = noisy_evidence(table, space)
    logits = apply(params, own, sigma, some_condition())
    assert (np.asarray(logits)[..., ~space.valid] == NEVER).all()


def test_a_known_cell_is_certain_and_its_noise_unread(apply, params, table, space,
                                                      some_condition):
    free = some_condition()
    known = free.known.at[0, 3, 1].set(True).at[1, :, 0].set(True)
    condition = free._replace(known=known, tokens=jnp.where(known, 2, 0))
    first, sigma = noisy_evidence(table, space, sigma=0.5)
    # Whatever the state says of a known cell, nothing changes anywhere.
    other = jnp.where(known[..., None], noisy_evidence(table, space, 0.5, seed=5)[0], first)
    logits = apply(params, first, sigma, condition)
    np.testing.assert_array_equal(logits, apply(params, other, sigma, condition))
    assert (np.asarray(jax.nn.softmax(logits))[np.asarray(known)][:, 2] > 0.999).all()


def test_a_known_cell_informs_its_neighbours(apply, params, table, space, some_condition):
    free = some_condition()
    known = free.known.at[0, 3, 1].set(True)
    condition = free._replace(known=known, tokens=jnp.where(known, 3, 0))
    own, sigma = noisy_evidence(table, space, sigma=5.0)
    change = jnp.abs(apply(params, own, sigma, condition)
                     - apply(params, own, sigma, free)).max((2, 3))
    assert float(change[0, 4]) > 0.1, "the next frame"
    assert float(change[1].max()) == 0, "another example"


def test_what_is_not_allowed_informs_its_neighbours(apply, params, table, space, some_condition):
    free = some_condition()
    allowed = jnp.ones((*free.known.shape, space.valid.shape[1]), bool)
    here = (0, 3, 1)
    condition = free._replace(allowed=allowed.at[here].set(False).at[(*here, [3, 4])].set(True))
    own, sigma = noisy_evidence(table, space, sigma=5.0)
    restricted = apply(params, own, sigma, condition)
    everything = apply(params, own, sigma, free._replace(allowed=allowed))
    change = jnp.abs(restricted - everything).max((2, 3))
    assert float(change[0, 4]) > 0.1, "the next frame"
    assert float(change[1].max()) == 0, "another example"
    shares = np.asarray(jax.nn.softmax(restricted))[here]
    assert shares[[3, 4]].sum() > 0.999 and shares[[3, 4]].min() > 0.01
    # What the state says of tokens that cannot be is not heard.
    other = own.at[here].add(jnp.where(condition.allowed[here], 0.0, 7.0))
    np.testing.assert_array_equal(apply(params, other, sigma, condition), restricted)
    # To allow all is to say nothing; it is another program, so digits may differ.
    np.testing.assert_allclose(everything, apply(params, own, sigma, free), atol=1e-5)


def test_how_far_sets_narrow_a_cell():
    valid = np.arange(9) < np.array([8, 8, 4, 8])[:, None]  # the third voice has half the tokens
    condition = Condition.free(jnp.ones((1, 3, 5), jnp.int32))
    np.testing.assert_array_equal(narrowed(condition, valid), np.zeros((1, 3, 4)))
    allowed = np.ones((1, 3, 4, 9), bool)
    allowed[0, 1] = np.isin(np.arange(9), [1, 3, 8])  # the last does not exist
    allowed[0, 2] = np.arange(9) == 2
    condition = condition._replace(allowed=jnp.asarray(allowed),
                                   known=condition.known.at[0, 2, 3].set(True))
    expected = [[0, 0, 0, 0], [2 / 3, 2 / 3, 1 / 2, 2 / 3], [1, 1, 1, 0]]
    np.testing.assert_allclose(narrowed(condition, valid)[0], expected, atol=1e-6)


def test_what_stands_in_padding_is_not_read(apply, params, table, space, some_condition):
    condition = some_condition()
    frames = jnp.arange(TIME) < jnp.array([[TIME], [5]])
    condition = condition._replace(frames=frames, tracks=condition.tracks * frames[..., None])
    first, sigma = noisy_evidence(table, space)
    other = jnp.where(frames[..., None, None], first, noisy_evidence(table, space, seed=7)[0])
    one, two = (apply(params, e, sigma, condition) for e in (first, other))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1, :5], two[1, :5])


def test_padding_changes_nothing(apply, params, table, space, some_condition):
    own, sigma = noisy_evidence(table, space)
    whole = some_condition()
    frames = jnp.broadcast_to(jnp.arange(TIME) < 6, (BATCH, TIME))
    padded = whole._replace(frames=frames, tracks=whole.tracks * frames[..., None])
    short = jax.tree.map(lambda leaf: leaf[:, :6], whole)
    np.testing.assert_allclose(
        log_share(apply(params, own, sigma, padded)[:, :6]),
        log_share(apply(params, own[:, :6], sigma, short)), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("time", [1, 39])
def test_any_length_can_be_read(apply, params, table, space, some_condition, time):
    # The last is no multiple of a group, and beyond the reach of the attention's offsets.
    own, sigma = noisy_evidence(table, space, time=time)
    logits = apply(params, own, sigma, some_condition(time))
    assert logits.shape == own.shape
    assert np.isfinite(logits).all()


def test_gradients_are_finite_at_the_ends(apply, params, table, space, some_condition):
    condition = some_condition()
    frames = jnp.arange(TIME) < jnp.array([[TIME], [5]])
    condition = condition._replace(frames=frames, known=condition.known.at[0, :3].set(True))

    def objective(params, own, level):
        log_p = log_share(apply(params, own, level, condition))
        return -log_p[..., 0].mean()

    gradient = jax.jit(jax.grad(objective, (0, 1)))
    for sigma in (0.05, 20.0):
        for leaf in jax.tree.leaves(gradient(params, *noisy_evidence(table, space, sigma))):
            assert np.isfinite(leaf).all()


class TestTransposition:
    """Music in ranges, and the same music some semitones higher in ranges as much higher."""

    SEMITONES = 5
    RANGES = ((60, 62), (60, 61), (48, 49), (36, 38))  # of the fixture `space`

    def music(self, semitones):
        """The vocabulary, and tokens and tracks of random notes, some semitones higher."""
        vocabulary = Vocabulary(ranges=tuple(
            (low + semitones, high + semitones) for low, high in self.RANGES))
        generator = np.random.default_rng(0)
        low, high = np.array(self.RANGES).T
        pitch = generator.integers(low, high + 1, (BATCH, TIME, 4)) + semitones
        struck = generator.random(pitch.shape) < 0.5
        tokens = np.stack([vocabulary.encode(*notes) for notes in zip(pitch, struck, strict=True)])
        tracks = generator.integers(0, TRACK_SIZES, (BATCH, TIME, len(TRACK_SIZES)))
        key = tracks[..., KEY] = generator.integers(1, 13, (BATCH, TIME))
        tracks[..., KEY] = 1 + (key - 1 + semitones) % 12
        return vocabulary, tokens, tracks

    def logits(self, space_of, random_condition, apply, params, semitones, key=None):
        """Logits of that music, noisy, a few cells of which are given."""
        vocabulary, tokens, tracks = self.music(semitones)
        if key is not None:
            tracks[..., KEY] = key
        space = space_of(vocabulary)
        table = factored_table(space.sound, space.articulation, space.valid, 0.5)
        sigma = jnp.array([0.5, 2.0])
        x, _ = perturb(jax.random.key(1), embed(table, jnp.asarray(tokens)), sigma)
        known = jnp.zeros(tokens.shape, bool).at[:, 2, 1].set(True).at[0, 5].set(True)
        condition = random_condition(BATCH, TIME, sizes=TRACK_SIZES)._replace(
            tracks=jnp.asarray(tracks), known=known, tokens=jnp.where(known, tokens, 0))
        return np.asarray(apply(params, evidence(table, x, sigma), sigma, condition))

    def test_the_same_music_is_expected_in_another_key(
            self, space_of, random_condition, apply, params):
        moved = jax.jit(network_of(space_of(self.music(self.SEMITONES)[0])).apply)
        here = self.logits(space_of, random_condition, apply, params, 0)
        there = self.logits(space_of, random_condition, moved, params, self.SEMITONES)
        np.testing.assert_allclose(there, here, rtol=1e-4, atol=1e-4)
        # It is the music that has been moved, and its key with it.
        unmoved = self.logits(
            space_of, random_condition, moved, params, self.SEMITONES, self.music(0)[2][..., KEY])
        assert np.abs(unmoved - here).max() > 0.01

    def test_without_symmetry_it_is_not(self, space_of, random_condition, some_condition):
        spaces = [space_of(self.music(semitones)[0]) for semitones in (0, self.SEMITONES)]
        networks = [network_of(space, symmetry=False, **DEAF) for space in spaces]
        params = random_params(networks[0], some_condition())
        here, there = (
            self.logits(space_of, random_condition, jax.jit(network.apply), params, semitones)
            for network, semitones in zip(networks, (0, self.SEMITONES), strict=True))
        assert np.abs(there - here).max() > 0.01


# Ranges for notes to be moved in. They, and the axis, hold every pitch class equally often.
WIDE = ((60, 83), (54, 77), (48, 71), (48, 71))
NEAR, MOVE = 3, 3  # semitones


@pytest.fixture(scope="module")
def wide(space_of):
    return space_of(Vocabulary(ranges=WIDE))


@pytest.fixture(scope="module")
def near_params(wide, some_condition):
    """Parameters to which the ends of the ranges, landmarks that do not move, are silent.

    They read intervals of a few semitones only, and they tell no pitch from another.
    """
    params = random_params(network_of(wide), some_condition())
    inner = params["params"]
    interval = np.abs(np.arange(2 * wide.pitches - 1) - wide.pitches + 1)
    near = jnp.asarray(interval <= NEAR, jnp.float32)[:, None, None]
    size = wide.sounds.shape[-1]
    steps = np.abs(np.arange(2 * size - 1) - size + 1)
    motion = jnp.tile(-3.0 * steps, (4, 1)).astype(jnp.float32)
    return changed(
        params, usual=jnp.zeros_like(inner["usual"]), prior=jnp.zeros_like(inner["prior"]),
        # Where all that is likely is far, what voices say of one another is loud enough to count.
        **{name: jax.tree.map(lambda table: table / pairs.GAIN, inner[name])
           for name in ("pairs", "chords", "spacing")},
        **{name: motion for name in inner if name == "motion" or name.startswith("motion_")},
        **{name: {**inner[name], "kernel": near * inner[name]["kernel"]}
           for name in ("pitch", "early_1")})


@pytest.fixture(scope="module")
def difference(wide, some_condition):
    """How much else than its place changes in what is expected, if notes and key are moved."""
    apply, sigma = jax.jit(network_of(wide).apply), jnp.array([0.5, 2.0])

    def expected(params, semitones, key_semitones):
        # Evidence of a few notes of each voice, from the tenth of its range on.
        generator = np.random.default_rng(0)
        own = np.full((BATCH, TIME, *wide.valid.shape), -20.0, np.float32)
        first = 1 + 2 * (9 + semitones)
        own[..., first:first + 8] = generator.normal(0, 2, (BATCH, TIME, 4, 8))
        condition = some_condition()
        key = condition.tracks[..., KEY]
        key = jnp.where(key > 0, 1 + (key - 1 + key_semitones) % 12, 0)
        tracks = condition.tracks.at[..., KEY].set(key)
        return np.asarray(apply(params, own, sigma, condition._replace(tracks=tracks)))

    def measure(params, key_moves=True):
        here, there = expected(params, 0, 0), expected(params, MOVE, MOVE if key_moves else 0)
        rests = there[..., 0] - here[..., 0]
        notes = there[..., 1 + 2 * MOVE:] - here[..., 1:-2 * MOVE]
        return max(np.abs(rests).max(), np.abs(notes).max())
    return measure


def test_what_is_expected_moves_with_the_notes(difference, near_params):
    # Not nothing: no state of a chain is quite impossible, and the ends of ranges are nearer now.
    assert difference(near_params) < 3e-2


def test_the_key_and_what_is_learned_of_single_pitches_do_not(difference, near_params):
    assert difference(near_params, key_moves=False) > 0.1
    for name in ("prior", "usual"):
        shape = near_params["params"][name].shape
        absolute = jnp.broadcast_to(jnp.linspace(0, 2, shape[-1]), shape)
        assert difference(changed(near_params, **{name: absolute})) > 0.1


@pytest.fixture(scope="module")
def deaf(space):
    return network_of(space, **DEAF)


@pytest.fixture(scope="module")
def deaf_params(deaf, some_condition):
    return random_params(deaf, some_condition())


@pytest.fixture(scope="module")
def heard(table, space, some_condition):
    """Evidence and logits, and by how much each frame's change if the fourth is changed."""
    own, sigma = noisy_evidence(table, space)
    other = own.at[0, 3].set(noisy_evidence(table, space, seed=5)[0][0, 3])

    def measure(apply, params):
        one, two = (np.asarray(apply(params, e, sigma, some_condition())) for e in (own, other))
        return np.asarray(own), one, np.abs(two - one).max((2, 3))[0]
    return measure


def test_without_smoothing_there_is_no_chain(deaf_params, params):
    chains = params["params"].keys() - deaf_params["params"].keys()
    assert chains == {"early_hold", "early_1", "early_1_local", "early_cells_1", "motion_0",
                      "motion_1", "moves", "motion", "pairs", "chords", "spacing", "repeats"}


def test_without_smoothing_and_context_a_cell_hears_itself_alone(
        heard, deaf, deaf_params, apply, params, space):
    quiet = "cells", "plain", "prior"
    own, logits, change = heard(jax.jit(deaf.apply), silenced(deaf_params, *quiet))
    np.testing.assert_allclose(logits[..., space.valid], own[..., space.valid], atol=1e-5)
    assert change[3] > 0.1 and np.delete(change, 3).max() == 0
    # With chains, the frames before and after hear it even then.
    *_, change = heard(apply, silenced(params, *quiet))
    assert min(change[2], change[4]) > 0.1


def test_without_smoothing_context_is_heard_all_the_same(heard, deaf, deaf_params):
    _, logits, change = heard(jax.jit(deaf.apply), deaf_params)
    assert np.isfinite(logits).all()
    assert change.min() > 1e-4


def test_how_lively_a_piece_begins_is_heard_at_its_end(space, table, some_condition):
    """Without a transformer and repeats, nothing else reaches so far."""
    time = 64
    own, sigma = noisy_evidence(table, space, sigma=0.2, time=time)
    # The same notes to begin with, of which each is held, in place of one a frame.
    quiet = own.at[:, :time // 2].set(own[:, :time // 2:8].repeat(8, axis=1))
    for pulse in (True, False):
        network = network_of(space, layers=0, repeats=False, pulse=pulse)
        apply = jax.jit(network.apply)
        params, condition = random_params(network, some_condition()), some_condition(time)
        one, two = (np.asarray(apply(params, e, sigma, condition)) for e in (own, quiet))
        change = np.abs(one - two)[:, -8:].max()
        assert change > 0.01 if pulse else change < 1e-4


# What the context is made to say: of the tokens without pitch, and of those of each kind with one.
PLAIN = np.arange(1.0, 13.0).reshape(4, 3)
OF_PITCH = -np.arange(1.0, 9.0).reshape(4, 2)


def stated(space, params, apply):
    """What that adds to the logits, float[B, T, V, K]."""
    def biases(*columns):
        return jnp.asarray(np.concatenate(columns, axis=1).ravel(), jnp.float32)

    others, kinds = space.others, space.kinds
    quiet = silenced(params, "cells", "plain")
    loud = changed(
        quiet, plain={**quiet["params"]["plain"],
                      "bias": biases(PLAIN[:, :others], np.zeros((4, others + 1)))},
        cells={**quiet["params"]["cells"],
               "bias": biases(OF_PITCH[:, :kinds], np.zeros((4, 1)))})
    return np.asarray(apply(loud)) - np.asarray(apply(quiet))


def test_it_reads_the_hold_encoding(space_of, hold_ranges, some_condition):
    space = space_of(Vocabulary("hold", hold_ranges, padding=True))
    network = network_of(space)
    params = random_params(network, some_condition())
    table = one_hot_table(tuple(int(n) for n in space.valid.sum(axis=1)))
    own, sigma = noisy_evidence(table, space)
    condition = some_condition()
    known = condition.known.at[0, 3].set(True)
    condition = condition._replace(known=known, tokens=jnp.where(known, 3, 0))
    apply = jax.jit(network.apply)
    logits = np.asarray(apply(params, own, sigma, condition))
    assert logits.shape == own.shape and np.isfinite(logits).all()
    np.testing.assert_array_equal(logits == NEVER, np.broadcast_to(~space.valid, logits.shape))
    assert (np.asarray(jax.nn.softmax(logits))[0, 3, :, 3] > 0.999).all()
    said = stated(space, params, lambda params: apply(params, own, sigma, condition))
    for voice, size in enumerate(space.valid.sum(axis=1)):
        (hold, rest, end), pitch = PLAIN[voice, :3], OF_PITCH[voice, 0]
        np.testing.assert_allclose(
            said[..., voice, :size],
            np.broadcast_to([hold, rest, *[pitch] * (size - 3), end], (BATCH, TIME, size)),
            atol=1e-3)


def test_what_context_says_of_a_token_is_said_of_that_token(
        apply, params, table, space, some_condition):
    own, sigma = noisy_evidence(table, space)
    said = stated(space, params, lambda params: apply(params, own, sigma, some_condition()))
    for voice, size in enumerate(space.valid.sum(axis=1)):
        row = [PLAIN[voice, 0], *[*OF_PITCH[voice]] * (size // 2)]  # rest, then struck and held
        np.testing.assert_allclose(
            said[..., voice, :size], np.broadcast_to(row, (BATCH, TIME, size)), atol=1e-3)


@pytest.mark.parametrize("fields, message", [
    ({"channels": 6, "heads": 4},
     "network.channels must be a multiple of network.heads, but they are 6 and 4"),
    *(({**DEAF, name: value}, f"network.{name} needs network.smoothing")
      for name, value in {"pulse": True, "pairs": True, "chords": 8, "spacing": True}.items()),
    ({"chords": -1}, "network.chords must not be negative, but it is -1"),
    ({"rounds": 0}, "network.rounds must be at least 1, not 0"),
    ({"level_width": 7}, "network.level_width must be even, not 7"),
])
def test_sizes_that_do_not_fit(fields, message):
    with pytest.raises(ValueError, match=message):
        EvidenceSettings(**fields)
