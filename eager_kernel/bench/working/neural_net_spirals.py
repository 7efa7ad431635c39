"""A two-layer neural network in plain NumPy, trained with Adam on three spirals."""

import numpy as np

rng = np.random.default_rng(0)

# Data: three interleaved spirals
points_per_class, classes = 800, 3
X = np.zeros((points_per_class * classes, 2))
y = np.zeros(points_per_class * classes, dtype=int)
for k in range(classes):
    r = np.linspace(0.05, 1, points_per_class)
    t = np.linspace(k * 4, (k + 1) * 4, points_per_class) + rng.normal(0, 0.18, points_per_class)
    index = slice(k * points_per_class, (k + 1) * points_per_class)
    X[index] = np.c_[r * np.sin(t), r * np.cos(t)]
    y[index] = k

order = rng.permutation(len(X))
X, y = X[order], y[order]
split = int(0.8 * len(X))
X_train, X_test, y_train, y_test = X[:split], X[split:], y[:split], y[split:]
print("Train:", X_train.shape, "test:", X_test.shape)


def init(sizes):
    return [
        (rng.normal(0, np.sqrt(2 / a), (a, b)), np.zeros(b)) for a, b in zip(sizes[:-1], sizes[1:])
    ]


def forward(params, X):
    activations = [X]
    for W, b in params[:-1]:
        X = np.maximum(0, X @ W + b)
        activations.append(X)
    W, b = params[-1]
    logits = X @ W + b
    logits -= logits.max(axis=1, keepdims=True)
    p = np.exp(logits)
    return activations, p / p.sum(axis=1, keepdims=True)


def gradients(params, X, y, decay=1e-4):
    activations, p = forward(params, X)
    loss = -np.log(p[np.arange(len(y)), y] + 1e-12).mean()
    delta = p
    delta[np.arange(len(y)), y] -= 1
    delta /= len(y)
    grads = []
    for layer in range(len(params) - 1, -1, -1):
        W, _ = params[layer]
        grads.append((activations[layer].T @ delta + decay * W, delta.sum(axis=0)))
        if layer:
            delta = (delta @ W.T) * (activations[layer] > 0)
    return loss, grads[::-1]


def accuracy(params, X, y):
    return (forward(params, X)[1].argmax(axis=1) == y).mean()


params = init([2, 96, 96, classes])
moments = [
    (np.zeros_like(W), np.zeros_like(b), np.zeros_like(W), np.zeros_like(b)) for W, b in params
]
step = 0
batch = 64
for epoch in range(1, 121):
    order = rng.permutation(len(X_train))
    losses = []
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        loss, grads = gradients(params, X_train[rows], y_train[rows])
        losses.append(loss)
        step += 1
        for i, ((W, b), (gW, gb)) in enumerate(zip(params, grads)):
            mW, mb, vW, vb = moments[i]
            mW = 0.9 * mW + 0.1 * gW
            mb = 0.9 * mb + 0.1 * gb
            vW = 0.999 * vW + 0.001 * gW**2
            vb = 0.999 * vb + 0.001 * gb**2
            moments[i] = (mW, mb, vW, vb)
            scale = 3e-3 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            params[i] = (
                W - scale * mW / (np.sqrt(vW) + 1e-8),
                b - scale * mb / (np.sqrt(vb) + 1e-8),
            )
    if epoch % 20 == 0:
        print(
            f"epoch {epoch:3d}: loss {np.mean(losses):.3f}, "
            f"train {accuracy(params, X_train, y_train):.3f}, test {accuracy(params, X_test, y_test):.3f}"
        )

confusion = np.zeros((classes, classes), dtype=int)
for truth, guess in zip(y_test, forward(params, X_test)[1].argmax(axis=1)):
    confusion[truth, guess] += 1
print(confusion)
print("Parameters:", sum(W.size + b.size for W, b in params))
