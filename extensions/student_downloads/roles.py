"""Say in words what MyST's roles refer to."""

import re
from dataclasses import dataclass, field
from posixpath import dirname, join, normpath

from pybtex.richtext import Text

ROLE = re.compile(r"\{([\w:-]+)\}`([^`<]+?)(?:\s*<([^>]+)>)?`")


@dataclass
class Book:
    """What roles refer to, in words."""

    titles: dict[str, str] = field(default_factory=dict)  # of pages
    places: dict[str, str] = field(default_factory=dict)  # titles of sections, by label
    figures: dict[str, str] = field(default_factory=dict)  # "Fig. 1.2", by name
    exercises: dict[str, str] = field(default_factory=dict)  # "Exercise 1.2", by label
    works: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # who, when, where


def book_of(env):
    """Return what the roles of pages refer to."""
    titles = {name: title.astext() for name, title in env.titles.items()}
    figures, exercises = (
        {
            name: f"{word} {'.'.join(map(str, number))}"
            for numbers in env.toc_fignumbers.values()
            for name, number in numbers.get(kind, {}).items()
        }
        for kind, word in (("figure", "Fig."), ("exercise", "Exercise"))
    )
    labels = env.get_domain("std").labels.items()
    places = {label: title for label, (_, _, title) in labels}
    works = {}
    for key, work in env.get_domain("cite").bibdata.data.entries.items():
        names = [
            " ".join(person.prelast_names + person.last_names) for person in work.persons["author"]
        ]
        names = [str(Text.from_latex(name)) for name in names]
        who = " and ".join(names) if len(names) < 3 else f"{names[0]} et al."
        address = f"https://doi.org/{work.fields['doi']}" if "doi" in work.fields else ""
        works[key] = who, work.fields["year"], address or work.fields.get("url", "")
    return Book(titles, places, figures, exercises, works)


def said(text, page, book):
    """Return the text with every role in words."""
    return ROLE.sub(lambda role: _in_words(*role.groups(), page, book), text)


def _in_words(role, text, target, page, book):
    if role == "download":
        return f"[{text}]({target})"
    if role == "doc":
        title = f"*{book.titles[normpath(join(dirname(page), target or text))]}*"
        return f"{text} ({title})" if target else title
    if role == "numref":
        return book.figures[text]
    if role == "ref":
        return text if target else f"*{book.places[text]}*"
    if role == "term":
        return text
    if role == "cite:t":
        return " and ".join(_cited(key, "{} ({})", book) for key in text.split(","))
    if role == "cite:p":
        return f"({'; '.join(_cited(key, '{}, {}', book) for key in text.split(','))})"
    raise ValueError(f"Nobody has said what the role {role!r} is in a notebook.")


def _cited(key, form, book):
    who, when, where = book.works[key.strip()]
    text = form.format(who, when)
    return f"[{text}]({where})" if where else text
