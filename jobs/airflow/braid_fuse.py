"""Fuses the rows of one day, every day.

The table `OUTPUT/dt=DATE` is made from `INPUT/dt=DATE`. Each date is a table of its own, so dates run in any order and at the
same time, and a backfill needs nothing special:

    airflow backfill create --dag-id braid_fuse --from-date 2026-11-01 --to-date 2026-11-30

If a date's table was made from the same input, model and options, there is nothing to do. If one of them has changed, the task
fails; to make the date again, delete `OUTPUT/dt=DATE`. A retry continues from the finished files of a killed attempt. If more
rows are bad than the budget allows, the task fails and publishes nothing.

To run a date by hand, name it, as today's table may be incomplete:

    airflow dags trigger braid_fuse --logical-date 2026-11-05

Other DAGs wait for the output with `schedule=[Asset("braid_fused")]`; the event's `extra` names the table and its counts.
"""

import json
import re
from datetime import datetime

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import Asset, CronDataIntervalTimetable, ObjectStoragePath, Param, dag, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException

FUSED = Asset("braid_fused")


class BraidOperator(SparkSubmitOperator):
    """Runs a command of Braid. If a retry cannot help, the task fails at once, with Braid's message.

    The driver runs on the worker (client mode), because Spark returns Braid's exit code only in that mode. A retry may help
    after exit code 1 or a kill. It cannot help after 2 (a wrong option, or an output that exists) or 3 (a wrong table or model).
    """

    def __init__(self, **arguments):
        super().__init__(
            application="{{ params.jar }}", java_class="dev.braid.job.Braid", deploy_mode="client", name="braid", **arguments
        )

    def execute(self, context):
        try:
            super().execute(context)
        except AirflowException as failure:
            command, _, output = str(failure).partition("\n")
            if not re.search(r"Error code is: [23]\.", command):
                raise
            message = re.search(r"^Cannot .*", output, re.MULTILINE | re.DOTALL)
            raise AirflowFailException(message[0] if message else str(failure)) from None


@dag(
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=datetime(2026, 11, 1),
    catchup=False,
    default_args={"retries": 2},
    params={
        "jar": Param("/opt/braid/braid.jar", type="string", description="Braid's jar"),
        "options": Param("/opt/braid/braid.properties", type="string", description="options file, like conf/braid.properties"),
        "model": Param("s3a://lake/models/fusion", type="string", description="model directory"),
        "input": Param("s3a://lake/pairs", type="string", description="directory of the tables dt=DATE, which have every modality"),
        "output": Param("s3a://lake/fused", type="string", description="directory of the fused tables dt=DATE"),
        "key": Param("id", type="string", description="column that identifies a row"),
        "max_bad_rows": Param("0.1%", type="string", description="how many rows may be set aside: a number or a percentage"),
    },
    doc_md=__doc__,
)
def braid_fuse():
    table = "{{ params.output }}/dt={{ ds }}"

    verify = BraidOperator(task_id="verify", application_args=["verify", "--model", "{{ params.model }}"])

    fuse = BraidOperator(
        task_id="fuse",
        application_args=[
            "fuse",
            *("--options", "{{ params.options }}"),
            *("--model", "{{ params.model }}"),
            *("--paired", "{{ params.input }}/dt={{ ds }}"),
            *("--key", "{{ params.key }}"),
            *("--on-bad-row", "quarantine", "--max-bad-rows", "{{ params.max_bad_rows }}"),
            *("--output", table),
        ],
    )

    @task(outlets=[FUSED])
    def counts(table, *, outlet_events):
        """The manifest's counts, for later tasks (XCom) and for DAGs that wait for the output."""
        manifest = json.loads((ObjectStoragePath(table) / "_manifest.json").read_text())
        counted = {name: manifest[name] for name in ("rows", "tokens", "quarantined", "fingerprint")}
        outlet_events[FUSED].extra = {"table": table, **counted}
        return counted

    verify >> fuse >> counts(table)


braid_fuse()
