import numpy as np
import pandas as pd

# Read the observations
weather = pd.read_csv("data/weather.csv", parse_dates=["date"])
weather["tmean"] = (weather["tmin"] + weather["tmax"]) / 2
weather["wind_kmh"] = weather.groupby("station")["wind_kmh"].transform(lambda s: s.interpolate())
print(weather.describe().round(2))

# Yearly means per station
yearly = weather.groupby(["station", weather["date"].dt.year])["tmean"].mean().unstack(0)
print(yearly.round(2))

# Linear trend in degrees per decade
for station in yearly.columns:
    slope, intercept = np.polyfit(yearly.index, yearly[station], 1)
    print(f"{station:8s} {slope * 10:+.2f} °C per decade")

# Hot days and frost days
weather["hot"] = weather["tmax"] >= 30
weather["frost"] = weather["tmin"] < 0
print(weather.groupby("station")[["hot", "frost"]].sum())

# Longest dry spell
def longest_dry_spell(rain):
    longest = current = 0
    for value in rain:
        current = current + 1 if value == 0 else 0
        longest = max(longest, current)
    return longest

spells = weather.groupby("station")["rain_mm"].apply(longest_dry_spell)
print("Longest dry spell in days:")
print(spells)

# Correlation between stations
wide = weather.pivot(index="date", columns="station", values="tmean")
print(wide.corr().round(3))
print(wide.rolling(365).mean().dropna().iloc[::180].round(2))
