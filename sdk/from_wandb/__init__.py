"""Names of wandb's that few scripts use: what answers for them, or what to do instead."""
