# House price prediction with linear regression (from scratch)
import numpy as np
import pandas as pd

SEED = 42
rng = np.random.default_rng(SEED)

# ---------- Load ----------
data = pd.read_csv("data/houses.csv")
target = np.log(data["price"].to_numpy())

# ---------- Features ----------
data["lot_m2"] = data["lot_m2"].fillna(data["lot_m2"].median())
data["age"] = 2024 - data["year_built"]
data["area_per_room"] = data["area_m2"] / data["rooms"]
data["log_area"] = np.log(data["area_m2"])
dummies = pd.get_dummies(data["district"], prefix="d", dtype=float)
numeric = data[["area_m2", "log_area", "lot_m2", "rooms", "age", "distance_km", "garage", "area_per_room"]]
numeric = (numeric - numeric.mean()) / numeric.std()
X = pd.concat([numeric, dummies.iloc[:, 1:]], axis=1)
X.insert(0, "intercept", 1.0)
features = X.columns
X = X.to_numpy()
print("Feature matrix:", X.shape)

# ---------- Ridge regression ----------
def fit_ridge(X, y, alpha):
    penalty = alpha * np.eye(X.shape[1])
    penalty[0, 0] = 0
    return np.linalg.solve(X.T @ X + penalty, X.T @ y)

def rmse(y, predicted):
    return float(np.sqrt(np.mean((y - predicted) ** 2)))

# ---------- Cross-validation ----------
folds = np.array_split(rng.permutation(len(X)), 5)
results = {}
for alpha in [0.01, 0.1, 1, 10, 100, 1000]:
    scores = []
    for i, test in enumerate(folds):
        train = np.concatenate([fold for j, fold in enumerate(folds) if j != i])
        weights = fit_ridge(X[train], target[train], alpha)
        scores.append(rmse(target[test], X[test] @ weights))
    results[alpha] = np.mean(scores)
    print(f"alpha={alpha:<8} RMSE={np.mean(scores):.4f} ± {np.std(scores):.4f}")

best = min(results, key=results.get)
print("Best alpha:", best)

# ---------- Final model ----------
weights = fit_ridge(X, target, best)
importance = pd.Series(weights, index=features).drop("intercept")
print(importance.reindex(importance.abs().sort_values(ascending=False).index).round(4))
predictions = np.exp(X @ weights)
mape = np.mean(np.abs(predictions - data["price"]) / data["price"])
print(f"MAPE on the training data: {mape:.2%}")
