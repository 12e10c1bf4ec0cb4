import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lmjax
from lmjax import composing
from lmjax.composing import draw
from lmjax.data.jsb import UNSTATED
from lmjax.families import score
from lmjax.families.score import by_windows
from lmjax.music import rhythm
from lmjax.music.chorale import REST
from lmjax.requests.prior import closes, fit
from lmjax.requests.request import Request, Wishes
from lmjax.sampling.chain import Diagnostics, Sample
from lmjax.sampling.overlap import spans
from lmjax.settings import half
from lmjax.windowing import batches, windows

KEY = jax.random.key(3)
FORM = lmjax.Form(bars=1, key=None)  # one window of the tiny config


@pytest.fixture(scope="module")
def composer(trained):
    return lmjax.load(trained)


@pytest.fixture(scope="module")
def composed(composer):
    return lmjax.compose(composer, KEY, 3, FORM, batch_size=2)


@pytest.mark.parametrize("frames, length, expected", [
    (16, 16, [(0, 16, 0)]),
    (12, 16, [(0, 12, 0)]),
    (32, 16, [(0, 16, 0), (8, 24, 16), (16, 32, 24)]),
    (20, 16, [(0, 16, 0), (4, 20, 16)]),
    (28, 16, [(0, 16, 0), (8, 24, 16), (12, 28, 24)]),
    (40, 20, [(0, 20, 0), (8, 28, 20), (16, 36, 28), (20, 40, 36)]),
    (132, 64, [(0, 64, 0), (32, 96, 64), (64, 128, 96), (68, 132, 128)]),
])
def test_windows_over_a_piece(frames, length, expected):
    assert windows(frames, length) == expected


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(1, 40).map(lambda beats: 4 * beats))
def test_every_frame_is_new_in_one_window_and_every_later_window_is_given_frames(frames, length):
    new = np.zeros(frames, int)
    for number, (start, end, first) in enumerate(windows(frames, length)):
        assert 0 <= start <= first < end <= frames
        assert end - start == min(frames, length)  # of one size, to be compiled once
        assert first % 4 == 0 or length < 8  # new music begins on a beat
        assert (start < first) == (number > 0)  # some are given, but for the first window
        assert new[:first].all() and not new[first:].any()
        new[first:end] += 1
    assert (new == 1).all()


@pytest.mark.parametrize("frames, size, at_once, expected", [
    ([16, 16, 16], 2, True, [(16, 2, [0, 1]), (16, 2, [2])]),
    ([8, 8, 4], 9, True, [(4, 9, [2]), (8, 9, [0, 1])]),
    ([48, 12, 4, 16, 12, 8], 2, False, [
        (4, 2, [2]), (8, 2, [5]), (16, 2, [1, 4]), (16, 2, [3, 0])]),
    ([48, 12, 4, 16, 42, 17], 7, True, [
        (4, 7, [2]), (16, 7, [1, 3]), (24, 3, [5]), (48, 1, [4]), (48, 1, [0])]),
])
def test_what_is_composed_at_once(frames, size, at_once, expected):
    assert batches(frames, 16, size, at_once) == expected


@given(st.lists(st.integers(1, 400), min_size=1), st.integers(1, 20).map(lambda n: 4 * n),
       st.integers(1, 16), st.booleans())
def test_every_chorale_is_in_one_batch_in_windows_that_its_own_length_decides(
        frames, length, size, at_once):
    plan = batches(frames, length, size, at_once)
    assert sorted(n for batch in plan for n in batch.numbers) == list(range(len(frames)))
    for width, together, numbers in plan:
        assert 0 < len(numbers) <= together <= size
        read = len(spans(width, length, half(length))) if width > length else 1
        assert together == 1 or together * read <= size
        for n in numbers:
            assert width == batches(frames[n:n + 1], length, size, at_once)[0].width
            assert frames[n] <= width or (width == length and not at_once)


