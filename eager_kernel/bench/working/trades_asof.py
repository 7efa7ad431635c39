"""Match trades with the quotes that were valid at that moment, and measure execution quality."""

import numpy as np
import pandas as pd

rng = np.random.default_rng(17)
SYMBOLS = [f"SYM{i:02d}" for i in range(25)]
N_QUOTES, N_TRADES = 1_500_000, 300_000


def make_quotes():
    open_time = pd.Timestamp("2025-05-05 09:00")
    time = np.sort(rng.integers(0, 8 * 3600 * 1000, N_QUOTES))
    symbol = rng.integers(0, len(SYMBOLS), N_QUOTES)
    level = 50 + 10 * np.arange(len(SYMBOLS))
    noise = rng.normal(0, 0.0004, N_QUOTES)
    path = np.zeros(N_QUOTES)
    for s in range(len(SYMBOLS)):
        rows = symbol == s
        path[rows] = level[s] * np.exp(np.cumsum(noise[rows]))
    spread = path * rng.uniform(0.0002, 0.001, N_QUOTES)
    return pd.DataFrame(
        {
            "time": open_time + pd.to_timedelta(time, unit="ms"),
            "symbol": pd.Categorical.from_codes(symbol, SYMBOLS),
            "bid": (path - spread / 2).round(3),
            "ask": (path + spread / 2).round(3),
        }
    )


quotes = make_quotes()
print(quotes.head(3))
print(f"{len(quotes):,} quotes, {quotes.memory_usage(deep=True).sum() / 1e6:.0f} MB")

picked = np.sort(rng.choice(N_QUOTES, N_TRADES, replace=False))
trades = quotes.iloc[picked][["time", "symbol"]].reset_index(drop=True)
trades["time"] = trades["time"] + pd.to_timedelta(rng.integers(1, 400, N_TRADES), unit="ms")
trades["side"] = rng.choice([-1, 1], N_TRADES)
trades["size"] = rng.integers(1, 50, N_TRADES) * 100
mid = (quotes["bid"] + quotes["ask"]).to_numpy()[picked] / 2
trades["price"] = (mid * (1 + trades["side"] * np.abs(rng.normal(0, 0.0006, N_TRADES)))).round(3)
trades = trades.sort_values("time")

matched = pd.merge_asof(trades, quotes, on="time", by="symbol", tolerance=pd.Timedelta("5s"))
print("Unmatched:", int(matched["bid"].isna().sum()))
matched = matched.dropna(subset=["bid"])
matched["mid"] = (matched["bid"] + matched["ask"]) / 2
matched["slippage_bp"] = matched["side"] * (matched["price"] / matched["mid"] - 1) * 1e4
matched["notional"] = matched["price"] * matched["size"]

quality = matched.groupby("symbol", observed=True).agg(
    trades=("price", "size"),
    notional=("notional", "sum"),
    slippage=("slippage_bp", "mean"),
    p95=("slippage_bp", lambda s: s.quantile(0.95)),
)
print(quality.sort_values("slippage", ascending=False).head(8).round(3))
print(
    f"Volume-weighted slippage: {np.average(matched['slippage_bp'], weights=matched['notional']):.3f} bp"
)

# Five-minute bars and their realised volatility
bars = matched.set_index("time").groupby("symbol", observed=True)["mid"].resample("5min").ohlc()
returns = np.log(bars["close"]).groupby("symbol", observed=True).diff()
volatility = returns.groupby("symbol", observed=True).std() * np.sqrt(96 * 252)
print(volatility.describe().round(4))
by_hour = matched.groupby(matched["time"].dt.hour)["slippage_bp"].agg(["mean", "median", "count"])
print(by_hour.round(3))
