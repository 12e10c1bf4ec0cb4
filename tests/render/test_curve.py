from pathlib import Path

import pytest

from lmjax.render.curve import write_bands, write_curve


def test_curve_is_a_png(tmp_path: Path) -> None:
    path = tmp_path / "loss.png"
    write_curve(path, {"train": ([0, 1, 2], [3.0, 2.0, 1.5]), "valid": ([2], [1.7])}, "step",
                "loss, nats per frame")
    assert path.read_bytes().startswith(b"\x89PNG")
    write_curve(path, {"bound": ([0.1, 1.0, 10.0], [0.0, 1.5, 0.1])}, "sigma", "nats",
                logarithmic=True)
    write_curve(path, {}, "step", "loss")
    assert [file.name for file in tmp_path.iterdir()] == ["loss.png"]


def test_bands_are_a_png(tmp_path: Path) -> None:
    """Also where a figure could not be measured, at one place or anywhere, or has no level."""
    path, nan = tmp_path / "bands.png", float("nan")
    panels = {"dissonant, %": {"ode": ([8, 16], [(2.0, 1.0, 3.0), (1.0, 0.5, 1.5)])},
              "fifths": {"langevin": ([8], [(nan, nan, nan)]), "ode": ([9], [(1.0, 1.0, 1.0)])},
              "octaves": {"langevin": ([8], [(nan, nan, nan)])}}
    write_bands(path, panels, {"dissonant, %": {"Bach": (0.5, 0.4, 0.6)}}, "evaluations")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [file.name for file in tmp_path.iterdir()] == ["bands.png"]
    with pytest.raises(ValueError, match="at least one panel"):
        write_bands(path, {}, {}, "evaluations")
