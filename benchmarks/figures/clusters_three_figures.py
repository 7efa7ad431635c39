import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score
from sklearn.preprocessing import StandardScaler

X, _ = make_blobs(n_samples=1500, n_features=8, centers=5, cluster_std=2.2, random_state=3)
X = StandardScaler().fit_transform(X)

# How many clusters?
inertias, scores = [], []
candidates = range(2, 9)
for k in candidates:
    model = KMeans(n_clusters=k, n_init=10, random_state=0).fit(X)
    inertias.append(model.inertia_)
    scores.append(silhouette_score(X, model.labels_))

fig, ax = plt.subplots(figsize=(8, 5))
ax.plot(candidates, inertias, marker="o")
ax.set_xlabel("number of clusters")
ax.set_ylabel("inertia")
ax.set_title("Elbow")
fig.savefig("elbow.png", dpi=130)
plt.close(fig)

fig, ax = plt.subplots(figsize=(8, 5))
ax.bar(candidates, scores, color="tab:orange")
ax.set_xlabel("number of clusters")
ax.set_ylabel("silhouette")
ax.set_title("Silhouette score")
fig.savefig("silhouette.png", dpi=130)
plt.close(fig)

best = list(candidates)[int(np.argmax(scores))]
labels = KMeans(n_clusters=best, n_init=10, random_state=0).fit_predict(X)
flat = PCA(n_components=2, random_state=0).fit_transform(X)

fig, ax = plt.subplots(figsize=(8, 6))
ax.scatter(flat[:, 0], flat[:, 1], c=labels, s=10, cmap="tab10")
ax.set_title(f"{best} clusters, first two components")
fig.savefig("clusters.png", dpi=130)
plt.close(fig)

table = pd.Series(labels).value_counts().sort_index()
print(f"best k: {best}, silhouette {max(scores):.3f}")
print(table.to_string())
