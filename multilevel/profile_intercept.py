"""The optimum of a random-intercept model, for many outcomes at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from multilevel.sums import HospitalSums, Optimum

# Where the deviance is looked at first: the variance ratio times the size of the largest hospital,
# up to more than can occur, since what varies less within hospitals is refused.
_GRID = np.append(0, np.geomspace(1e-4, 1e20, 60))[:, None]
# A step relative to the ratio; the next would be its square.
_CLOSE = 1e-9


class _Directions(NamedTuple):
    """Directions in which hospitals differ, each independent of the others.

    What predictors leave of the outcomes, e, varies by σ² (I + ratio SZZ'S), with Z the matrix of
    hospitals and S = I - QQ'. With left and right singular vectors v and w of SZ, v'e varies by
    σ² (1 + ratio root), where root is the singular value squared; and what e has in no such
    direction varies by σ². So nothing is left to solve at any ratio, for any number of outcomes
    (Kang et al. 2008, doi:10.1534/genetics.107.080101, for the variance components of a genome).

    D directions bear on the fixed effects. Some may have a root of zero: each predictor that
    describes hospitals takes one. Of hospitals of one size all but p combine to directions that
    do not bear on them, and share one root, their size; so D is at most p times the number of
    different sizes, which is below √(2N).
    """

    roots: np.ndarray  # (D,)
    predictors: np.ndarray  # (D, p), w'Z'Q
    outcomes: np.ndarray  # (D, R), w'Z'e
    all_roots: np.ndarray  # (K,), those above zero, and of directions that bear on nothing
    counts: np.ndarray  # (K,), directions of that root
    squares: np.ndarray  # (K, R), squared length of e in these


class _Deviance(NamedTuple):
    """-2 log-likelihood, up to a constant, as a function of the variance ratio τ²/σ².

    Functions take (M, 1) ratios. Until :meth:`paired`, they combine each with each of R outcomes,
    and return (M, R); after it, with one, and return (M, 1).
    """

    roots: np.ndarray  # (K,)
    counts: np.ndarray  # (K, 1), how often they are factors of the determinant
    squares: np.ndarray  # (K, R) or (M, K, 1), squared lengths of the outcome
    within: np.ndarray  # (R,) or (M, 1), residual sum within hospitals
    divisor: int  # of the residual sum

    def paired(self, outcomes: np.ndarray) -> _Deviance:
        """Pair each of M ratios with one of the outcomes."""
        return self._replace(
            squares=self.squares.T[outcomes, :, None], within=self.within[outcomes, None]
        )

    def residual_sum(self, weight: np.ndarray) -> np.ndarray:
        """Add up the squares with (M, K) weights."""
        return (weight[:, None] @ self.squares)[:, 0]

    def parts(self, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the log-determinant and the residual sum."""
        spread = 1 + ratio * self.roots
        return np.log(spread) @ self.counts, self.within + self.residual_sum(1 / spread)

    def slope(self, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the deviance's slope times the residual sum, and Newton's step to its zero.

        With one root, as in a balanced design, the product with (1 + ratio root)² is a straight
        line, so it is that product's zero to which the step goes.
        """
        weight = 1 / (1 + ratio * self.roots)
        fall = self.roots * weight
        residual_sum = self.within + self.residual_sum(weight)
        weight *= fall
        first = self.residual_sum(weight)
        second = self.residual_sum(weight * fall)
        det_first, det_second = fall @ self.counts, fall**2 @ self.counts
        slope = residual_sum * det_first - self.divisor * first
        curve = 2 * self.divisor * second - first * det_first - residual_sum * det_second
        return slope, -slope / (curve + 2 * slope * det_second / det_first)


def fit_intercept(sums: HospitalSums, reml: bool) -> Optimum:
    """Return the optimum for each of R outcomes.

    Every interval of a grid in which the deviance turns from falling to rising is searched for
    the place where it does, so that a likelihood with two peaks is no trap; zero is always a
    candidate.
    """
    directions = _directions(sums)
    deviance = _deviance(sums, directions, reml)
    n_outcomes = len(sums.square)
    grid = _GRID / sums.sizes.max()
    slope, step = deviance.slope(grid)
    rises = slope >= 0
    interval, outcomes = (rises[1:] > rises[:-1]).nonzero()
    low, high = grid[interval], grid[interval + 1]
    found = _roots(deviance.paired(outcomes), low, high, low + step[interval, outcomes, None])

    outcomes = np.concatenate([np.arange(n_outcomes), outcomes])
    ratio = np.concatenate([np.zeros((n_outcomes, 1)), found])
    log_determinant, residual_sum = deviance.paired(outcomes).parts(ratio)
    height = log_determinant + deviance.divisor * np.log(residual_sum)
    best_last = np.argsort(-height[:, 0], kind="stable")
    best = np.empty(n_outcomes, int)
    best[outcomes[best_last]] = best_last  # what is assigned last stays

    ratio = ratio[best]
    weight = ratio / (1 + ratio * directions.roots)
    step = -(weight * directions.outcomes.T) @ directions.predictors
    covariance = directions.predictors.T @ (weight[:, :, None] * directions.predictors)
    # A hospital's mean residual, shrunken by its reliability.
    shrink = ratio * np.sqrt(sums.sizes) / (1 + ratio * sums.sizes)
    effects = shrink * (sums.outcome_lines[:, 0].T - step @ sums.lines[:, 0].T)
    return Optimum(
        ratio[:, :, None], log_determinant[best, 0], np.eye(step.shape[1]) + covariance, step,
        residual_sum[best, 0], effects[:, :, None],
    )  # fmt: skip


def _directions(sums: HospitalSums) -> _Directions:
    """Return the directions in which hospitals differ."""
    lines, outcomes, sizes = sums.lines[:, 0], sums.outcome_lines[:, 0], sums.sizes
    p = lines.shape[1]
    of_size = np.bincount(sizes)
    common = (of_size > p).nonzero()[0]
    rest = np.empty((len(common), outcomes.shape[1]))
    if len(common) > 0:
        alone = of_size[sizes] <= p
        blocks = [(sizes[alone], lines[alone], outcomes[alone])]
        for k, size in enumerate(common):
            rows = sizes == size
            basis, triangle = np.linalg.qr(lines[rows])
            along = basis.T @ outcomes[rows]
            blocks.append((np.full(p, size), triangle, along))
            rest[k] = ((outcomes[rows] - basis @ along) ** 2).sum(axis=0)
        sizes, lines, outcomes = map(np.concatenate, zip(*blocks, strict=True))

    # SZ in coordinates that it shares with e: hospitals, and the deviations of each column of Q.
    lengths, spread = np.sqrt(sizes), sums.gram.diagonal()
    within = spread > 0
    depth = np.sqrt(spread[within])[:, None]
    matrix = np.concatenate([np.eye(len(sizes)) - lines @ lines.T, -depth * lines.T[within]])
    own = np.concatenate([outcomes, sums.cross[within] / depth])
    left, above, right = np.linalg.svd(matrix * lengths, full_matrices=False)
    n_roots = len(sizes) - np.count_nonzero(~within)
    above[n_roots:] = 0
    outcomes = left.T @ own
    return _Directions(
        above**2, right @ (lengths[:, None] * lines), above[:, None] * outcomes,
        np.concatenate([above[:n_roots] ** 2, common]),
        np.concatenate([np.ones(n_roots), of_size[common] - p]),
        np.concatenate([outcomes[:n_roots] ** 2, rest]),
    )  # fmt: skip


def _deviance(sums: HospitalSums, directions: _Directions, reml: bool) -> _Deviance:
    """Return the deviance. By ML its determinant is that of hospitals, whatever the predictors."""
    roots, counts, squares = directions.all_roots, directions.counts, directions.squares
    divisor = sums.n_obs - sums.lines.shape[2]
    if not reml:
        divisor, of_size = sums.n_obs, np.bincount(sums.sizes)
        sizes = of_size.nonzero()[0]
        counts = np.concatenate([np.zeros(len(roots)), of_size[sizes]])
        roots = np.concatenate([roots, sizes])
        squares = np.concatenate([squares, np.zeros((len(sizes), squares.shape[1]))])
    return _Deviance(roots, counts[:, None], squares, sums.within, divisor)


def _roots(deviance: _Deviance, low: np.ndarray, high: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """Return where the deviance turns from falling to rising, elementwise.

    Newton's method, or half the interval where a step leads out of it.
    """
    before = low
    for _ in range(100):
        ratio = np.where((low <= ratio) & (ratio <= high), ratio, (low + high) / 2)
        if (np.abs(ratio - before) <= _CLOSE * ratio).all():
            break
        slope, step = deviance.slope(ratio)
        falls = slope < 0
        low, high = np.where(falls, ratio, low), np.where(falls, high, ratio)
        before, ratio = ratio, ratio + step
    return ratio
