"""The references are those of the pages as they stand; nbval compares nothing without one."""

import pages


def test_every_code_cell_has_a_current_reference_and_every_reference_a_page():
    problems = pages.stale_references()
    assert not problems, "read the changes, then run 'make reference':\n" + "\n".join(problems)
