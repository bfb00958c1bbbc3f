"""`as_wandb()`: libraries that import wandb themselves are given this package."""

import subprocess
from collections.abc import Callable

RunScript = Callable[..., subprocess.CompletedProcess[str]]


def test_what_lightning_transformers_and_accelerate_import_is_found(run_script: RunScript) -> None:
    """What Lightning 2.6, transformers 5.24 and accelerate 1.15 ask for; no second copy."""
    result = run_script(
        """
        assert sdk.as_wandb() is sdk and sdk.as_wandb() is sdk
        import importlib.metadata, importlib.util
        import wandb
        from wandb import Artifact
        from wandb.errors import CommError
        from wandb.sdk.lib import RunDisabled
        from wandb.sdk.lib.config_util import ConfigError
        from wandb.sdk.lib.runid import generate_id
        assert generate_id is sdk.util.generate_id is sdk.sdk.lib.runid.generate_id
        from wandb.wandb_run import Run
        import tidelog.sdk.errors
        assert wandb is sdk and Run is sdk.Run and wandb.sdk.wandb_run.Run is sdk.Run
        assert CommError is tidelog.sdk.errors.CommError
        assert importlib.util.find_spec("wandb") is not None
        assert importlib.metadata.version("wandb") >= "0.12.10"
        run = wandb.init(project="p", dir=ROOT, mode="offline")
        run._label(code="transformers_trainer")
        print(run.url, run.offline, isinstance(run, RunDisabled))
        """
    )
    assert (0, "None True False") == (result.returncode, result.stdout.strip()), result.stderr


def test_our_own_modules_stay_what_they_are(run_script: RunScript) -> None:
    """Their specs, which reload and spawn rely on; and no list of packages shows a wandb."""
    result = run_script(
        """
        import importlib, importlib.metadata
        sdk.as_wandb()
        import wandb.errors, wandb.sdk.lib
        print(sdk.__spec__.name, sdk.__name__, sdk.errors.__spec__.name)
        print("wandb" in {each.name for each in importlib.metadata.distributions()})
        importlib.reload(sdk.errors)
        try:
            importlib.metadata.version("tidelog-no-such-package")
        except importlib.metadata.PackageNotFoundError:
            print("not found")
        """
    )
    expected = ["tidelog.sdk tidelog.sdk tidelog.sdk.errors", "False", "not found"]
    assert expected == result.stdout.splitlines(), result.stderr


def test_a_wandb_that_was_imported_before_is_told(run_script: RunScript) -> None:
    """Who has it already keeps it; whoever imports it from then on gets ours."""
    result = run_script(
        """
        import types
        sys.modules["wandb"] = types.ModuleType("wandb")  # Stands for the real one.
        sdk.as_wandb()
        import wandb
        print(wandb is sdk)
        """
    )
    assert "True" == result.stdout.strip(), result.stderr
    assert 1 == result.stderr.count("as_wandb() came after `import wandb`")


def test_importing_the_sdk_changes_no_import(run_script: RunScript) -> None:
    """Nothing of ours finds modules before somebody calls `as_wandb()`."""
    result = run_script("print([each for each in sys.meta_path if 'tidelog' in type(each).__module__])")
    assert "[]" == result.stdout.strip(), result.stderr