def test_the_public_face():
    assert set(lmjax.__all__) == {
        "ask", "load", "compose", "draw_forms", "keep", "write", "Form", "Composer"}
    for name in lmjax.__all__:
        assert getattr(lmjax, name).__name__ == name
    with pytest.raises(AttributeError, match="module 'lmjax' has no attribute 'composes'"):
        lmjax.composes  # noqa: B018


def test_one_key_one_music(composer, composed):
    assert lmjax.compose(composer, KEY, 3, FORM, batch_size=2) == composed
    other = lmjax.compose(composer, jax.random.key(4), 2, FORM, batch_size=2)
    assert not any(chorale.same_notes(composed[0]) for chorale in other)
    assert not composed[0].same_notes(composed[1])


def test_a_chorale_depends_neither_on_how_many_nor_on_how_many_at_once(composer, composed):
    for num, batch_size in ((1, 1), (4, 4), (2, 1)):
        others = lmjax.compose(composer, KEY, num, FORM, batch_size=batch_size)
        assert len(others) == num
        for mine, theirs in zip(composed, others, strict=False):
            assert mine == theirs


def test_what_is_composed_has_the_form(composed):
    for number, chorale in enumerate(composed):
        assert len(chorale) == 16 and chorale.bars == FORM.layout()[1]
        assert chorale.title == f"Chorale {number + 1}"


def test_without_re_attacks_a_note_is_struck_where_the_pitch_changes(composer, composed):
    assert not composer.vocabulary.articulation
    for chorale in composed:
        changed = np.concatenate([np.ones((1, 4), bool), chorale.pitch[1:] != chorale.pitch[:-1]])
        np.testing.assert_array_equal(chorale.struck, changed & (chorale.pitch >= 0))


def test_nothing_is_compiled_twice(composer, composed):
    drawn = draw(composer, KEY, 2, FORM.tracks(), 2)
    assert drawn.compile_seconds == 0 < drawn.seconds
    # Longer than the window: a program for all that fill as many windows.
    draw(composer, KEY, 2, lmjax.Form(bars=3, anacrusis=4).tracks()[:44], 2)
    drawn = draw(composer, KEY, 2, lmjax.Form(bars=3).tracks(), 2)
    assert drawn.compile_seconds == 0
    assert drawn.pitch.shape == drawn.struck.shape == drawn.tokens.shape == (2, 48, 4)
    moves = len(composer.settings.sampler.build().plan.sigma)
    assert {values.shape for values in drawn.diagnostics.values()} == {(2, 1, moves)}
    for notes in range(2):
        np.testing.assert_array_equal(drawn.tokens[notes], composer.vocabulary.encode(
            drawn.pitch[notes], drawn.struck[notes]))


def test_what_is_not_a_number_is_no_music(composer):
    """It would be taken for silence."""
    lost = dataclasses.replace(composer, params=jax.tree.map(lambda x: x * np.nan, composer.params))
    with pytest.raises(ValueError, match="output is not a number in 2 of 2 chorales; compose on"):
        lmjax.compose(lost, KEY, 3, FORM, batch_size=2)


def test_a_long_piece_is_read_in_windows_of_one_state(composer, monkeypatch):
    """With no noise left, what is said of a frame is what the window says whose middle it is near:
    windows of 16 sixteenths, each beginning 8 after the one before, turn at 12 and 20 of 32."""
    asked = []

    class Clock(composing._Clock):
        def sample(self, *arguments):
            asked.append((arguments, super().sample(*arguments)))
            return asked[-1][1]

    monkeypatch.setattr(composing, "_Clock", Clock)
    tracks = lmjax.Form("4/4", 2, "D major").tracks()
    draw(composer, KEY, 2, tracks, 6, filled=True)
    ((params, _, condition, _), sample), = asked
    assert condition.known.shape[:2] == (2, 32) and not condition.known.any()
    model, last = composer.model, jnp.full(2, composer.settings.sampler.sigma_min)
    denoise = by_windows(model.denoiser(params), 16, 8)
    said = denoise(sample.x, last, condition)
    for start, first, last_frame in ((0, 0, 12), (8, 12, 20), (16, 20, 32)):
        own = condition._replace(tracks=jnp.asarray(np.repeat(
            rhythm.crop(np.asarray(condition.tracks[0]), start, start + 16)[None], 2, axis=0)),
            **{name: getattr(condition, name)[:, start:start + 16]
               for name in ("frames", "known", "tokens")})
        alone = model.denoiser(params)(sample.x[:, start:start + 16], last, own)
        for whole, part in zip(said, alone, strict=True):
            np.testing.assert_allclose(whole[:, first:last_frame],
                                       part[:, first - start:last_frame - start], atol=1e-4)


