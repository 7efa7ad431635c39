import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, precision_recall_curve
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

SEED = 5
rng = np.random.default_rng(SEED)

# --- Simulate card transactions, 1 % of them fraudulent -------------------
n = 30_000
fraud = rng.random(n) < 0.01
frame = pd.DataFrame(
    {
        "amount": np.where(fraud, rng.lognormal(5.0, 1.0, n), rng.lognormal(3.6, 0.9, n)),
        "hour": np.where(fraud, rng.normal(3, 4, n), rng.normal(14, 5, n)) % 24,
        "distance_km": np.where(fraud, rng.exponential(300, n), rng.exponential(25, n)),
        "n_last_hour": np.where(fraud, rng.poisson(2.5, n), rng.poisson(0.6, n)),
        "foreign": rng.random(n) < np.where(fraud, 0.5, 0.08),
        "device_age": rng.exponential(np.where(fraud, 30, 300), n),
    }
)
frame["foreign"] = frame["foreign"].astype(int)
frame["log_amount"] = np.log1p(frame["amount"])
frame["fraud"] = fraud.astype(int)
print(frame.groupby("fraud").mean().round(2).T)

X = frame.drop(columns="fraud").to_numpy()
y = frame["fraud"].to_numpy()
folds = StratifiedKFold(4, shuffle=True, random_state=SEED)


def undersample(X, y, ratio):
    positives = np.flatnonzero(y)
    negatives = rng.choice(np.flatnonzero(y == 0), size=len(positives) * ratio, replace=False)
    rows = rng.permutation(np.r_[positives, negatives])
    return X[rows], y[rows]


strategies = {
    "logistic": lambda X, y: LogisticRegression(max_iter=500).fit(X, y),
    "logistic balanced": lambda X, y: LogisticRegression(max_iter=500, class_weight="balanced").fit(
        X, y
    ),
    "forest balanced": lambda X, y: RandomForestClassifier(
        80, class_weight="balanced", min_samples_leaf=3, random_state=SEED
    ).fit(X, y),
    "forest undersampled": lambda X, y: RandomForestClassifier(200, random_state=SEED).fit(
        *undersample(X, y, 10)
    ),
}
predictions = {name: np.zeros(n) for name in strategies}
for name, fit in strategies.items():
    for train, test in folds.split(X, y):
        scaler = StandardScaler().fit(X[train])
        model = fit(scaler.transform(X[train]), y[train])
        predictions[name][test] = model.predict_proba(scaler.transform(X[test]))[:, 1]
    print(f"{name:<22} average precision {average_precision_score(y, predictions[name]):.4f}")

# --- Which threshold costs least? -----------------------------------------
MISSED, REVIEW = 250.0, 8.0
best = None
for name, p in predictions.items():
    precision, recall, thresholds = precision_recall_curve(y, p)
    for threshold in np.quantile(thresholds, np.linspace(0.5, 0.999, 120)):
        flagged = p >= threshold
        cost = MISSED * ((y == 1) & ~flagged).sum() + REVIEW * flagged.sum()
        if best is None or cost < best[0]:
            best = (
                cost,
                name,
                threshold,
                flagged.sum(),
                y[flagged].mean(),
                y[flagged].sum() / y.sum(),
            )
cost, name, threshold, flagged, precision, recall = best
print(f"Cheapest: {name} at {threshold:.3f}: cost {cost:,.0f}")
print(f"{flagged} flagged, precision {precision:.3f}, recall {recall:.3f}")
print(f"Without a model: {MISSED * y.sum():,.0f}")
