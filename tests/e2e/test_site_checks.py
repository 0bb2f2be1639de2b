"""Each check of the built pages is shown to fail on a page with the fault that it looks for."""

import pytest
from site_checks import (
    alt_text_faults,
    captions_of_nothing,
    dead_links,
    repeated_ids,
    served,
    visit,
    wire_bytes,
)

GOOD_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>A page</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><main id="main"><h1>A page</h1><p><a href="#main">Back to the top</a> of the page.</p>
<img src="figure.svg" width="20" height="20" alt="Three points lie on a falling line.">
</main></body></html>"""
FIGURE = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"></svg>'


@pytest.fixture
def plant(tmp_path, browser):
    """Write a page with something added to it, visit it, and return the file and the visit."""

    def planted(addition="", scheme="light"):
        (tmp_path / "figure.svg").write_text(FIGURE, encoding="utf8")
        file = tmp_path / "page.html"
        file.write_text(GOOD_PAGE.replace("</main>", f"{addition}</main>"), encoding="utf8")
        with served(tmp_path) as url:
            return file, visit(browser, url, "page.html", 390, scheme)

    return planted


def test_a_page_without_a_fault_passes_every_check(plant, tmp_path):
    file, seen = plant()
    assert (seen.violations, seen.foreign, seen.broken, seen.overflow) == ([], [], [], 0)
    assert alt_text_faults(file) + repeated_ids(file) + dead_links(tmp_path, file) == []


def test_a_caption_below_text_is_found(plant):
    file, _ = plant(
        '<div class="cell"><figure><pre>1</pre><figcaption>Up.</figcaption></figure></div>'
    )
    assert captions_of_nothing(file) == ["page.html: '1Up.'"]


def test_a_script_from_elsewhere_is_found(plant):
    _, seen = plant('<script src="https://example.org/a.js"></script>')
    assert seen.foreign == ["page.html asks for https://example.org/a.js"]


def test_an_address_from_the_root_of_the_server_is_found(plant):
    _, seen = plant('<img src="/figure.svg" alt="Three points lie on a falling line.">')
    assert "/figure.svg" in seen.foreign[0]


def test_an_error_in_a_script_is_found(plant):
    _, seen = plant("<script>throw new Error('planted')</script>")
    assert any("planted" in fault for fault in seen.broken)


def test_a_missing_file_is_found(plant):
    _, seen = plant('<link rel="stylesheet" href="missing.css">')
    assert any("404" in fault and "missing.css" in fault for fault in seen.broken)


def test_faint_text_is_found(plant):
    _, seen = plant('<p style="color: #bbb; background: #fff">Faint words.</p>')
    assert [fault.split()[0] for fault in seen.violations] == ["color-contrast"]


def test_text_that_is_faint_only_in_the_dark_is_found(plant):
    rule = "@media (prefers-color-scheme: dark) {.faint {background: #222; color: #333}}"
    words = f"<style>{rule}</style><p class='faint'>Faint words.</p>"
    _, light = plant(words, scheme="light")
    _, dark = plant(words, scheme="dark")
    assert (len(light.violations), len(dark.violations)) == (0, 1)


def test_a_fault_inside_a_folded_box_is_found(plant):
    _, seen = plant("<details><summary>More</summary><p style='color: #bbb'>Faint</p></details>")
    assert [fault.split()[0] for fault in seen.violations] == ["color-contrast"]


def test_a_page_that_scrolls_sideways_is_found(plant):
    _, seen = plant('<p style="width: 500px">Wide.</p>')
    assert seen.overflow > 0


@pytest.mark.parametrize(
    "alt", ["", "../_images/abc.svg", "Figure 1.", "A line that falls steeply"]
)
def test_an_image_that_no_sentence_describes_is_found(plant, alt):
    file, _ = plant(f'<img src="figure.svg" alt="{alt}">')
    assert len(alt_text_faults(file)) == 1


def test_a_repeated_id_is_found(plant):
    file, _ = plant('<p id="main">Again.</p>')
    assert repeated_ids(file) == ["page.html: id 'main' occurs 2 times"]


@pytest.mark.parametrize("url", ["missing.html", "#missing", "page.html#missing", "/page.html"])
def test_a_dead_link_is_found(plant, tmp_path, url):
    file, _ = plant(f'<a href="{url}">On</a>')
    assert [fault for fault in dead_links(tmp_path, file) if url in fault]


def test_a_heavy_script_is_weighed_and_a_figure_is_not(tmp_path):
    (tmp_path / "_images").mkdir()
    for name in ("_images/figure.svg", "heavy.js"):
        (tmp_path / name).write_bytes(bytes(range(256)))
    base = "http://site/book/"
    figure, script = ({base + name} for name in ("_images/figure.svg", "heavy.js"))
    assert wire_bytes(tmp_path, base, figure) == 0
    assert wire_bytes(tmp_path, base, figure | script) > 256
