"""The flow that trains a fusion head on pairs of the user's own: plan, gather, fit, register."""

from typing import Any

from prefect import flow, get_run_logger
from prefect.runtime import flow_run

from pairsift.core.training import TrainRequest
from tasks.train import fit, gather_lessons, plan_training, register_head


def name_training() -> str:
    """Name a training by its head."""
    return f"train {TrainRequest.model_validate(flow_run.parameters['request']).name}"


@flow(name="train-fusion", flow_run_name=name_training, persist_result=False)
def train_fusion(request: TrainRequest) -> dict[str, Any]:
    """Train a fusion head and register it; the same request goes on from its last checkpoint.

    Args:
        request: What to learn from, and how.
    """
    plan = plan_training(request)
    gathered = gather_lessons(plan)
    fitted = fit(plan, gathered)
    outcome = register_head(plan, gathered, fitted)
    get_run_logger().info("%s: AUC %.3f on pairs held out", request.name, outcome["metrics"]["auc_swapped"])
    return outcome
