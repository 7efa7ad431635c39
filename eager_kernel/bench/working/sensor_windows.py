import numpy as np
import pandas as pd

rng = np.random.default_rng(99)

# 120 sensors, one reading a minute for two weeks
sensors, minutes = 120, 14 * 24 * 60
index = pd.date_range("2025-01-06", periods=minutes, freq="min")
daily = 4 * np.sin(2 * np.pi * np.arange(minutes) / 1440)
values = 20 + daily[:, None] + rng.normal(0, 0.6, (minutes, sensors)).cumsum(axis=0) * 0.02
values += rng.normal(0, 0.3, values.shape)

# Faults: spikes, flat lines, drifts
truth = np.zeros(values.shape, dtype=bool)
for _ in range(600):
    s, t = rng.integers(sensors), rng.integers(minutes - 60)
    kind = rng.integers(3)
    if kind == 0:
        values[t, s] += rng.choice([-1, 1]) * rng.uniform(6, 12)
        truth[t, s] = True
    elif kind == 1:
        values[t : t + 45, s] = values[t, s]
        truth[t : t + 45, s] = True
    else:
        values[t : t + 60, s] += np.linspace(0, 8, 60)
        truth[t : t + 60, s] = True

wide = pd.DataFrame(values, index=index, columns=[f"s{i:03d}" for i in range(sensors)])
print("Readings:", wide.size, f"({wide.memory_usage().sum() / 1e6:.0f} MB)")

# Rolling statistics over one hour
mean = wide.rolling(60, center=True, min_periods=20).mean()
std = wide.rolling(60, center=True, min_periods=20).std()
zscore = ((wide - mean) / std).abs()
spikes = zscore > 4.5
print("Spikes:", int(spikes.to_numpy().sum()))

flat = wide.diff().abs().rolling(20).max() < 1e-9
print("Flat minutes:", int(flat.to_numpy().sum()))

slope = (wide.rolling(10).mean() - wide.rolling(10).mean().shift(30)).abs()
drift = slope > 3.2
print("Drifting minutes:", int(drift.to_numpy().sum()))

flagged = (spikes | flat | drift).to_numpy()
tp = (flagged & truth).sum()
print(f"Precision {tp / flagged.sum():.3f}, recall {tp / truth.sum():.3f}")

# Long format, hourly aggregates for each sensor
long = wide.stack().rename("value").rename_axis(["time", "sensor"]).reset_index()
hourly = long.groupby(["sensor", pd.Grouper(key="time", freq="h")])["value"].agg(
    ["mean", "min", "max", "std"]
)
print(hourly.head().round(2))
worst = pd.Series(flagged.mean(axis=0), index=wide.columns).nlargest(5)
print("Sensors with most faults:")
print((worst * 100).round(2))

# Repair: interpolate what was flagged
repaired = wide.mask(flagged).interpolate(limit=120).bfill()
print("Mean absolute change:", round(float((repaired - wide).abs().to_numpy().mean()), 5))
print("Correlation of s000 and s001:", round(repaired["s000"].corr(repaired["s001"]), 4))
