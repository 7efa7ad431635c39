import numpy as np
from scipy import ndimage

rng = np.random.default_rng(33)

# A synthetic aerial image: fields, roads, noise
size = 1600
image = np.zeros((size, size))
coarse = rng.random((12, 12))
image += ndimage.zoom(coarse, size / 12, order=1)[:size, :size] * 0.6
for _ in range(25):
    x, y = rng.integers(0, size - 200, 2)
    w, h = rng.integers(60, 200, 2)
    image[y : y + h, x : x + w] = rng.random() * 0.8
for _ in range(6):
    row, slope = rng.integers(0, size), rng.uniform(-0.4, 0.4)
    columns = np.arange(size)
    rows = (row + slope * columns).astype(int)
    ok = (rows > 3) & (rows < size - 3)
    for offset in range(-3, 4):
        image[rows[ok] + offset, columns[ok]] = 1.0
clean = image.copy()
image += rng.normal(0, 0.08, image.shape)
salt = rng.random(image.shape)
image[salt < 0.01] = 0
image[salt > 0.99] = 1
print("Image:", image.shape, f"mean {image.mean():.4f}, sd {image.std():.4f}")


def psnr(a, b):
    return 10 * np.log10(1 / ((a - b) ** 2).mean())


print(f"Noisy:            PSNR {psnr(image, clean):.2f} dB")
denoised = {
    "gaussian 1": ndimage.gaussian_filter(image, 1),
    "gaussian 2": ndimage.gaussian_filter(image, 2),
    "uniform 3": ndimage.uniform_filter(image, 3),
    "median 3": ndimage.median_filter(image, 3),
    "median 5": ndimage.median_filter(image, 5),
}
for name, result in denoised.items():
    print(f"{name:<17} PSNR {psnr(result, clean):.2f} dB")
best = max(denoised, key=lambda name: psnr(denoised[name], clean))
smooth = denoised[best]
print("Best:", best)

# Edges
gx, gy = ndimage.sobel(smooth, axis=1), ndimage.sobel(smooth, axis=0)
magnitude = np.hypot(gx, gy)
threshold = np.percentile(magnitude, 97)
edges = magnitude > threshold
thin = edges & (magnitude == ndimage.maximum_filter(magnitude, 3))
print(f"Edge pixels: {edges.mean():.2%}, after thinning {thin.mean():.2%}")

# A Hough transform finds the roads
rows, columns = np.nonzero(thin)
angles = np.deg2rad(np.arange(0, 180, 1))
diagonal = int(np.ceil(size * np.sqrt(2)))
accumulator = np.zeros((2 * diagonal, len(angles)), dtype=int)
for k, angle in enumerate(angles):
    rho = (columns * np.cos(angle) + rows * np.sin(angle)).round().astype(int) + diagonal
    accumulator[:, k] = np.bincount(rho, minlength=2 * diagonal)
peaks = accumulator == ndimage.maximum_filter(accumulator, (41, 9))
top = np.argsort(np.where(peaks, accumulator, 0), axis=None)[::-1][:8]
for index in top:
    rho, k = np.unravel_index(index, accumulator.shape)
    print(
        f"line: angle {np.rad2deg(angles[k]):5.1f}°, distance {rho - diagonal:5d}, votes {accumulator[rho, k]}"
    )

# Texture by local variance, and segmentation into regions
mean = ndimage.uniform_filter(smooth, 15)
variance = ndimage.uniform_filter(smooth**2, 15) - mean**2
regions, count = ndimage.label(variance < np.percentile(variance, 60))
areas = np.bincount(regions.ravel())[1:]
print(
    f"{count} homogeneous regions, largest {areas.max()} pixels, {np.sum(areas > 2000)} above 2000"
)
