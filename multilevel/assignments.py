"""Assignments: data of their own for each student, and checks that students run themselves."""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Callable

import numpy as np


def student_rng(student: str | int, *, chapter: int) -> np.random.Generator:
    """Return the generator from which a student's data for a chapter are simulated.

    The seed is the SHA-256 of chapter and id, so that ids that look alike share nothing, and the
    same id gives the same data on every machine. Capitals and spaces around the id do not count.
    While a submission is graded, the variable ``GRADED_STUDENT`` of the environment holds the id
    under which it was handed in, and overrules what the notebook says.

    Parameters
    ----------
    student : str or int
        The id that the instructor gave.
    chapter : int
        The number of the chapter.

    Raises
    ------
    ValueError
        If the id is empty.

    >>> student_rng("S1024", chapter=3).integers(100, size=3)
    array([57, 70, 35])
    """
    identity = os.environ.get("GRADED_STUDENT", str(student)).strip().lower()
    if not identity:
        raise ValueError("STUDENT is empty; write the id that your instructor gave you.")
    digest = hashlib.sha256(f"{chapter}:{identity}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest))


def check(test: Callable[..., None], **answers: object) -> None:
    """Print what a check says of answers; it stops nothing, and it does not say "right".

    Parameters
    ----------
    test : callable
        Takes the answers by name and raises AssertionError with a sentence.
    **answers
        The answers; ``...`` is one that is still to be given.

    >>> def test_share(icc):
    ...     assert 0 < icc < 1, "An ICC lies between 0 and 1."
    >>> check(test_share, icc=...)
    icc: no answer yet
    >>> check(test_share, icc=49)
    icc: An ICC lies between 0 and 1.
    >>> check(test_share, icc=0.49)
    icc: can be graded
    """
    wanted = {name: answers[name] for name in inspect.signature(test).parameters}
    says = "can be graded"
    if missing := [name for name, answer in wanted.items() if answer is ...]:
        wanted, says = dict.fromkeys(missing), "no answer yet"
    else:
        try:
            test(**wanted)
        except Exception as error:  # an answer can be anything
            says = str(error) or type(error).__name__
    print(f"{', '.join(wanted)}: {says}")
