# nbgrader reads this file from the folder of a course: copy it there with `source`.
c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "multilevel"
# The starter of an exercise stands above its solution and needs no stub.
c.ClearSolutions.code_stub = {"python": ""}
# A notebook that was downloaded from the book has no cells for tests: they are added, each below
# the cell for answers, which has its name there too.
c.OverwriteCells.add_missing_cells = True
# Seconds for a cell; a loop that never ends costs its own points only.
c.Execute.timeout = 60
