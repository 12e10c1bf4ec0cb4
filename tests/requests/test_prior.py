import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmjax.data.dataset import Dataset
from lmjax.music import rhythm
from lmjax.music.chorale import Bar, Chorale
from lmjax.requests.form import Form
from lmjax.requests.prior import (
    FormPrior,
    closes,
    completing,
    draw_form,
    fit,
    whole_forms,
)

# Four phrases of two bars, from an upbeat; and two of four bars and of three.
COMMON = Form("4/4", 8, "G major", 4, ((2, 3), (4, 3), (6, 3), (8, 1, 3)))
TRIPLE = Form("3/4", 7, "E minor", 0, ((4, 1, 3), (7, 1, 3)))


def phrases(form: Form) -> list[int]:
    """The length of each phrase in sixteenths."""
    return np.diff([0, *(end for _, end in form.fermata_spans())]).tolist()


def draws(prior: FormPrior, count: int) -> list[Form]:
    generator = np.random.default_rng(0)
    return [draw_form(prior, generator) for _ in range(count)]


def forms_of(data: Dataset, split: str) -> list[Form]:
    return whole_forms(piece.chorale for piece in data.split(split) if piece.chorale is not None)


@pytest.fixture(scope="module")
def prior(corpus_data: Dataset) -> FormPrior:
    return fit(forms_of(corpus_data, "train"))


@pytest.mark.parametrize(("form", "expected"), [
    (COMMON, True), (TRIPLE, True),
    (Form(bars=4, fermatas=((4, 3),)), False),  # a beat is left
    (Form(bars=4, fermatas=((4, 3, 2),)), True),
    (Form(bars=4, fermatas=((4, 4),)), False),  # a weak beat
    (Form(bars=4, fermatas=((4, 2, 3),)), False),
    (Form(bars=4, fermatas=((4, 1, 4),)), True),
    (Form(bars=4, anacrusis=8, fermatas=((4, 1, 2),)), True),
    (Form("3/4", 6, fermatas=((6, 2, 2),)), False),
    (Form("3/4", 6, fermatas=((6, 1, 3),)), True),
    (Form("6/8", 6, fermatas=((6, 4, 3),)), True),
    (Form("6/8", 6, fermatas=((6, 3, 4),)), False),
    (Form("2/2", 4, fermatas=((4, 2),)), False),
    (Form(bars=3, fermatas=((3, 1, 4),)), False),  # too short
    (Form(bars=25, fermatas=((25, 1, 4),)), True),
    (Form(bars=26, fermatas=((26, 1, 4),)), False),  # too long
    (Form.with_frames(72, fermatas=((5, 1, 2),)), False),  # half a bar is left
    (Form(bars=8, fermatas=()), False), (Form(bars=8), False)])
def test_what_closes(form: Form, expected: bool) -> None:
    assert closes(form) is expected


def test_known_counts() -> None:
    found = fit([COMMON, TRIPLE, COMMON])
    assert found.metres == (("3/4", 1), ("4/4", 2))
    assert found.anacruses == (("3/4", 0, 1), ("4/4", 4, 2))
    assert found.keys == (("E minor", 1), ("G major", 2))
    assert found.phrases == (("3/4", 2, 1), ("4/4", 4, 2))
    # Phrases begin on the fourth beat of a bar and end there; of three or four bars in 3/4.
    assert found.lengths == (("3/4", 0, False, 48, 1), ("3/4", 0, True, 36, 1),
                             ("4/4", 12, False, 32, 6), ("4/4", 12, True, 32, 2))
    assert found.chords == (("3/4", 0, False, 12, 1), ("3/4", 0, True, 12, 1),
                            ("4/4", 12, False, 4, 6), ("4/4", 12, True, 12, 2))


def test_two_forms_give_back_only_what_they_allow() -> None:
    for form in draws(fit([COMMON, TRIPLE]), 50):
        like = COMMON if form.metre == "4/4" else TRIPLE
        assert form.fermatas == like.fermatas and form.anacrusis == like.anacrusis
        assert form.bars == like.bars and form.key in (COMMON.key, TRIPLE.key)


def test_every_choice_is_met_as_often_as_it_was_counted() -> None:
    drawn = draws(fit([COMMON, TRIPLE, COMMON, COMMON]), 400)
    assert np.mean([form.metre == "4/4" for form in drawn]) == pytest.approx(0.75, abs=0.07)
    keys = [form.key == "G major" for form in drawn]
    assert np.mean(keys) == pytest.approx(0.75, abs=0.07)
    assert {(form.metre, form.key) for form in drawn} == {
        (a.metre, b.key) for a in (COMMON, TRIPLE) for b in (COMMON, TRIPLE)}


def test_lengths_repeat_as_they_do_in_the_forms() -> None:
    """Beginning with the same choice of lengths, four alike and four that alternate."""
    ends = [((1, 4), (2, 4), (3, 4), (4, 3, 2)), ((2, 4), (4, 4), (6, 4), (8, 3, 2)),
            ((1, 4), (3, 4), (4, 4), (6, 3, 2)), ((2, 4), (3, 4), (5, 4), (6, 3, 2))]
    forms = [Form(bars=chords[-1][0], fermatas=chords) for chords in ends]
    alike, alternate = fit(forms[:2]), fit(forms[2:])
    assert sum(alike.repeats) > 0.9
    assert alternate.repeats[0] < 0.01 and alternate.repeats[1] > 0.5
    same = np.mean([len(set(phrases(form))) == 1 for form in draws(alike, 200)])
    assert same > 0.6  # of which chance would make an eighth
    again = np.mean([a != b and (a, b) == (c, d) for a, b, c, d in map(
        phrases, draws(alternate, 200))])
    assert again > 0.25


