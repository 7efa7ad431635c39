import csv
import statistics
from collections import defaultdict
from datetime import datetime

# Step 1: read all rows
with open("data/sales.csv", newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
print(f"Read {len(rows)} rows with columns {list(rows[0])}")

# Step 2: convert the types and collect problems
clean, problems = [], []
for number, row in enumerate(rows, start=2):
    try:
        record = {
            "order_id": int(row["order_id"]),
            "date": datetime.strptime(row["date"], "%Y-%m-%d").date(),
            "customer": row["customer"].strip().upper(),
            "region": row["region"].strip().title(),
            "product": row["product"],
            "quantity": int(row["quantity"]),
            "unit_price": float(row["unit_price"]),
            "discount": float(row["discount"] or 0),
        }
    except ValueError as error:
        problems.append((number, str(error)))
        continue
    record["total"] = record["quantity"] * record["unit_price"] * (1 - record["discount"])
    clean.append(record)
print(f"{len(clean)} clean rows, {len(problems)} problems")

# Step 3: duplicates
seen, duplicates = set(), 0
for record in clean:
    key = (record["date"], record["customer"], record["product"])
    duplicates += key in seen
    seen.add(key)
print(f"{duplicates} possible duplicates")

# Step 4: statistics per product
prices = defaultdict(list)
for record in clean:
    prices[record["product"]].append(record["unit_price"])
for product, values in sorted(prices.items()):
    print(f"{product:<10} n={len(values):>5} mean={statistics.mean(values):>8.2f} stdev={statistics.stdev(values):>7.2f}")

# Step 5: outliers per product by the z-score
outliers = 0
for product, values in prices.items():
    mean, stdev = statistics.mean(values), statistics.stdev(values)
    outliers += sum(abs(value - mean) > 3 * stdev for value in values)
print(f"{outliers} outliers")

# Step 6: write the result
with open("sales_clean.csv", "w", newline="", encoding="utf-8") as file:
    writer = csv.DictWriter(file, fieldnames=list(clean[0]))
    writer.writeheader()
    writer.writerows(clean)
print("Written to sales_clean.csv")
