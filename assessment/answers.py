"""What each student should answer, and whether the hidden tests tell right from wrong.

``make answers`` tries a thousand ids with each assignment, or, with ``CHAPTER=03-icc``, with one.
"""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from functools import partial

import numpy as np
import pandas as pd

from assessment.source import Assignment, Exercise, read, sources

CHANGEABLE = (pd.DataFrame, np.random.Generator)
IDS = [f"S{number}" for number in range(1000)]


def run(source: str, names: dict) -> dict:
    """Run code in a copy of a namespace, silently, and return the copy."""
    names = {n: copy.deepcopy(v) if isinstance(v, CHANGEABLE) else v for n, v in names.items()}
    with redirect_stdout(None):
        exec(compile(source, "<assignment>", "exec"), names)
    return names


def start(assignment: Assignment, student: str) -> dict:
    """Return the namespace of a student's notebook above the first exercise."""
    names = run(assignment.setup, {"STUDENT": student})
    if "fit_mixed" in names:  # solutions, tests and wrong answers mostly fit the same few models
        names["fit_mixed"] = _remembering(names["fit_mixed"])
    return names


def _remembering(fit: Callable) -> Callable:
    fits = {}

    def fit_mixed(formula: str, data: pd.DataFrame, groups: str, **options: object) -> object:
        content = pd.util.hash_pandas_object(data).sum(), *data.columns
        call = formula, groups, repr(options), content
        if call not in fits:
            fits[call] = fit(formula, data, groups, **options)
        return fits[call]

    return fit_mixed


def key(assignment: Assignment, student: str) -> dict[str, object]:
    """Return the right answers of a student, by name."""
    names, answers = start(assignment, student), {}
    for exercise in assignment.exercises:
        solved = run(exercise.model_answer, names)
        answers |= {name: solved[name] for name in exercise.answers}
    return answers


def failures(tests: list[str], names: dict, answers: dict) -> dict[str, str]:
    """Return the tests that answers fail, by name, with what they say."""
    said = {}
    for source in tests:
        test = next(v for k, v in run(source, names).items() if k.startswith("test_"))
        try:
            test(**{name: answers[name] for name in inspect.signature(test).parameters})
        except Exception as error:
            said[test.__name__] = f"{type(error).__name__}: {error}".removesuffix(": ")
    return said


def complaints(assignment: Assignment, student: str) -> list[str]:
    """Return where the tests judge an answer of the source other than it is meant, for an id."""
    names = start(assignment, student)
    said = [c for exercise in assignment.exercises for c in _misjudged(exercise, names)]
    return [f"{assignment.name}, {student}, {complaint}" for complaint in said]


def _misjudged(exercise: Exercise, names: dict) -> list[str]:
    said = []
    tests = exercise.public + exercise.hidden
    for answer in [exercise.model_answer, *exercise.also_right]:
        for test, fault in failures(tests, names, run(answer, names)).items():
            said.append(f"{exercise.label}: {test} fails a right answer: {fault}")
    caught = [failures(exercise.hidden, names, run(wrong, names)) for wrong in exercise.wrong]
    for number, failed in enumerate(caught, start=1):
        if not failed:
            said.append(f"{exercise.label}: no test fails wrong answer {number}")
    names_of_tests = {source[4 : source.index("(")] for source in exercise.hidden}
    idle = names_of_tests - {test for failed in caught for test in failed}
    return said + [f"{exercise.label}: no wrong answer fails {test}" for test in sorted(idle)]


if __name__ == "__main__":
    named, paths, found = sys.argv[1:], sources(), []
    if unknown := set(named) - {path.stem for path in paths}:
        sys.exit(f"There is no assignment {', '.join(unknown)}.")
    tried = [path for path in paths if not named or path.stem in named]
    with ProcessPoolExecutor() as pool:
        for path in tried:
            for said in pool.map(partial(complaints, read(path)), IDS, chunksize=10):
                found += said
    summary = f"{len(tried)} assignments, {len(IDS)} ids each: {len(found)} answers are misjudged."
    print(*found, summary, sep="\n")
    sys.exit(bool(found))
