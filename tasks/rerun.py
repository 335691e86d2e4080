"""Find the runs whose partitions failed, were lost or were interrupted, as requests to do just these again."""

from prefect import get_run_logger, task

from pairsift.adapters.store.engine import require_current
from pairsift.adapters.store.registry import dataset_names
from pairsift.adapters.store.runs import partitions_without_request, requests_to_rerun
from pairsift.config import RunRequest
from pairsift.core.conditions import nearest
from pairsift.errors import ConfigError
from tasks.retrying import STAGE
from tasks.workplace import store


@task(name="find failed", task_run_name="find failed", **STAGE)
def find_failed(dataset: str | None) -> list[RunRequest]:
    """List what the last runs of failed partitions were asked to do, narrowed to these; of one data set, or of all.

    ConfigError for a data set that there is not.
    """
    require_current(store())
    names = dataset_names(store())
    if dataset is not None and dataset not in names:
        raise ConfigError(f"there is no data set {dataset!r}: {nearest(dataset, names)}")
    for name, keys in partitions_without_request(store(), dataset).items():
        get_run_logger().warning("%s: nobody recorded how %s were asked for: run their source", name, ", ".join(keys))
    return [
        RunRequest.model_validate({**found.request, "partitions": found.partitions, "rerun_failed": True})
        for found in requests_to_rerun(store(), dataset)
    ]
