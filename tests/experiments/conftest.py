"""A composer that knows nothing and is small, and pieces that it could have been trained on."""

import runpy

import pytest

from lmjax import composer as composer_module
from lmjax import settings as settings_module
from lmjax.data import jsb


@pytest.fixture(scope="package")
def data(tiny):
    return jsb.load(tiny.with_name("tiny.npz"))


@pytest.fixture(scope="package")
def composer(tiny):
    config = runpy.run_path(str(tiny))["get_config"]()
    return composer_module.untrained(settings_module.from_config(config), articulation=False)
