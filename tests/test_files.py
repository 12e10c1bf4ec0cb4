import errno
import os
from pathlib import Path

import numpy as np
import pytest

from lmjax.files import make_folder, write_bytes, write_npz

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_and_replaced(tmp_path):
    for content in (b"one", b"two and more", b""):
        write_bytes(tmp_path / "a.bin", content)
        assert (tmp_path / "a.bin").read_bytes() == content
    assert names(tmp_path) == ["a.bin"]


def fail_to_write(path, content):
    with open(path, "wb") as file:  # half of it fits
        file.write(content[:len(content) // 2])
    raise FULL


def fail_to_replace(source, target):
    raise FULL


@pytest.mark.parametrize("where, name, fault", [
    (Path, "write_bytes", fail_to_write), (os, "replace", fail_to_replace)])
@pytest.mark.parametrize("existed", [True, False])
def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch, where, name, fault,
                                                 existed):
    path = tmp_path / "a.bin"
    if existed:
        path.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(where, name, fault)
        with pytest.raises(OSError) as caught:
            write_bytes(path, b"new content")
    assert str(caught.value) == (f"{path} cannot be written (No space left on device); free some "
                                 "space or choose another folder")
    assert names(tmp_path) == (["a.bin"] if existed else [])
    assert not existed or path.read_bytes() == b"old"


def test_a_missing_folder_is_named(tmp_path):
    message = r"cannot write a.bin: there is no folder .*nowhere"
    with pytest.raises(FileNotFoundError, match=message):
        write_bytes(tmp_path / "nowhere" / "a.bin", b"")


def test_a_folder_in_the_place_of_the_file(tmp_path):
    (tmp_path / "a.bin").mkdir()
    with pytest.raises(OSError, match=r"a\.bin cannot be written"):
        write_bytes(tmp_path / "a.bin", b"x")
    assert names(tmp_path) == ["a.bin"]


def test_folders_are_made(tmp_path):
    assert make_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert make_folder(str(tmp_path / "a" / "b")).is_dir()


def test_a_folder_below_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match=f"{path} cannot be written .*choose another folder"):
            make_folder(path)


def test_arrays_come_back(tmp_path):
    arrays = {"a": np.arange(6).reshape(2, 3), "b": np.array([True, False])}
    write_npz(tmp_path / "x.npz", arrays)
    with np.load(tmp_path / "x.npz") as file:
        assert sorted(file.files) == ["a", "b"]
        for name, array in arrays.items():
            np.testing.assert_array_equal(file[name], array)
