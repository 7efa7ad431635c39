# Join two million orders with customers and products and find out what sells where
import numpy as np
import pandas as pd

rng = np.random.default_rng(2025)

n_orders, n_customers, n_products = 2_000_000, 120_000, 4_000

customers = pd.DataFrame(
    {
        "customer_id": np.arange(n_customers),
        "country": rng.choice(
            ["DE", "FR", "IT", "ES", "PL", "NL"], n_customers, p=[0.3, 0.2, 0.15, 0.15, 0.1, 0.1]
        ),
        "segment": rng.choice(["consumer", "business", "public"], n_customers, p=[0.7, 0.25, 0.05]),
        "since": pd.Timestamp("2015-01-01")
        + pd.to_timedelta(rng.integers(0, 3650, n_customers), unit="D"),
    }
)
products = pd.DataFrame(
    {
        "product_id": np.arange(n_products),
        "category": rng.choice(
            ["tools", "garden", "kitchen", "office", "toys", "sports"], n_products
        ),
        "price": rng.lognormal(3, 0.8, n_products).round(2),
    }
)
orders = pd.DataFrame(
    {
        "order_id": np.arange(n_orders),
        "customer_id": rng.integers(0, n_customers, n_orders),
        "product_id": (n_products * rng.random(n_orders) ** 2).astype(int),
        "quantity": rng.integers(1, 6, n_orders),
        "day": pd.Timestamp("2024-01-01")
        + pd.to_timedelta(rng.integers(0, 366, n_orders), unit="D"),
    }
)
size = sum(t.memory_usage(deep=True).sum() for t in (customers, products, orders)) / 1e6
print(f"{size:.0f} MB in memory")
print(orders.head())

sales = orders.merge(products, on="product_id").merge(customers, on="customer_id")
sales["revenue"] = sales["quantity"] * sales["price"]
print("Joined:", sales.shape, f"revenue {sales['revenue'].sum():,.0f}")

by_country = sales.groupby(["country", "category"])["revenue"].sum().unstack()
print((by_country / 1e6).round(2))

# Months
sales["month"] = sales["day"].dt.to_period("M")
monthly = sales.groupby(["month", "segment"])["revenue"].sum().unstack()
print((monthly / 1e6).round(2))
print(
    "Growth first to last month:",
    ((monthly.iloc[-1] / monthly.iloc[0] - 1) * 100).round(1).to_dict(),
)

# The best product of each category and country
per_product = sales.groupby(["country", "category", "product_id"], as_index=False)["revenue"].sum()
best = per_product.loc[per_product.groupby(["country", "category"])["revenue"].idxmax()]
print(best.pivot(index="country", columns="category", values="product_id"))

# Pareto: how many customers make 80 % of the revenue?
spend = sales.groupby("customer_id")["revenue"].sum().sort_values(ascending=False)
share = spend.cumsum() / spend.sum()
print(f"{(share <= 0.8).mean():.1%} of the customers make 80 % of the revenue")

# Loyal customers
sales["years"] = (sales["day"] - sales["since"]).dt.days // 365
basket = (
    sales[sales["years"] >= 0]
    .groupby("years")
    .agg(orders=("order_id", "count"), mean=("revenue", "mean"))
)
print(basket.round(2))
