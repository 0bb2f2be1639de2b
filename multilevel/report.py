"""Numbers from a cell to a sentence: formatted once, printed for the test, glued for the page."""

from __future__ import annotations

import json
from pathlib import Path

try:
    from IPython import get_ipython
    from IPython.display import display
except ImportError:  # plain Python, without a notebook

    def get_ipython() -> None:
        """Say that there is no page to glue to."""


_MIME = "application/papermill.record/text/plain"


def num(value: float, digits: int = 2) -> str:
    """Format a number with a fixed number of decimals and a true minus sign.

    >>> num(-2.7461), num(-0.0001)
    ('−2.75', '0.00')
    """
    text = f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def p_value(p: float) -> str:
    """Format a p value as the field writes it: no leading zero, and never "= .000".

    >>> p_value(0.00002), p_value(0.0412)
    ('< .001', '= .041')
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p is {p}; a p value lies between 0 and 1.")
    text = f"{p:.3f}"
    return "< .001" if p < 0.001 else f"= {text.removeprefix('0')}"


def report(**values: str) -> None:
    """Print each value, and glue it to the page so that a sentence can use it.

    Parameters
    ----------
    **values : str
        Text that is already rounded, by the name that ``{glue:text}`` uses.

    Raises
    ------
    TypeError
        If a value is not text: format it with :func:`num` first, so that sentence, table and
        test show the same digits.
    """
    for name, text in values.items():
        if not isinstance(text, str):
            raise TypeError(f"report({name}=...) takes text; format the number with num() first.")
        print(f"{name} = {text}")
        if get_ipython() is not None:
            # The record that myst-nb's glue writes. It reads the text as a Python literal, so
            # unquoted it would turn 2.90 into 2.9 and 8,000 into a pair.
            display(
                {_MIME: repr(text)},
                metadata={
                    "scrapbook": {"name": name, "mime_prefix": "application/papermill.record/"}
                },
                raw=True,
            )


def in_r(model: str, data_folder: str | Path = "../data") -> dict:
    """Return what R says of a model of this book, from ``data/in_r.json``.

    Parameters
    ----------
    model : str
        The model's name in that file.
    data_folder : str or pathlib.Path
        The book's data folder, seen from the page.

    Returns
    -------
    dict
        ``call`` (the R code) and the numbers that R printed, by name.

    Raises
    ------
    ValueError
        If R was not asked about that model.
    """
    fits = json.loads(Path(data_folder, "in_r.json").read_text(encoding="utf-8"))
    if model not in fits:
        raise ValueError(f"'{model}' is not in in_r.json; it has {', '.join(sorted(fits))}.")
    return fits[model]
