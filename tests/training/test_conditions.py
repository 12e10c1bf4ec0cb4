import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.families.common import space_of
from lmjax.music.tokens import Vocabulary
from lmjax.training.conditions import (
    ConditionSettings,
    draw_allowed,
    draw_condition,
    draw_known,
)

BATCH, TIME, VOICES = 4000, 32, 4
GROUPS = ((0, 1), (2,))
SPACE = space_of(Vocabulary())
FEW = 800  # examples, of which each has 128 cells


@pytest.fixture(scope="module")
def all_given():
    return np.asarray(draw_known(jax.random.key(0), BATCH, TIME, VOICES, 1.0))


def kind_of(known):
    """Which kind of mask an example bool[T, V] is, or None where it could be of several."""
    if known.all() or not known.any():
        return None
    frames = known[:, 0]
    if (known == known[0]).all():
        return "voices"
    if not (known == frames[:, None]).all():
        return "scattered"
    unknown = np.flatnonzero(~frames)
    assert (np.diff(unknown) == 1).all(), "what is unknown is one span"
    return "before" if not frames[-1] else "outside"


def test_every_kind_is_as_frequent(all_given):
    kinds = [kind_of(known) for known in all_given]
    # A whole 1/8 of the voices' masks are all or nothing, and some spans touch an end.
    expected = {"voices": 0.25 * 7 / 8, "before": 0.25, "outside": 0.25, "scattered": 0.25}
    for kind, share in expected.items():
        assert abs(kinds.count(kind) / BATCH - share) < 0.04, kind


def test_a_prefix_is_of_any_length(all_given):
    lengths = [known[:, 0].sum() for known in all_given if kind_of(known) == "before"]
    assert set(lengths) == set(range(1, TIME))


def test_the_share_of_examples_with_given_cells(all_given):
    known = np.asarray(draw_known(jax.random.key(0), BATCH, TIME, VOICES, 0.6)).any((1, 2))
    possible = all_given.any((1, 2))
    assert not (known & ~possible).any()
    assert abs(known.sum() / possible.sum() - 0.6) < 4 * np.sqrt(0.24 / possible.sum())


def test_nothing_is_given_when_the_share_is_zero():
    assert not draw_known(jax.random.key(0), BATCH, TIME, VOICES, 0.0).any()


def draw(settings, frames=None):
    tokens = jnp.broadcast_to(jnp.arange(1, VOICES + 1), (BATCH, TIME, VOICES))
    tracks = jnp.full((BATCH, TIME, 4), 5)
    frames = jnp.ones((BATCH, TIME), bool) if frames is None else frames
    return draw_condition(jax.random.key(1), tokens, tracks, frames, GROUPS, settings, SPACE)


def test_tracks_of_a_group_are_dropped_together_and_whole():
    tracks = np.asarray(draw(ConditionSettings(known=0.0, allowed=0.0, drop=0.3)).tracks)
    assert (tracks == tracks[:, :1]).all(), "for all frames of an example alike"
    metre, key, free = (tracks[:, 0, i] > 0 for i in (0, 2, 3))
    np.testing.assert_array_equal(tracks[..., 0], tracks[..., 1])
    assert free.all(), "a track in no group is always shown"
    margin = 4 * np.sqrt(0.21 / BATCH)
    for shown in (metre, key):
        assert abs(shown.mean() - 0.7) < margin
    assert abs((metre & key).mean() - 0.49) < margin, "groups are dropped independently"


def test_without_dropping_tracks_are_as_they_were():
    assert (np.asarray(draw(ConditionSettings(known=0.5, allowed=0.0, drop=0.0)).tracks) == 5).all()


def test_tokens_are_shown_where_they_are_known_only():
    condition = draw(ConditionSettings(known=1.0, allowed=0.0, drop=0.0))
    truth = np.broadcast_to(np.arange(1, VOICES + 1), condition.tokens.shape)
    np.testing.assert_array_equal(condition.tokens, np.where(condition.known, truth, 0))


def test_padding_is_never_known():
    frames = jnp.arange(TIME) < jnp.arange(BATCH)[:, None] % TIME
    condition = draw(ConditionSettings(known=1.0, allowed=0.0, drop=0.0), frames)
    assert condition.known.any()
    assert not (condition.known & ~frames[..., None]).any()
    np.testing.assert_array_equal(condition.frames, frames)


@pytest.mark.parametrize("field", ["known", "allowed", "drop"])
def test_a_share_is_between_none_and_all(field):
    with pytest.raises(ValueError, match=f"condition.{field} must lie between 0 and 1"):
        ConditionSettings(**{field: 1.1})


def restricted(token, share=1.0, seed=2):
    """Sets bool[FEW, T, V, K] drawn for cells that all have one token, and the voices' space."""
    space = space_of(Vocabulary(ranges=((60, 74),) * VOICES))
    tokens = jnp.full((FEW, TIME, VOICES), token)
    allowed = draw_allowed(jax.random.key(seed), tokens, space, share)
    return np.asarray(allowed), space


def test_the_truth_is_always_allowed_and_nothing_is_restricted_without_a_share():
    generator = np.random.default_rng(0)
    tokens = generator.integers(0, SPACE.valid.sum(axis=1), (FEW, TIME, VOICES))
    allowed = np.asarray(draw_allowed(jax.random.key(0), jnp.asarray(tokens), SPACE, 1.0))
    assert np.take_along_axis(allowed, tokens[..., None], axis=-1).all()
    assert not allowed.all()
    none = draw_condition(jax.random.key(1), jnp.asarray(tokens), jnp.zeros((*tokens.shape[:2], 4)),
                          jnp.ones(tokens.shape[:2], bool), GROUPS,
                          ConditionSettings(allowed=0.0), SPACE)
    assert none.allowed is None


