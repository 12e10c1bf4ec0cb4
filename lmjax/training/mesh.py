"""Where arrays live: a mesh of devices, batches split over it, weights copied to all of it.

One process with one or several local devices. Several hosts would differ here alone: the mesh
would span them, and each would feed its own share of the batch to `place_batch`.
"""

from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

BATCH = "batch"


def build_mesh(batch_size: int, devices: int = 0) -> Mesh:
    """A mesh of local devices with one axis, over which batches are split.

    Args:
      batch_size: the global batch, which every device gets an equal share of.
      devices: how many devices; 0 takes as many of the local ones as divide the batch.

    Raises:
      ValueError: if there are fewer devices than asked for, or they do not divide the batch.
    """
    local = jax.local_devices()
    if devices > len(local):
        raise ValueError(f"training.devices asks for {devices} devices, and there are "
                         f"{len(local)}")
    if devices and batch_size % devices:
        raise ValueError(f"a batch of {batch_size} cannot be split evenly over {devices} devices; "
                         "change training.batch_size or training.devices")
    count = devices or max(n for n in range(1, len(local) + 1) if batch_size % n == 0)
    # Auto axes: under explicit ones, looking up a table by index is an error.
    return jax.make_mesh((count,), (BATCH,), axis_types=(AxisType.Auto,), devices=local[:count])


def split_over(mesh: Mesh) -> NamedSharding:
    """The sharding of arrays whose first axis is the batch."""
    return NamedSharding(mesh, PartitionSpec(BATCH))


def copied_to(mesh: Mesh) -> NamedSharding:
    """The sharding of arrays that every device holds whole."""
    return NamedSharding(mesh, PartitionSpec())


def place_batch(mesh: Mesh, batch: Any) -> Any:
    """A pytree of NumPy arrays with a leading batch axis, put on the mesh's devices."""
    sharding = split_over(mesh)
    return jax.tree.map(
        lambda array: jax.make_array_from_process_local_data(sharding, np.asarray(array)), batch)
