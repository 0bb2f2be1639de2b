"""What a reader can do with a page that runs in the browser, and what it says when it cannot."""

import json
import re

import pages
import pandas as pd
import pytest
from live_checks import CHAPTERS, MINUTE, LivePage, differences, opened
from playwright.sync_api import expect
from site_checks import AXE, RUN_AXE, UNFOLD, WCAG, Handler, served

FIRST = CHAPTERS[0]
EQUAL_STAFF = "equal_staff = simulate_three_hospitals("
TABLE = 'patients = pd.read_csv("../data/hospitals_3.csv")'
# Waits until all that a page needs without a network is where its service worker looks for it.
KEPT = """async () => {
  const lists = ["../live/manifest.json", "../live/data.json"];
  const said = await Promise.all(lists.map(async (list) => (await fetch(list)).json()));
  const files = said.flatMap((list) => list.files.map((file) => `?sha256=${file.sha256}`));
  const own = ["live.js", "worker.js", "data.json", "pyodide/pyodide.js"];
  const ends = [...files, location.pathname, ...own.map((name) => `/live/${name}`)];
  for (let missing = ends; missing.length || !navigator.serviceWorker.controller; ) {
    const store = await (await caches.open("book")).keys();
    const kept = store.map(({ url }) => url.split("?v=")[0]); // whatever the edition of a script
    missing = ends.filter((end) => !kept.some((url) => url.endsWith(end)));
    await new Promise((done) => setTimeout(done, 100));
  }
}"""

# Keeps what the page says: it may have said the next thing before anybody can ask.
LISTEN = """status => {
  window.said = [];
  const keep = () => said.push(status.textContent);
  new MutationObserver(keep).observe(status, { childList: true, subtree: true });
}"""


@pytest.fixture(scope="module")
def first(browser, live_site, site_url):
    """The first chapter with Python started; each test leaves the code as it found it."""
    with opened(browser, site_url, FIRST) as live:
        live.start()
        live.status.evaluate(LISTEN)
        live.cell("pooled.params.round(2)").get_by_role("button", name="Run").click()
        live.wait()
        live.said_first = live.page.evaluate("said[0]")
        live.states_first = [cell["state"] for cell in live.read()]
        yield live


def test_the_cells_above_run_first_and_the_page_says_so(first):
    assert first.said_first == "Running first the 2 cells above that had not run."
    assert first.states_first[:4] == ["done", "done", "done", ""]


def test_a_changed_slope_changes_the_fitted_slope(first):
    cell = first.cell(EQUAL_STAFF)
    code = first.code(cell)
    many = code.replace("1000", "50_000")  # so many that an estimate is the truth, rounded
    first.write(cell, many.replace("effect_staff=0.0", "effect_staff=0.0, slope_within=-1.0"))
    first.page.keyboard.press("Shift+Enter")
    expect(cell).to_have_attribute("data-live", "done", timeout=MINUTE)
    expect(cell.locator(".cell_output")).to_have_text("array([-1., -1.])")
    cell.get_by_role("button", name="Reset").click()
    expect(cell.get_by_role("button", name="Reset")).to_be_disabled()
    assert first.code(cell) == code


def test_the_older_pandas_of_the_browser_names_types_as_the_book_s_does(first):
    cell = first.cell(TABLE)
    first.write(cell, TABLE + "\nprint(patients.dtypes)")
    first.page.keyboard.press("Shift+Enter")
    first.wait()
    types = str(pd.read_csv(pages.ROOT / "data/hospitals_3.csv").dtypes)
    expect(cell.locator(".cell_output")).to_have_text(types)
    cell.get_by_role("button", name="Reset").click()


def test_an_error_is_told_in_a_few_lines_and_stops_what_follows(first):
    cell = first.cell(TABLE)
    first.write(cell, TABLE + '\npatients["gravity"]')
    first.press("Run all")
    expect(first.status).to_contain_text("Cell 2 failed.", timeout=MINUTE)
    output = cell.locator(".cell_output").inner_text()
    assert "In cell 2, line 2" in output and "KeyError: 'gravity'" in output
    assert len(output.splitlines()) < 8
    assert [c["state"] for c in first.read()][:4] == ["done", "failed", "", ""]
    first.press("Go to cell 2")
    expect(cell.locator(".cm-content")).to_be_focused()
    cell.get_by_role("button", name="Reset").click()


def test_what_is_out_of_date_is_marked(first):
    first.run_all()
    first.cell(TABLE).get_by_role("button", name="Run cell 2").click()
    expect(first.status).to_have_text("Cell 2 has run.", timeout=MINUTE)
    assert [c["state"] for c in first.read()][:4] == ["done", "done", "stale", "stale"]


