"""Questions of self-checks and exams, read from YAML and checked.

A file has a ``title`` and ``questions``. A question has an ``id``, the number of the ``objective``
of its chapter, a ``question`` and either ``options``, each with a ``text`` and a ``feedback`` and
one of them ``right: true``, or an ``answer`` with its ``tolerance`` and one ``feedback``. Texts
are one paragraph of Markdown each. ``values`` are Python expressions (:mod:`assessment.tools`
names what they may use), written into the texts by ``{name}`` or ``{name:.2f}``; ``answer`` is one
too, and ``check`` is one that must be true.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import yaml
from markdown_it import MarkdownIt

_MARKDOWN = MarkdownIt("commonmark", {"html": False, "typographer": True}).enable("smartquotes")
_NEEDED = {"id", "objective", "question"}
_ALLOWED = _NEEDED | {"options", "answer", "tolerance", "feedback", "values", "check"}
LETTERS = "abcdefgh"


@dataclass(frozen=True)
class Option:
    text: str
    feedback: str
    right: bool


@dataclass(frozen=True)
class Question:
    """A question with options or, without any, one whose ``answer`` is a number."""

    id: str
    objective: int
    text: str
    options: tuple[Option, ...] = ()
    answer: float = float("nan")
    tolerance: float = float("nan")
    feedback: str = ""

    @property
    def key(self) -> str:
        """The right option's letter, or the number with what is allowed around it."""
        if self.options:
            return f"({LETTERS[[option.right for option in self.options].index(True)]})"
        return f"{self.answer:.4g} ± {self.tolerance:g}".replace("-", "−")


@dataclass(frozen=True)
class Quiz:
    title: str
    questions: tuple[Question, ...]


def load(path: str | Path) -> Quiz:
    """Return the quiz in a file.

    Raises
    ------
    ValueError
        If anything is missing, unknown, ambiguous or false; the message names file and question.
    """
    path = Path(path)
    source = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(source, dict) or set(source) != {"title", "questions"}:
        raise ValueError(f"{path.name}: a quiz has a title and questions, and nothing else.")
    if not isinstance(source["questions"], list) or not source["questions"]:
        raise ValueError(f"{path.name}: questions must be a list of them.")
    questions = []
    for number, entry in enumerate(source["questions"], start=1):
        if not isinstance(entry, dict):
            raise ValueError(f"{path.name}, question {number}: it has an id, objective, question …")
        where = f"{path.name}, question {entry.get('id', number)}"
        try:
            questions.append(_question(entry))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        if questions[-1].id in {question.id for question in questions[:-1]}:
            raise ValueError(f"{where}: another question of this file has that id; rename one.")
    return Quiz(source["title"], tuple(questions))


def _question(entry: dict) -> Question:
    kind = {"options"} if "options" in entry else {"answer", "tolerance", "feedback"}
    if missing := sorted((_NEEDED | kind) - set(entry)):
        raise ValueError(f"add {', '.join(missing)}.")
    if unknown := sorted(set(entry) - (_NEEDED | kind | {"values", "check"})):
        known = "is not known" if unknown[0] not in _ALLOWED else "belongs to a question of numbers"
        raise ValueError(f"{unknown[0]!r} {known}; remove it.")
    if not re.fullmatch(r"[a-z\d-]+", str(entry["id"])):
        raise ValueError("an id has lower-case letters, digits and hyphens.")
    if type(entry["objective"]) is not int:
        raise ValueError("objective is the number of one objective of the chapter.")
    if not isinstance(entry.get("values", {}), dict):
        raise ValueError("values are names with their expressions, {n: 4, half: n / 2}.")
    values: dict[str, object] = {}
    for name, expression in entry.get("values", {}).items():
        values[name] = _compute(expression, values)
    if not _compute(entry.get("check", "True"), values):
        raise ValueError(f"its check is false: {entry['check']}")
    text = _filled(entry["question"], values, "question")
    if "options" not in entry:
        answer, tolerance = (_number(entry[part], values, part) for part in ("answer", "tolerance"))
        if not tolerance > 0:
            raise ValueError("tolerance must be above zero.")
        feedback = _filled(entry["feedback"], values, "feedback")
        return Question(entry["id"], entry["objective"], text, (), answer, tolerance, feedback)
    return Question(entry["id"], entry["objective"], text, _options(entry["options"], values))


def _options(entries: list[dict], values: dict[str, object]) -> tuple[Option, ...]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("options are a list, each with a text and a feedback.")
    options = []
    for letter, entry in zip(LETTERS, entries, strict=False):
        if unknown := sorted(set(entry) - {"text", "feedback", "right"}):
            raise ValueError(f"option {letter}: {unknown[0]!r} is not known; remove it.")
        if entry.get("right", True) is not True:
            raise ValueError(f"option {letter}: say 'right: true' of the right option only.")
        text, feedback = (
            _filled(entry.get(part), values, f"option {letter}: {part}")
            for part in ("text", "feedback")
        )
        options.append(Option(text, feedback, "right" in entry))
    if (right := sum(option.right for option in options)) != 1:
        raise ValueError(f"{right} options are right; there must be exactly one.")
    if len({option.text for option in options}) < max(len(entries), 3):
        raise ValueError("three to eight options are needed, no two with the same text.")
    return tuple(options)


def _compute(expression: object, values: dict[str, object]) -> object:
    if not isinstance(expression, str):  # a number, as YAML has read it
        return expression
    from assessment import tools  # only now: the fits take a second to import

    try:
        return eval(expression, {**vars(tools), **values})
    except Exception as error:
        raise ValueError(f"{expression!r} cannot be computed: {error}") from error


def _number(expression: object, values: dict[str, object], part: str) -> float:
    try:
        number = float(_compute(expression, values))
    except (TypeError, OverflowError):  # a list, a complex number; too large
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{part} must be a number that can be typed: {expression}")
    return number


def _filled(text: object, values: dict[str, object], part: str) -> str:
    """Write the values into a text, with true minus signs."""
    if not isinstance(text, str) or not text.strip() or "\n" in text.strip():
        raise ValueError(f"{part} must be one paragraph of text.")

    def value(match: re.Match) -> str:
        if match[1] not in values:
            raise ValueError(f"{part} uses {match[0]}, which is not among its values.")
        return format(values[match[1]], match[2] or "").replace("-", "−")

    filled = re.sub(r"\{(\w+)(?::([^{}]*))?\}", value, text.strip())
    if "{" in filled or "}" in filled:
        raise ValueError(f"{part} has a brace that belongs to no value: {filled}")
    return filled


def html(text: str) -> str:
    """Return a text of a question as HTML that may stand inside a line."""
    return _MARKDOWN.renderInline(text)


def question_text(number: int, question: Question) -> str:
    """Return a question with its options as Markdown, without the answer."""
    options = zip(LETTERS, question.options, strict=False)
    lines = [f"- ({letter}) {option.text}" for letter, option in options]
    return "\n".join([f"**{number}.** {question.text}", "", *lines]).strip()


def answer_text(number: int, question: Question) -> str:
    """Return the answer to a question as Markdown, with the feedback of each option."""
    options = zip(LETTERS, question.options, strict=False)
    lines = [f"- ({letter}) {option.feedback}" for letter, option in options]
    first = f"**{number}.** {question.key} {question.feedback}".strip()
    return "\n".join([first, "", *lines]).strip()
