import numpy as np
import pandas as pd

# SIR model of an epidemic, solved with a fourth-order Runge-Kutta method

# Parameters
population = 1_000_000
beta = 0.32      # contacts per day times the chance of infection
gamma = 0.1      # 1 / days of illness
dt = 0.1
days = 200

def derivatives(state, beta, gamma):
    s, i, r = state
    new_infections = beta * s * i / population
    recoveries = gamma * i
    return np.array([-new_infections, new_infections - recoveries, recoveries])

def simulate(beta, gamma, days, dt):
    state = np.array([population - 10.0, 10.0, 0.0])
    history = [state]
    for _ in range(int(days / dt)):
        k1 = derivatives(state, beta, gamma)
        k2 = derivatives(state + dt / 2 * k1, beta, gamma)
        k3 = derivatives(state + dt / 2 * k2, beta, gamma)
        k4 = derivatives(state + dt * k3, beta, gamma)
        state = state + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        history.append(state)
    return pd.DataFrame(history, columns=["susceptible", "infected", "recovered"])

base = simulate(beta, gamma, days, dt)
peak = base["infected"].idxmax()
print(f"R0 = {beta / gamma:.1f}")
print(f"Peak: {base['infected'].max():,.0f} infected on day {peak * dt:.0f}")
print(f"Infected in the end: {base['recovered'].iloc[-1] / population:.1%}")
print(base.iloc[::200].round(0))

# What do measures that reduce the contacts bring?
rows = []
for reduction in np.arange(0, 0.75, 0.05):
    run = simulate(beta * (1 - reduction), gamma, days, dt)
    rows.append(
        {
            "reduction": f"{reduction:.0%}",
            "R0": beta * (1 - reduction) / gamma,
            "peak": run["infected"].max(),
            "day_of_peak": run["infected"].idxmax() * dt,
            "total": run["recovered"].iloc[-1] / population,
        }
    )
pd.DataFrame(rows).round(2)
