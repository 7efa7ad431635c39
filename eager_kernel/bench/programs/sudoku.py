"""A sudoku solver with constraint propagation and search."""

ROWS, COLUMNS = "ABCDEFGHI", "123456789"


def cross(a, b):
    return [x + y for x in a for y in b]


SQUARES = cross(ROWS, COLUMNS)
UNITS = (
    [cross(ROWS, c) for c in COLUMNS]
    + [cross(r, COLUMNS) for r in ROWS]
    + [cross(rs, cs) for rs in ("ABC", "DEF", "GHI") for cs in ("123", "456", "789")]
)
UNITS_OF = {s: [u for u in UNITS if s in u] for s in SQUARES}
PEERS = {s: set(sum(UNITS_OF[s], [])) - {s} for s in SQUARES}


def parse(grid):
    values = {s: COLUMNS for s in SQUARES}
    for square, digit in zip(SQUARES, grid):
        if digit in COLUMNS and not assign(values, square, digit):
            return None
    return values


def assign(values, square, digit):
    others = values[square].replace(digit, "")
    return values if all(eliminate(values, square, other) for other in others) else None


def eliminate(values, square, digit):
    if digit not in values[square]:
        return values
    values[square] = values[square].replace(digit, "")
    if not values[square]:
        return None
    if len(values[square]) == 1:
        last = values[square]
        if not all(eliminate(values, peer, last) for peer in PEERS[square]):
            return None
    for unit in UNITS_OF[square]:
        places = [s for s in unit if digit in values[s]]
        if not places:
            return None
        if len(places) == 1 and not assign(values, places[0], digit):
            return None
    return values


def search(values):
    if values is None:
        return None
    if all(len(values[s]) == 1 for s in SQUARES):
        return values
    _, square = min((len(values[s]), s) for s in SQUARES if len(values[s]) > 1)
    for digit in values[square]:
        result = search(assign(values.copy(), square, digit))
        if result:
            return result
    return None


def display(values):
    for r in ROWS:
        line = " ".join(values[r + c] + (" |" if c in "36" else "") for c in COLUMNS)
        print(line)
        if r in "CF":
            print("-" * 21)


puzzles = [
    "4.....8.5.3..........7......2.....6.....8.4......1.......6.3.7.5..2.....1.4......",
    "85...24..72......9..4.........1.7..23.5...9...4...........8..7..17..........36.4.",
    "..53.....8......2..7..1.5..4....53...1..7...6..32...8..6.5....9..4....3......97..",
    "12..4......5.69.1...9...5.........7.7...52.9..3......2.9.6...5.4..9..8.1..3...9.4",
]
for number, puzzle in enumerate(puzzles, 1):
    solution = search(parse(puzzle))
    print(f"Puzzle {number}: {'solved' if solution else 'no solution'}")
    if solution:
        display(solution)
