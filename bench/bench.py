"""Compare profile_reml with other packages: CPU time, memory, and how the cost grows.

    make bench

Every contestant fits the same simulated data on one core (the Makefile says so to the libraries
of linear algebra), in turn, several times; the table
shows the median CPU milliseconds a fit and how many times as long it took as ``profile_reml``. The
log-likelihoods must agree. A contestant whose next fit would take more than a minute sits out.
Nothing is stored: times belong to the machine on which they were measured.
"""

import re
import shutil
import subprocess
import tempfile
import time
import warnings
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import glmm
import mixedlm
import numpy as np
import pandas as pd
from statsmodels.regression.mixed_linear_model import MixedLM

from multilevel.profile import profile_reml

HERE = Path(__file__).parent
SIZES = [(100, 3), (600, 30), (10_000, 100), (100_000, 1000), (100_000, 10_000), (1_000_000, 3),
         (1_000_000, 10_000)]  # fmt: skip
SIZES_UNEQUAL = [(600, 30), (10_000, 300), (100_000, 2000), (1_000_000, 4000)]
SIZES_WITH_SLOPE = [(100, 3), (600, 30), (10_000, 100), (100_000, 1000)]
REPETITIONS = 5
PATIENCE = 60.0  # seconds


def simulate(n, j, with_slope=False, n_outcomes=1, unequal=False):
    """Return outcome, predictors, and the hospital of each patient."""
    rng = np.random.default_rng([n, j])
    if unequal:  # from a few patients to several times the mean
        share = rng.exponential(size=j)
        group = rng.choice(j, n - j, p=share / share.sum())
    else:
        group = rng.integers(0, j, n - j)
    group = np.sort(np.concatenate([np.arange(j), group]))
    x = rng.normal(size=n)
    u0, u1 = rng.normal(size=(2, j, n_outcomes))
    y = 50 - 3 * x[:, None] + u0[group] + rng.normal(0, 2, (n, n_outcomes))
    if with_slope:
        y += 0.5 * u1[group] * x[:, None]
    return (y if n_outcomes > 1 else y[:, 0]), np.column_stack([np.ones(n), x]), group


def ours(y, x, group, with_slope):
    slope = x[:, 1] if with_slope else None
    return profile_reml(y, x, group, slope=slope).log_likelihood


def by_statsmodels(y, x, group, with_slope):
    return MixedLM(y, x, group, exog_re=x if with_slope else None).fit().llf


def by_mixedlm(y, x, group, with_slope):
    data = pd.DataFrame({"y": y, "x": x[:, 1], "g": group})
    formula = "y ~ x + (x | g)" if with_slope else "y ~ x + (1 | g)"
    return float(mixedlm.lmer(formula, data).logLik().value)


def by_glmm(y, x, group, with_slope):
    formula = "y ~ 1 + x + (1 + x | g)" if with_slope else "y ~ 1 + x + (1 | g)"
    return glmm.fit({"y": y, "x": x[:, 1], "g": group}, formula, satterthwaite=False).loglik


CONTESTANTS = {
    "profile_reml": ours,
    "statsmodels": by_statsmodels,
    "mixedlm": by_mixedlm,
    "glmm": by_glmm,
}


def cpu_seconds(run, *arguments):
    """Return the CPU seconds of one run, averaged over a tenth of a second, and its result."""
    start, times, result = time.process_time(), 0, None
    while times == 0 or time.process_time() - start < 0.1:
        result, times = run(*arguments), times + 1
    return (time.process_time() - start) / times, result


