"""Whether one fitted model contains another, and by how much it is larger."""

from __future__ import annotations

import numpy as np
from statsmodels.regression.linear_model import OLS, RegressionResultsWrapper
from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMResultsWrapper

Fit = MixedLMResultsWrapper | RegressionResultsWrapper


def require_same_data(smaller: Fit, larger: MixedLMResultsWrapper) -> None:
    if not isinstance(larger.model, MixedLM) or not isinstance(smaller.model, MixedLM | OLS):
        raise ValueError(
            "Give two fits of fit_mixed, the smaller one first; without random effects the "
            "smaller one is smf.ols(...).fit()."
        )
    same = np.array_equal(smaller.model.endog, larger.model.endog)
    if same and isinstance(smaller.model, MixedLM):
        same = np.array_equal(smaller.model.groups, larger.model.groups)
    if not same:
        raise ValueError(
            "The two models were fitted to different data (outcome, rows, their order, or groups); "
            "fit both to the same data frame."
        )


def require_same_likelihood(smaller: Fit, larger: MixedLMResultsWrapper, extra_fixed: int) -> None:
    """Raise ``ValueError`` unless the two log-likelihoods are of one kind."""
    reml = [smaller.reml, larger.reml] if isinstance(smaller.model, MixedLM) else [larger.reml]
    if len(set(reml)) == 2:
        raise ValueError(
            "One model was fitted by REML and the other by maximum likelihood; refit one of them."
        )
    if extra_fixed and any(reml):
        raise ValueError(
            "REML likelihoods of models with different fixed effects cannot be compared, because "
            "each leaves other contrasts of the outcome; refit both by maximum likelihood, with "
            "reml=False."
        )
    volumes = [
        np.log(np.abs(np.diag(np.linalg.qr(fit.model.exog, mode="r")))).sum()
        for fit in (smaller, larger)
    ]
    if any(reml) and abs(volumes[0] - volumes[1]) > 1e-9 * max(1, abs(volumes[0])):
        raise ValueError(
            "The two models write the same fixed effects in other columns (another centre, unit "
            "or coding), on which a REML likelihood depends; use one formula for both."
        )


def extra_fixed(smaller: np.ndarray, larger: np.ndarray) -> int:
    """Return how many fixed effects the larger design has more than the smaller one in it."""
    if not _contains(larger, smaller):
        raise ValueError(
            "The first model has fixed effects that the second one does not have; give the "
            "smaller model first, and compare only models of which one contains the other."
        )
    return larger.shape[1] - np.linalg.matrix_rank(smaller)


def extra_random(smaller: MixedLM | OLS, larger: MixedLM) -> tuple[int | None, int]:
    """Return k and how many parameters the random part of the larger model has more.

    One random effect is added to k correlated ones; k is None if more than one is added. The
    second number is 0 if the random parts are the same.
    """
    block, components = _random_part(smaller)
    wider, candidates = _random_part(larger)
    unmatched = []
    for part in components:
        match = next((m for m, other in enumerate(candidates) if _equal(part, other)), None)
        if match is None:
            unmatched.append(part)
        else:
            del candidates[match]
    if len(unmatched) == 1 and block is None and all(m.shape[1] == 1 for m in unmatched[0]):
        # a random intercept (or a slope) alone, which the larger model correlates with others
        block = _in_rows(unmatched.pop(), smaller)
    k, k_wider = (0 if part is None else part.shape[1] for part in (block, wider))
    if (
        unmatched
        or (k and not (k_wider and _contains(wider, block)))
        or (candidates and k_wider > k)
    ):
        raise ValueError(
            "The random effects of the first model are not contained in those of the second, as "
            "far as can be told; give the smaller model first, and add effects to one part only."
        )
    if k_wider > k:
        more = (k_wider * (k_wider + 1) - k * (k + 1)) // 2
        return (k if k_wider == k + 1 else None), more
    return (0 if len(candidates) == 1 else None), len(candidates)


def _random_part(model: MixedLM | OLS) -> tuple[np.ndarray | None, list[list[np.ndarray]]]:
    """Return the (N, k) correlated effects, if two or more, and the components by groups."""
    if isinstance(model, OLS):
        return None, []
    components = [list(blocks) for blocks in model.exog_vc.mats]
    if model.k_re == 1:  # one variance and no covariance: a component like the others
        components.append(list(model.exog_re_li))
    return (model.exog_re if model.k_re > 1 else None), components


def _in_rows(blocks: list[np.ndarray], model: MixedLM) -> np.ndarray:
    column = np.empty((model.n_totobs, 1))
    for group, block in zip(model.group_labels, blocks, strict=True):
        column[model.row_indices[group]] = block
    return column


def _equal(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(
        a.shape == b.shape and np.allclose(a, b, rtol=1e-9, atol=0)
        for a, b in zip(one, other, strict=True)
    )


def _contains(wider: np.ndarray, block: np.ndarray) -> bool:
    basis = np.linalg.qr(wider)[0]
    outside = block - basis @ (basis.T @ block)
    lengths = np.linalg.norm(block, axis=0)
    return bool(np.all(np.linalg.norm(outside, axis=0) <= 1e-8 * lengths))
