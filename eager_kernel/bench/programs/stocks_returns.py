import pandas as pd
import numpy as np

prices = pd.read_csv("data/stocks.csv", index_col="date", parse_dates=True)
volume = prices.pop("volume")

# Daily log returns
returns = np.log(prices / prices.shift(1)).dropna()
print(returns.describe().round(4))

# Annualised figures
summary = pd.DataFrame(
    {
        "return": returns.mean() * 252,
        "volatility": returns.std() * np.sqrt(252),
    }
)
summary["sharpe"] = summary["return"] / summary["volatility"]
print(summary.round(3))

# Drawdowns
peak = prices.cummax()
drawdown = prices / peak - 1
print("Maximum drawdown:")
print(drawdown.min().map("{:.1%}".format))

# Correlations, and a rolling one
print(returns.corr().round(2))
rolling = returns["AQLO"].rolling(60).corr(returns["CYNT"])
print(f"60-day correlation AQLO/CYNT: {rolling.min():.2f} to {rolling.max():.2f}")

# Moving-average crossover
signals = {}
for name in prices.columns:
    fast = prices[name].rolling(20).mean()
    slow = prices[name].rolling(100).mean()
    position = (fast > slow).astype(int).shift(1).fillna(0)
    signals[name] = (position * returns[name]).sum()
print(pd.Series(signals).round(3))

# Value at risk
var95 = returns.quantile(0.05)
print("95 % one-day VaR:")
print(var95.map("{:.2%}".format))
