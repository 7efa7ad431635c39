# Grouped statistics over a large array without pandas
import numpy as np

rng = np.random.default_rng(4)
n = 8_000_000
groups = 50_000

keys = rng.integers(0, groups, n, dtype=np.int32)
values = rng.gamma(2.0, 3.0, n)
weights = rng.random(n)
print(f"{(keys.nbytes + values.nbytes + weights.nbytes) / 1e6:.0f} MB")

# Sums, means, weighted means with bincount
counts = np.bincount(keys, minlength=groups)
sums = np.bincount(keys, weights=values, minlength=groups)
weighted = np.bincount(keys, weights=values * weights, minlength=groups)
total_weight = np.bincount(keys, weights=weights, minlength=groups)
means = sums / counts
print("Group sizes:", counts.min(), "to", counts.max())
print("Means:", means[:5].round(4), "weighted:", (weighted / total_weight)[:5].round(4))

# Variance in two passes
squares = np.bincount(keys, weights=(values - means[keys]) ** 2, minlength=groups)
std = np.sqrt(squares / (counts - 1))
print("Pooled standard deviation:", round(float(np.sqrt(squares.sum() / (n - groups))), 5))

# Medians need sorting: by key, then value
order = np.lexsort((values, keys))
sorted_values = values[order]
ends = np.cumsum(counts)
starts = ends - counts
medians = (sorted_values[starts + (counts - 1) // 2] + sorted_values[starts + counts // 2]) / 2
print("Medians:", medians[:5].round(4), "overall", round(float(np.median(values)), 4))

maxima = np.maximum.reduceat(sorted_values, starts)
minima = np.minimum.reduceat(sorted_values, starts)
print("Range of group maxima:", maxima.min().round(3), maxima.max().round(3))

# Which groups differ from the overall mean (z test, Benjamini-Hochberg)?
z = (means - values.mean()) / (std / np.sqrt(counts))
from math import erfc, sqrt

p = np.array([erfc(abs(x) / sqrt(2)) for x in z])
ranked = np.sort(p)
limit = 0.05 * np.arange(1, groups + 1) / groups
passing = np.flatnonzero(ranked <= limit)
print("Smallest p:", f"{ranked[0]:.3e}", "significant groups:", len(passing))

# Ranks within groups, and the share of the top ten values
position = np.arange(n) - np.repeat(starts, counts)
top = position >= np.repeat(counts - 10, counts)
share = np.bincount(keys[order][top], weights=sorted_values[top], minlength=groups) / sums
print(f"Top-10 share: {share.mean():.4f} (sd {share.std():.4f})")

# A histogram of all, with 2-D against the weight
hist, _, _ = np.histogram2d(values, weights, bins=(12, 4), range=((0, 30), (0, 1)))
print(hist.astype(int))
