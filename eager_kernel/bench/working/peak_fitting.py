# Fit overlapping peaks in 150 spectra, and find out how well the parameters are determined
import numpy as np
import pandas as pd
from scipy.optimize import curve_fit, differential_evolution
from scipy.signal import find_peaks, savgol_filter

rng = np.random.default_rng(8)
x = np.linspace(0, 100, 600)


def gauss(x, height, centre, width):
    return height * np.exp(-0.5 * ((x - centre) / width) ** 2)


def model(x, *p):
    base = p[0] + p[1] * x
    return base + sum(gauss(x, *p[i : i + 3]) for i in range(2, len(p), 3))


truth, spectra = [], []
for _ in range(150):
    centres = np.sort(rng.uniform(15, 85, 3)) + np.array([0, 4, 8])
    p = [rng.uniform(0, 1), rng.uniform(-0.005, 0.01)]
    for c in centres:
        p += [rng.uniform(3, 10), c, rng.uniform(1.2, 3.0)]
    truth.append(p)
    spectra.append(model(x, *p) + rng.normal(0, 0.25, len(x)))
print("Spectra:", len(spectra), "points:", len(x))

rows, failed = [], 0
for number, (p, y) in enumerate(zip(truth, spectra)):
    smooth = savgol_filter(y, 21, 3)
    peaks, info = find_peaks(smooth, prominence=1.2, distance=15)
    chosen = np.sort(peaks[np.argsort(info["prominences"])[-3:]])
    guess = [np.percentile(y, 10), 0.0]
    for peak in chosen:
        guess += [smooth[peak], x[peak], 2.0]
    try:
        fitted, covariance = curve_fit(model, x, y, guess, maxfev=4000)
    except RuntimeError:
        failed += 1
        continue
    if len(fitted) != len(p):
        failed += 1
        continue
    error = np.sqrt(np.diag(covariance))
    for k in range(3):
        i = 2 + 3 * k
        rows.append(
            (
                number,
                k,
                fitted[i + 1] - p[i + 1],
                error[i + 1],
                fitted[i] / p[i] - 1,
                abs(fitted[i + 2]) - p[i + 2],
            )
        )

fits = pd.DataFrame(rows, columns=["spectrum", "peak", "shift", "sigma", "height", "width"])
print(f"{fits['spectrum'].nunique()} fitted, {failed} with fewer peaks than expected")
print(fits[["shift", "height", "width"]].describe(percentiles=[0.05, 0.5, 0.95]).round(4))
good = fits[fits["shift"].abs() < 1]
pull = good["shift"] / good["sigma"]
print(f"Pull: mean {pull.mean():.3f}, width {pull.std():.3f} (should be 0 and 1)")

# The hardest spectrum once more, with a global optimiser
worst = int(fits.loc[fits["shift"].abs().idxmax(), "spectrum"])
y = spectra[worst]
bounds = [(0, 2), (-0.02, 0.02)] + [(0.5, 12), (5, 100), (0.8, 4)] * 3
result = differential_evolution(
    lambda p: ((model(x, *p) - y) ** 2).sum(), bounds, seed=8, maxiter=150, popsize=8, polish=True
)
centres = np.sort(result.x[3::3])
print(f"Spectrum {worst}: chi2/n {result.fun / len(x) / 0.25**2:.3f}")
print("Centres:", centres.round(2), "true:", np.sort(truth[worst][3::3]).round(2))
