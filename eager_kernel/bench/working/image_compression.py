"""Compress an image with SVD, DCT blocks and colour quantisation, and compare quality with size."""

import numpy as np
from scipy.fft import dctn, idctn
from sklearn.cluster import MiniBatchKMeans

rng = np.random.default_rng(55)

# A test picture with smooth areas, edges and texture
h, w = 720, 960
y, x = np.mgrid[0:h, 0:w]
picture = np.stack(
    [
        0.5 + 0.4 * np.sin(x / 90) * np.cos(y / 70),
        0.4 + 0.3 * np.cos((x + y) / 130),
        0.6 - 0.3 * np.sin(np.hypot(x - 480, y - 360) / 40),
    ],
    axis=-1,
)
for _ in range(40):
    cx, cy, r = rng.integers(0, w), rng.integers(0, h), rng.integers(15, 80)
    picture[(x - cx) ** 2 + (y - cy) ** 2 < r * r] = rng.random(3)
picture[400:600, 100:400] += rng.normal(0, 0.08, (200, 300, 3))
picture = picture.clip(0, 1)
print("Picture:", picture.shape, f"{picture.size / 1e6:.2f} million values")


def psnr(a, b):
    return -10 * np.log10(((a - b) ** 2).mean())


# 1. Truncated SVD of each channel
decomposed = [np.linalg.svd(picture[..., c], full_matrices=False) for c in range(3)]
print("SVD")
for rank in (5, 10, 20, 40, 80, 160):
    restored = np.stack([(u[:, :rank] * s[:rank]) @ v[:rank] for u, s, v in decomposed], axis=-1)
    size = rank * (h + w + 1) / (h * w)
    print(f"  rank {rank:4d}: {size:6.1%} of the size, PSNR {psnr(restored, picture):.2f} dB")
energy = decomposed[0][1] ** 2
print("  Rank for 99.9 % of the energy:", int((energy.cumsum() / energy.sum() < 0.999).sum()) + 1)

# 2. DCT in blocks of 8, as JPEG does
blocks = picture.reshape(h // 8, 8, w // 8, 8, 3)
coefficients = dctn(blocks, axes=(1, 3), norm="ortho")
print("DCT")
for keep in (0.02, 0.05, 0.1, 0.2):
    limit = np.quantile(np.abs(coefficients), 1 - keep)
    kept = np.where(np.abs(coefficients) >= limit, coefficients, 0)
    restored = idctn(kept, axes=(1, 3), norm="ortho").reshape(picture.shape)
    print(f"  {keep:5.0%} of the coefficients: PSNR {psnr(restored, picture):.2f} dB")

# 3. Quantised colours
pixels = picture.reshape(-1, 3)
sample = pixels[rng.choice(len(pixels), 30_000, replace=False)]
print("Colours")
for colours in (4, 16, 64):
    model = MiniBatchKMeans(colours, batch_size=4096, n_init=3, random_state=0).fit(sample)
    restored = model.cluster_centers_[model.predict(pixels)].reshape(picture.shape)
    bits = np.log2(colours) / 24
    print(f"  {colours:3d} colours: {bits:6.1%} of the size, PSNR {psnr(restored, picture):.2f} dB")
    counts = np.bincount(model.predict(pixels), minlength=colours)
    p = counts[counts > 0] / counts.sum()
    print(f"      entropy {-(p * np.log2(p)).sum():.3f} bits per pixel")
