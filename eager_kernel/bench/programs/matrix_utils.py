# Linear algebra in pure Python, checked against NumPy
import random

import numpy as np


def zeros(rows, columns):
    return [[0.0] * columns for _ in range(rows)]


def identity(n):
    result = zeros(n, n)
    for i in range(n):
        result[i][i] = 1.0
    return result


def transpose(a):
    return [list(column) for column in zip(*a)]


def multiply(a, b):
    columns = transpose(b)
    return [[sum(x * y for x, y in zip(row, column)) for column in columns] for row in a]


def lu(a):
    """LU decomposition with partial pivoting; returns L, U, the permutation and its sign."""
    n = len(a)
    u = [row[:] for row in a]
    l = identity(n)
    permutation, sign = list(range(n)), 1
    for k in range(n):
        pivot = max(range(k, n), key=lambda i: abs(u[i][k]))
        if pivot != k:
            u[k], u[pivot] = u[pivot], u[k]
            permutation[k], permutation[pivot] = permutation[pivot], permutation[k]
            l[k][:k], l[pivot][:k] = l[pivot][:k], l[k][:k]
            sign = -sign
        for i in range(k + 1, n):
            factor = u[i][k] / u[k][k]
            l[i][k] = factor
            for j in range(k, n):
                u[i][j] -= factor * u[k][j]
    return l, u, permutation, sign


def determinant(a):
    _, u, _, sign = lu(a)
    result = sign
    for i in range(len(u)):
        result *= u[i][i]
    return result


def solve(a, b):
    l, u, permutation, _ = lu(a)
    n = len(a)
    y = [0.0] * n
    for i in range(n):
        y[i] = b[permutation[i]] - sum(l[i][j] * y[j] for j in range(i))
    x = [0.0] * n
    for i in reversed(range(n)):
        x[i] = (y[i] - sum(u[i][j] * x[j] for j in range(i + 1, n))) / u[i][i]
    return x


def power_iteration(a, steps=200):
    vector = [1.0] * len(a)
    value = 0.0
    for _ in range(steps):
        product = [sum(x * y for x, y in zip(row, vector)) for row in a]
        value = max(product, key=abs)
        vector = [p / value for p in product]
    return value, vector


# --- Tests ---
random.seed(0)
small = [[4.0, 3.0], [6.0, 3.0]]
print("det:", determinant(small), "expected", np.linalg.det(small).round(6))

n = 60
a = [[random.gauss(0, 1) for _ in range(n)] for _ in range(n)]
b = [random.gauss(0, 1) for _ in range(n)]
x = solve(a, b)
print("solve agrees:", np.allclose(x, np.linalg.solve(a, b)))
print("det agrees:", np.isclose(determinant(a), np.linalg.det(a)))

symmetric = multiply(a, transpose(a))
value, _ = power_iteration(symmetric)
print("largest eigenvalue:", round(value, 4), "expected", round(np.linalg.eigvalsh(symmetric)[-1], 4))
print("product agrees:", np.allclose(multiply(a, a), np.array(a) @ np.array(a)))
