"""A hand-written loop with argparse: stops half-way with an alert, and goes on where it stopped."""

import argparse
import json
import math
import os
import random

import wandb

parser = argparse.ArgumentParser()
parser.add_argument("--ledger", required=True)
parser.add_argument("--id", default=None)
parser.add_argument("--steps", type=int, default=60)
parser.add_argument("--stop-at", type=int, default=None)
parser.add_argument("--lr", type=float, default=0.05)
parser.add_argument("--momentum", type=float, default=0.9)
parser.add_argument("--decay", action="store_true")
args = parser.parse_args()

CHECKPOINT = "checkpoint.json"

run = wandb.init(project="argparse", id=args.id, resume="allow", config=args)
wandb.config.update({"optimizer": {"name": "sgd", "nesterov": False}}, allow_val_change=True)
wandb.config.setdefaults({"lr": 1.0, "seed": 7})
random.seed(wandb.config.seed)

state = {"step": 0, "x": 3.0, "v": 0.0}
if wandb.run.resumed and os.path.exists(CHECKPOINT):
    with open(CHECKPOINT) as file:
        state = json.load(file)

ledger = {"rows": [], "alerts": [], "resumed": bool(wandb.run.resumed), "id": run.id}
x, v = state["x"], state["v"]
for step in range(state["step"], args.steps):
    if step == args.stop_at:
        wandb.alert(title="Half-way", text=f"stopped at step {step}", level=wandb.AlertLevel.WARN)
        ledger["alerts"].append({"title": "Half-way", "text": f"stopped at step {step}"})
        break
    gradient = 2 * x + random.gauss(0, 0.01)
    v = args.momentum * v - args.lr * gradient
    x += v
    loss = x * x
    wandb.log({"loss": loss, "optim": {"x": x, "v": v}}, step=step)
    ledger["rows"].append({"step": step, "loss": loss, "x": x, "v": v})
    with open(CHECKPOINT, "w") as file:
        json.dump({"step": step + 1, "x": x, "v": v}, file)
else:
    wandb.log({"done": True, "loss/final": math.nan if loss > 1e6 else loss}, step=args.steps)
    wandb.run.summary["final_x"] = x
    ledger["final_x"] = x
wandb.save(CHECKPOINT)
ledger["config"] = {key: value for key, value in wandb.config.items()}
wandb.finish()
with open(args.ledger, "w") as file:
    json.dump(ledger, file)