def test_a_figure_of_changed_code_says_so_in_its_description(first):
    cell = first.cell("ax = plot_three_hospitals(patients)")
    image = cell.locator("figure img")
    before = image.get_attribute("alt")
    first.write(cell, first.code(cell).replace("patients)", "patients, lines=False)", 1))
    first.page.keyboard.press("Shift+Enter")
    changed = f"Figure drawn by the changed code. Before the change: {before}"
    expect(image).to_have_attribute("alt", changed, timeout=MINUTE)
    expect(cell.locator("figcaption")).to_be_visible()
    cell.get_by_role("button", name="Reset").click()


def test_a_figure_that_is_replaced_is_freed(first):
    cell = first.cell(TABLE)
    image = cell.locator("img")
    first.write(cell, "import matplotlib.pyplot as plt\nplt.figure();")
    first.page.keyboard.press("Shift+Enter")
    expect(image).to_have_attribute("src", re.compile("^blob:"), timeout=MINUTE)
    before = image.get_attribute("src")
    first.page.keyboard.press("Shift+Enter")
    expect(image).not_to_have_attribute("src", before, timeout=MINUTE)
    assert not first.page.evaluate("url => fetch(url).then(() => true, () => false)", before)
    cell.get_by_role("button", name="Reset").click()


def test_the_keyboard_alone_edits_runs_and_leaves_a_cell(first):
    cell = first.cell(TABLE)
    first.write(cell, "if True:\n")
    first.page.keyboard.press("Tab")
    first.page.keyboard.type("print(6 * 7)")
    assert first.code(cell) == "if True:\n    print(6 * 7)"
    first.page.keyboard.press("Shift+Enter")
    expect(cell.locator(".cell_output")).to_have_text("42", timeout=MINUTE)
    first.page.keyboard.press("Escape")
    expect(cell.get_by_role("button", name="Run cell 2")).to_be_focused()
    first.page.keyboard.press("Tab")
    expect(cell.get_by_role("button", name="Reset the code of cell 2")).to_be_focused()
    first.page.keyboard.press("Enter")
    expect(cell.locator(".cm-content")).to_contain_text("hospitals_3.csv")


def test_a_package_that_few_readers_need_comes_with_its_import(first):
    cell = first.cell(TABLE)
    first.write(cell, "import seaborn\nprint(seaborn.__version__)")
    with first.page.context.expect_event("request", lambda r: "seaborn_later" in r.url) as asked:
        first.page.keyboard.press("Shift+Enter")
    assert asked.value.headers["cache-control"] == "no-cache"
    expect(cell.locator(".cell_output")).to_have_text("0.13.2", timeout=MINUTE)
    cell.get_by_role("button", name="Reset").click()


def test_the_explorable_moves_in_a_cell(first):
    cell = first.cell(TABLE)
    first.write(cell, 'from multilevel.explore import explore\n\nexplore("pooling")')
    first.page.keyboard.press("Shift+Enter")
    figure = cell.locator(".cell_output iframe")
    inside = figure.content_frame
    slope = inside.locator('[data-cell="partial.slope"]')
    expect(slope).to_have_text(re.compile("^−"), timeout=MINUTE)
    before = slope.inner_text()
    inside.get_by_role("slider", name="Hospital SD").press("End")
    expect(slope).not_to_have_text(before)
    inside.locator(".said", has_text=f"before {before}").wait_for()
    # as tall as it is, and as dark as the page
    height = inside.locator("html").evaluate("html => html.offsetHeight")
    expect(figure).to_have_css("height", f"{height}px")
    for theme in ("dark", "light"):
        first.page.evaluate("theme => (document.documentElement.dataset.theme = theme)", theme)
        expect(inside.locator("html")).to_have_attribute("data-theme", theme)
    cell.get_by_role("button", name="Reset").click()


def test_restart_ends_a_loop_that_never_ends(first):
    cell = first.cell(TABLE)
    first.write(cell, "while True:\n    pass")
    first.page.keyboard.press("Shift+Enter")
    expect(cell).to_have_attribute("data-live", "running", timeout=MINUTE)
    first.press("Restart")
    first.wait("loading")
    first.wait()
    cell.get_by_role("button", name="Reset").click()
    cell.get_by_role("button", name="Run cell 2").click()
    expect(cell.locator("table")).to_be_visible(timeout=MINUTE)


