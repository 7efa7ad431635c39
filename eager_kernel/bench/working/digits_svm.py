import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import accuracy_score, confusion_matrix
from sklearn.model_selection import GridSearchCV, train_test_split, learning_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

# Load the data
digits = load_digits()
X, y = digits.data, digits.target
print("Images:", digits.images.shape, "classes:", np.unique(y))

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)

# Baseline
baseline = make_pipeline(StandardScaler(), SVC())
baseline.fit(X_train, y_train)
print(f"Baseline accuracy: {baseline.score(X_test, y_test):.4f}")

# Tune C, gamma and the number of components
pipeline = make_pipeline(StandardScaler(), PCA(random_state=0), SVC())
parameters = {
    "pca__n_components": [20, 35, 50],
    "svc__C": [1, 10],
    "svc__gamma": [0.005, 0.01, 0.02],
}
search = GridSearchCV(pipeline, parameters, cv=4)
search.fit(X_train, y_train)
print("Best:", search.best_params_, f"score {search.best_score_:.4f}")

# Scores by number of components
means = search.cv_results_["mean_test_score"]
for components in parameters["pca__n_components"]:
    mask = search.cv_results_["param_pca__n_components"] == components
    print(f"{components} components: best {means[mask].max():.4f}, mean {means[mask].mean():.4f}")

# How much data do we need?
sizes, train_scores, test_scores = learning_curve(
    search.best_estimator_,
    X_train,
    y_train,
    train_sizes=[0.1, 0.3, 0.6, 1.0],
    cv=4,
    shuffle=True,
    random_state=0,
)
for size, train_score, test_score in zip(
    sizes, train_scores.mean(axis=1), test_scores.mean(axis=1)
):
    print(f"{size:5d} samples: train {train_score:.4f}, validation {test_score:.4f}")

predicted = search.predict(X_test)
print(f"Test accuracy: {accuracy_score(y_test, predicted):.4f}")
matrix = confusion_matrix(y_test, predicted)
print(matrix)
wrong = [
    (int(a), int(b), int(matrix[a, b]))
    for a in range(10)
    for b in range(10)
    if a != b and matrix[a, b]
]
print("Confusions:", sorted(wrong, key=lambda w: -w[2])[:6])
