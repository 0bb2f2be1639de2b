"""What the cells that a reader sees need of the cells that nobody sees.

A hidden cell holds assertions, numbers for the prose, tests: a live page and a downloaded notebook
go without. But a visible cell may use a name from there. So the statements that make such a name
travel along, and no others.
"""

import ast
from copy import deepcopy
from functools import cache
from symtable import symtable

SECRET = {"test", "hidden-test"}  # never published, whoever needs it
# Drawing from the page's generator changes what later cells draw, whatever becomes of the draw.
GENERATOR = "rng"


class _AsGenerators(ast.NodeTransformer):
    """Write comprehensions as generators, which have a scope of their own in every Python."""

    def visit_ListComp(self, node):
        self.generic_visit(node)
        return ast.GeneratorExp(node.elt, node.generators)

    visit_SetComp = visit_ListComp

    def visit_DictComp(self, node):
        self.generic_visit(node)
        return ast.GeneratorExp(ast.Tuple([node.key, node.value], ast.Load()), node.generators)


@cache
def _tables(statement):
    """Return the symbol tables of a statement: its own, and those of the functions in it."""
    plain = ast.unparse(_AsGenerators().visit(deepcopy(statement)))
    tables = [symtable(plain, "cell", "exec")]
    for table in tables:
        tables.extend(table.get_children())
    return tables


def _counters(statement):
    """Return the names that a loop gives values to before anything in it can read them."""
    if not isinstance(statement, ast.For):
        return set()
    names = {n.id for n in ast.walk(statement.target) if isinstance(n, ast.Name)}
    return names - {n.id for n in ast.walk(statement.iter) if isinstance(n, ast.Name)}


def _global_reads(statement):
    top, *inner = _tables(statement)
    read = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    symbols = [symbol for table in inner for symbol in table.get_symbols()]
    read |= {s.get_name() for s in symbols if s.is_global() and s.is_referenced()}
    return read - _counters(statement)


def _drawing(statements):
    """Return the names of the functions that draw from the page's generator when called."""
    drawing = {GENERATOR}
    for statement in statements:
        if isinstance(statement, ast.FunctionDef) and _global_reads(statement) & drawing:
            drawing.add(statement.name)
    return drawing - {GENERATOR}


def _read(statement, drawing):
    read = _global_reads(statement)
    return read | {GENERATOR} if read & drawing else read


def _made(statement, drawing):
    """Return the names that a statement makes or changes."""
    symbols = _tables(statement)[0].get_symbols()
    made = {s.get_name() for s in symbols if s.is_assigned() or s.is_imported()}
    for node in ast.walk(statement):
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            # a column, an item: its owner changes
            made |= {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
    return made | ({GENERATOR} & _read(statement, drawing))


def _settled(statement, drawing):
    """Return the names for which nothing that was there before counts any more."""
    if isinstance(statement, ast.Assign | ast.Import | ast.ImportFrom | ast.FunctionDef):
        return _made(statement, drawing) - _read(statement, drawing)
    return _counters(statement)


def needed(cells, hidden):
    """Return, for each visible cell, the hidden statements that must run before it.

    Parameters
    ----------
    cells : list of (set of str, str)
        The tags and the source of each code cell, in the page's order.
    hidden : set of str
        The tags of cells that are not visible.
    """
    wanted, before = set(), []
    drawing = _drawing(statement for _, source in cells for statement in ast.parse(source).body)
    for tags, source in reversed(cells):
        if tags & SECRET:
            continue
        kept = []
        for statement in reversed(ast.parse(source).body):
            if tags & hidden:
                is_made = _made(statement, drawing) & wanted
                if isinstance(statement, ast.Expr | ast.Assert) or not is_made:
                    continue
                kept.insert(0, ast.get_source_segment(source, statement))
            wanted = (wanted - _settled(statement, drawing)) | _read(statement, drawing)
        if not tags & hidden:
            before.insert(0, [])
        elif kept:
            before[0][:0] = kept
    return ["\n".join(statements) for statements in before]
