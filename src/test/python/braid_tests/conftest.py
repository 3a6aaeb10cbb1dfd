"""Lets the tests import the modules beside them, and gives them one Spark session with Braid's jar.

PyTorch takes one thread: the modules are so small that threads only wait for each other, for seconds on a busy machine.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is imported
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """A session whose JVM all tests share: starting one takes seconds. It needs PySpark, which not all tests do."""
    from pyspark.sql import SparkSession

    import braid

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.jars", braid.jar_path())
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "localhost")
        .config("spark.sql.shuffle.partitions", 2)
        .getOrCreate()
    )
    yield session
    session.stop()
