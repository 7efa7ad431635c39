import numpy as np


class PredatorPrey:
    """Lotka-Volterra model with noise, integrated with the Euler-Maruyama method."""

    def __init__(self, alpha=1.1, beta=0.4, delta=0.1, gamma=0.4, noise=0.05, seed=0):
        self.alpha, self.beta, self.delta, self.gamma = alpha, beta, delta, gamma
        self.noise = noise
        self.rng = np.random.default_rng(seed)

    def step(self, prey, predators, dt):
        shocks = self.rng.normal(0, self.noise * np.sqrt(dt), size=2)
        new_prey = prey + dt * (self.alpha * prey - self.beta * prey * predators) + prey * shocks[0]
        new_predators = (
            predators
            + dt * (self.delta * prey * predators - self.gamma * predators)
            + predators * shocks[1]
        )
        return max(new_prey, 1e-6), max(new_predators, 1e-6)

    def run(self, prey=10.0, predators=5.0, years=60, dt=0.01):
        steps = int(years / dt)
        history = np.empty((steps + 1, 2))
        history[0] = prey, predators
        for i in range(steps):
            prey, predators = self.step(prey, predators, dt)
            history[i + 1] = prey, predators
        return history


def period(series, dt):
    """Mean distance of the maxima of a smoothed series."""
    smooth = np.convolve(series, np.ones(101) / 101, mode="valid")
    peaks = np.flatnonzero((smooth[1:-1] > smooth[:-2]) & (smooth[1:-1] >= smooth[2:]))
    peaks = peaks[smooth[peaks] > smooth.mean()]
    return float(np.diff(peaks).mean() * dt) if len(peaks) > 1 else float("nan")


def main():
    print(" seed   mean prey  mean pred   max prey   period")
    for seed in range(12):
        history = PredatorPrey(seed=seed).run()
        prey, predators = history.T
        print(
            f"{seed:>5} {prey.mean():>11.2f} {predators.mean():>10.2f} "
            f"{prey.max():>10.2f} {period(prey, 0.01):>8.2f}"
        )


main()
