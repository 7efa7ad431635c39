import numpy as np


def step(grid):
    """One generation on a torus."""
    neighbours = sum(
        np.roll(np.roll(grid, dx, axis=0), dy, axis=1)
        for dx in (-1, 0, 1)
        for dy in (-1, 0, 1)
        if (dx, dy) != (0, 0)
    )
    return ((neighbours == 3) | ((grid == 1) & (neighbours == 2))).astype(np.int8)


def place(grid, pattern, row, column):
    height, width = pattern.shape
    grid[row:row + height, column:column + width] = pattern


def show(grid):
    for row in grid:
        print("".join("█" if cell else "·" for cell in row))


GLIDER = np.array([[0, 1, 0], [0, 0, 1], [1, 1, 1]], dtype=np.int8)
R_PENTOMINO = np.array([[0, 1, 1], [1, 1, 0], [0, 1, 0]], dtype=np.int8)

# A glider moves one cell diagonally every four generations
board = np.zeros((10, 20), dtype=np.int8)
place(board, GLIDER, 0, 0)
for generation in range(3):
    print(f"Generation {generation * 4}")
    show(board)
    for _ in range(4):
        board = step(board)

# The R-pentomino lives long
world = np.zeros((160, 160), dtype=np.int8)
place(world, R_PENTOMINO, 80, 80)
population = []
for generation in range(1200):
    world = step(world)
    population.append(int(world.sum()))
print(f"Population after 1200 generations: {population[-1]}")
print(f"Maximum: {max(population)} in generation {population.index(max(population)) + 1}")

# Random soup
rng = np.random.default_rng(5)
soup = (rng.random((200, 200)) < 0.35).astype(np.int8)
for generation in range(401):
    if generation % 100 == 0:
        print(f"generation {generation}: {soup.mean():.2%} alive")
    soup = step(soup)
