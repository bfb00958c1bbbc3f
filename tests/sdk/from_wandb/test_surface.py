"""The public names of wandb 0.31: each is here, or named below as one that nobody calls in a script."""

import inspect
import re
from pathlib import Path

from tidelog import sdk
from tidelog.sdk.current import Current
from tidelog.sdk.from_wandb.absent import PASSED, SILENT, STOPPED
from tidelog.sdk.recording import Run

MODULE = """
AlertLevel Api Artifact ArtifactTTL Audio Classes CommError Config Error EvalTable Graph Histogram Html
Image JoinedTable Molecule Object3D Plotly Run Settings Table UsageError Video __version__ agent alert
api apis attach box3d catboost config controller data_types define_metric ensure_configured errors
finish gym init integration join jupyter keras lightgbm link_model log log_artifact log_model login
mark_preempting pin_config_keys plot plot_table profiler require restore run sacred sagemaker_auth save
sdk setup sklearn summary sweep teardown tensorboard tensorflow termerror termlog termsetup termwarn
unwatch use_artifact use_model util visualize watch xgboost
""".split()
"""`dir(wandb)`, less its plumbing: agents analytics annotations env helper patched proto trigger wandb
wandb_agent wandb_lib wandb_sdk wandb_torch."""

RUN = """
alert config config_static define_metric dir disabled display entity finish finish_artifact group id
job_type link_artifact link_model log log_artifact log_model mark_preempting name notes offline path
pin_config_keys project project_url restore resumed save settings start_time starting_step status step
sweep_id sweep_url sync_dir tags to_html unwatch upsert_artifact url use_artifact use_model watch
""".split()
"""`dir(wandb.Run)`, less `write_logs`."""

PLOT = """
CustomChart bar confusion_matrix histogram line line_series plot_table pr_curve roc_curve scatter
""".split()

INIT = """
allow_val_change anonymous config config_exclude_keys config_include_keys dir entity force fork_from
group id job_type mode monitor_gym name notes project reinit resume resume_from save_code settings
sync_tensorboard tags tensorboard
""".split()
"""Parameters of `wandb.init`."""


def test_every_name_of_the_module_is_answered_for() -> None:
    """Whether it does the same, nothing, or tells what to do instead: docs/from-wandb.md says which."""
    assert [] == [name for name in MODULE if not hasattr(sdk, name)]


def test_a_prompt_completes_what_scripts_use() -> None:
    """What is loaded late as well, and no module of ours."""
    assert {"init", "Table", "Image", "watch", "plot", "summary"} <= set(dir(sdk))
    assert [] == [name for name in dir(sdk) if not hasattr(sdk, name)]
    assert not {"recording", "rows", "os", "Any"} & set(dir(sdk))


def test_every_name_of_a_run_is_answered_for(current: Current) -> None:
    """A disabled run has them as well."""
    run = current.init({"mode": "disabled"})
    assert [] == [name for name in RUN if not hasattr(run, name)]


def test_the_page_for_people_who_come_from_wandb_names_all_that_is_absent() -> None:
    """Each with what it does and what to do instead."""
    page = (Path(__file__).parents[3] / "docs" / "from-wandb.md").read_text()
    said = set(re.findall(r"`([A-Za-z_]+)(?:\([^`]*\))?`", page))
    assert set() == {*STOPPED, *PASSED, *SILENT} - said


def test_every_chart_is_there() -> None:
    """Those of `wandb.plot`."""
    assert [] == [name for name in PLOT if not hasattr(sdk.plot, name)]


def test_no_argument_of_init_stops_a_script(current: Current) -> None:
    """Each is taken, or told by name to be without effect."""
    given = {"mode": "disabled", **dict.fromkeys(set(INIT) - {"mode", "dir", "settings", "config"}, "x")}
    known = set(inspect.signature(sdk.init).parameters) - {"unknown"}
    unknown = {name: given.pop(name) for name in set(given) - known}
    assert isinstance(current.init({**given, "unknown": unknown}), Run)
