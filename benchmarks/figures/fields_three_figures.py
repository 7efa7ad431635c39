import numpy as np
import matplotlib.pyplot as plt

# A field of two charges
size = 200
x = np.linspace(-2, 2, size)
X, Y = np.meshgrid(x, x)


def potential(charges):
    total = np.zeros_like(X)
    for q, px, py in charges:
        total += q / np.sqrt((X - px) ** 2 + (Y - py) ** 2 + 0.01)
    return total


dipole = [(1, -0.7, 0), (-1, 0.7, 0)]
V = potential(dipole)
Ey, Ex = np.gradient(-V, x, x)
strength = np.hypot(Ex, Ey)

fig, ax = plt.subplots(figsize=(7, 6))
image = ax.contourf(X, Y, V, levels=40, cmap="RdBu_r")
fig.colorbar(image, ax=ax, label="potential")
ax.set_title("Potential of a dipole")
fig.savefig("potential.png", dpi=140)

fig, ax = plt.subplots(figsize=(7, 6))
ax.streamplot(X, Y, Ex, Ey, color=np.log(strength), cmap="viridis", density=1.6)
ax.set_title("Field lines")
fig.savefig("field_lines.png", dpi=140)

fig, ax = plt.subplots(figsize=(7, 4))
middle = size // 2
ax.plot(x, V[middle], label="on the axis")
ax.plot(x, V[middle + 30], label="beside it")
ax.legend()
ax.set_title("Sections through the potential")
fig.savefig("sections.png", dpi=140)

energy = 0.5 * np.sum(strength**2) * (x[1] - x[0]) ** 2
print(f"largest field: {strength.max():.2f}, energy in the window: {energy:.2f}")
