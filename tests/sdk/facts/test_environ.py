from tidelog.sdk.facts.environ import environ_facts


def test_only_variables_of_the_list_are_recorded() -> None:
    """Names that are not known, and known ones that name a secret, are not even looked at."""
    environ = {
        "CUDA_VISIBLE_DEVICES": "0,1",
        "NCCL_DEBUG": "INFO",
        "OMP_NUM_THREADS": "4",
        "PYTHONHASHSEED": "0",
        "HOME": "/home/a",
        "AWS_SECRET_ACCESS_KEY": "x",
        "WANDB_API_KEY": "x",
        "TIDELOG_API_KEY": "x",
        "TF_VAR_password": "x",
        "NCCL_AUTH_TOKEN": "x",
        "DATABASE_URL": "x",
        "MY_NCCL_X": "x",
    }
    expected = ["CUDA_VISIBLE_DEVICES", "NCCL_DEBUG", "OMP_NUM_THREADS", "PYTHONHASHSEED"]
    assert {name: environ[name] for name in expected} == environ_facts(environ)


def test_a_credential_under_a_harmless_name_is_hidden() -> None:
    """The name is told, so that a person sees that there was something."""
    assert {"PYTORCH_X": "***"} == environ_facts({"PYTORCH_X": "0123456789abcdef0123456789abcdef"})
    assert {"XLA_X": "https://h/"} == environ_facts({"XLA_X": "https://u:p@h/"})


def test_values_of_any_bytes_and_number_are_bounded() -> None:
    """Lone surrogates are written out; two hundred variables are enough."""
    assert {"OMP_X": "a\\udcff"} == environ_facts({"OMP_X": "a\udcff"})
    assert 200 == len(environ_facts({f"NCCL_{n}": "x" for n in range(1000)}))
    assert 4000 == len(environ_facts({"NCCL_X": "x " * 99_999})["NCCL_X"])