def test_what_cannot_be_fitted() -> None:
    with pytest.raises(ValueError, match="no form to fit"):
        fit([])
    with pytest.raises(ValueError, match="not the form of a whole chorale"):
        fit([COMMON, Form(bars=8)])


def test_counts_that_make_no_chorale() -> None:
    one = fit([TRIPLE])
    with pytest.raises(ValueError, match="do not make a chorale in 3/4"):
        draw_form(FormPrior(**{**vars(one), "phrases": (("3/4", 1, 1),)}),
                  np.random.default_rng(0))


def test_chorales_without_a_whole_form_are_left_out(sounding: Callable[[Form], Chorale]) -> None:
    good, open_ended = sounding(COMMON), sounding(Form(bars=8, fermatas=((2, 3), (8, 2))))
    changing = Chorale(good.pitch, good.struck, good.fermata, (Bar(0, 4, 4), Bar(16, 3, 4)))
    bare = Chorale(good.pitch, good.struck, np.zeros_like(good.fermata), good.bars)
    found, = whole_forms([changing, good, open_ended, bare])
    assert (found.metre, found.anacrusis, found.fermatas) == ("4/4", 4, COMMON.fermatas)


def test_a_prior_survives_json(prior: FormPrior) -> None:
    assert FormPrior.from_json(json.loads(json.dumps(prior.to_json()))) == prior
    open_key = fit([Form(bars=4, key=None, fermatas=((4, 1, 4),))])
    assert FormPrior.from_json(json.loads(json.dumps(open_key.to_json()))) == open_key
    assert draws(open_key, 1)[0].key is None


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_every_form_that_is_drawn_is_legal(prior: FormPrior, seed: int) -> None:
    form = draw_form(prior, np.random.default_rng(seed))
    assert form == draw_form(prior, np.random.default_rng(seed))
    assert closes(form) and 64 <= len(form) <= 400
    frames, bars = form.layout()
    whole = bars[-1].length
    assert frames - bars[-1].start == (whole - form.anacrusis if form.anacrusis else whole)
    tracks = form.tracks()
    assert len(tracks) == frames and tracks.all()  # everything is known
    under = tracks[:, rhythm.FERMATA] == 2
    assert under[-1] and not under[0]
    # Every phrase ends with its chord, and that is no longer than the phrase.
    chords = [end - start for start, end in form.fermata_spans()]
    assert under.sum() == sum(chords) and len(chords) == len(phrases(form))
    assert all(0 < chord <= length for chord, length in zip(chords, phrases(form), strict=True))


@settings(deadline=None)
@given(st.sampled_from(["4/4", "3/4"]), st.integers(2, 24), st.sampled_from([0, 4]),
       st.sampled_from([None, "d minor"]), st.integers(0, 2**32))
def test_what_a_form_leaves_open_is_drawn_to_its_length(
        prior: FormPrior, metre: str, bars: int, anacrusis: int, key: str | None,
        seed: int) -> None:
    form = Form(metre, bars, key, anacrusis)
    whole = completing(prior, form)(np.random.default_rng(seed))
    assert (whole.metre, whole.bars, whole.anacrusis) == (metre, bars, anacrusis)
    assert whole.key == key if key else (whole.key,) in {row[:1] for row in prior.keys}
    if whole.fermatas is None:  # phrases in 3/4 last two bars or four
        assert metre == "3/4" and (bars < 4 or bars % 4)
    else:
        assert whole.fermata_spans()[-1][1] == len(form) == sum(phrases(whole))
        if 64 <= len(form) <= 400:
            assert closes(whole)


@pytest.mark.parametrize("form", [
    COMMON,  # which leaves nothing open
    Form("3/4", 7, "E minor", 0, ()),  # nor does one that is to have no fermata
    Form(bars=1, key="C major"), Form.with_frames(36),  # no phrase is that short
    Form("5/4", 8)])  # no chorale has this metre
def test_what_is_settled_or_cannot_be_drawn_stays(prior: FormPrior, form: Form) -> None:
    assert completing(prior, form)(np.random.default_rng(0)) == form


def test_what_is_drawn_is_like_the_chorales(prior: FormPrior, corpus_data: Dataset) -> None:
    """In length, number and length of phrases; the held-out ones are few."""
    def figures(forms: list[Form]) -> list[float]:
        lengths, counts = [len(form) for form in forms], [len(phrases(form)) for form in forms]
        each = [length for form in forms for length in phrases(form)]
        return [np.mean(lengths), np.mean(counts), np.mean(each), np.median(lengths),
                np.median(counts), np.median(each), np.std(lengths), np.std(counts)]

    drawn = draws(prior, 1000)
    for split, count in (("train", 8), ("valid", 6)):
        forms = forms_of(corpus_data, split)
        assert len(forms) > 0.8 * len(corpus_data.split(split))
        assert figures(drawn)[:count] == pytest.approx(figures(forms)[:count], rel=0.15)
    train = {(form.metre, form.anacrusis, form.fermatas) for form in forms_of(corpus_data, "train")}
    copies = np.mean([(form.metre, form.anacrusis, form.fermatas) in train for form in drawn])
    assert copies < 0.25  # of the held-out chorales, 0.27
