"""An image classifier in PyTorch on CPU, as people write it for wandb: DataLoader workers, watch, media."""

import json
import sys

import torch
import torch.nn.functional as F
import wandb
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

LEDGER = sys.argv[1]

sweep_defaults = {"epochs": 3, "batch_size": 64, "lr": 3e-3, "dropout": 0.1, "layers": [16, 32]}


class Net(nn.Module):
    def __init__(self, layers, dropout):
        super().__init__()
        self.conv1 = nn.Conv2d(1, layers[0], 3, padding=1)
        self.conv2 = nn.Conv2d(layers[0], layers[1], 3, padding=1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(layers[1] * 4, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc(self.dropout(x.flatten(1)))


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    ledger = {"rows": [], "summary": {}, "config": sweep_defaults}
    with wandb.init(
        project="digits", config=sweep_defaults, tags=["cnn", "cpu"], notes="first try"
    ) as run:
        config = wandb.config
        digits = load_digits()
        images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16.0
        data = TensorDataset(images, torch.tensor(digits.target))
        train, val = random_split(data, [1500, len(data) - 1500], torch.Generator().manual_seed(0))
        train_loader = DataLoader(train, batch_size=config.batch_size, shuffle=True, num_workers=2)
        val_loader = DataLoader(val, batch_size=256, num_workers=1)

        model = Net(config.layers, config.dropout)
        optimizer = torch.optim.Adam(model.parameters(), lr=config.lr)
        wandb.watch(model, log="all", log_freq=10)
        wandb.define_metric("epoch")
        wandb.define_metric("val/*", step_metric="epoch")
        wandb.define_metric("val/accuracy", summary="max", step_metric="epoch")

        def log(row):
            wandb.log(row)
            ledger["rows"].append({k: v for k, v in row.items() if isinstance(v, (int, float))})

        example_ct = 0
        for epoch in range(config["epochs"]):
            model.train()
            for batch, (x, y) in enumerate(train_loader):
                optimizer.zero_grad()
                loss = F.cross_entropy(model(x), y)
                loss.backward()
                optimizer.step()
                example_ct += len(x)
                if batch % 5 == 0:
                    log({"train/loss": loss.item(), "train/examples": example_ct, "epoch": epoch})
            model.eval()
            loss_sum, correct, rows = 0.0, 0, []
            with torch.no_grad():
                for x, y in val_loader:
                    scores = model(x)
                    loss_sum += F.cross_entropy(scores, y, reduction="sum").item()
                    predicted = scores.argmax(1)
                    correct += (predicted == y).sum().item()
                    rows += zip(
                        x[:, 0], predicted.tolist(), y.tolist(), scores.softmax(1).max(1)[0].tolist()
                    )
            table = wandb.Table(columns=["image", "prediction", "truth", "confidence"])
            for image, prediction, truth, confidence in rows[:16]:
                table.add_data(wandb.Image(image.numpy() * 255), prediction, truth, confidence)
            log(
                {
                    "val/loss": loss_sum / len(val),
                    "val/accuracy": correct / len(val),
                    "epoch": epoch,
                    "examples": [
                        wandb.Image(image.numpy() * 255, caption=f"Pred: {prediction} Label: {truth}")
                        for image, prediction, truth, _ in rows[:4]
                    ],
                    "predictions": table,
                }
            )
            torch.save(model.state_dict(), "model.pth")
            wandb.save("model.pth")
        wandb.unwatch(model)
        wandb.summary["test_accuracy"] = correct / len(val)
        run.summary["parameters"] = sum(p.numel() for p in model.parameters())
        ledger["summary"] = {
            "test_accuracy": correct / len(val),
            "parameters": sum(p.numel() for p in model.parameters()),
            "val/accuracy.max": max(r["val/accuracy"] for r in ledger["rows"] if "val/accuracy" in r),
        }
    with open(LEDGER, "w") as file:
        json.dump(ledger, file)


if __name__ == "__main__":
    main()
