"""The deviance of a random-intercept model as a function of the variance ratio τ²/σ²."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from multilevel.sums import HospitalSums

# Times the size of the largest hospital: a ratio from which every deviance rises. What varies less
# within hospitals is refused.
_NEVER_REACHED = 1e40


class Rows(NamedTuple):
    """The data in as few rows as the likelihood needs, independent of each other.

    A row of (Q, e) is √n times the mean of a hospital of n patients, and varies by
    σ² (1 + n ratio); or, with a size of 0, what deviates from the means in the direction of a
    column of Q. Hospitals of one size may be turned into each other until only p of them have
    predictors; of the others the squared length is enough. So there are at most p rows for each
    different size, of which there are fewer than √(2N).
    """

    sizes: np.ndarray  # (D,)
    predictors: np.ndarray  # (D, p)
    outcomes: np.ndarray  # (D, R)
    bare_sizes: np.ndarray  # (K,), of rows without predictors
    bare_counts: np.ndarray  # (K,)
    bare_squares: np.ndarray  # (K, R)
    within: np.ndarray  # (R,), what the columns of Q leave of the deviations
    of_size: np.ndarray  # (largest size + 1,), hospitals
    n_obs: int

    @classmethod
    def of(cls, sums: HospitalSums) -> Rows:
        """Turn hospitals of one size into each other."""
        sizes, lines, outcomes = sums.sizes, sums.lines[:, 0], sums.outcome_lines[:, 0]
        p = lines.shape[1]
        of_size = np.bincount(sizes)
        common = (of_size > p).nonzero()[0]
        alone = of_size[sizes] <= p
        blocks = [(sizes[alone], lines[alone], outcomes[alone])]
        squares = np.empty((len(common), outcomes.shape[1]))
        for k, size in enumerate(common):
            own = sizes == size
            basis, triangle = np.linalg.qr(lines[own])
            along = basis.T @ outcomes[own]
            blocks.append((np.full(p, size), triangle, along))
            squares[k] = ((outcomes[own] - basis @ along) ** 2).sum(axis=0)
        varies = sums.spread > 0
        depth = np.sqrt(sums.spread[varies])[:, None]
        blocks.append((np.zeros(len(depth)), np.eye(p)[varies] * depth, sums.cross[varies] / depth))
        return cls(
            *map(np.concatenate, zip(*blocks, strict=True)), common, of_size[common] - p, squares,
            sums.within, of_size, sums.n_obs,
        )  # fmt: skip

    def parts(self, number: int) -> list[Rows]:
        """Return the rows with a part of the outcomes each."""
        outcomes = np.array_split(np.arange(len(self.within)), number)
        return [
            self._replace(
                outcomes=self.outcomes[:, part],
                bare_squares=self.bare_squares[:, part],
                within=self.within[part],
            )
            for part in outcomes
        ]

    def hospitals(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the C different sizes of hospitals, and how many there are of each."""
        sizes = self.of_size.nonzero()[0]
        return sizes, self.of_size[sizes]

    def divisor(self, reml: bool) -> int:
        """Return what the residual sum is divided by."""
        return self.n_obs - self.predictors.shape[1] if reml else self.n_obs

    def estimates(self, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the (R, p) coefficients of e on Q, and (Q'V⁻¹Q)⁻¹, at (R, 1) ratios."""
        p = self.predictors.shape[1]
        weight = 1 / (1 + ratio * self.sizes)
        products = self.predictors[:, :, None] * self.predictors[:, None]
        gram = (weight @ products.reshape(-1, p * p)).reshape(-1, p, p)
        cross = (weight * self.outcomes.T) @ self.predictors
        covariance = np.linalg.inv(gram)
        return (covariance @ cross[:, :, None])[:, :, 0], covariance


class RatioDerivatives(NamedTuple):
    """By the variance ratio: (M, R), or (M, 1) of pairs of a ratio with an outcome."""

    residual_sum: np.ndarray
    first: np.ndarray  # by how much it falls
    second: np.ndarray  # half of its second derivative
    log_first: np.ndarray  # by how much the log-determinant rises
    log_second: np.ndarray  # by how much that falls


class Directions(NamedTuple):
    """The deviance by directions in which outcomes vary independently of each other.

    What predictors leave of the outcomes, e, varies by σ² (S + ratio SZZ'S), with Z the matrix of
    hospitals and S = I - QQ'. Along a left singular vector of SZ it varies by σ² (1 + ratio root),
    where root is the singular value squared; orthogonally to all of these, and to Q, by σ². So
    nothing is left to solve at any ratio, for any number of outcomes (Kang et al. 2008,
    doi:10.1534/genetics.107.080101, for the variance components of a genome). But to find the
    directions costs the cube of their number.

    Functions take (M, 1) ratios. Until :meth:`paired`, they combine each with each of R outcomes.
    """

    roots: np.ndarray  # (K,)
    counts: np.ndarray  # (K, 1), how often they are factors of the determinant
    squares: np.ndarray  # (K, R) or (M, K, 1), squared lengths of the outcome
    within: np.ndarray  # (R,) or (M, 1)
    divisor: int  # of the residual sum
    last: float  # from this ratio on every deviance rises

    @classmethod
    def of(cls, rows: Rows, reml: bool) -> Directions:
        """Find them. By ML the determinant is that of hospitals, whatever the predictors."""
        matrix = np.eye(len(rows.sizes)) - rows.predictors @ rows.predictors.T
        left, above, _ = np.linalg.svd(matrix * np.sqrt(rows.sizes))
        # Of the directions Q has taken p, whose roots are zero.
        n_roots = len(rows.sizes) - rows.predictors.shape[1]
        roots = np.concatenate([above[:n_roots] ** 2, rows.bare_sizes])
        counts = np.concatenate([np.ones(n_roots), rows.bare_counts])
        squares = np.concatenate([(left[:, :n_roots].T @ rows.outcomes) ** 2, rows.bare_squares])
        # From 1/root on, a term of the determinant has at least half of the slope that it comes
        # to, 1/ratio; and the residual sum at most that of its own.
        fall = (1 / roots @ squares / rows.within).max()
        last = max(1 / roots.min(), 2 * rows.divisor(reml) * fall / counts.sum())
        if not reml:
            sizes, of_size = rows.hospitals()
            counts = np.concatenate([np.zeros(len(roots)), of_size])
            roots = np.concatenate([roots, sizes])
            squares = np.concatenate([squares, np.zeros((len(sizes), squares.shape[1]))])
        return cls(roots, counts[:, None], squares, rows.within, rows.divisor(reml), last)

    def paired(self, outcomes: np.ndarray) -> Directions:
        """Pair each of M ratios with one of the outcomes."""
        return self._replace(
            squares=self.squares.T[outcomes, :, None], within=self.within[outcomes, None]
        )

    def sum(self, weight: np.ndarray) -> np.ndarray:
        """Add up the squares with (M, K) weights."""
        return (weight[:, None] @ self.squares)[:, 0]

    def at(self, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the log-determinant and the residual sum."""
        spread = 1 + ratio * self.roots
        return np.log(spread) @ self.counts, self.within + self.sum(1 / spread)

    def derivatives(self, ratio: np.ndarray) -> RatioDerivatives:
        """Return those of the log-determinant and the residual sum."""
        weight = 1 / (1 + ratio * self.roots)
        fall = self.roots * weight
        residual_sum = self.within + self.sum(weight)
        weight *= fall
        return RatioDerivatives(
            residual_sum, self.sum(weight), self.sum(weight * fall),
            fall @ self.counts, fall**2 @ self.counts,
        )  # fmt: skip


class Weights(NamedTuple):
    """The deviance by generalised least squares, solved at each ratio.

    What is left of a row is squared, and nothing subtracted from it, which at large ratios would
    cost digits. Functions are those of :class:`Directions`.
    """

    sizes: np.ndarray  # (D,)
    predictors: np.ndarray  # (D, p)
    outcomes: np.ndarray  # (D, R) or (M, D, 1)
    within: np.ndarray  # (R,) or (M, 1)
    hospitals: np.ndarray  # (C,), different sizes
    counts: np.ndarray  # (C, 1)
    reml: bool
    divisor: int
    last: float

    @classmethod
    def of(cls, rows: Rows, reml: bool) -> Weights:
        """Put all rows together."""
        n_bare, p = len(rows.bare_sizes), rows.predictors.shape[1]
        sizes, counts = rows.hospitals()
        return cls(
            np.concatenate([rows.sizes, rows.bare_sizes]),
            np.concatenate([rows.predictors, np.zeros((n_bare, p))]),
            np.concatenate([rows.outcomes, np.sqrt(rows.bare_squares)]),
            rows.within, sizes, counts[:, None], reml, rows.divisor(reml),
            _NEVER_REACHED / sizes[-1],
        )  # fmt: skip

    def paired(self, outcomes: np.ndarray) -> Weights:
        """Pair each of M ratios with one of the outcomes."""
        return self._replace(
            outcomes=self.outcomes.T[outcomes, :, None], within=self.within[outcomes, None]
        )

    def solve(self, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the (M, D) weights, Q'V⁻¹, Q'V⁻¹Q, and what is left of the rows."""
        weight = 1 / (1 + ratio * self.sizes)
        weighted = weight[:, None] * self.predictors.T
        gram = weighted @ self.predictors
        coefficients = np.linalg.solve(gram, weighted @ self.outcomes)
        return weight, weighted, gram, self.outcomes - self.predictors @ coefficients

    def at(self, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the log-determinant and the residual sum."""
        weight, _, gram, left = self.solve(ratio)
        log_determinant = np.log(1 + ratio * self.hospitals) @ self.counts
        if self.reml:
            log_determinant += np.linalg.slogdet(gram)[1][:, None]
        return log_determinant, self.within + (weight[:, None] @ left**2)[:, 0]

    def derivatives(self, ratio: np.ndarray) -> RatioDerivatives:
        """Return those of the log-determinant and the residual sum.

        The coefficients change with the ratio; but the residual sum is lowest at them, so that
        it is only in its second derivative that this counts.
        """
        weight, weighted, gram, left = self.solve(ratio)
        fall = self.sizes * weight
        squares = np.stack([weight, weight * fall, weight * fall**2], axis=1) @ left**2
        along = (weighted * fall[:, None]) @ left
        bend = squares[:, 2] - (along * np.linalg.solve(gram, along)).sum(axis=1)
        of_hospitals = self.hospitals / (1 + ratio * self.hospitals)
        log_first, log_second = of_hospitals @ self.counts, of_hospitals**2 @ self.counts
        if self.reml:
            once = np.linalg.solve(gram, (weighted * fall[:, None]) @ self.predictors)
            twice = np.linalg.solve(gram, (weighted * fall[:, None] ** 2) @ self.predictors)
            log_first -= once.trace(axis1=1, axis2=2)[:, None]
            log_second += (once @ once - 2 * twice).trace(axis1=1, axis2=2)[:, None]
        return RatioDerivatives(
            self.within + squares[:, 0], squares[:, 1], bend, log_first, log_second
        )
