import numpy as np
import pandas as pd
import matplotlib.pyplot as plt

# Two years of daily sales for four regions
rng = np.random.default_rng(7)
days = pd.date_range("2023-01-01", "2024-12-31", freq="D")
regions = ["north", "south", "east", "west"]
frames = []
for number, region in enumerate(regions):
    season = 1 + 0.3 * np.sin(2 * np.pi * days.dayofyear / 365 + number)
    frames.append(
        pd.DataFrame(
            {"day": days, "region": region, "sales": rng.poisson(200 * season * (1 + number / 4))}
        )
    )
sales = pd.concat(frames, ignore_index=True)

# Figure 1: monthly sales by region
monthly = sales.groupby(["region", pd.Grouper(key="day", freq="MS")])["sales"].sum().unstack(0)
fig, ax = plt.subplots(figsize=(10, 5))
for region in monthly.columns:
    ax.plot(monthly.index, monthly[region], marker="o", label=region)
ax.set_title("Monthly sales by region")
ax.set_ylabel("units")
ax.legend()
fig.tight_layout()
fig.savefig("monthly_sales.png", dpi=150)
plt.close(fig)

# Figure 2: how a weekday sells
sales["weekday"] = sales["day"].dt.day_name()
order = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
fig, ax = plt.subplots(figsize=(10, 5))
ax.boxplot([sales.loc[sales["weekday"] == name, "sales"] for name in order])
ax.set_xticks(range(1, 8), order, rotation=30)
ax.set_title("Sales by weekday")
fig.tight_layout()
fig.savefig("weekdays.png", dpi=150)
plt.close(fig)

# Figure 3: the share of each region
totals = sales.groupby("region")["sales"].sum().sort_values(ascending=False)
fig, ax = plt.subplots(figsize=(6, 6))
ax.pie(totals, labels=totals.index, autopct="%.1f%%", startangle=90)
ax.set_title("Share of sales by region")
fig.savefig("shares.png", dpi=150)
plt.close(fig)

best = totals.idxmax()
print(f"Best region: {best} with {totals[best]:,} units ({totals[best] / totals.sum():.1%})")
print(monthly.describe().round(1))
