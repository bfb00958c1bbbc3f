"""The job that a cluster's scheduler started: Slurm, PBS, LSF, Grid Engine. Pure: reads a mapping."""

from collections.abc import Mapping

VALUE_CHARACTERS_MAX = 1000

# fact -> variable; the first variable of a scheduler tells that it is the one.
_SCHEDULERS: dict[str, dict[str, str]] = {
    "slurm": {
        "job_id": "SLURM_JOB_ID",
        "job_name": "SLURM_JOB_NAME",
        "array_job_id": "SLURM_ARRAY_JOB_ID",
        "array_task_id": "SLURM_ARRAY_TASK_ID",
        "step_id": "SLURM_STEP_ID",
        "cluster": "SLURM_CLUSTER_NAME",
        "partition": "SLURM_JOB_PARTITION",
        "account": "SLURM_JOB_ACCOUNT",
        "qos": "SLURM_JOB_QOS",
        "constraints": "SLURM_JOB_CONSTRAINTS",
        "nodes": "SLURM_JOB_NODELIST",
        "node_count": "SLURM_JOB_NUM_NODES",
        "tasks": "SLURM_NTASKS",
        "cpus_per_task": "SLURM_CPUS_PER_TASK",
        "memory_per_node_mb": "SLURM_MEM_PER_NODE",
        "gpus": "SLURM_GPUS",
        "gpus_on_node": "SLURM_GPUS_ON_NODE",
        "submit_directory": "SLURM_SUBMIT_DIR",
        "submit_host": "SLURM_SUBMIT_HOST",
        "restart_count": "SLURM_RESTART_COUNT",
        "starts_at": "SLURM_JOB_START_TIME",
        "ends_at": "SLURM_JOB_END_TIME",
    },
    "pbs": {
        "job_id": "PBS_JOBID",
        "job_name": "PBS_JOBNAME",
        "array_job_id": "PBS_ARRAY_ID",
        "array_task_id": "PBS_ARRAY_INDEX",
        "partition": "PBS_QUEUE",
        "submit_directory": "PBS_O_WORKDIR",
        "submit_host": "PBS_O_HOST",
    },
    "lsf": {
        "job_id": "LSB_JOBID",
        "job_name": "LSB_JOBNAME",
        "array_task_id": "LSB_JOBINDEX",
        "partition": "LSB_QUEUE",
        "nodes": "LSB_HOSTS",
        "submit_directory": "LS_SUBCWD",
        "submit_host": "LSB_SUB_HOST",
    },
    "grid_engine": {
        "job_id": "JOB_ID",
        "job_name": "JOB_NAME",
        "array_task_id": "SGE_TASK_ID",
        "partition": "QUEUE",
        "submit_directory": "SGE_O_WORKDIR",
        "submit_host": "SGE_O_HOST",
        "restart_count": "RESTARTED",
    },
}
_MARKS = {"grid_engine": "SGE_O_WORKDIR"}  # JOB_ID alone is anybody's.
_NUMBERS = {"restart_count", "node_count", "tasks", "cpus_per_task", "starts_at", "ends_at"}


def scheduler_facts(environ: Mapping[str, str]) -> dict[str, str | int] | None:
    """Return the job's ids, place, times (seconds since the epoch), restarts; None outside of one."""
    for scheduler, variables in _SCHEDULERS.items():
        if not environ.get(_MARKS.get(scheduler, variables["job_id"])):
            continue
        facts: dict[str, str | int] = {"scheduler": scheduler}
        for fact, variable in variables.items():
            value = environ.get(variable, "")
            if value and value != "undefined":  # So Grid Engine says that a job is in no array.
                facts[fact] = _value(fact, value)
        return facts
    return None


def _value(fact: str, value: str) -> str | int:
    text = value.encode("utf-8", "backslashreplace").decode()[:VALUE_CHARACTERS_MAX]
    return int(text) if fact in _NUMBERS and text.isdecimal() and len(text) < 19 else text
