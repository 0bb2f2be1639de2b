"""The examples in the package's docstrings say what they do."""

import doctest
import importlib
import pkgutil

import pytest

import multilevel

MODULES = [name for _, name, _ in pkgutil.iter_modules(multilevel.__path__, "multilevel.")]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_the_docstrings_are_right(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
