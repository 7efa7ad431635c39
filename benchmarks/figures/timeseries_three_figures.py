import numpy as np
import pandas as pd
import matplotlib.pyplot as plt

rng = np.random.default_rng(11)
index = pd.date_range("2024-01-01", periods=24 * 120, freq="h")
daily = 8 * np.sin(2 * np.pi * (index.hour - 8) / 24)
yearly = 12 * np.sin(2 * np.pi * index.dayofyear / 365)
temperature = pd.Series(15 + daily + yearly + rng.normal(0, 2, len(index)), index=index)

# Rolling mean and daily extremes
rolling = temperature.rolling("7D").mean()
extremes = temperature.resample("D").agg(["min", "max"])

fig, ax = plt.subplots(figsize=(11, 5))
ax.plot(temperature.index, temperature, lw=0.4, alpha=0.5, label="hourly")
ax.plot(rolling.index, rolling, lw=2, label="7-day mean")
ax.legend()
ax.set_title("Temperature")
plt.savefig("temperature.png", dpi=150)
plt.close()

fig, ax = plt.subplots(figsize=(11, 5))
ax.fill_between(extremes.index, extremes["min"], extremes["max"], alpha=0.4)
ax.set_title("Daily range")
plt.savefig("range.png", dpi=150)
plt.close()

# Autocorrelation up to four days
centred = temperature - temperature.mean()
lags = np.arange(0, 97)
correlation = [centred.autocorr(int(lag)) for lag in lags]

fig, ax = plt.subplots(figsize=(11, 4))
ax.stem(lags, correlation, markerfmt=" ")
ax.set_xlabel("lag in hours")
ax.set_title("Autocorrelation")
plt.savefig("autocorrelation.png", dpi=150)
plt.close()

hottest = extremes["max"].idxmax()
print(f"hottest day: {hottest:%Y-%m-%d} with {extremes['max'].max():.1f} degrees")
print(f"correlation after 24 hours: {correlation[24]:.3f}")
