"""What is wrong with the theme's finished pages, put right one fault at a time.

Every function takes the parsed page. Each leaves a page that is already right as it is: pages are
repaired anew when a repair has changed, and Sphinx does not write unchanged pages again.
"""

from bs4 import BeautifulSoup

# A script is kept on the pages that have something for it to do.
SERVES = {
    "/fontawesome.js": None,  # 542 KB gzipped; the icons come from the web font
    "/sphinx-thebe": None,  # live code through a foreign server
    "THEBE_JS_URL": None,
    "x-thebe-config": None,
    "kernelName": None,
    "/clipboard.min.js": "div.highlight pre",
    "/copybutton.js": "div.highlight pre",
    "toggle": ".toggle, .admonition.dropdown",
    "/design-tabs.js": ".sd-tab-set",
}


def drop_unused_scripts(page):
    seen = set()
    for tag in page.find_all(["script", "link"]):
        if tag.name == "link" and tag.get("as") != "script" and "stylesheet" not in tag["rel"]:
            continue
        text = str(tag)
        served = [selector for key, selector in SERVES.items() if key in text]
        idle = any(not selector or not page.select_one(selector) for selector in served)
        if idle or text in seen:  # thebe and togglebutton are written twice
            tag.decompose()
        seen.add(text)


def keep_one_viewport(page):
    for meta in page.find_all("meta", attrs={"name": "viewport"})[1:]:
        meta.decompose()


def name_buttons_by_their_text(page):
    """Let what a button shows be its name (WCAG 2.5.3), and give icon buttons a name."""
    for button in page.select("button.search-button-field[aria-label]"):
        del button["aria-label"]
    for button in page.select("button[title], a[title]"):
        if not button.get_text(strip=True) and not button.get("aria-label"):
            button["aria-label"] = button["title"]
    for icon in page.select("button i, button span[class*=fa-], a i[class*=fa-]"):
        icon["aria-hidden"] = "true"


def name_downloads(page):
    """A chapter and its assignment have files of one name."""
    for link in page.select("a[class*=btn-download-][href*='_sources/']"):
        *_, folder, name = link["href"].split("/")
        link["download"] = f"assignment-{name}" if folder == "assignments" else name


def mend_folded_cells(page):
    """`<p>` is not allowed in `<summary>`, and its label hides the visible text."""
    for summary in page.find_all("summary"):
        if summary.get("aria-label") == "Toggle hidden content":
            del summary["aria-label"]
        for paragraph in summary.find_all("p"):
            paragraph.name = "span"


def mend_bibliographies(page):
    """The list role has no items, and doc-biblioentry is deprecated."""
    for entry in page.select('[role="doc-biblioentry"], .citation-list[role="list"]'):
        del entry["role"]


def number_repeated_ids(page):
    """sphinx-exercise gives the contents of every exercise the same id; nothing links to it."""
    for name in ("exercise-content", "solution-content"):
        for number, section in enumerate(page.find_all(id=name), start=1):
            section["id"] = f"{name}-{number}"


def mend_dataframes(page):
    """pandas writes a style sheet into each table's page, and headers of nothing."""
    for style in page.select("body style"):
        style.decompose()
    for table in page.select("table.dataframe"):
        del table["border"]
        for header in table.find_all("th"):
            if not header.get_text(strip=True):
                header.name = "td"
            elif not header.get("scope"):
                header["scope"] = "col" if header.find_parent("thead") else "row"


def complete_redirect(page):
    """The redirect from the root to the first page has no language and no title."""
    refresh = page.find("meta", attrs={"http-equiv": "Refresh"})
    if refresh and not page.find("title"):
        target = refresh["content"].split("url=")[1]
        whole = (
            f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Redirect</title>'
            f'<meta http-equiv="Refresh" content="0; url={target}"></head>'
            f'<body><a href="{target}">Go to the book</a></body></html>'
        )
        page.clear()
        page.append(BeautifulSoup(whole, "html.parser"))


REPAIRS = [
    drop_unused_scripts,
    keep_one_viewport,
    name_buttons_by_their_text,
    name_downloads,
    mend_folded_cells,
    mend_bibliographies,
    number_repeated_ids,
    mend_dataframes,
    complete_redirect,
]


def repair(html):
    """Return the page with every repair made."""
    page = BeautifulSoup(html, "html.parser")
    for mend in REPAIRS:
        mend(page)
    # Where a tag is gone its line breaks stay; parsing folds them now, not at the next build.
    page = BeautifulSoup(str(page), "html.parser")
    # The parser ends the doctype with a line break of its own, each time.
    return str(page).replace("<!DOCTYPE html>\n\n", "<!DOCTYPE html>\n")
