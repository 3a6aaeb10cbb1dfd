#!/usr/bin/env bash
#
# Measures Braid next to PyTorch, ONNX Runtime, PySpark and PyArrow on this machine:  jobs/bench.sh [OPTION...]
#
#   jobs/bench.sh                       everything, three runs of each contender: hours
#   jobs/bench.sh --quick               (ii) alone, few rows, one run: within ten minutes after the first download
#   jobs/bench.sh --part encoder        one part: encoder (alone), jobs (from table to table) or ends (reading and writing)
#   jobs/bench.sh --output DIRECTORY    where bench.md and the raw seconds go; default: target/bench
#
# More options: --model i|ii|iii|iv|v|vi|two-streams|lxmert, --form nested|flat|float16 (of the tables in the part jobs), --slots N,
# --runs N, --work DIRECTORY (for tables of up to 5 GB). --part, --model, --form and --slots can be given several times; the
# part ends ignores --model, --form and --slots. The report keeps the results of earlier runs for other parts. Outputs are compared
# before anything is timed, and contenders take turns. Nothing else should run meanwhile. The first run downloads 2 GB of rivals
# into ~/.cache/braid-bench; BRAID_BENCH_VENV names another virtual environment.
set -euo pipefail

home=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
case ${1:-} in
  --help | -h) sed -n '3,/^set /{/^#/s/^# \{0,1\}//p}' "$0" && exit ;;
esac

mkdir -p "$home/target"
log=$home/target/bench-build.log
if ! (cd "$home" && exec mvn -B -ntp -Pbench -Dno-lint test-compile \
  dependency:build-classpath -Dmdep.outputFile=target/bench.classpath) > "$log" 2>&1; then
  cat "$log" >&2
  echo "Cannot build the benchmark: Maven failed; see its output above" >&2
  exit 1
fi

venv=${BRAID_BENCH_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/braid-bench}
requirements=$home/src/bench/python/requirements.txt
if ! cmp -s "$requirements" "$venv/installed.txt"; then
  [[ -x $venv/bin/python ]] || python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
  cp "$requirements" "$venv/installed.txt"
fi

BRAID_BENCH_CLASSPATH=$home/target/test-classes:$home/target/classes:$(< "$home/target/bench.classpath")
export BRAID_BENCH_CLASSPATH HF_HUB_DISABLE_PROGRESS_BARS=1
PYTHONPATH=$home/src/bench/python:$home/src/main/python PYTHONDONTWRITEBYTECODE=1 exec "$venv/bin/python" -m braid_bench \
  --output "$home/target/bench" "$@"