class LmeFour:
    """lme4 in one R process, which takes its own time."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["Rscript", HERE / "lme4.R"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def fit(self, y, x, group, with_slope, times):
        """Return CPU seconds of lmer and of refit, the log-likelihood, and megabytes."""
        with tempfile.NamedTemporaryFile() as file:
            np.column_stack([y, x[:, 1], group.astype(float)]).T.tofile(file.name)
            kind = "slope" if with_slope else "intercept"
            words = file.name, len(y), group[-1] + 1, kind, times
            print(*words, file=self.process.stdin, flush=True)
            return [float(word) for word in self.process.stdout.readline().split()]


def compare(sizes, lme4, with_slope=False, unequal=False):
    """Print a table of times and ratios, one row a size."""
    names = [*CONTESTANTS, *(["lmer", "refit"] if lme4 else [])]
    print(f"{'N':>9} {'J':>6} " + "".join(f"{name:>22}" for name in names))
    last = dict.fromkeys(names, (1, 0.0))
    for n, j in sizes:
        data = simulate(n, j, with_slope, unequal=unequal)
        seconds, heights = {name: [] for name in names}, {}
        for _ in range(REPETITIONS):
            for name, run in CONTESTANTS.items():
                before, took = last[name]
                if took * max(n / before, 1) > PATIENCE or sum(seconds[name]) > PATIENCE / 3:
                    continue
                spent, heights[name] = cpu_seconds(run, *data, with_slope)
                seconds[name].append(spent)
            if lme4 and sum(seconds["lmer"]) < PATIENCE / 3:
                times = max(1, 10_000 // n)
                fresh, again, heights["lmer"], _ = lme4.fit(*data, with_slope, times)
                seconds["lmer"].append(fresh)
                seconds["refit"].append(again)
        median = {name: np.median(taken) for name, taken in seconds.items() if taken}
        last |= {name: (n, took) for name, took in median.items()}
        cells = [
            f"{1e3 * median[name]:.2f} ms{median[name] / median['profile_reml']:8.1f} x"
            if name in median
            else "-"
            for name in names
        ]
        print(f"{n:>9} {j:>6} " + "".join(f"{cell:>22}" for cell in cells), flush=True)
        for name, height in heights.items():
            gap = float(height - heights["profile_reml"])
            if abs(gap) > 1e-3:
                print(f"{'':>17}the log-likelihood of {name} differs by {gap:+.3g}")


def batches(with_slope):
    """Print the time of a fit in batches, against glmm."""
    print(f"{'N':>9} {'J':>6} {'R':>6} {'profile_reml':>18} {'glmm':>14} {'ratio':>9}")
    for n, j, n_outcomes in [(90, 3, 1000), (600, 30, 1000), (2000, 100, 1000), (20_000, 300, 100)]:
        y, x, group = simulate(n, j, with_slope, n_outcomes)
        batch, single = [], []
        for r in range(REPETITIONS):
            batch.append(cpu_seconds(ours, y, x, group, with_slope)[0] / n_outcomes)
            own = np.ascontiguousarray(y[:, r])
            single.append(cpu_seconds(by_glmm, own, x, group, with_slope)[0])
        own, theirs = 1e3 * np.median(batch), 1e3 * np.median(single)
        print(f"{n:>9} {j:>6} {n_outcomes:>6} {own:>15.4f} ms {theirs:>11.3f} ms "
              f"{theirs / own:>7.1f} x", flush=True)  # fmt: skip


def growth():
    """Print the slope of log cost on log size, for a random intercept and with a slope."""
    grids = {
        "N (J = 100)": [(n, 100, 1) for n in (1000, 10_000, 100_000, 1_000_000)],
        "J (N = 100,000)": [(100_000, j, 1) for j in (3, 30, 300, 3000, 10_000)],
        "R (N = 600, J = 30)": [(600, 30, r) for r in (1, 10, 100, 1000)],
    }
    for (label, grid), with_slope in product(grids.items(), [False, True]):
        varied = np.array(grid)[:, "NJR".index(label[0])]
        taken = []
        for n, j, n_outcomes in grid:
            data = simulate(n, j, with_slope, n_outcomes)
            runs = [cpu_seconds(ours, *data, with_slope)[0] for _ in range(3)]
            taken.append(np.median(runs))
        steps = np.diff(np.log(taken)) / np.diff(np.log(varied))
        overall = np.polyfit(np.log(varied), np.log(taken), 1)[0]
        print(f"{label:<20} {'slope' if with_slope else 'intercept':<10}"
              f"{overall:5.2f} over all, {steps[-1]:5.2f} in the last step: "
              + ", ".join(f"{1e3 * seconds:.2f}" for seconds in taken) + " ms")  # fmt: skip


def high_water():
    """Return the peak of this process's memory in megabytes."""
    return int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def peak(run, data):
    """Return by how many megabytes one fit raises the peak of this process; needs Linux."""
    run(*simulate(100, 3), False)  # what the first fit loads is not of the fit
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts here
    before = high_water()
    run(*data, False)
    return high_water() - before


def memory(lme4):
    """Print the memory of one fit above its data, each in a process of its own."""
    for n, j in [(100_000, 1000), (1_000_000, 10_000)]:
        data = simulate(n, j)
        cells = []
        for name, run in CONTESTANTS.items():
            if name == "statsmodels" and n > 100_000:
                continue
            with get_context("fork").Pool(1) as process:
                cells.append(f"{name} {process.apply(peak, (run, data)):.0f} MB")
        if lme4:
            cells.append(f"lmer {lme4.fit(*data, False, 1)[3]:.0f} MB")
        print(f"{n:>9} {j:>6}   " + ", ".join(cells), flush=True)


def main():
    lme4 = LmeFour() if shutil.which("Rscript") else None
    if Path("/proc/self/clear_refs").exists():  # first, while memory is not yet fragmented
        print("Peak memory of a fit above its data")
        memory(lme4)
    print("\nCPU milliseconds a fit, and times profile_reml. One core each.\n")
    print("Random intercept")
    compare(SIZES, lme4)
    print("\nRandom intercept, hospitals of very different sizes")
    compare(SIZES_UNEQUAL, lme4, unequal=True)
    print("\nRandom intercept and slope")
    compare(SIZES_WITH_SLOPE, lme4, with_slope=True)
    for with_slope in (False, True):
        print(f"\nBatches of R outcomes, a fit, {'with' if with_slope else 'without'} slope")
        batches(with_slope)
    print("\nSlope of log cost of profile_reml")
    growth()


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of the other packages; that all agree is checked
    main()
