"""Train a small network on scikit-learn's handwritten digits, and record the run with tidelog.

    python examples/train_digits.py --mode offline

The network is plain NumPy: one hidden layer of ReLUs, softmax, momentum. It takes a few seconds.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from tidelog import sdk


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--project", default="digits")
    parser.add_argument("--mode", choices=["online", "offline", "disabled"], default=None)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pause-s", type=float, default=0.0, help="sleep after each step")
    return parser.parse_args()


class Network:
    """64 pixels -> hidden ReLUs -> 10 digits."""

    def __init__(self, hidden: int, random: np.random.Generator) -> None:
        self.weights = {
            "w1": random.normal(0, np.sqrt(2 / 64), (64, hidden)),
            "b1": np.zeros(hidden),
            "w2": random.normal(0, np.sqrt(2 / hidden), (hidden, 10)),
            "b2": np.zeros(10),
        }
        self.speed = {name: np.zeros_like(weight) for name, weight in self.weights.items()}

    def predict(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the hidden layer and the probability of each digit."""
        w = self.weights
        hidden = np.maximum(pixels @ w["w1"] + w["b1"], 0)
        scores = hidden @ w["w2"] + w["b2"]
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return hidden, powers / powers.sum(axis=1, keepdims=True)

    def step(self, pixels: np.ndarray, digits: np.ndarray, lr: float, momentum: float) -> dict:
        """Learn from one batch and return what there is to log of it."""
        hidden, likely = self.predict(pixels)
        error = likely.copy()
        error[np.arange(len(digits)), digits] -= 1
        error /= len(digits)
        behind = (error @ self.weights["w2"].T) * (hidden > 0)
        slopes = {
            "w1": pixels.T @ behind,
            "b1": behind.sum(axis=0),
            "w2": hidden.T @ error,
            "b2": error.sum(axis=0),
        }
        for name, slope in slopes.items():
            self.speed[name] = momentum * self.speed[name] - lr * slope
            self.weights[name] += self.speed[name]
        return {
            "train/loss": cross_entropy(likely, digits),
            "train/accuracy": np.mean(likely.argmax(axis=1) == digits),
            "train/gradient_norm": np.sqrt(sum((slope**2).sum() for slope in slopes.values())),
        }


def cross_entropy(likely: np.ndarray, digits: np.ndarray) -> float:
    return -np.log(likely[np.arange(len(digits)), digits] + 1e-12).mean()


def sample_images(pixels: np.ndarray, digits: np.ndarray, likely: np.ndarray) -> dict:
    """Return a few digits that the network got right, and a few that it got wrong."""
    guesses = likely.argmax(axis=1)
    images: dict[str, list[sdk.Image]] = {}
    for kind, chosen in (("right", guesses == digits), ("wrong", guesses != digits)):
        images[f"samples/{kind}"] = [
            sdk.Image(
                np.kron(pixels[index].reshape(8, 8), np.ones((8, 8))),
                caption=f"is {digits[index]}, taken for {guesses[index]} ({likely[index].max():.0%})",
            )
            for index in np.flatnonzero(chosen)[:4]
        ]
    return images


def main() -> None:
    arguments = parse_arguments()
    random = np.random.default_rng(arguments.seed)
    pixels, digits = load_digits(return_X_y=True)
    train_pixels, test_pixels, train_digits, test_digits = train_test_split(
        pixels / 16, digits, test_size=0.25, random_state=arguments.seed, stratify=digits
    )
    network = Network(arguments.hidden, random)

    with sdk.init(project=arguments.project, config=arguments, mode=arguments.mode) as run:
        run.define_metric("val/loss", summary="min")
        run.define_metric("val/accuracy", summary="max")
        for epoch in range(arguments.epochs):
            order = random.permutation(len(train_pixels))
            for start in range(0, len(order), arguments.batch_size):
                batch = order[start : start + arguments.batch_size]
                metrics = network.step(
                    train_pixels[batch], train_digits[batch], arguments.lr, arguments.momentum
                )
                run.log({**metrics, "epoch": epoch})
                time.sleep(arguments.pause_s)
            likely = network.predict(test_pixels)[1]
            accuracy = np.mean(likely.argmax(axis=1) == test_digits)
            row = {"val/loss": cross_entropy(likely, test_digits), "val/accuracy": accuracy}
            images = sample_images(test_pixels, test_digits, likely)
            run.log({**row, **images, "epoch": epoch})

        with tempfile.TemporaryDirectory() as folder:
            weights = Path(folder, "weights.npz")
            np.savez(weights, **network.weights)
            run.save(weights)
        run.summary["test_accuracy"] = accuracy
        run.summary["parameters"] = sum(weight.size for weight in network.weights.values())


if __name__ == "__main__":
    main()
