"""Random forest on a synthetic sensor-quality dataset: how deep, how many trees?"""

import numpy as np
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score, cross_validate
from sklearn.metrics import confusion_matrix

X, y = make_classification(
    n_samples=4000,
    n_features=25,
    n_informative=9,
    n_redundant=5,
    n_classes=3,
    class_sep=0.9,
    flip_y=0.03,
    random_state=7,
)
print("Samples, features:", X.shape)
print("Class balance:", np.bincount(y) / len(y))

folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=7)

# 1. Effect of depth
depth_scores = {}
for depth in (4, 8, 16):
    model = RandomForestClassifier(n_estimators=60, max_depth=depth, random_state=7)
    scores = cross_val_score(model, X, y, cv=folds)
    depth_scores[depth] = scores
    print(f"max_depth={depth:<3} accuracy {scores.mean():.4f} +/- {scores.std():.4f}")

best_depth = max(depth_scores, key=lambda d: depth_scores[d].mean())
print("Best depth:", best_depth)

# 2. Effect of the number of trees
for trees in (10, 40, 120):
    model = RandomForestClassifier(n_estimators=trees, max_depth=best_depth, random_state=7)
    result = cross_validate(model, X, y, cv=folds, scoring=("accuracy", "f1_macro"))
    print(
        f"n_estimators={trees:<4} accuracy {result['test_accuracy'].mean():.4f}, "
        f"macro F1 {result['test_f1_macro'].mean():.4f}"
    )

# 3. Final model on a fold of its own
train, test = next(folds.split(X, y))
final = RandomForestClassifier(
    n_estimators=150, max_depth=best_depth, oob_score=True, random_state=7
)
final.fit(X[train], y[train])
print(f"Out-of-bag score: {final.oob_score_:.4f}")
print(f"Hold-out accuracy: {final.score(X[test], y[test]):.4f}")
print("Confusion matrix:")
print(confusion_matrix(y[test], final.predict(X[test])))

importance = pd.Series(final.feature_importances_, index=[f"f{i:02d}" for i in range(X.shape[1])])
print("Top features:")
print(importance.sort_values(ascending=False).head(8).round(4))
print("Share of the top 8:", round(importance.nlargest(8).sum(), 3))
