"""Run a page's cells in the browser and say what a notebook would show.

It stands in for IPython, which would make the start half as long again: the last expression of a
cell is displayed, figures appear when the cell ends, an error is told in a few lines.
"""

import ast
import base64
import builtins
import contextlib
import io
import json
import linecache
import re
import sys
import traceback
import types

MAIN = types.ModuleType("__main__")
SHOWN_AS = {  # what a page prefers, best first
    "_repr_html_": "text/html",
    "_repr_svg_": "image/svg+xml",
    "_repr_png_": "image/png",
}
_outputs = []  # pairs of kind and text; of what is printed, the pieces


class _Stream(io.TextIOBase):
    """Collect what is printed; neighbouring pieces become one output, as on the built page."""

    def __init__(self, kind):
        self.kind = kind

    def write(self, text):
        if not (_outputs and _outputs[-1][0] == self.kind):
            _outputs.append((self.kind, []))
        _outputs[-1][1].append(text)
        return len(text)


def _shown(value):
    """Return the kind and the text of what stands for a value."""
    for method, kind in SHOWN_AS.items():
        # asked of the class: a class itself has the method too, and cannot be shown by it
        if hasattr(type(value), method) and (data := getattr(value, method)()) is not None:
            return kind, base64.b64encode(data).decode() if isinstance(data, bytes) else data
    return "text/plain", repr(value)


def display(*values, **_):
    """Show values, as `IPython.display.display` does."""
    for value in values:
        _outputs.append(_figure(value) if hasattr(value, "savefig") else _shown(value))


def _figure(figure):
    """Draw a figure as matplotlib's notebook backend does."""
    buffer = io.StringIO()
    figure.savefig(
        buffer,
        format="svg",
        bbox_inches="tight",
        facecolor=figure.get_facecolor(),
        edgecolor=figure.get_edgecolor(),
    )
    return "image/svg+xml", buffer.getvalue()


def show_figures():
    """Show every open figure, and close it."""
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        for number in pyplot.get_fignums():
            display(pyplot.figure(number))
        pyplot.close("all")


def _explain(error, name):
    """Tell an error in the reader's terms: where in the cells, and what."""
    told = traceback.TracebackException.from_exception(error)
    told.__cause__ = told.__context__ = None
    own = [frame for frame in told.stack if re.match(r"<.*cell \d+>", frame.filename)]
    inside = told.stack[-1].filename if told.stack and told.stack[-1] not in own else None
    told.stack = traceback.StackSummary.from_list(own)
    text = "".join(told.format()).removeprefix("Traceback (most recent call last):\n")
    text = re.sub(r'  File "<(.*cell \d+)>", line (\d+)(?:, in <module>)?', r"In \1, line \2", text)
    if package := re.search(r"site-packages/(\w+)", inside or ""):
        text += f"(raised inside the package {package[1]})\n"
    if isinstance(error, ModuleNotFoundError) and not inside:
        text += "Only the packages that this book uses can be imported on its pages.\n"
    if isinstance(error, MemoryError):
        text += "The browser gives Python no more memory. Restart, and use less data.\n"
    return text


def _run(source, name):
    # the traceback shows lines from here
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    body = ast.parse(source, name).body
    last = None
    if body and isinstance(body[-1], ast.Expr):
        last = compile(ast.Expression(body.pop().value), name, "eval")
    exec(compile(ast.Module(body, type_ignores=[]), name, "exec"), MAIN.__dict__)
    if last is not None:
        value = eval(last, MAIN.__dict__)
        if value is not None and not source.rstrip().endswith(";"):
            display(value)
    show_figures()


def run(source, name):
    """Run a cell; return as JSON its outputs, pairs of kind and text, and whether it failed."""
    _outputs.clear()
    failed = False
    name = f"<{name}>"
    with (
        contextlib.redirect_stdout(_Stream("stdout")),
        contextlib.redirect_stderr(_Stream("stderr")),
    ):
        try:
            _run(source, name)
        except BaseException as error:  # `exit()` and an interrupt end a cell, not Python
            failed = True
            _outputs.append(("error", _explain(error, name)))
    outputs = [(kind, said if isinstance(said, str) else "".join(said)) for kind, said in _outputs]
    return json.dumps({"outputs": outputs, "failed": failed})


def _no_input(*_):
    raise RuntimeError("A page cannot ask for input: write the value into the code.")


def start():
    """Be the main module, and what pages import of IPython."""
    builtins.input = _no_input
    sys.modules["__main__"] = MAIN
    MAIN.display = display
    ipython, shown = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    ipython.get_ipython = lambda: None
    ipython.display, shown.display = shown, display
    sys.modules |= {"IPython": ipython, "IPython.display": shown}
