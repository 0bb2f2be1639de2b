"""What a formula asks for: columns come from the data, functions from the caller."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Mapping
from types import FrameType, ModuleType

import pandas as pd
import patsy
import patsy.builtins
from statsmodels.regression.mixed_linear_model import MixedLM
from statsmodels.tools import sm_exceptions

_CONTRASTS = ("Treatment", "Poly", "Sum", "Helmert", "Diff")


def functions_for(data: pd.DataFrame, caller: FrameType) -> dict[str, object]:
    """Return the functions and modules of the caller that no column of the data hides.

    patsy would take a column that is missing from the data from the variables of the program,
    without a word; so they are kept from it.
    """
    scope = {**caller.f_globals, **caller.f_locals}
    return {
        name: value
        for name, value in scope.items()
        if name not in data.columns and (callable(value) or isinstance(value, ModuleType))
    }


def columns_in(formula: str | None, functions: Mapping[str, object]) -> list[str]:
    """Return the names of the columns that a formula asks for, in order of appearance.

    Functions that are called (``C(x)``), modules (``np.log(x)``) and patsy's contrasts in a call
    (``C(ward, Sum)``) are no columns. Everything else is.

    Examples
    --------
    >>> import numpy
    >>> columns_in("will ~ np.log(severity.clip(1)) * C(ward, Sum)", {"np": numpy})
    ['will', 'severity', 'ward']
    """
    if formula is None:
        return []
    _refuse_bars(formula)
    try:
        description = patsy.ModelDesc.from_formula(formula)
        terms = description.lhs_termlist + description.rhs_termlist
        trees = [
            ast.parse(factor.name(), mode="eval").body for term in terms for factor in term.factors
        ]
    except patsy.PatsyError as error:
        raise ValueError(f"The formula {formula!r} cannot be read: {error}") from error
    except SyntaxError as error:
        raise ValueError(
            f"The formula {formula!r} cannot be read: {error.text!r} is not a name that Python "
            "allows; write it as Q('...'), or rename the column."
        ) from error
    return list(dict.fromkeys(name for tree in trees for name in _columns(tree, functions)))


def _columns(node: ast.AST, functions: Mapping[str, object]) -> Iterator[str]:
    """Yield the columns below one node of an expression."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        if not (isinstance(node.value, ast.Name) and node.value.id in functions):
            yield from _columns(node.value, functions)
    elif isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else None
        arguments = [*node.args, *(argument.value for argument in node.keywords)]
        if name == "Q":
            yield from map(_quoted, arguments)
            return
        if name not in (functions.keys() | vars(builtins) | set(patsy.builtins.__all__)):
            yield from _columns(node.func, functions)
        for argument in arguments:
            if not (isinstance(argument, ast.Name) and argument.id in _CONTRASTS):
                yield from _columns(argument, functions)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _columns(child, functions)


def _quoted(argument: ast.AST) -> str:
    if not isinstance(argument, ast.Constant):
        raise ValueError("Q() in a formula needs the name of a column in quotes.")
    return argument.value


def _refuse_bars(formula: str) -> None:
    """Raise ``ValueError`` for lme4's notation, which Python would read as a bitwise or."""
    bare = re.sub(r"""(["']).*?\1""", "", formula)
    if "|" not in bare:
        return
    message = f"The formula {formula!r} has a '|', which is R's notation for random effects; "
    found = re.search(r"\s*\+?\s*\(([^()|]*)\|\s*([^()|]*)\)", formula)
    if found is None:
        raise ValueError(
            message + 'give them as in fit_mixed("y ~ x", data, groups="g", re_formula="x").'
        )
    effects, groups = found[1].strip(), found[2].strip()
    fixed = (formula[: found.start()] + formula[found.end() :]).strip()
    fixed += " 1" if fixed.endswith("~") else ""
    extra = "" if effects == "1" else f", re_formula={effects!r}"
    raise ValueError(message + f"write fit_mixed({fixed!r}, data, groups={groups!r}{extra}).")


def columns_of_model(
    formula: str,
    groups: str,
    re_formula: str | None,
    vc_formula: Mapping[str, str] | None,
    functions: Mapping[str, object],
) -> dict[str, str]:
    """Return the columns that a model needs, and which of its arguments asks for each."""
    if not isinstance(groups, str):
        raise ValueError("groups is not a string; give the name of the grouping column.")
    outcome = formula.partition("~")[0].strip()
    if "~" not in formula or not outcome:
        raise ValueError(f"The formula {formula!r} has no outcome; write 'outcome ~ predictors'.")
    parts = {"formula": formula, "re_formula": re_formula}
    parts |= {f"vc_formula[{name!r}]": part for name, part in (vc_formula or {}).items()}
    used: dict[str, str] = {}
    for part, text in parts.items():
        for name in columns_in(text, functions):
            used.setdefault(name, "outcome" if name == outcome else part)
    return {groups: "groups"} | used


def build_model(
    formula: str,
    frame: pd.DataFrame,
    groups: str,
    re_formula: str | None,
    vc_formula: Mapping[str, str] | None,
    functions: Mapping[str, object],
) -> MixedLM:
    """Return statsmodels' model; it remembers the columns and designs that predictions need."""
    text = " ".join(filter(None, [formula, re_formula, *(vc_formula or {}).values()]))
    functions = {name: value for name, value in functions.items() if name in text}
    try:
        design = patsy.dmatrix(re_formula or "1", frame, patsy.EvalEnvironment([functions]))
        if design.shape[1] == 0:
            raise ValueError(
                f"re_formula {re_formula!r} leaves no random effect; leave it out for a random "
                "intercept, or fit ordinary least squares."
            )
        model = MixedLM.from_formula(
            formula,
            frame,
            groups=groups,
            re_formula=re_formula,
            vc_formula=vc_formula,
            eval_env=functions,
        )
    except (patsy.PatsyError, sm_exceptions.MissingDataError) as error:
        raise ValueError(f"The formula does not give numbers for every row: {error}") from error
    model.group_name = groups
    right = (formula.partition("~")[2], re_formula)
    model.predictors = list(dict.fromkeys(n for part in right for n in columns_in(part, functions)))
    # Beside the design of the fixed effects, which is left out when a model is pickled: patsy's
    # designs cannot be.
    model.data.model_spec.random_effects = design.design_info
    return model
