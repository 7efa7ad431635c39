# Survival prediction: logistic regression with gradient descent
import pandas as pd
import numpy as np

np.random.seed(0)

df = pd.read_csv("data/passengers.csv")

# Preprocessing
df["age"] = df.groupby("pclass")["age"].transform(lambda s: s.fillna(s.median()))
df["embarked"] = df["embarked"].fillna(df["embarked"].mode()[0])
df["is_female"] = (df["sex"] == "female").astype(int)
df["is_alone"] = (df["family"] == 0).astype(int)
df["log_fare"] = np.log1p(df["fare"])
df = pd.get_dummies(df, columns=["embarked", "pclass"], dtype=int)
columns = [c for c in df.columns if c not in ("passenger_id", "survived", "sex", "fare")]
X = df[columns].to_numpy(dtype=float)
X = (X - X.mean(axis=0)) / X.std(axis=0)
X = np.hstack([np.ones((len(X), 1)), X])
y = df["survived"].to_numpy()

# Train/test split
order = np.random.permutation(len(X))
cut = int(0.8 * len(X))
train, test = order[:cut], order[cut:]
print(f"{len(train)} for training, {len(test)} for testing, {X.shape[1]} features")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def train_model(X, y, lr=0.1, epochs=3000, l2=1e-3):
    w = np.zeros(X.shape[1])
    for epoch in range(epochs):
        p = sigmoid(X @ w)
        gradient = X.T @ (p - y) / len(y) + l2 * w
        w -= lr * gradient
        if epoch % 500 == 0:
            loss = -np.mean(y * np.log(p + 1e-9) + (1 - y) * np.log(1 - p + 1e-9))
            print(f"epoch {epoch:>5}: loss {loss:.4f}")
    return w


w = train_model(X[train], y[train])

# Evaluation
predicted = (sigmoid(X[test] @ w) > 0.5).astype(int)
accuracy = (predicted == y[test]).mean()
tp = int(((predicted == 1) & (y[test] == 1)).sum())
fp = int(((predicted == 1) & (y[test] == 0)).sum())
fn = int(((predicted == 0) & (y[test] == 1)).sum())
precision, recall = tp / (tp + fp), tp / (tp + fn)
print(f"accuracy {accuracy:.3f}, precision {precision:.3f}, recall {recall:.3f}")
print(pd.Series(w, index=["bias"] + columns).sort_values().round(3))
