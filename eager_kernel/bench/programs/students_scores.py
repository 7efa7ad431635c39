import pandas as pd
import numpy as np

students = pd.read_csv("data/students.csv")
subjects = ["maths", "reading", "writing"]

print("Rows:", len(students))
print("Missing:", students[subjects].isna().sum().to_dict())
students[subjects] = students[subjects].fillna(students[subjects].mean())

students["average"] = students[subjects].mean(axis=1)
students["grade"] = pd.cut(
    students["average"],
    bins=[0, 50, 60, 70, 80, 90, 101],
    labels=["F", "E", "D", "C", "B", "A"],
    right=False,
)
print(students["grade"].value_counts().sort_index())

print(students.groupby("course")[subjects].mean().round(1))
print(students.groupby("group")["average"].describe().round(1))
print(students[subjects + ["study_hours"]].corr().round(2))

# Does an hour more of study help?
x = students["study_hours"].to_numpy()
y = students["average"].to_numpy()
slope, intercept = np.polyfit(x, y, 1)
residual = y - (slope * x + intercept)
r2 = 1 - residual.var() / y.var()
print(f"average = {slope:.2f} * hours + {intercept:.2f}   (R² = {r2:.2f})")

students.nlargest(5, "average")[["student_id", "group", "average", "grade"]]
