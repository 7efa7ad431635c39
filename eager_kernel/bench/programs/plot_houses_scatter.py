import numpy as np
import pandas as pd
import matplotlib.pyplot as plt

houses = pd.read_csv("data/houses.csv")
houses["price_k"] = houses["price"] / 1000

plt.figure(figsize=(9, 6))
for district, group in houses.groupby("district"):
    plt.scatter(group["area_m2"], group["price_k"], s=12, alpha=0.5, label=district)

# Trend line
coefficients = np.polyfit(houses["area_m2"], houses["price_k"], 2)
x = np.linspace(houses["area_m2"].min(), houses["area_m2"].max(), 200)
plt.plot(x, np.polyval(coefficients, x), color="black", linewidth=2, label="quadratic fit")

plt.xlabel("Area (m²)")
plt.ylabel("Price (thousands)")
plt.title("House prices by area")
plt.legend()
plt.grid(True, alpha=0.3)
plt.savefig("houses.png", dpi=120, bbox_inches="tight")
plt.show()

print("Coefficients:", np.round(coefficients, 4))
predicted = np.polyval(coefficients, houses["area_m2"])
r2 = 1 - ((houses["price_k"] - predicted) ** 2).sum() / ((houses["price_k"] - houses["price_k"].mean()) ** 2).sum()
print(f"R² = {r2:.3f}")