def test_later_windows_are_given_what_earlier_ones_composed(composer, monkeypatch):
    asked = []

    class Clock:
        """In place of the network: window n states token n + 1 everywhere."""

        compiling = running = 0.0

        def __init__(self, composer):
            pass

        def sample(self, params, keys, condition, near):
            asked.append((jax.random.key_data(keys), condition))
            diagnostics = Diagnostics(*[jnp.zeros((3, len(keys)))] * 4)
            tokens = jnp.full(condition.known.shape, len(asked), jnp.int32)
            return Sample(tokens, None, None, jnp.zeros(len(keys), int), diagnostics)

    monkeypatch.setattr(composing, "_Clock", Clock)
    monkeypatch.setattr(score, "AT_ONCE", False)  # as left-to-right models
    tracks = lmjax.Form(bars=2, key="D major").tracks()
    drawn = draw(composer, KEY, 2, tracks, 2)
    np.testing.assert_array_equal(drawn.tokens[0, :, 0], [1] * 16 + [2] * 8 + [3] * 8)
    for number, (start, end, new) in enumerate(windows(32, 16)):
        keys, condition = asked[number]
        expected = [jax.random.fold_in(jax.random.fold_in(KEY, i), number) for i in range(2)]
        np.testing.assert_array_equal(keys, [jax.random.key_data(key) for key in expected])
        stated = rhythm.crop(tracks, start, end)
        stated[:, UNSTATED] = 0  # the benchmark, on which it was trained, has no metre and no key
        np.testing.assert_array_equal(condition.tracks[1], stated)
        np.testing.assert_array_equal(condition.known[0, :, 2], np.arange(start, end) < new)
        np.testing.assert_array_equal(
            condition.tokens, np.where(condition.known, drawn.tokens[:, start:end], 0))
        assert condition.frames.all()


# Shorter than half a window, than a window, longer than one; in several metres and keys.
FORMS = [lmjax.Form(bars=3, key="G major", anacrusis=4), lmjax.Form.with_frames(8),
         lmjax.Form("3/4", 2, None), FORM, lmjax.Form("3/4", 1, "D minor"),
         lmjax.Form.with_frames(4, "2/2", None), lmjax.Form("2/4", 5, "F major")]


def test_a_chorale_depends_on_its_own_form_alone(composer):
    """Neither on the forms of the others, nor on how it is padded."""
    before = set(composer.programs)
    mixed = lmjax.compose(composer, KEY, form=FORMS, batch_size=2)
    assert {shape[:3] for shape in set(composer.programs) - before} <= {
        (2, 4, 4), (2, 8, 4), (2, 16, 4), (1, 24, 4), (1, 40, 4), (1, 48, 4)}
    for number, form in enumerate(FORMS):
        chorale = mixed[number]
        assert (len(chorale), chorale.bars) == (len(form), form.layout()[1])
        assert chorale.title == f"Chorale {number + 1}"
        alike = lmjax.compose(composer, KEY, max(2, number + 1), form, batch_size=2)
        assert chorale == alike[number]


