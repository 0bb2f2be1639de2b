"""What the chapters say of themselves: title, minutes, and which chapters each builds on."""

import re
from dataclasses import dataclass
from pathlib import Path

CHAPTER = re.compile(r"content/(\d\d)-[\w-]+")
TIME = re.compile(r"^\*\*Time:\*\* (\d+) minutes to read, (\d+) minutes for the exercises\.$", re.M)
NEEDS = re.compile(r"^\*\*Before you start:\*\* (.*)$", re.M)


@dataclass(frozen=True)
class Chapter:
    """A chapter by its own words; ``needs`` are the numbers of the chapters that it builds on."""

    docname: str
    title: str
    reading: int
    exercises: int
    needs: tuple[int, ...]
    text: str

    @property
    def number(self):
        return int(CHAPTER.match(self.docname)[1])

    @property
    def minutes(self):
        return f"{self.reading} minutes to read, {self.exercises} minutes for the exercises"


def read_chapter(docname, text):
    """Return a chapter; raise ValueError where it does not say its minutes or prerequisites."""
    time, needs = TIME.search(text), NEEDS.search(text)
    if not time or not needs:
        raise ValueError(
            f"{docname} must say '**Before you start:** …' and, on a line of its own, "
            "'**Time:** N minutes to read, N minutes for the exercises.'"
        )
    # {doc}`01-…` to {doc}`04-…` is all of them
    links = re.findall(r"( to )?\{doc\}`(?:[^`]*<)?(\d\d)-", needs[1])
    numbers = set()
    for to, number in links:
        numbers |= set(range(max(numbers) if to else int(number), int(number) + 1))
    title = re.search(r"^# (.+)$", text, re.M)[1]
    return Chapter(docname, title, int(time[1]), int(time[2]), tuple(sorted(numbers)), text)


def chapters_of(env):
    """Return the book's chapters in order."""
    docnames = sorted(name for name in env.found_docs if CHAPTER.fullmatch(name))
    for name in docnames:
        env.note_dependency(env.doc2path(name))
    return [read_chapter(name, Path(env.doc2path(name)).read_text("utf8")) for name in docnames]


def listed(numbers):
    """Return "chapter 1", "chapters 1, 2 and 3", or "no other chapter"."""
    *most, last = map(str, numbers or ["no other chapter"])
    if not numbers:
        return last
    return f"chapters {', '.join(most)} and {last}" if most else f"chapter {last}"


def steps(chapters):
    """Return the pairs (before, after), without those that follow from the others.

    Raises ValueError if a chapter builds on one that does not come before it.
    """
    for i, chapter in enumerate(chapters):
        if lost := set(chapter.needs) - {before.number for before in chapters[:i]}:
            raise ValueError(
                f"{chapter.docname} builds on {listed(sorted(lost))}, but does not come after: "
                "change its line '**Before you start:**'."
            )
    needs = {chapter.number: set(chapter.needs) for chapter in chapters}

    def all_before(number):
        return set().union(needs[number], *(all_before(before) for before in needs[number]))

    return [
        (before, after)
        for after in needs
        for before in sorted(needs[after])
        if not any(before in all_before(other) for other in needs[after] - {before})
    ]
