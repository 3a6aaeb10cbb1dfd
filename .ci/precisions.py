"""precisions.py REPORTS [CPUINFO]: which precisions the tests ran in; fails if the processor has one that they skipped.

REPORTS is Surefire's directory, CPUINFO a file like /proc/cpuinfo. Processors with AMX have AVX512-BF16 too.
"""

import re
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

#: Why a test of bf16 is skipped: the refusal that a user gets.
REFUSED = "Cannot compute in bf16"


def main(reports: Path, cpuinfo: Path) -> None:
    ran = {"fp32": 0, "bf16": 0}
    skipped = 0
    for report in sorted(reports.glob("TEST-*.xml")):
        for case in xml.parse(report).getroot().iter("testcase"):
            name = f"{case.get('classname')}.{case.get('name')}"
            skip = case.find("skipped")
            if skip is not None:
                skipped += REFUSED in f"{skip.get('message')} {skip.text}"
            elif ".GoldenParityTest." in name:
                ran["fp32"] += 1
            elif ".Bfloat16Test." in name:
                ran["bf16"] += 1
    text = cpuinfo.read_text()
    model = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    has_bf16 = re.search(r"^flags\s*:.*\bavx512_bf16\b", text, re.MULTILINE) is not None
    print(f"processor: {model.group(1) if model else 'of unknown name'}")
    print(f"fp32: {ran['fp32']} runs of golden models, on oneDNN and on ND4J")
    print(f"bf16: {ran['bf16']} runs of golden models, {skipped} tests were skipped ({'' if has_bf16 else 'no '}avx512_bf16 here)")
    if ran["fp32"] == 0 or (has_bf16 and (skipped > 0 or ran["bf16"] == 0)):
        sys.exit("WRONG: expected every precision that this processor has to be tested, got the above")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "/proc/cpuinfo"))
