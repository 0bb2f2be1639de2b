"""The optimum of a random-intercept model, for many outcomes at once."""

from __future__ import annotations

import numpy as np

from multilevel.deviance import Directions, Rows, Weights
from multilevel.sums import HospitalSums, Optimum

# The first variance ratio of the grid, times the size of the largest hospital.
_SMALLEST = 1e-4
# A step this small, relative to the end of the interval, leaves an error of about its square.
_CLOSE = 1e-7
# A slope at zero that is no slope, relative to that of the determinant. Of whole numbers with three
# digits, where it is exactly zero, rounding leaves up to 4e-14. (A variance ratio that this
# takes for 0 changes no digit of the deviance.)
_LEVEL = 1e-12


def fit_intercept(sums: HospitalSums, reml: bool) -> Optimum:
    """Return the optimum for each of R outcomes."""
    rows = Rows.of(sums)
    smallest = _SMALLEST / sums.sizes.max()
    n_rows, n_outcomes = rows.outcomes.shape
    # Directions are found once, by the cube of the rows; weights are solved for every outcome, in
    # parts that fit into the processor's memory.
    with np.errstate(divide="ignore", invalid="ignore"):  # a step that is no number is not taken
        if n_rows**2 <= 2000 * n_outcomes:
            found = _lowest(Directions.of(rows, reml), smallest)
        else:
            parts = rows.parts(min(n_outcomes, 1 + n_rows * n_outcomes // 5000))
            lowest = [_lowest(Weights.of(part, reml), smallest) for part in parts]
            found = map(np.concatenate, zip(*lowest, strict=True))
    ratio, log_determinant, residual_sum = found
    step, covariance = rows.estimates(ratio)
    # A hospital's mean residual, shrunken by its reliability.
    shrink = ratio * np.sqrt(sums.sizes) / (1 + ratio * sums.sizes)
    effects = shrink * (sums.outcome_lines[:, 0].T - step @ sums.lines[:, 0].T)
    return Optimum(
        ratio[:, :, None], log_determinant, covariance, step, residual_sum, effects[:, :, None]
    )


def _lowest(
    deviance: Directions | Weights, smallest: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the (R, 1) ratios where it is lowest, log-determinants and residual sums there.

    Every interval of a grid in which the deviance turns from falling to rising is searched for
    the place where it does, so that a likelihood with two peaks is no trap; zero is always a
    candidate.
    """
    n_outcomes = len(deviance.within)
    n_steps = 2 + int(np.log(deviance.last / smallest))
    grid = np.append(0, smallest * np.exp(np.arange(n_steps)))[:, None]
    slope, rise, step = slope_and_step(deviance, grid)
    rises = slope >= 0
    rises[0] |= slope[0] > -_LEVEL * rise[0]
    interval, outcomes = (rises[1:] > rises[:-1]).nonzero()
    low, high = grid[interval], grid[interval + 1]
    found = _roots(deviance.paired(outcomes), low, high, low + step[interval, outcomes, None])

    outcomes = np.concatenate([np.arange(n_outcomes), outcomes])
    ratio = np.concatenate([np.zeros((n_outcomes, 1)), found])
    log_determinant, residual_sum = deviance.paired(outcomes).at(ratio)
    height = log_determinant + deviance.divisor * np.log(residual_sum)
    best_last = np.argsort(-height[:, 0], kind="stable")
    best = np.empty(n_outcomes, int)
    best[outcomes[best_last]] = best_last  # what is assigned last stays
    return ratio[best], log_determinant[best, 0], residual_sum[best, 0]


def slope_and_step(
    deviance: Directions | Weights, ratio: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the deviance's slope times the residual sum, the determinant's, and Newton's step.

    With one root, as in a balanced design, the product with (1 + ratio root)² is a straight
    line, so it is that product's zero to which the step goes. Where it does not bend the step is
    infinite, or not a number.
    """
    residual_sum, first, second, log_first, log_second = deviance.derivatives(ratio)
    rise = residual_sum * log_first
    slope = rise - deviance.divisor * first
    curve = 2 * deviance.divisor * second - first * log_first - residual_sum * log_second
    return slope, rise, -slope / (curve + 2 * slope * log_second / log_first)


def _roots(
    deviance: Directions | Weights, low: np.ndarray, high: np.ndarray, ratio: np.ndarray
) -> np.ndarray:
    """Return where the deviance turns from falling to rising, elementwise.

    Newton's method, or half the interval where a step leads out of it.
    """
    close = _CLOSE * high
    before = low
    for _ in range(100):
        ratio = np.where((low <= ratio) & (ratio <= high), ratio, (low + high) / 2)
        if (np.abs(ratio - before) <= close).all():
            break
        slope, _, step = slope_and_step(deviance, ratio)
        falls = slope < 0
        low, high = np.where(falls, ratio, low), np.where(falls, high, ratio)
        before, ratio = ratio, ratio + step
    return ratio