def test_the_share_of_restricted_examples():
    allowed, _ = restricted(9, share=0.6)
    # Of the restricted, an eighth is so in no way, and a few in no cell.
    share = 1 - allowed.reshape(FEW, -1).all(axis=1).mean()
    assert 0.6 * 0.75 < share < 0.6 * 7 / 8 + 0.05


def test_a_set_says_nothing_of_which_of_its_pitches_is_the_truth():
    # p(set | truth) is the same for every pitch of the set, so that those with these three are as
    # frequent whichever of them was the truth: the lowest, the one between, or the highest.
    space = space_of(Vocabulary(ranges=((60, 74),) * VOICES))
    three = [int(np.flatnonzero((space.pitch[0] == pitch) & (space.articulation[0] == 1))[0])
             for pitch in (61, 65, 71)]
    allowed = [restricted(token)[0][..., three] for token in three]
    with_all = np.array([sets.all(-1).mean((1, 2)) for sets in allowed])  # of each example
    for i, j in ((0, 1), (0, 2), (1, 2)):
        more = with_all[i] - with_all[j]  # by the same randomness, so that the error is small
        assert abs(more.mean()) < 4 * more.std() / np.sqrt(FEW), (three[i], three[j])
    near, far = allowed[0][..., 1:].mean((0, 1, 2))
    assert far + 0.02 < near < 0.95, "it does leave pitches out, and those far away more often"


def test_what_is_allowed_is_drawn_apart_from_what_is_given():
    """Sets are as wide in examples with given cells as in others."""
    tokens = jnp.full((BATCH, 4, VOICES), 40)
    tracks, frames = jnp.zeros((BATCH, 4, 4), int), jnp.ones((BATCH, 4), bool)
    settings = ConditionSettings(known=0.5, allowed=1.0, drop=0.0)
    condition = draw_condition(jax.random.key(3), tokens, tracks, frames, GROUPS, settings, SPACE)
    share = np.asarray(condition.allowed).mean((1, 2, 3))
    given = np.asarray(condition.known).any((1, 2))
    error = share.std() * np.sqrt(1 / given.sum() + 1 / (~given).sum())
    assert abs(share[given].mean() - share[~given].mean()) < 4 * error


def test_articulation_is_restricted_by_itself():
    allowed, space = restricted(9)
    struck, held = (space.articulation[0] == kind for kind in (1, 2))
    assert space.articulation[0, 9] in (1, 2)
    own, other = (struck, held) if struck[9] else (held, struck)
    only = allowed[..., own].all(-1) & ~allowed[..., other].any(-1)
    assert only.mean() > 0.01


@pytest.fixture(scope="module")
def sets_of_pitches():
    """Pitches bool[FEW, T, V, P] that cells with random notes of a triad may have; all where they
    are not restricted."""
    space = space_of(Vocabulary(ranges=((60, 74),) * VOICES))
    struck = np.isin(space.pitch[0], (60, 64, 67)) & (space.articulation[0] == 1)
    tokens = np.random.default_rng(0).choice(np.flatnonzero(struck), (FEW, TIME, VOICES))
    allowed = np.asarray(draw_allowed(jax.random.key(5), jnp.asarray(tokens), space, 1.0))
    own = space.pitch[0] == np.arange(60, 75)[:, None]
    return (allowed[..., None, :] & own).any(-1)


def test_sets_are_shared_by_beats_bars_and_windows(sets_of_pitches):
    restricted = ~sets_of_pitches.all(-1)

    def alike(frames):
        """The share of examples whose every voice has one set in every span of so many frames."""
        one = np.ones(FEW, bool)
        for start in range(0, TIME, frames):
            span, where = (each[:, start:start + frames] for each in (sets_of_pitches, restricted))
            least = np.where(where[..., None], span, True).all(1)
            most = (span & where[..., None]).any(1)
            one &= ((least == most) | ~where.any(1)[..., None]).all((1, 2))
        return one.mean()

    # A quarter is restricted in no pitch; of the others three quarters share a beat, and so on.
    # Few are alike by chance.
    for frames, share in ((4, 3 / 4), (16, 2 / 4), (TIME, 1 / 4)):
        assert abs(alike(frames) - (0.25 + 0.75 * share)) < 0.08, frames


def test_sets_of_pitch_classes_are_shared_by_the_voices(sets_of_pitches):
    equal = (sets_of_pitches == sets_of_pitches[:, :, :1]).all((2, 3))
    restricted = ~sets_of_pitches.all(-1)
    shared = (equal & restricted.all(2)).any(1).mean()
    # Half by pitch class, of these half by all voices, of these half without a range of their own;
    # and few have no frame of which all voices are restricted.
    assert 0.08 < shared < 0.16


def test_what_may_be_struck_is_shared_by_frames_of_a_grid():
    space = space_of(Vocabulary(ranges=((60, 74),) * VOICES))
    kinds = space.articulation[0]
    tokens = np.full((FEW, TIME, VOICES), np.flatnonzero(kinds == 2)[0])
    tokens[:, ::4] = np.flatnonzero(kinds == 1)[0]
    allowed = np.asarray(draw_allowed(jax.random.key(6), jnp.asarray(tokens), space, 1.0))
    held_only = ~allowed[..., kinds == 1].any(-1)
    free = held_only.reshape(FEW, TIME // 4, 4, VOICES).any((1, 3))  # of each place in the beat
    assert not free[:, 0].any()
    whole = held_only.reshape(FEW, TIME // 4, 4, VOICES)[:, :, 1:].all((1, 2, 3)).mean()
    assert whole > 0.005, "as where notes are to be quarters: nowhere but on the beat"
