"""No tune stands on both sides of the split, and the split is the one that is written down."""

import dataclasses

import numpy as np
import pytest

from lmjax.data import build, splits, tunes
from lmjax.music.chorale import FRAMES_PER_QUARTER, REST, Bar, Chorale
from lmjax.music.transpose import transpose

# Settings of one tune, under titles old and new.
SAME_TUNE = [
    ("153.5", "135.6", "244.15", "244.44", "244.54", "244.62", "248.5", "270", "271"),
    ("64.8", "81.7", "87.7", "227.1", "227.7", "227.11", "358"),
    ("4.8", "277", "278", "279"),
    ("13.6", "44.7", "244.10", "244.37", "245.11", "392", "393", "394", "395"),
    ("119.9", "120.6", "328"),
    ("11.6", "43.11", "248.12-2"),
    ("165.6", "194.12"),
    ("112.5", "104.6", "260"),
]
DIFFERENT_TUNES = [("269", "66.6"), ("4.8", "227.1"), ("279", "358"), ("140.7", "80.8")]


def known_share(one: Chorale, other: Chorale) -> float:
    """How much of the shorter tune lies in the other, by local alignment with gaps.

    Smith and Waterman's score over the soprano's intervals from beat to beat: 1 for an equal
    interval, -1 for one that is changed, left out or added; over the shorter tune's length.
    """
    a, b = intervals(one), intervals(other)
    return float(alignment(a, b[None])[0]) / min(len(a), len(b))


def intervals(chorale: Chorale) -> np.ndarray:
    beats = chorale.pitch[::FRAMES_PER_QUARTER, 0].astype(int)
    steps = np.diff(beats[beats != REST])
    return steps[steps != 0]


def alignment(a: np.ndarray, many: np.ndarray) -> np.ndarray:
    """The best local score of a[N] in every row of many[M, L]."""
    ramp = np.arange(many.shape[1] + 1)
    score, best = np.zeros((len(many), many.shape[1] + 1)), np.zeros(len(many))
    for step in a:
        row = np.maximum(0, score - 1)
        row[:, 1:] = np.maximum(row[:, 1:], score[:, :-1] + np.where(many == step, 1, -1))
        score = np.maximum.accumulate(row + ramp, axis=1) - ramp
        best = np.maximum(best, score.max(axis=1))
    return best


@pytest.fixture(scope="module")
def chorales(corpus_data) -> dict[str, Chorale]:
    return {piece.name: piece.chorale for pieces in corpus_data.splits.values()
            for piece in pieces}


def test_no_tune_of_the_training_split_reappears(corpus_data):
    train = [piece.chorale for piece in corpus_data.split("train")]
    known = [intervals(chorale) for chorale in train]
    lengths = np.array([len(steps) for steps in known])
    padded = np.full((len(known), lengths.max()), 99)
    for row, steps in zip(padded, known, strict=True):
        row[:len(steps)] = steps
    for name in ("valid", "test"):
        for piece in corpus_data.split(name):
            steps = intervals(piece.chorale)
            shares = alignment(steps, padded) / np.minimum(len(steps), lengths)
            worst = int(shares.argmax())
            assert shares[worst] < 0.6, (piece.name, train[worst].bwv)


def test_nor_does_one_of_validation_reappear_in_test(corpus_data):
    for one in corpus_data.split("valid"):
        for other in corpus_data.split("test"):
            assert known_share(one.chorale, other.chorale) < 0.6, (one.name, other.name)


def test_the_check_itself_finds_tunes(chorales):
    tune = chorales["271"]
    assert known_share(tune, transpose(tune, 5)) == 1
    for other in ("244.15", "248.5", "270"):
        assert known_share(tune, chorales[other]) >= 0.8
    for one, other in DIFFERENT_TUNES:
        assert known_share(chorales[one], chorales[other]) < 0.5


def test_the_check_would_notice_a_leak(chorales):
    """Of the pairs that the groups hold together, most would be seen by the alignment."""
    groups = tunes.tune_groups(list(chorales.values()))
    every = list(chorales.values())
    pairs = [(every[i], every[j]) for group in groups for i in group for j in group if i < j]
    seen = np.mean([known_share(one, other) >= 0.6 for one, other in pairs])
    assert len(pairs) > 300
    assert seen > 0.75


@pytest.mark.parametrize("settings", SAME_TUNE, ids=lambda settings: settings[0])
def test_settings_of_one_tune_stand_together(settings, chorales):
    written = splits.split_of()
    assert len({written[bwv] for bwv in settings if bwv in chorales}) == 1
    groups = tunes.tune_groups(list(chorales.values()))
    bwvs = [{list(chorales)[i] for i in group} for group in groups]
    assert any(set(settings) & set(chorales) <= group for group in bwvs)