def test_what_is_drawn_in_several_forms_is_padded(composer):
    tracks = [form.tracks() for form in FORMS]
    drawn = draw(composer, KEY, len(FORMS), tracks, 2)
    assert drawn.frames.tolist() == [len(form) for form in FORMS]
    assert drawn.pitch.shape == drawn.struck.shape == drawn.tokens.shape == (7, 48, 4)
    for number, frames in enumerate(drawn.frames):
        assert (drawn.pitch[number, frames:] == -1).all()
        assert not drawn.struck[number, frames:].any() and not drawn.tokens[number, frames:].any()
        pitch, struck = drawn.notes(number)
        np.testing.assert_array_equal(
            drawn.tokens[number, :frames], composer.vocabulary.encode(pitch, struck))
        for values in drawn.diagnostics.values():
            assert values.shape[1] == 1 and np.isfinite(values[number]).all()


def test_guidance_is_that_of_the_sampler_unless_another_is_wished_for(composer):
    """Of a sampler that guides, of one that does not which is asked to, and of both at once."""
    guides, free = (composer.using(sampler=dataclasses.replace(
        composer.settings.sampler, guidance=weight)) for weight in (2.0, 1.0))
    tracks = [lmjax.Form("4/4", 1, "D minor").tracks()] * 2
    strong, none = (dataclasses.replace(Request.open(tracks[0]), wishes=Wishes(form=weight))
                    for weight in (2.0, 1.0))
    by_sampler = draw(guides, KEY, 2, tracks)
    by_wish = draw(free, KEY, 2, [strong, strong])
    plain, both = draw(free, KEY, 2, tracks), draw(guides, KEY, 2, [tracks[0], none])
    np.testing.assert_array_equal(by_sampler.diagnostics["entropy"], by_wish.diagnostics["entropy"])
    np.testing.assert_allclose(both.diagnostics["entropy"], [
        by_wish.diagnostics["entropy"][0], plain.diagnostics["entropy"][1]], rtol=1e-4)
    assert (by_sampler.diagnostics["entropy"] != plain.diagnostics["entropy"]).any()
    # Of three evaluations, the first is above the noise level from which on there is guidance.
    assert (plain.evaluations, by_sampler.evaluations) == (3, 5)


@pytest.mark.parametrize("num, form, message", [
    (3, FORMS, "3 chorales are asked for, in 7 forms"), (None, [], "at least 1, not 0")])
def test_as_many_chorales_as_forms(composer, num, form, message):
    with pytest.raises(ValueError, match=message):
        lmjax.compose(composer, KEY, num, form)
    assert len(lmjax.compose(composer, KEY, 2, [FORM, FORM], batch_size=2)) == 2


