"""precisions.py REPORTS [CPUINFO]: which precisions the tests ran in; fails if the processor has one that they skipped.

REPORTS is Surefire's directory, CPUINFO a file like /proc/cpuinfo. Processors with AMX have AVX512-BF16 too.
"""

import re
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

#: The class that runs all golden models in a precision, and the flag of the processors that have it.
TESTS = {"fp32": "GoldenParityTest", "bf16": "Bfloat16Test", "int8": "Int8Test"}
FLAGS = {"bf16": "avx512_bf16", "int8": "avx512_vnni"}


def main(reports: Path, cpuinfo: Path) -> None:
    ran = dict.fromkeys(TESTS, 0)
    skipped = dict.fromkeys(TESTS, 0)
    for report in sorted(reports.glob("TEST-*.xml")):
        for case in xml.parse(report).getroot().iter("testcase"):
            name = f"{case.get('classname')}.{case.get('name')}"
            skip = case.find("skipped")
            for precision, test in TESTS.items():
                if skip is not None:
                    # Why a test is skipped: the refusal that a user gets.
                    skipped[precision] += f"Cannot compute in {precision}" in f"{skip.get('message')} {skip.text}"
                elif f".{test}." in name:
                    ran[precision] += 1
    text = cpuinfo.read_text()
    model = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    print(f"processor: {model.group(1) if model else 'of unknown name'}")
    print(f"fp32: {ran['fp32']} runs of golden models, on oneDNN and on ND4J")
    wrong = ran["fp32"] == 0
    for precision, flag in FLAGS.items():
        has = re.search(rf"^flags\s*:.*\b{flag}\b", text, re.MULTILINE) is not None
        here = f"{'' if has else 'no '}{flag} here"
        print(f"{precision}: {ran[precision]} runs of golden models, {skipped[precision]} tests were skipped ({here})")
        wrong |= has and (skipped[precision] > 0 or ran[precision] == 0)
    if wrong:
        sys.exit("WRONG: expected every precision that this processor has to be tested, got the above")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "/proc/cpuinfo"))
