"""A small gallery of fractals, each saved as an image as soon as it is computed."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

folder = Path("gallery")
folder.mkdir(exist_ok=True)


def grid(x0, x1, y0, y1, width=700, height=500):
    x = np.linspace(x0, x1, width)
    y = np.linspace(y0, y1, height)
    return x[None, :] + 1j * y[:, None]


def escape_time(z, c, iterations):
    count = np.zeros(np.broadcast(z, c).shape, dtype=np.int32)
    z = np.array(np.broadcast_to(z, count.shape))
    c = np.broadcast_to(c, count.shape)
    alive = np.ones(count.shape, dtype=bool)
    for _ in range(iterations):
        z[alive] = z[alive] ** 2 + c[alive]
        alive &= np.abs(z) <= 2
        count[alive] += 1
    return count


# Mandelbrot set
mandelbrot = escape_time(np.zeros(1, dtype=complex), grid(-2.3, 0.9, -1.15, 1.15), 120)
plt.imsave(folder / "mandelbrot.png", np.log1p(mandelbrot), cmap="magma")
print(f"Mandelbrot: {(mandelbrot == 120).mean():.2%} of the points stay")

# A zoom
zoom = escape_time(np.zeros(1, dtype=complex), grid(-0.76, -0.735, 0.085, 0.103), 200)
plt.imsave(folder / "seahorse.png", np.log1p(zoom), cmap="twilight")
print(f"Zoom: mean escape {zoom.mean():.2f}")

# Julia sets
for name, c in {"dendrite": 1j, "rabbit": -0.123 + 0.745j, "dust": 0.35 + 0.35j}.items():
    julia = escape_time(grid(-1.6, 1.6, -1.15, 1.15), np.array([c]), 90)
    plt.imsave(folder / f"julia_{name}.png", np.sqrt(julia), cmap="viridis")
    print(f"Julia {name}: mean {julia.mean():.2f}, max {julia.max()}")

# Newton's method on z^3 - 1
z = grid(-2, 2, -1.4, 1.4)
for _ in range(40):
    z = z - (z**3 - 1) / (3 * z**2 + 1e-12)
roots = np.exp(2j * np.pi * np.arange(3) / 3)
nearest = np.abs(z[..., None] - roots).argmin(axis=-1)
plt.imsave(folder / "newton.png", nearest, cmap="Set1")
print("Newton basins:", np.round(np.bincount(nearest.ravel()) / nearest.size, 4))

# Box-counting dimension of the boundary of the Mandelbrot set
inside = mandelbrot >= 60
edge = inside ^ np.roll(inside, 1, axis=0) | inside ^ np.roll(inside, 1, axis=1)
sizes = [2, 4, 5, 10, 20, 25, 50]
counts = [
    edge[: 500 // s * s, : 700 // s * s].reshape(500 // s, s, 700 // s, s).any(axis=(1, 3)).sum()
    for s in sizes
]
dimension = -np.polyfit(np.log(sizes), np.log(counts), 1)[0]
print("Boxes:", [int(c) for c in counts])
print(f"Box-counting dimension of the boundary: {dimension:.3f}")
print("Files:", sorted(path.name for path in folder.iterdir()))
