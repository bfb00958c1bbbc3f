"""Records with wandb, offline, what `wandb sync` is to carry.

    python benchmarks/peers/wandb_runs.py --out DIR --rows N [--runs N]
    python benchmarks/peers/wandb_runs.py --out DIR --source RUN --images yes
    python benchmarks/peers/wandb_runs.py --out DIR --source RUN --checkpoint yes

SOURCE is the run directory of tidelog whose images or file are taken.
"""

import glob
import os
import sys

import job


def main():
    arguments = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    for _ in range(int(arguments.get("--runs", 1))):
        record(arguments)


def record(arguments):
    import wandb

    quiet = wandb.Settings(
        silent=True, console="off", x_disable_stats=True, disable_git=True, save_code=False
    )
    run = wandb.init(mode="offline", project="bench", dir=arguments["--out"], settings=quiet)
    for index in range(int(arguments.get("--rows", 0))):
        run.log(job.row(index))
    source = arguments.get("--source", "")
    if "--images" in arguments:
        for path in sorted(glob.glob(os.path.join(source, "media", "images", "*"))):
            run.log({"sample": wandb.Image(path)})
    if "--checkpoint" in arguments:
        run.save(os.path.join(source, "files", "*"), base_path=source, policy="end")
    run.finish()


if __name__ == "__main__":
    main()
