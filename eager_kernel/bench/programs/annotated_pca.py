# =============================================================================
# Principal component analysis of the house data
# =============================================================================
# PCA finds the directions in which the data varies most. We proceed in five
# steps:
#
#   1. Load the data and keep the numeric columns
#   2. Standardise, because the columns have different units
#   3. Compute the covariance matrix
#   4. Find its eigenvalues and eigenvectors
#   5. Project the data on the first components
# =============================================================================

import numpy as np
import pandas as pd

# -----------------------------------------------------------------------------
# Step 1: load the data
# -----------------------------------------------------------------------------
# We drop the identifier, which carries no information, and the price, which we
# would like to explain later.
houses = pd.read_csv("data/houses.csv")
numeric = houses.drop(columns=["house_id", "district", "price"])
numeric = numeric.fillna(numeric.median())  # the size of the lot is missing for some houses
print(numeric.describe().round(1))

# -----------------------------------------------------------------------------
# Step 2: standardise
# -----------------------------------------------------------------------------
# Without this step, the column with the largest numbers (the year) would
# dominate. After it, each column has mean 0 and standard deviation 1.
standardised = (numeric - numeric.mean()) / numeric.std()
X = standardised.to_numpy()

# -----------------------------------------------------------------------------
# Step 3: the covariance matrix
# -----------------------------------------------------------------------------
# For standardised data this is the same as the correlation matrix.
covariance = X.T @ X / (len(X) - 1)
print(pd.DataFrame(covariance, numeric.columns, numeric.columns).round(2))

# -----------------------------------------------------------------------------
# Step 4: eigenvalues and eigenvectors
# -----------------------------------------------------------------------------
# `eigh` is made for symmetric matrices. It returns the eigenvalues in
# ascending order, so we reverse them.
values, vectors = np.linalg.eigh(covariance)
order = np.argsort(values)[::-1]
values, vectors = values[order], vectors[:, order]
explained = values / values.sum()
for i, share in enumerate(explained, 1):
    print(f"PC{i}: {share:6.1%}  cumulative {explained[:i].sum():6.1%}")

# -----------------------------------------------------------------------------
# Step 5: project
# -----------------------------------------------------------------------------
# The loadings tell how much each column contributes to a component.
loadings = pd.DataFrame(vectors[:, :3], index=numeric.columns, columns=["PC1", "PC2", "PC3"])
print(loadings.round(3))
scores = X @ vectors[:, :3]

# Finally: how do the components relate to the price?
for i in range(3):
    correlation = np.corrcoef(scores[:, i], houses["price"])[0, 1]
    print(f"Correlation of PC{i + 1} with the price: {correlation:+.3f}")
