import numpy as np
import pandas as pd

# A decision tree classifier, implemented from scratch


def gini(y):
    if len(y) == 0:
        return 0.0
    p = y.mean()
    return 2 * p * (1 - p)


def best_split(X, y, min_leaf=10):
    best = (None, None, gini(y))
    for feature in range(X.shape[1]):
        values = np.unique(X[:, feature])
        if len(values) > 30:
            values = np.quantile(values, np.linspace(0.03, 0.97, 30))
        for threshold in values:
            left = X[:, feature] <= threshold
            n_left = left.sum()
            if n_left < min_leaf or len(y) - n_left < min_leaf:
                continue
            score = (n_left * gini(y[left]) + (len(y) - n_left) * gini(y[~left])) / len(y)
            if score < best[2]:
                best = (feature, threshold, score)
    return best


def grow(X, y, depth):
    feature, threshold, _ = best_split(X, y) if depth > 0 else (None, None, None)
    if feature is None:
        return float(y.mean())
    left = X[:, feature] <= threshold
    return {
        "feature": feature,
        "threshold": threshold,
        "left": grow(X[left], y[left], depth - 1),
        "right": grow(X[~left], y[~left], depth - 1),
    }


def predict_one(tree, x):
    while isinstance(tree, dict):
        tree = tree["left"] if x[tree["feature"]] <= tree["threshold"] else tree["right"]
    return tree


def predict(tree, X):
    return np.array([predict_one(tree, x) for x in X])


def show(tree, names, indent=""):
    if not isinstance(tree, dict):
        print(f"{indent}p = {tree:.2f}")
        return
    print(f"{indent}{names[tree['feature']]} <= {tree['threshold']:.2f}?")
    show(tree["left"], names, indent + "  ")
    show(tree["right"], names, indent + "  ")


df = pd.read_csv("data/passengers.csv")
df["age"] = df["age"].fillna(df["age"].median())
df["female"] = (df["sex"] == "female").astype(float)
names = ["pclass", "female", "age", "family", "fare"]
X = df[names].to_numpy(dtype=float)
y = df["survived"].to_numpy()
rng = np.random.default_rng(1)
order = rng.permutation(len(X))
train, test = order[:700], order[700:]

for depth in (1, 2, 3, 4, 6):
    tree = grow(X[train], y[train], depth)
    train_accuracy = ((predict(tree, X[train]) > 0.5) == y[train]).mean()
    test_accuracy = ((predict(tree, X[test]) > 0.5) == y[test]).mean()
    print(f"depth {depth}: train {train_accuracy:.3f}, test {test_accuracy:.3f}")

show(grow(X[train], y[train], 2), names)
