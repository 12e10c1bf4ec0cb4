import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from lmjax.training.mesh import BATCH, build_mesh, copied_to, place_batch


def test_more_devices_than_there_are_is_an_error():
    have = jax.local_device_count()
    with pytest.raises(ValueError, match=f"asks for {have + 1} devices, and there are {have}"):
        build_mesh(4, have + 1)


def test_a_batch_that_cannot_be_split_is_an_error(monkeypatch):
    monkeypatch.setattr(jax, "local_devices", lambda: ["a device"] * 8)
    with pytest.raises(ValueError, match="a batch of 6 cannot be split evenly over 4 devices"):
        build_mesh(6, 4)


@pytest.mark.parametrize("batch, devices", [(16, 8), (12, 6), (7, 7), (9, 3), (1, 1), (11, 1)])
def test_as_many_devices_as_divide_the_batch(monkeypatch, batch, devices):
    monkeypatch.setattr(jax, "local_devices", lambda: list(range(8)))
    monkeypatch.setattr(jax, "make_mesh", lambda shape, *_, **__: shape)
    assert build_mesh(batch) == (devices,)


def test_a_batch_keeps_its_values():
    mesh = build_mesh(4, 1)
    placed = place_batch(mesh, {"a": np.arange(8).reshape(4, 2), "b": np.ones(4, bool)})
    np.testing.assert_array_equal(placed["a"], np.arange(8).reshape(4, 2))
    assert placed["a"].sharding.spec == PartitionSpec(BATCH)
    assert copied_to(mesh).is_fully_replicated
