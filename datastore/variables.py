"""The environment variables that a run tells: by a list of names, never all of them. No I/O."""

import re

_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")

# What changes the numbers or the speed of a script, and can be set again elsewhere.
_SET_AGAIN = """
CUDA_DEVICE_ORDER CUDA_LAUNCH_BLOCKING CUDA_MODULE_LOADING CUDA_VISIBLE_DEVICES GPU_DEVICE_ORDINAL
HF_DATASETS_OFFLINE HF_HUB_OFFLINE HIP_VISIBLE_DEVICES NVIDIA_TF32_OVERRIDE
PYTHONHASHSEED PYTHONOPTIMIZE ROCR_VISIBLE_DEVICES TF_CUDNN_DETERMINISTIC TF_DETERMINISTIC_OPS
TF_ENABLE_ONEDNN_OPTS TF_FORCE_GPU_ALLOW_GROWTH TF_GPU_ALLOCATOR TF_XLA_FLAGS TOKENIZERS_PARALLELISM
TRANSFORMERS_OFFLINE TZ ZE_AFFINITY_MASK
"""
_SET_AGAIN_PREFIXES = """
ACCELERATE_ BLIS_ CUBLAS_ CUDNN_ FLASH_ GLOO_ GOMP_ HSA_ JAX_ KMP_ MIOPEN_ MKL_ NCCL_ NUMBA_ NUMEXPR_
OMP_ OPENBLAS_ PJRT_ PYTORCH_ RCCL_ TORCHDYNAMO_ TORCHINDUCTOR_ TORCH_ TPU_ TRITON_ UCX_ VECLIB_ XLA_
"""
# What belongs to one machine or one process of a job.
_TOLD_ONLY = """
CONDA_DEFAULT_ENV CONDA_PREFIX CUDA_HOME LANG LC_ALL LD_LIBRARY_PATH LOCAL_RANK LOCAL_WORLD_SIZE
MASTER_ADDR MASTER_PORT NODE_RANK NVIDIA_VISIBLE_DEVICES PYTHONPATH RANK VIRTUAL_ENV WORLD_SIZE
"""


def is_told(name: str) -> bool:
    """Tell whether a variable is recorded."""
    return is_set_again(name) or name in _TOLD_ONLY.split()


def is_set_again(name: str) -> bool:
    """Tell whether a variable is set again where a run is rebuilt."""
    if _NAME.fullmatch(name) is None:
        return False
    return name in _SET_AGAIN.split() or name.startswith(tuple(_SET_AGAIN_PREFIXES.split()))