def test_after_python_has_crashed_the_cells_above_run_again(first):
    cell = first.cell(TABLE)
    first.write(cell, "import js\njs.eval('setTimeout(() => { throw Error(1) })')")
    first.run_all()
    expect(first.status).to_contain_text("Restart starts Python again.", timeout=MINUTE)
    assert {cell["state"] for cell in first.read()} == {""}
    cell.get_by_role("button", name="Reset").click()
    cell.get_by_role("button", name="Run cell 2").click()
    expect(cell.locator("table")).to_be_visible(timeout=MINUTE)


def test_cancel_keeps_the_cells_that_wait_from_running(first):
    cell = first.cell(TABLE)
    first.write(cell, "import time\ntime.sleep(2)")
    first.press("Run all")
    expect(cell).to_have_attribute("data-live", "running", timeout=MINUTE)
    first.press("Cancel")
    first.wait()
    assert [c["state"] for c in first.read()][:3] == ["done", "done", ""]
    cell.get_by_role("button", name="Reset").click()


def test_while_cells_run_cancel_has_the_place_and_the_focus_of_run_all(first):
    cell = first.cell(TABLE)
    first.write(cell, "import time\ntime.sleep(2)")
    run_all = first.bar.get_by_role("button", name="Run all")
    run_all.press("Enter")
    expect(first.bar.get_by_role("button", name="Cancel")).to_be_focused()
    expect(run_all).to_be_hidden()
    first.wait()
    expect(run_all).to_be_focused()
    cell.get_by_role("button", name="Reset").click()


@pytest.fixture(scope="module")
def first_with_an_error(first):
    """Some cells are done, one has failed, the others are still to come; nothing is folded."""
    failing = first.cell("own_slopes.round(2)")
    first.write(failing, "1 / 0")
    first.run_all()
    first.page.evaluate(UNFOLD)
    first.page.add_style_tag(content="* { transition: none !important; }")  # colours at once
    first.page.evaluate(AXE)
    yield first
    failing.get_by_role("button", name="Reset").click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_open_editors_break_no_rule_and_fit_the_page(first_with_an_error, width, scheme):
    page = first_with_an_error.page
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    expect(page.locator("html")).to_have_attribute("data-theme", scheme)
    violations = page.evaluate(RUN_AXE, WCAG)
    assert [(rule["id"], node["html"][:200]) for rule in violations for node in rule["nodes"]] == []
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0


def test_a_page_that_has_been_run_once_runs_without_a_network(browser, live_site):
    context = browser.new_context()
    live = LivePage(context.new_page())
    with served(live_site) as url:
        live.page.goto(url + FIRST)
        live.start()
        live.page.evaluate(KEPT)
    # from here on there is no server
    context.set_offline(True)
    live.page.reload()
    built = live.read()
    live.start()
    live.run_all()
    assert differences(built, live.read()) == []
    context.close()


def test_resting_on_the_button_fetches_python_but_does_not_start_it(browser, live_site, site_url):
    seen = []
    with opened(browser, site_url, FIRST, seen) as live:
        with live.page.expect_request("**/*.whl*"):
            live.bar.get_by_role("button").hover()
        expect(live.bar).to_have_attribute("data-state", "closed")
        assert live.page.locator(".cm-editor").count() == 0
        live.press("Edit and run this page")
        expect(live.status).to_have_text("Unpacking the packages …", timeout=MINUTE)
    assert len([url for url in seen if "scipy-" in url]) == 1


@pytest.mark.parametrize("files", ["**/live/worker.js*", "**/pandas-*"])
def test_what_fails_before_the_button_is_pressed_is_not_spoken_of(
    browser, live_site, site_url, files
):
    with opened(browser, site_url, FIRST) as live:
        live.page.context.route(files, lambda route: route.abort())
        with live.page.context.expect_event("requestfailed"):
            live.bar.get_by_role("button").hover()
        assert live.status.inner_text() == ""
        live.page.context.unroute(files)
        live.press("Edit and run this page")
        expect(live.status).to_have_text("Unpacking the packages …", timeout=MINUTE)


def test_the_page_and_its_worker_are_asked_for_in_one_edition(browser, live_site, site_url):
    seen = []
    with opened(browser, site_url, FIRST, seen) as live:
        edition = live.bar.get_by_role("button").get_attribute("data-edition")
        live.press("Edit and run this page")
        live.wait("loading")
    scripts = [url.split("/")[-1] for url in seen if re.search(r"/live/\w+\.js(\?|$)", url)]
    assert scripts == [f"live.js?v={edition}", f"worker.js?v={edition}"]


def intact(live, built):
    """Say whether the page is as it was built, with its button."""
    return (
        live.read() == built
        and live.page.locator(".cm-editor").count() == 0
        and live.page.locator("div.cell .highlight pre").first.is_visible()
        and live.bar.get_by_role("button", name="Edit and run this page").is_enabled()
    )


