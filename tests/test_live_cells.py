"""What makes pages live, apart from the browser: the runner of cells, hidden code, the buttons."""

import importlib.util
import json
import sys
import time
from types import SimpleNamespace

import live_cells
import matplotlib.pyplot as plt
import pages
import pytest
from live_cells.hidden import SECRET
from live_cells.hidden import needed as needed_of

SOURCES = pages.ROOT / "extensions/live_cells/src"


@pytest.fixture
def runtime(monkeypatch):
    """The module that runs cells in the browser, as new."""
    spec = importlib.util.spec_from_file_location("live_runtime", SOURCES / "runtime.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "live_runtime", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(runtime):
    """Run a cell; give its outputs and whether it failed."""

    def ran(source):
        result = json.loads(runtime.run(source, "cell 1"))
        return [tuple(output) for output in result["outputs"]], result["failed"]

    return ran


def test_the_last_expression_of_a_cell_is_shown(run):
    assert run("x = 6\nx * 7") == ([("text/plain", "42")], False)


@pytest.mark.parametrize("source", ["6 * 7;", "x = 6", "None", "", "# a comment"])
def test_a_cell_without_a_value_to_show_shows_nothing(run, source):
    assert run(source) == ([], False)


def test_names_last_from_cell_to_cell(run):
    run("def twice(x):\n    return 2 * x")
    assert run("twice(21)")[0] == [("text/plain", "42")]


def test_what_is_printed_in_pieces_is_one_text(run):
    assert run("print('a', 1)\nprint('b')")[0] == [("stdout", "a 1\nb\n")]


def test_the_time_to_print_grows_with_what_is_printed_not_with_its_square(run):
    begun = time.perf_counter()
    outputs, _ = run("for line in range(100_000):\n    print('one of many lines', line)")
    assert len(outputs[0][1].splitlines()) == 100_000
    assert time.perf_counter() - begun < 5  # it takes a fifth of a second; by copying, minutes


def test_warnings_are_shown_apart_from_what_is_printed(run):
    outputs, failed = run("import sys\nprint('a')\nprint('careful', file=sys.stderr)")
    assert outputs == [("stdout", "a\n"), ("stderr", "careful\n")] and not failed


def test_a_data_frame_is_shown_as_a_table(run):
    [(kind, text)], _ = run("import pandas as pd\npd.DataFrame({'a': [1]})")
    assert kind == "text/html" and "<table" in text


def test_a_class_is_not_shown_as_its_objects_are(run):
    assert run("import pandas as pd\npd.DataFrame")[0][0][0] == "text/plain"


def test_open_figures_appear_as_svg_when_the_cell_ends_and_are_closed(run):
    source = "import matplotlib.pyplot as plt\nfor _ in range(2):\n    plt.figure()\nprint('end')"
    outputs, _ = run(source)
    assert [kind for kind, _ in outputs] == ["stdout", "image/svg+xml", "image/svg+xml"]
    assert plt.get_fignums() == []


def test_an_error_names_the_cell_the_line_and_the_fault(run):
    outputs, failed = run("x = 1\nx / 0")
    assert failed and outputs[0][0] == "error"
    assert outputs[0][1].startswith("In cell 1, line 2\n    x / 0\n")
    assert outputs[0][1].endswith("ZeroDivisionError: division by zero\n")


def test_an_error_inside_a_package_is_told_without_the_package_s_own_lines(run):
    text = run("import pandas as pd\npd.DataFrame()['a']")[0][0][1]
    assert "In cell 1, line 2" in text and text.endswith(
        "KeyError: 'a'\n(raised inside the package pandas)\n"
    )
    assert len(text.splitlines()) < 7 and "site-packages" not in text


def test_a_fault_of_spelling_is_told_with_its_place(run):
    text = run("print('a'")[0][0][1]
    assert text.startswith("In cell 1, line 1\n") and "was never closed" in text


def test_a_package_that_is_not_there_is_told_to_be_none_of_the_book(run):
    text = run("import not_of_this_book")[0][0][1]
    assert "No module named 'not_of_this_book'\nOnly the packages that this book uses" in text


def test_a_page_that_cannot_ask_says_so(runtime, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # `start` takes its place
    monkeypatch.setattr("builtins.input", input)
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    monkeypatch.delitem(sys.modules, "IPython.display", raising=False)
    runtime.start()
    assert "A page cannot ask for input" in run("input('Your name?')")[0][0][1]


def test_what_was_printed_before_an_error_stays(run):
    assert run("print('a')\n1 / 0")[0][0] == ("stdout", "a\n")


def test_leaving_python_ends_the_cell_only(run):
    assert run("exit()")[1] and run("1")[0] == [("text/plain", "1")]


def needed(cells):
    return needed_of(cells, {"remove-cell"})


def hidden(source, *tags):
    return ({"remove-cell", *tags}, source)


def shown(source):
    return (set(), source)


def test_a_hidden_statement_travels_when_a_cell_below_needs_its_name():
    cells = [shown("a = 1"), hidden("b = a + 1\nreport(b=str(b))\nassert b == 2"), shown("b")]
    assert needed(cells) == ["", "b = a + 1"]


def test_what_a_needed_statement_needs_travels_too():
    assert needed([hidden("import x\na = x.y\nc = 3"), hidden("b = a"), shown("b")]) == [
        "import x\na = x.y\nb = a"
    ]


def test_a_name_that_the_page_makes_again_is_not_needed():
    assert needed([hidden("r = 1"), shown("r = 2\nr")]) == [""]


def test_a_column_that_is_added_out_of_sight_travels():
    assert needed([hidden("data['a'] = 1"), shown("data")]) == ["data['a'] = 1"]


def test_a_hidden_draw_travels_because_later_draws_depend_on_it():
    assert needed([hidden("_ = rng.normal()"), shown("rng.normal()")]) == ["_ = rng.normal()"]


@pytest.mark.parametrize(
    "below", ["for a in [2]:\n    print(a)", "[a for a in [2]]", "{a: {a} for a in [2]}"]
)
def test_a_name_that_a_loop_gives_a_value_is_not_needed(below):
    assert needed([hidden("for a in [1]:\n    assert a"), shown(below)]) == [""]


def test_a_draw_changes_what_functions_draw_later():
    functions = "def draw():\n    return rng.normal()\n\ndef both():\n    return draw(), draw()"
    draws = "_ = rng.normal()\nb = both()"
    assert needed([shown(functions), hidden(draws), shown("both()")]) == ["", draws]


@pytest.mark.parametrize("tag", sorted(SECRET))
def test_a_test_never_travels(tag):
    assert needed([hidden("answer = 42", tag), shown("answer")]) == [""]


def test_code_is_given_to_the_cell_that_needs_it():
    body = '<div class="cell docutils">a</div><div class="cell tag_hide-input docutils">b</div>'
    given = live_cells.give_setup(body, ["", 'x = "<"\ny = 1'])
    assert given == body.replace(
        '<div class="cell tag', '<div data-setup="x = &quot;&lt;&quot;&#10;y = 1" class="cell tag'
    )


def test_a_page_whose_cells_are_not_those_of_its_source_is_refused():
    with pytest.raises(ValueError, match="shows 1 code cells, its source 2"):
        live_cells.give_setup('<div class="cell docutils">a</div>', ["", ""])


def page_with(live_pages, repository):
    """Return the body of a page with one cell, and the scripts that it loads."""
    scripts = []
    app = SimpleNamespace(
        config=SimpleNamespace(live_pages=live_pages, live_edition="1a", repository=repository),
        env=SimpleNamespace(
            doc2path=lambda name, base=True: (
                pages.ROOT / "content/01-three-hospitals.md" if base else f"{name}.md"
            )
        ),
        add_js_file=lambda name, **_: scripts.append(name),
        add_css_file=lambda name: None,
    )
    visible = len(needed(live_cells.code_cells(app.env.doc2path("x"))))
    context = {"body": "<h1>Title</h1>" + '<div class="cell docutils"></div>' * visible}
    live_cells.add_bar(app, "content/01-three-hospitals", "page.html", context, object())
    return context["body"], scripts


def test_a_page_without_what_make_live_makes_is_as_it_was():
    body, scripts = page_with("", "")
    assert "live-bar" not in body and scripts == []


def test_a_live_page_has_a_button_that_says_how_much_is_fetched():
    body, scripts = page_with("23 MB", "")
    assert "Edit and run this page <small>23 MB, once</small>" in body
    assert scripts == ["start.js"] and "binder" not in body


def test_a_book_with_a_repository_offers_its_page_on_binder():
    body, _ = page_with("23 MB", "owner/book")
    address = (
        "https://mybinder.org/v2/gh/owner/book/HEAD?urlpath=lab/tree/content/01-three-hospitals.md"
    )
    assert f'href="{address}">Open on Binder</a>' in body and "live-start" in body


def test_binder_is_offered_also_when_pages_cannot_run_in_the_browser():
    body, scripts = page_with("", "owner/book")
    assert "Open on Binder" in body and "live-start" not in body and scripts == []


def test_that_live_pages_are_missing_is_said_in_one_line_and_is_no_warning(tmp_path, caplog):
    config = SimpleNamespace(live_pages="")
    with caplog.at_level("INFO", logger="sphinx"):
        live_cells.look_for_live(SimpleNamespace(srcdir=tmp_path), config)
    assert [
        (record.levelname, "'make live' adds it" in record.message) for record in caplog.records
    ] == [("INFO", True)]
    assert config.live_pages == ""
