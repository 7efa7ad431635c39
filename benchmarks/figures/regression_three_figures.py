import numpy as np
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

rng = np.random.default_rng(42)
n = 400
x = rng.uniform(0, 10, n)
noise = rng.normal(0, 1 + 0.2 * x, n)
y = 2.5 * x + 4 + noise

# Fit a straight line and keep the residuals
slope, intercept = np.polyfit(x, y, 1)
fitted = slope * x + intercept
residuals = y - fitted
r2 = 1 - np.sum(residuals**2) / np.sum((y - y.mean()) ** 2)
print(f"y = {slope:.3f} x + {intercept:.3f}, R2 = {r2:.3f}")

plt.figure(figsize=(8, 6))
plt.scatter(x, y, s=12, alpha=0.5, label="data")
order = np.argsort(x)
plt.plot(x[order], fitted[order], color="red", label="fit")
plt.xlabel("x")
plt.ylabel("y")
plt.legend()
plt.title("Data and fit")
plt.savefig("fit.png", dpi=120, bbox_inches="tight")
plt.close()

plt.figure(figsize=(8, 6))
plt.scatter(fitted, residuals, s=12, alpha=0.5)
plt.axhline(0, color="black", lw=1)
plt.xlabel("fitted")
plt.ylabel("residual")
plt.title("Residuals against fitted values")
plt.savefig("residuals.png", dpi=120, bbox_inches="tight")
plt.close()

# Bootstrap the slope
slopes = []
for _ in range(2000):
    pick = rng.integers(0, n, n)
    slopes.append(np.polyfit(x[pick], y[pick], 1)[0])
low, high = np.percentile(slopes, [2.5, 97.5])

plt.figure(figsize=(8, 6))
plt.hist(slopes, bins=50, color="steelblue", edgecolor="white")
plt.axvline(low, color="red", ls="--")
plt.axvline(high, color="red", ls="--")
plt.title("Bootstrap distribution of the slope")
plt.savefig("bootstrap.png", dpi=120, bbox_inches="tight")
plt.close()

print(f"95 % interval of the slope: [{low:.3f}, {high:.3f}]")
