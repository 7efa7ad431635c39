import os

import numpy as np
import matplotlib.pyplot as plt

os.makedirs("plots", exist_ok=True)
rng = np.random.default_rng(0)

# 1. Some random walks
steps = rng.choice([-1, 1], size=(2000, 1000))
walks = steps.cumsum(axis=1)

fig, ax = plt.subplots(figsize=(9, 5))
ax.plot(walks[:40].T, lw=0.6, alpha=0.7)
ax.set_title("40 random walks")
ax.set_xlabel("step")
ax.set_ylabel("position")
fig.savefig(os.path.join("plots", "walks.png"), dpi=150)

# 2. Where they end
ends = walks[:, -1]
fig, ax = plt.subplots(figsize=(9, 5))
ax.hist(ends, bins=60, density=True, color="seagreen", alpha=0.8)
grid = np.linspace(ends.min(), ends.max(), 400)
ax.plot(grid, np.exp(-(grid**2) / 2000) / np.sqrt(2000 * np.pi), color="black")
ax.set_title("Final positions and the normal density")
fig.savefig(os.path.join("plots", "ends.png"), dpi=150)

# 3. How far they spread
spread = walks.std(axis=0)
t = np.arange(1, 1001)
fig, ax = plt.subplots(figsize=(9, 5))
ax.loglog(t, spread, label="standard deviation")
ax.loglog(t, np.sqrt(t), ls="--", label="sqrt(t)")
ax.legend()
ax.set_title("Spread over time")
fig.savefig(os.path.join("plots", "spread.png"), dpi=150)

first_return = [int(np.argmax(walk == 0)) for walk in walks if (walk == 0).any()]
print(f"{len(first_return)} of {len(walks)} walks come back")
print(f"median first return: {np.median(first_return):.0f} steps")
print("plots:", sorted(os.listdir("plots")))
