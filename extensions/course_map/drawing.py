"""The drawing of the course map: who builds on whom."""

from itertools import groupby

from .chapters import steps


def drawing(chapters):
    """Return the SVG of who builds on whom: a row for each length of the way from the start."""
    edges = steps(chapters)
    depth = {}
    for chapter in chapters:
        depth[chapter.number] = 1 + max((depth[before] for before in chapter.needs), default=-1)
    place = {}
    for row, numbers in groupby(sorted(depth, key=lambda n: (depth[n], n)), key=depth.get):
        place |= {number: (40 + 90 * i, 30 + 70 * row) for i, number in enumerate(numbers)}
    width, height = (max(xy) + 30 for xy in zip(*place.values(), strict=True))
    said = "; ".join(f"{after} builds on {before}" for before, after in edges)
    parts = [
        f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="'
        f'Chapters as circles with arrows between them: chapter {said}.">'
        '<defs><marker id="course-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>'
    ]
    for before, after in edges:
        (x1, y1), (x2, y2) = place[before], place[after]
        away = 20 / ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
        dx, dy = (x2 - x1) * away, (y2 - y1) * away
        ends = f"M{x1 + dx:.1f} {y1 + dy:.1f} {x2 - dx:.1f} {y2 - dy:.1f}"
        parts.append(f'<path class="arrow" marker-end="url(#course-arrow)" d="{ends}"/>')
    for number, (x, y) in place.items():
        parts.append(f'<circle cx="{x}" cy="{y}" r="19"/><text x="{x}" y="{y + 6}">{number}</text>')
    return "".join(parts) + "</svg>"