def test_no_group_is_a_heap(chorales):
    sizes = sorted(map(len, tunes.tune_groups(list(chorales.values()))))
    assert sizes[-1] <= 12
    assert len(sizes) > 180


@pytest.mark.parametrize(("one", "other"), DIFFERENT_TUNES)
def test_different_tunes_stand_apart(one, other, chorales):
    groups = tunes.tune_groups([chorales[one], chorales[other]])
    assert len(groups) == 2


def test_the_written_split_is_what_the_corpus_gives(chorales):
    # The corpus of another music21 release may hold other pieces; the file stays.
    written = splits.read_splits()
    if {bwv for tunes_ in written.values() for tune in tunes_ for bwv in tune} == set(chorales):
        ordered = sorted(chorales.values(), key=lambda chorale: f"bwv{chorale.bwv}.mxl")
        assert splits.make_splits(ordered) == written


def test_shares_and_disjointness():
    written = splits.read_splits()
    counts = {name: sum(map(len, tunes_)) for name, tunes_ in written.items()}
    total = sum(counts.values())
    assert tuple(written) == ("train", "valid", "test")
    assert len(splits.split_of()) == total
    for name, share in splits.SHARES.items():
        assert abs(counts[name] / total - share) < 0.02


def test_the_file_is_what_would_be_written():
    written = splits.read_splits()
    path = splits.__file__.replace("splits.py", splits.FILE)
    with open(path, encoding="utf-8") as file:
        assert file.read() == splits.to_json(written)


def test_order_of_chorales_does_not_matter(chorales):
    every = list(chorales.values())
    assert splits.make_splits(every[::-1]) == splits.make_splits(every)


def test_catalogue_order():
    numbers = ["10.7", "9.7", "248.12-2", "248.5", "18.5-w", "18.5-lz", "269"]
    assert sorted(numbers, key=splits.bwv_order) == [
        "9.7", "10.7", "18.5-lz", "18.5-w", "248.5", "248.12-2", "269"]


def piece(soprano: list[int], **about: str) -> Chorale:
    """A chorale of quarters over one held chord."""
    pitch = np.repeat(np.int16([[note, 60, 55, 48] for note in soprano]), 4, axis=0)
    struck = np.zeros(pitch.shape, bool)
    struck[::4, 0] = struck[0] = True
    return Chorale(pitch, struck, np.zeros_like(struck), (Bar(0, 4, 4),), **about)


TUNE = [67, 69, 71, 67, 72, 71, 69, 67, 74, 72, 71, 69, 66, 67]


def test_melody_merges_repeats_and_passing_notes():
    chorale = piece([67, 67, 69, 71])
    pitch = chorale.pitch.copy()
    pitch[10:12, 0] = 70  # an eighth between the beats
    struck = chorale.struck.copy()
    struck[10, 0] = True
    passing = dataclasses.replace(chorale, pitch=pitch, struck=struck)
    assert tunes.melody(chorale) == tunes.melody(passing) == [67, 69, 71]


def test_groups_by_title_or_tune():
    other = [60, 62, 64, 65, 64, 62, 60, 67, 65, 64, 62, 60, 59, 60]
    chorales = [
        piece(TUNE, title="Ach Gott"), piece([note + 3 for note in TUNE], title="Jesu"),
        piece(other, title="ACH, Gott!"), piece(other[::-1], title=""), piece([60] * 9, title="")]
    assert tunes.tune_groups(chorales) == [[0, 1, 2], [3], [4]]


def test_duplicates_up_to_transposition():
    stated = piece(TUNE, bwv="2", mode="major", title="x")
    copy = dataclasses.replace(transpose(stated, 2), bwv="1", mode="")
    varied = dataclasses.replace(piece([*TUNE[:-8], *range(70, 78)]), bwv="3")
    assert tunes.duplicates([copy, stated, varied]) == {0: 1}


def test_a_piece_that_is_not_written_down_is_left_out(monkeypatch):
    known = next(iter(splits.split_of()))
    whole = build.Corpus((piece(TUNE, bwv=known), piece(TUNE, bwv="9999")), ())
    monkeypatch.setattr(build, "load_corpus", lambda progress: whole)
    data = build.load()
    assert sum(map(len, data.splits.values())) == 1
    assert data.rejections == (("bwv9999", "not in the written split", ""),)
