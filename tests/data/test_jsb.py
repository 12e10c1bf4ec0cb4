"""The JSB benchmark's layout, and what its lack of re-attacks and metre means."""

import numpy as np
import pytest

from lmjax.data import jsb
from lmjax.data.dataset import load_dataset
from lmjax.music import rhythm
from lmjax.music.tokens import Vocabulary

ONE = np.int16([[72, 67, 60, 48]] * 4 + [[74, 67, 60, -1]] * 4)
TWO = np.int16([[76, 69, 64, 52]] * 4)


@pytest.fixture
def file(tmp_path):
    """Writes arrays to an .npz and returns its path."""
    def write(**arrays):
        path = tmp_path / "jsb.npz"
        np.savez(path, **arrays)
        return path
    return write


def complete(**changes):
    arrays = {"train_pitches": np.concatenate([ONE, TWO]), "train_lengths": np.int32([8, 4]),
              "valid_pitches": TWO, "valid_lengths": np.int32([4])}
    return {name: array for name, array in (arrays | changes).items() if array is not None}


def test_pieces_are_cut_apart(file):
    data = load_dataset("jsb16", file(**complete()))
    assert list(data.splits) == ["train", "valid"]
    assert not data.vocabulary_articulation
    one, two = data.split("train")
    np.testing.assert_array_equal(one.pitch, ONE)
    np.testing.assert_array_equal(two.pitch, TWO)
    assert (one.name, two.name) == ("train/0", "train/1")
    assert one.chorale is None


def test_struck_where_the_pitch_changes(file):
    one = jsb.load(file(**complete())).split("train")[0]
    assert np.argwhere(one.struck).tolist() == [[0, 0], [0, 1], [0, 2], [0, 3], [4, 0]]
    vocabulary = Vocabulary("sounding", articulation=False)
    pitch, struck = vocabulary.decode(vocabulary.encode(one.pitch, one.struck))
    np.testing.assert_array_equal(pitch, one.pitch)
    np.testing.assert_array_equal(struck, one.struck)


def test_metre_key_and_fermatas_are_not_known(file):
    one = jsb.load(file(**complete())).split("train")[0]
    for track in (rhythm.POSITION, rhythm.BAR, rhythm.FERMATA, rhythm.KEY, rhythm.MODE):
        assert not one.tracks[:, track].any()
    assert one.tracks[:, rhythm.BEAT].tolist() == [1, 2, 3, 4] * 2
    assert one.tracks[[0, -1], rhythm.START].tolist() == [1, 8]


def test_any_split_name_is_loaded(file):
    data = jsb.load(file(**complete(test_pitches=ONE, test_lengths=np.int32([8]))))
    assert list(data.splits) == ["train", "valid", "test"]
    assert data.fingerprint != jsb.load(file(**complete())).fingerprint


@pytest.mark.parametrize(("changes", "message"), [
    ({"train_lengths": None}, "train_pitches but no train_lengths"),
    ({"train_lengths": np.int32([8, 5])}, "add up to 13 frames, train_pitches has 12"),
    ({"train_lengths": np.int32([12, 0])}, "positive integers"),
    ({"train_lengths": np.float32([12])}, "positive integers"),
    ({"train_pitches": ONE[:, :3]}, r"shape \[frames, 4\]"),
    ({"train_pitches": ONE.astype(float)}, "must be integers"),
    ({"train_pitches": np.concatenate([ONE, TWO - 60])}, "MIDI pitches"),
    ({"train_pitches": None, "valid_pitches": None}, "no array NAME_pitches, only: train_lengths"),
    ({"valid_pitches": TWO.astype(object)}, "not a readable"),
])
def test_refuses_other_layouts(file, changes, message):
    with pytest.raises(ValueError, match=message):
        jsb.load(file(**complete(**changes)))


def test_refuses_a_missing_or_foreign_file(tmp_path):
    with pytest.raises(ValueError, match=r"set data\.path"):
        load_dataset("jsb16")
    with pytest.raises(ValueError, match="there is no JSB benchmark file"):
        jsb.load(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("not arrays")
    with pytest.raises(ValueError, match=r"not an \.npz"):
        jsb.load(tmp_path / "text.npz")
    np.save(tmp_path / "one.npy", ONE)
    with pytest.raises(ValueError, match=r"not an \.npz"):
        jsb.load(tmp_path / "one.npy")
