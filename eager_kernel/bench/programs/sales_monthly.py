import pandas as pd

sales = pd.read_csv("data/sales.csv")
sales["date"] = pd.to_datetime(sales["date"])
sales["discount"] = sales["discount"].fillna(0.0)
sales["net"] = sales["unit_price"] * sales["quantity"] * (1 - sales["discount"])

sales["year"] = sales["date"].dt.year
sales["month"] = sales["date"].dt.month
sales["weekday"] = sales["date"].dt.day_name()

table = sales.pivot_table(index="month", columns="year", values="net", aggfunc="sum")
table["change_%"] = (table[2024] / table[2023] - 1) * 100
print("Net revenue by month")
print(table.round(1).to_string())

print("\nBy weekday")
order = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
print(sales.groupby("weekday")["net"].agg(["sum", "mean", "count"]).loc[order].round(1))

print("\nEffect of discounts")
for rate, part in sales.groupby("discount"):
    print(f"  {rate:>4.0%}: {len(part):>6} orders, mean basket {part['net'].mean():>9.2f}")

quarter = sales.groupby([sales["date"].dt.to_period("Q"), "product"])["net"].sum().unstack()
print("\nBy quarter")
print(quarter.round(0))

print("\nRolling 30 days, last 5")
daily = sales.groupby("date")["net"].sum().asfreq("D", fill_value=0)
print(daily.rolling(30).mean().tail().round(2))
