"""Where the wheelhouse takes files from, what it leaves out, and how it packs them."""

import doctest
import os

import pytest

from live.wheelhouse import lock, pack, parts, runtime, sources


@pytest.mark.parametrize("module", [lock, pack, parts], ids=lambda module: module.__name__)
def test_the_examples_of_the_docstrings_are_right(module):
    assert doctest.testmod(module).failed == 0


@pytest.fixture
def wanted(tmp_path, monkeypatch):
    """A lock with one package, a cache without it, and sources that tell when they are asked."""
    good = b"the official file"
    asked = []

    def source(name, data):
        def get(names):
            asked.append(name)
            if data is None:
                raise OSError("no network")
            yield from ((file, data) for file in names)

        get.__name__ = name
        return get

    def offer(release, carrier):
        monkeypatch.setattr(sources, "_from_release", source("release", release))
        monkeypatch.setattr(sources, "_carrier", lambda pin: source("carrier", carrier))
        return sources.official(["numpy"], official, tmp_path)["numpy"].read_bytes()

    official = {"numpy": {"file_name": "numpy.whl", "sha256": sources.sha256(good)}}
    return offer, asked, good, tmp_path


def test_the_official_release_comes_before_a_carrier(wanted):
    offer, asked, good, _ = wanted
    assert offer(good, good) == good
    assert asked == ["release"]


def test_a_carrier_helps_where_the_release_cannot_be_reached(wanted):
    offer, asked, good, _ = wanted
    assert offer(None, good) == good
    assert asked == ["release", "carrier"]


def test_the_cache_comes_first(wanted):
    offer, asked, good, cache = wanted
    (cache / "numpy.whl").write_bytes(good)
    assert offer(None, None) == good
    assert asked == []


def test_a_file_that_is_not_the_official_one_is_never_used(wanted):
    offer, asked, _, cache = wanted
    with pytest.raises(RuntimeError, match=r"Nowhere to be had: numpy\.whl"):
        offer(b"another file", b"another file")
    assert asked == ["release", "carrier", "carrier"]
    assert not (cache / "numpy.whl").exists()


def test_a_damaged_file_in_the_cache_is_refused(wanted):
    offer, _, good, cache = wanted
    (cache / "numpy.whl").write_bytes(good[1:])
    with pytest.raises(ValueError, match=r"numpy\.whl has sha256"):
        offer(good, good)


def test_the_same_files_give_the_same_zip(tmp_path):
    archives = []
    for order in ((0, 1), (1, 0)):
        folder = tmp_path / str(order)
        folder.mkdir()
        for i in order:
            (folder / f"{i}.py").write_text(f"x = {i}")
        os.utime(folder / "0.py", (0, order[0] + 1))
        archives.append(pack.stored_zip(folder, {"extra": b"1"}))
    assert archives[0] == archives[1]


def test_modules_are_those_that_an_import_asks_for_first(tmp_path):
    for name in ("a/b/__init__.pyc", "a/b/c.pyc", "a/d.cpython-313.so", "e.py", "a/data.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert pack.modules(tmp_path) == ["a.b", "a.d", "e"]


def test_a_loader_that_has_changed_is_not_patched_by_guess():
    with pytest.raises(ValueError, match="has 0 places for the patch"):
        runtime.patched("pyodide.asm.js", b"var GOT={};", b"")