def test_forms_are_drawn_from_the_prior_that_a_composer_brings(composer):
    known = [lmjax.Form(bars=bars, key=key, fermatas=((bars // 2, 3), (bars, 1, 4)))
             for bars, key in ((4, "G major"), (6, "E minor"), (8, "G major"))]
    able = dataclasses.replace(
        composer, about={**composer.about, "forms": fit(known).to_json()})
    forms = lmjax.draw_forms(able, KEY, 20)
    assert forms == lmjax.draw_forms(able, KEY, 20) and forms[:5] == lmjax.draw_forms(able, KEY, 5)
    assert forms != lmjax.draw_forms(able, jax.random.key(4), 20)
    metre = forms[0].metre
    assert {form.metre for form in lmjax.draw_forms(able, KEY, 20, [metre])} == {metre}
    with pytest.raises(ValueError, match="a form is in 7/4, and the composer was trained on"):
        lmjax.draw_forms(able, KEY, 1, ["7/4"])
    assert len(set(forms)) > 3 and all(closes(form) for form in forms)
    settled = lmjax.Form(bars=8, key="G major")
    completed = lmjax.draw_forms(able, KEY, 20, form=settled)
    assert {len(form) for form in completed} == {128} and all(form.fermatas for form in completed)
    assert {form.key for form in completed} == {"G major"}
    assert lmjax.draw_forms(composer, KEY, 2, form=settled) == [settled] * 2  # knows of no forms
    chorales = lmjax.compose(composer, KEY, form=forms[:2], batch_size=2)
    for form, chorale in zip(forms[:2], chorales, strict=True):
        assert len(chorale) == len(form)
        last = [end - 1 for _, end in form.fermata_spans()]  # of each phrase
        sounds = (chorale.pitch[last] >= 0).any(axis=1)
        np.testing.assert_array_equal(rhythm.fermata_frames(chorale)[last], sounds)


def test_a_composer_without_a_prior_says_so(composer):
    assert composer.about["forms"] is None  # trained on the benchmark
    older = {name: value for name, value in composer.about.items() if name != "forms"}
    for about in (composer.about, older):
        with pytest.raises(ValueError, match="the composer has no prior of forms, for it was "):
            lmjax.draw_forms(dataclasses.replace(composer, about=about), KEY, 2)


@pytest.mark.parametrize("num, batch_size", [(0, 1), (-1, 1), (1, 0)])
def test_counts_must_be_positive(composer, num, batch_size):
    with pytest.raises(ValueError, match=f"must be at least 1, not {num} and {batch_size}"):
        lmjax.compose(composer, KEY, num, FORM, batch_size)


def test_a_network_that_was_never_given_cells_is_given_them_as_noise(composer, request_of):
    never = dataclasses.replace(composer, settings=dataclasses.replace(
        composer.settings, condition=dataclasses.replace(composer.settings.condition, known=0.0)))
    request = request_of()
    for pitch in draw(never, KEY, 2, request, 2).pitch:
        check(request, pitch)


REQUESTED, SEVERAL = 40, 3  # frames, in windows of 16; and pieces


@pytest.fixture(scope="module")
def request_of(composer):
    generator = np.random.default_rng(0)
    low, high = np.array(composer.vocabulary.ranges).T

    def make(scale=None):
        pitch = np.repeat(generator.integers(low, high + 1, (REQUESTED // 4, 4)), 4, axis=0)
        known = generator.random(pitch.shape) < 0.3
        allowed = None
        if scale is not None:
            allowed = np.zeros((*pitch.shape, 129), bool)
            allowed[..., :128] = np.isin(np.arange(128) % 12, scale)
        return Request(rhythm.tracks(REQUESTED), known, np.where(known, pitch, REST),
                       known & (np.arange(REQUESTED) % 4 == 0)[:, None], allowed)
    return make


def check(request, pitch):
    """That pitches int[T, 4] are what was asked for."""
    np.testing.assert_array_equal(pitch[request.known], request.pitch[request.known])
    if request.allowed is not None:
        free = pitch[~request.known].astype(int)
        assert np.take_along_axis(
            request.allowed[~request.known], np.where(free == REST, 128, free)[:, None], 1).all()


def test_what_is_given_and_what_is_forbidden_is_held_in_all_windows(composer, request_of):
    request = request_of(scale=[0, 2, 4])
    drawn = draw(composer, KEY, SEVERAL, request, 2)
    for pitch in drawn.pitch:
        check(request, pitch)
    assert len(np.unique(drawn.pitch, axis=0)) == SEVERAL


def test_each_piece_has_a_request_of_its_own(composer, request_of):
    requests = [request_of(), request_of(scale=[0, 7]), Request.open(rhythm.tracks(24))]
    drawn = draw(composer, KEY, 3, requests, 3)
    for request, pitch in zip(requests[:2], drawn.pitch, strict=False):
        check(request, pitch)
    alone = draw(composer, KEY, 1, requests[0], 1)
    np.testing.assert_array_equal(alone.pitch[0], drawn.pitch[0])


def test_notes_that_no_voice_has(composer, request_of):
    request = request_of()
    request.pitch[request.known] = 100
    with pytest.raises(ValueError, match="has pitch 100 at frame"):
        draw(composer, KEY, 1, request)
