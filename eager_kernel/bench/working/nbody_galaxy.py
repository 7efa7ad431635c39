import numpy as np

rng = np.random.default_rng(3)

# A disc of stars around a heavy centre, and an intruder
n = 700
G, soft = 1.0, 0.05
radius = np.sqrt(rng.uniform(0.2, 4.0, n))
phi = rng.uniform(0, 2 * np.pi, n)
position = np.c_[radius * np.cos(phi), radius * np.sin(phi), rng.normal(0, 0.03, n)]
speed = np.sqrt(G * 50 / radius)
velocity = np.c_[-speed * np.sin(phi), speed * np.cos(phi), np.zeros(n)]
mass = np.full(n, 0.005)

position = np.vstack([position, [[0, 0, 0], [6, 2, 1]]])
velocity = np.vstack([velocity, [[0, 0, 0], [-3.5, -0.5, 0]]])
mass = np.append(mass, [50.0, 12.0])


def acceleration(position):
    d = position[None, :, :] - position[:, None, :]
    r2 = np.einsum("ijk,ijk->ij", d, d) + soft**2
    inv = mass / (r2 * np.sqrt(r2))
    return G * np.einsum("ij,ijk->ik", inv, d)


def energy(position, velocity):
    kinetic = 0.5 * (mass * (velocity**2).sum(axis=1)).sum()
    d = position[None, :, :] - position[:, None, :]
    r = np.sqrt((d**2).sum(axis=2) + soft**2)
    pair = mass[:, None] * mass[None, :] / r
    return kinetic - 0.5 * G * (pair.sum() - np.trace(pair))


dt, steps = 0.004, 220
start = energy(position, velocity)
momentum = (mass[:, None] * velocity).sum(axis=0)
print(f"Initial energy {start:.3f}")

a = acceleration(position)
closest = np.inf
for step in range(1, steps + 1):
    velocity += 0.5 * dt * a
    position += dt * velocity
    a = acceleration(position)
    velocity += 0.5 * dt * a
    closest = min(closest, np.linalg.norm(position[-1] - position[-2]))
    if step % 55 == 0:
        now = energy(position, velocity)
        r = np.linalg.norm(position[:n] - position[n], axis=1)
        print(
            f"t = {step * dt:.2f}: energy drift {abs(now / start - 1):.2e}, "
            f"median radius {np.median(r):.3f}, beyond 5: {(r > 5).sum()}"
        )

print(f"Closest approach of the intruder: {closest:.3f}")
drift = np.abs((mass[:, None] * velocity).sum(axis=0) - momentum).max()
print("Momentum conserved:", bool(drift < 1e-8))
r = np.linalg.norm(position[:n] - position[n], axis=1)
counts, edges = np.histogram(r, bins=[0, 0.5, 1, 1.5, 2, 3, 5, 100])
for low, high, count in zip(edges[:-1], edges[1:], counts):
    print(f"{low:6.1f} - {high:6.1f}: {'#' * (count // 6)} {count}")
