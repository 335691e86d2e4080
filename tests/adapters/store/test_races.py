"""Several at once: one wins, nobody breaks."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from sqlalchemy import Engine, func, select

from pairsift.adapters.store.claims import begin_attempt, lose_dead_attempts
from pairsift.adapters.store.engine import open_engine, require_current, upgrade
from pairsift.adapters.store.registry import dataset_lock
from pairsift.adapters.store.rows import Claim
from pairsift.adapters.store.tables import dataset, partition, policy
from pairsift.errors import Busy
from tests.adapters.store.lives import ELSEWHERE, REQUEST, Clock, claim, live, prepare

RACERS = 6


def race(run: Callable[[], object]) -> list[object]:
    """Run the same thing in several threads at the same moment; give what each returned or raised."""
    barrier = Barrier(RACERS)

    def start_together(_: int) -> object:
        barrier.wait()
        try:
            return run()
        except Busy as busy:
            return busy

    with ThreadPoolExecutor(RACERS) as pool:
        return list(pool.map(start_together, range(RACERS)))


def test_one_of_many_gets_the_claim_and_the_others_are_busy(engine: Engine, open_another: Callable[[], Engine]):
    partition_id = prepare(engine).partition_id

    ends = race(lambda: begin_attempt(open_another(), partition_id, REQUEST, ELSEWHERE))

    assert sorted(type(end).__name__ for end in ends) == ["Busy"] * (RACERS - 1) + ["Claim"]
    assert [end.fence for end in ends if isinstance(end, Claim)] == [1]


def test_many_reapers_find_a_lost_attempt_once(engine: Engine, open_another: Callable[[], Engine], clock: Clock):
    claim(engine, prepare(engine).partition_id, me=ELSEWHERE)
    clock.advance(90)

    ends = race(lambda: len(lose_dead_attempts(open_another())))

    assert sorted(str(end) for end in ends) == ["0"] * (RACERS - 1) + ["1"]


def test_many_parents_register_the_same_things_once(engine: Engine, open_another: Callable[[], Engine]):
    ends = race(lambda: prepare(open_another()))

    assert ends == [prepare(engine)] * RACERS
    with engine.connect() as connection:
        counted = [connection.scalar(select(func.count()).select_from(each)) for each in (dataset, partition, policy)]
    assert counted == [1, 1, 1]


def test_many_data_sets_commit_at_once_under_the_same_models(open_another: Callable[[], Engine]):
    names = iter([f"data set {number}" for number in range(RACERS)])

    ends = race(lambda: live(open_another(), next(names), dropped=0))

    assert ends == [None] * RACERS


def test_many_processes_may_create_the_schema_at_once(empty_url: str):
    race(lambda: upgrade(empty_url))

    engine = open_engine(empty_url)
    require_current(engine)
    engine.dispose()


def test_the_lock_of_a_data_set_is_held_by_one_at_a_time(engine: Engine, open_another: Callable[[], Engine]):
    dataset_id = prepare(engine).dataset_id
    inside: list[int] = []
    most: list[int] = []

    def enter() -> None:
        with dataset_lock(open_another(), dataset_id):
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    race(enter)

    assert most == [1] * RACERS
