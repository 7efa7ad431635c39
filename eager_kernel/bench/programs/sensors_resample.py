import numpy as np
import pandas as pd

# 1. Load one month of minute data
sensors = pd.read_csv("data/sensors.csv", parse_dates=["time"], index_col="time")
print(sensors.head())
print("Missing temperatures:", sensors["temperature"].isna().sum())

# 2. Fill short gaps
sensors["temperature"] = sensors["temperature"].interpolate(limit=5)

# 3. Hourly statistics
hourly = sensors.resample("h").agg({"temperature": ["mean", "min", "max"], "vibration": "max"})
hourly.columns = ["_".join(column) for column in hourly.columns]
print(hourly.describe().round(3))

# 4. Rolling z-score to find anomalies
window = 240
mean = sensors["vibration"].rolling(window).mean()
std = sensors["vibration"].rolling(window).std()
sensors["z"] = (sensors["vibration"] - mean) / std
anomalies = sensors[sensors["z"] > 6]
print(f"{len(anomalies)} anomalies")
print(anomalies.head(10).round(3))

# 5. A robust version with the rolling median
median = sensors["vibration"].rolling(window).median()
mad = (sensors["vibration"] - median).abs().rolling(window).median()
sensors["robust"] = (sensors["vibration"] - median) / (1.4826 * mad)
quantiles = sensors["vibration"].rolling(window).quantile(0.99)
print(f"{(sensors['robust'] > 10).sum()} anomalies by the robust score")
print(f"{(sensors['vibration'] > 2 * quantiles).sum()} above twice the rolling 99 % quantile")

# 6. By mode of operation and time of day
print(sensors.groupby("mode")[["temperature", "vibration"]].mean().round(3))
by_hour = sensors.groupby(sensors.index.hour)["temperature"].mean()
print(by_hour.round(2).to_dict())
print("Done.")
