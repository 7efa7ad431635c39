import os

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

os.makedirs("figures", exist_ok=True)
plt.rcParams["figure.dpi"] = 110

# Simulate 25 years of daily weather at six stations
rng = np.random.default_rng(1)
days = pd.date_range("2000-01-01", "2024-12-31")
stations = ["Aachen", "Bremen", "Dresden", "Freiburg", "Kiel", "Passau"]
season = np.sin(2 * np.pi * (days.dayofyear.to_numpy() - 105) / 365.25)
frames = []
for i, station in enumerate(stations):
    trend = 0.03 * (days.year.to_numpy() - 2000)
    temperature = 9 + 0.5 * i + 9.5 * season + trend + rng.normal(0, 3.2, len(days))
    rain = np.where(rng.random(len(days)) < 0.42, rng.gamma(0.7, 7, len(days)), 0)
    frames.append(
        pd.DataFrame({"date": days, "station": station, "temp": temperature, "rain": rain})
    )
weather = pd.concat(frames, ignore_index=True)
print(weather.groupby("station")[["temp", "rain"]].mean().round(2))

# Figure 1: annual means and their trend
annual = weather.groupby([weather["date"].dt.year, "station"])["temp"].mean().unstack()
fig, ax = plt.subplots(figsize=(9, 5))
annual.plot(ax=ax, alpha=0.7)
slope, intercept = np.polyfit(annual.index, annual.mean(axis=1), 1)
ax.plot(
    annual.index, intercept + slope * annual.index, "k--", label=f"{slope * 10:.2f} °C per decade"
)
ax.set_ylabel("°C")
ax.legend(ncol=2, fontsize=8)
fig.savefig("figures/annual.png")
plt.close(fig)
print(f"Trend: {slope * 10:.3f} °C per decade")

# Figure 2: seasonal cycle with percentiles
doy = weather.groupby(weather["date"].dt.dayofyear)["temp"]
bands = doy.quantile([0.05, 0.25, 0.5, 0.75, 0.95]).unstack()
fig, ax = plt.subplots(figsize=(9, 5))
ax.fill_between(bands.index, bands[0.05], bands[0.95], alpha=0.2, label="5-95 %")
ax.fill_between(bands.index, bands[0.25], bands[0.75], alpha=0.4, label="25-75 %")
ax.plot(bands.index, bands[0.5], color="tab:red", label="median")
ax.legend()
fig.savefig("figures/season.png")
plt.close(fig)

# Figure 3: heat map of monthly rain
monthly = weather.groupby([weather["date"].dt.year, weather["date"].dt.month])[
    "rain"
].sum().unstack() / len(stations)
fig, ax = plt.subplots(figsize=(8, 7))
image = ax.imshow(monthly, cmap="Blues", aspect="auto")
ax.set_xticks(range(12), list("JFMAMJJASOND"))
ax.set_yticks(range(len(monthly)), monthly.index)
fig.colorbar(image, label="mm")
fig.savefig("figures/rain.png")
plt.close(fig)
print("Wettest month on average:", int(monthly.mean().idxmax()))

# Figure 4: distributions by station
fig, axes = plt.subplots(2, 3, figsize=(12, 7), sharex=True, sharey=True)
for ax, (station, data) in zip(axes.flat, weather.groupby("station")):
    ax.hist(data["temp"], bins=60, density=True, alpha=0.7)
    ax.axvline(data["temp"].mean(), color="k", lw=1)
    ax.set_title(station)
fig.tight_layout()
fig.savefig("figures/distributions.png")
plt.close(fig)

# Figure 5: heat waves (at least five days above the 90th percentile)
threshold = weather.groupby("station")["temp"].transform(lambda t: t.quantile(0.9))
hot = weather["temp"] > threshold
run = (hot != hot.shift()).cumsum()
waves = (
    weather[hot]
    .groupby([weather["station"], run])
    .agg(days=("temp", "size"), start=("date", "min"))
)
waves = waves[waves["days"] >= 4]
fig, ax = plt.subplots(figsize=(9, 4))
waves["start"].dt.year.value_counts().sort_index().plot.bar(ax=ax, color="tab:orange")
ax.set_ylabel("heat waves")
fig.tight_layout()
fig.savefig("figures/heatwaves.png")
plt.close(fig)
print("Heat waves:", len(waves), "longest:", int(waves["days"].max()), "days")
print(sorted(os.listdir("figures")))
