"""Finds Braid's jar."""

from __future__ import annotations

import os
from pathlib import Path

from braid.errors import BraidError

_PACKAGE = Path(__file__).resolve().parent


def jar_path() -> str:
    """The path of Braid's jar, for the setting `spark.jars` of a Spark session.

    It is `$BRAID_JAR` if that is set, else the jar in this package, else the jar of the checkout that contains this
    package.

    Raises:
        BraidError: there is none.
    """
    named = os.environ.get("BRAID_JAR")
    checkout = (_PACKAGE / "../../../..").resolve()
    places = [_PACKAGE / "jars" / "braid.jar"]
    if (checkout / "pom.xml").is_file():
        places.append(checkout / "target" / "braid.jar")
    for place in [Path(named)] if named else places:
        if place.is_file():
            return str(place)
    expected = named or "', '".join(map(str, places))
    raise BraidError(
        f"Cannot find Braid's jar: expected '{expected}', got no such file; build it with 'jobs/braid --version' before"
        " 'pip install', or name it in BRAID_JAR"
    )
