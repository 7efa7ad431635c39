import matplotlib.pyplot as plt
import pandas as pd

weather = pd.read_csv("data/weather.csv", parse_dates=["date"])
weather["tmean"] = (weather["tmin"] + weather["tmax"]) / 2
stations = weather["station"].unique()
colours = {"Bergen": "tab:blue", "Lyon": "tab:green", "Sevilla": "tab:red"}

fig, axes = plt.subplots(2, 2, figsize=(13, 9))

# Panel 1: monthly mean temperature
monthly = weather.groupby(["station", weather["date"].dt.month])["tmean"].mean().unstack(0)
for station in stations:
    axes[0, 0].plot(monthly.index, monthly[station], marker="o", color=colours[station], label=station)
axes[0, 0].set_title("Mean temperature by month")
axes[0, 0].set_xlabel("Month")
axes[0, 0].set_ylabel("°C")
axes[0, 0].legend()

# Panel 2: yearly rain
rain = weather.groupby(["station", weather["date"].dt.year])["rain_mm"].sum().unstack(0)
rain.plot(kind="bar", ax=axes[0, 1], color=[colours[s] for s in rain.columns])
axes[0, 1].set_title("Rain by year")
axes[0, 1].set_ylabel("mm")

# Panel 3: distribution of the wind
for station in stations:
    wind = weather.loc[weather["station"] == station, "wind_kmh"].dropna()
    axes[1, 0].hist(wind, bins=40, alpha=0.5, color=colours[station], label=station)
axes[1, 0].set_title("Distribution of wind speed")
axes[1, 0].set_xlabel("km/h")
axes[1, 0].legend()

# Panel 4: rolling temperature
for station in stations:
    series = weather[weather["station"] == station].set_index("date")["tmean"].rolling(365).mean()
    axes[1, 1].plot(series.index, series, color=colours[station], label=station)
axes[1, 1].set_title("Rolling mean of a year")
axes[1, 1].legend()

fig.suptitle("Ten years of weather", fontsize=16)
plt.tight_layout()
plt.show()
