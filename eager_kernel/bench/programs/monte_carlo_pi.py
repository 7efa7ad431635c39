import numpy as np
import time

# Estimate pi with Monte Carlo sampling
def estimate_pi(n, rng):
    x = rng.random(n)
    y = rng.random(n)
    inside = (x * x + y * y) <= 1.0
    return 4 * inside.mean()

rng = np.random.default_rng(2024)

print(f"{'samples':>12} {'estimate':>10} {'error':>10} {'seconds':>9}")
for exponent in range(2, 8):
    n = 10 ** exponent
    start = time.time()
    estimate = estimate_pi(n, rng)
    elapsed = time.time() - start
    print(f"{n:>12,} {estimate:>10.6f} {abs(estimate - np.pi):>10.6f} {elapsed:>9.4f}")

# Standard error over repeated runs
runs = np.array([estimate_pi(100_000, rng) for _ in range(100)])
print(f"Mean of 100 runs: {runs.mean():.5f} ± {runs.std(ddof=1):.5f}")
low, high = np.percentile(runs, [2.5, 97.5])
print(f"95 % interval: [{low:.5f}, {high:.5f}]")
print("Contains pi:", low <= np.pi <= high)
