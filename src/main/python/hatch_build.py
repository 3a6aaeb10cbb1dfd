"""Takes Braid's jar along, if it is built."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Jar(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """An editable package finds the checkout's own."""
        jar = Path(self.root).resolve().parents[2] / "target" / "braid.jar"
        if version == "standard" and jar.is_file():
            build_data["force_include"][str(jar)] = "braid/jars/braid.jar"
