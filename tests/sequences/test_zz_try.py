import os
import time

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.sequences.machine import Machine
from tests.sequences.world import World


def test_try():
    stat = {}
    exec(open("/tmp/stats.py").read(), stat)
    import cProfile
    import pstats

    from tests.sequences.stage import stage

    stage("DevUSD")
    stage("UnrulyDollar")
    pr = cProfile.Profile()
    if "P" in os.environ:
        pr.enable()
    t = time.time()
    c = time.process_time()
    n = int(os.environ.get("N", "20"))
    try:
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=n,
                stateful_step_count=60,
                deadline=None,
                database=None,
                derandomize="R" not in os.environ,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate] + ([Phase.shrink] if "S" in os.environ else []),
                report_multiple_bugs=False,
            ),
        )
    finally:
        pr.disable()
        print("cpu", time.process_time() - c)
        if "P" in os.environ:
            pstats.Stats(pr).sort_stats("tottime").print_stats(30)
        for k in ("STAT", "REASON", "STEPS"):
            print(k, sum(stat[k].values()), sorted(((str(a), b) for a, b in stat[k].items())))
        print(
            "took",
            time.time() - t,
            "examples",
            World.examples,
            [f for f in World.failures if f[3] != "StopTest"],
        )
