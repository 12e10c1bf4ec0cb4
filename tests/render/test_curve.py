from pathlib import Path

from lmjax.render.curve import write_curve


def test_curve_is_a_png(tmp_path: Path) -> None:
    path = tmp_path / "loss.png"
    write_curve(path, {"train": ([0, 1, 2], [3.0, 2.0, 1.5]), "valid": ([2], [1.7])}, "step",
                "loss, nats per frame")
    assert path.read_bytes().startswith(b"\x89PNG")
    write_curve(path, {}, "step", "loss")
    assert [file.name for file in tmp_path.iterdir()] == ["loss.png"]
