"""faults.py DIRECTORY [CHECK...]: breaks runs of 'braid fuse' and counts what is lost.

steps      the driver halts instead of making each of its changes to files, while it replaces a table
partitions the same while it replaces one partition of a table and adds another
grow       the same while it publishes an update into a table
random     kill -9 of the driver at ten random moments, or a share of them, some over an older table
pair       two runs with one output; SIGTERM and SIGINT; the same command again
quarantine broken rows of every reason that needs no pairs, vocabulary or boxes, and a kill in between
references pairs that refer to feature tables, half of them to one row; a kill in between; bad references
inputs     files cut, damaged, replaced and removed; schemas that differ; full disks (as root)
cluster    kill -9 of executors (during a join too), a worker and the driver of a standalone cluster, with speculation
hdfs       a run, kills, two runs at once and an audit on HDFS; the driver halts while it replaces or updates a table
s3         the same in S3, and a Spark job without Braid; the driver halts instead of making each change that publishes a table
keys       ten million keys and four million bad rows, with a heap of 1 GiB
"""

import resource
import signal
import sys
import time

import faults_cluster
import faults_hdfs
import faults_in_place
import faults_inputs
import faults_keys
import faults_kills
import faults_references
import faults_rows
import faults_s3
from faults_runs import counts, prepare

CHECKS = {
    "steps": faults_kills.steps, "partitions": faults_in_place.partitions, "grow": faults_in_place.grow, "random": faults_kills.moments, "pair": faults_kills.pair, "quarantine": faults_rows.quarantine,
    "references": faults_references.references,
    "inputs": faults_inputs.inputs, "cluster": faults_cluster.cluster, "hdfs": faults_hdfs.hdfs, "s3": faults_s3.s3, "keys": faults_keys.keys,
}  # fmt: skip

if __name__ == "__main__":
    # A shell that starts this in the background ignores SIGINT, and so would the runs.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    prepare()
    for chosen in sys.argv[2:] or CHECKS:
        begun, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        CHECKS[chosen]()
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
        print(f"      {chosen}: {time.monotonic() - begun:.0f} seconds, {cpu:.0f} of processor time", flush=True)
    skipped = f", {counts['skipped']} skipped" * (counts["skipped"] > 0)
    print(f"{counts['passed']} passed, {counts['failed']} failed{skipped}")
    sys.exit(counts["failed"] > 0)