def test_loading_can_be_cancelled(browser, live_site, site_url):
    with opened(browser, site_url, FIRST) as live:
        built = live.read()
        live.press("Edit and run this page")
        live.wait("loading")
        expect(live.page.locator(".live-counted")).to_contain_text("MB")
        live.press("Cancel")
        expect(live.status).to_have_text("Cancelled. The page is as it was.")
        expect(live.bar.get_by_role("button", name="Edit and run this page")).to_be_focused()
        assert intact(live, built)


def test_what_was_typed_while_python_loads_comes_back(browser, live_site, site_url):
    with opened(browser, site_url, FIRST) as live:
        cell = live.cell(TABLE)
        live.press("Edit and run this page")
        live.write(cell, "typed = 1")
        live.press("Cancel")
        expect(cell).to_contain_text(TABLE)
        live.press("Edit and run this page")
        assert live.code(cell) == "typed = 1"
        cell.get_by_role("button", name="Reset").click()
        assert TABLE in live.code(cell)


NOT_FETCHED = "could not be fetched from this site. Check your connection"
OLD = "delete globalThis.WebAssembly"
FULL = "WebAssembly.Memory = function () { throw new RangeError('could not allocate memory'); };\n"


def test_an_old_browser_is_told_so(browser, live_site, site_url):
    with opened(browser, site_url, FIRST) as live:
        live.page.evaluate(OLD)
        built = live.read()
        live.press("Edit and run this page")
        expect(live.status).to_contain_text("This browser is too old to run Python.")
        assert intact(live, built)


# Answered at once: a file is asked for twice, and an answer that first asks the server may come
# after the test, in the midst of the next one.
def without_memory(route, site):
    code = FULL + (site / "live/worker.js").read_text(encoding="utf8")
    route.fulfill(body=code, content_type="text/javascript")


# What Firefox says when a download breaks off.
def with_a_break(route, _):
    failed = "{ is: 'failed', reason: 'TypeError: Error in input stream' }"
    code = f"self.onmessage = () => self.postMessage({failed});"
    route.fulfill(body=code, content_type="text/javascript")


def with_damage(route, _):
    route.fulfill(body=b"PK")


def with_404(route, _):
    route.fulfill(status=404)


def with_nothing(route, _):
    route.abort()


@pytest.mark.parametrize(
    ("files", "answer", "sentence"),
    [
        (
            "**/live/worker.js*",
            without_memory,
            "This device has too little free memory for Python.",
        ),
        ("**/pandas-*", with_404, "A file that Python needs is missing"),
        ("**/pandas-*", with_nothing, NOT_FETCHED),
        ("**/pandas-*", with_damage, "A file arrived damaged."),
        ("**/live/live.js*", with_nothing, NOT_FETCHED),
        ("**/live/worker.js*", with_nothing, NOT_FETCHED),
        ("**/live/worker.js*", with_a_break, NOT_FETCHED),
    ],
    ids=[
        "no memory",
        "a missing file",
        "no network",
        "a damaged file",
        "no editors",
        "no worker",
        "a break",
    ],
)
def test_what_keeps_python_from_starting_is_said_and_the_page_stays(
    browser, live_site, site_url, files, answer, sentence
):
    with opened(browser, site_url, FIRST) as live:
        built = live.read()
        live.page.context.route(files, lambda route: answer(route, live_site))
        live.press("Edit and run this page")
        expect(live.status).to_contain_text(sentence, timeout=MINUTE)
        assert intact(live, built)


class InTheMidstOfRenewal(Handler):
    """Gives at first another pandas than the list names, and has the browser keep it."""

    asked = 0

    def do_GET(self):
        if "/pandas-" not in self.path:
            return super().do_GET()
        type(self).asked += 1
        if self.asked > 1:
            return super().do_GET()
        self.send_response(200)
        self.send_header("Cache-Control", "max-age=600")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"PK")


def test_a_file_of_another_edition_is_asked_for_again_past_what_the_browser_kept(
    browser, live_site
):
    with served(live_site, InTheMidstOfRenewal) as url, opened(browser, url, FIRST) as live:
        live.start()
        assert InTheMidstOfRenewal.asked == 2


def test_the_data_of_the_book_lie_where_the_cells_look_for_them(live_site):
    listed = json.loads((live_site / "live/data.json").read_text())["files"]
    names = {
        path.name for path in (pages.ROOT / "data").iterdir() if path.suffix in (".csv", ".json")
    }
    assert {file["path"] for file in listed} == {f"data/{name}" for name in names}
