#!/usr/bin/env bash
#
# Measures Braid next to its rivals on this machine:  jobs/bench.sh [--quick] [--part PART]... [--publish] [OPTION...]
#
#   jobs/bench.sh                       everything, about two and a half hours
#   jobs/bench.sh --quick               fewer shapes, rows and rounds, about 15 minutes
#   jobs/bench.sh --part encoder        one part, of kernel, encoder, slots, lengths, end-to-end, vectors and ends; the
#                                       report keeps what earlier runs found of the others
#   jobs/bench.sh --publish             puts the table and the plot into the README, too
#
# Nothing else should run meanwhile. Outputs are compared before anything is timed, and contenders take turns. What is found
# lies in target/bench: bench.md, bench.png, and a file of raw seconds per part. The first run fetches the rivals: 0.5 GB for
# the JVM, and 2 GB for Python if end-to-end, vectors or ends is measured (kept in ~/.cache/braid-bench; BRAID_BENCH_VENV
# names another virtual environment). --shape I, II, III, IV or V and --rounds N narrow the parts inside the JVM; --rows N and
# --repetitions N change those of end-to-end, vectors and ends: 8,000, 400,000 and 3,000 rows, three times. Where the machine
# is busy, JAVA_TOOL_OPTIONS=-Dbraid.bench.clock=processor counts processor time instead of time as it passes, but for slots.
#
# end-to-end and vectors go from Parquet to Parquet: rows of half a megabyte, and rows of one vector per modality. ends is
# Braid's reading and writing on one thread next to PyArrow's, alone with --quick in three minutes.
set -euo pipefail

home=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
results=$home/target/bench
classpath=$home/target/bench.classpath
parts=()
quick=()
options=()
python_options=()
publish=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --help | -h) sed -n '3,/^set /{/^#/s/^# \{0,1\}//p}' "$0" && exit ;;
    --quick) quick=(--quick) ;;
    --publish) publish=("$home") ;;
    --part) parts+=("${2:?a part}") && shift ;;
    --rows | --repetitions) python_options+=("$1" "${2:?a number}") && shift ;;
    --rows=* | --repetitions=*) python_options+=("$1") ;;
    --part=*) parts+=("${1#*=}") ;;
    *) options+=("$1") ;;
  esac
  shift
done
[[ ${#parts[@]} -gt 0 ]] || parts=(kernel encoder slots lengths end-to-end vectors ends)

jvm=()
python=()
for part in "${parts[@]}"; do
  case $part in
    kernel | encoder | slots | lengths) jvm+=(--part "$part") ;;
    end-to-end | vectors | ends) python+=("$part") ;;
    *)
      echo "Cannot measure '$part': expected kernel, encoder, slots, lengths, end-to-end, vectors or ends (--part)" >&2
      exit 2
      ;;
  esac
done

if [[ ${#jvm[@]} -eq 0 && ${#options[@]} -gt 0 ]]; then
  echo "Cannot take '${options[*]}': expected no such option without a part inside the JVM" >&2
  exit 2
fi
if [[ ${#python[@]} -eq 0 && ${#python_options[@]} -gt 0 ]]; then
  echo "Cannot take '${python_options[*]}': expected no such option without end-to-end, vectors or ends" >&2
  exit 2
fi

echo "This takes about $([[ ${#quick[@]} -gt 0 ]] && echo "15 minutes" || echo "two and a half hours") for all parts, and as much longer as the first \
run downloads. Nothing else should run meanwhile." >&2

# OpenBLAS knows the processor best by itself.
unset OPENBLAS_CORETYPE

mkdir -p "$results"
log=$results/build.log
if ! (cd "$home" && exec mvn -B -ntp -Pbench -Dspotless.check.skip=true test-compile \
  dependency:build-classpath -Dmdep.outputFile="$classpath") > "$log" 2>&1; then
  cat "$log" >&2
  echo "Cannot build the benchmark: Maven failed, its output stands above" >&2
  exit 1
fi

java=("${JAVA_HOME:+$JAVA_HOME/bin/}java" -cp "$home/target/test-classes:$home/target/classes:$(< "$classpath")")
revision=$(git -C "$home" describe --always --dirty 2> /dev/null || true)

if [[ ${#jvm[@]} -gt 0 ]]; then
  # One thread each; ONNX Runtime 1.29 can crash when its telemetry starts.
  OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 ORT_DISABLE_TELEMETRY=1 \
    "${java[@]}" dev.braid.bench.Bench "${jvm[@]}" "${quick[@]}" "${options[@]}" \
    --revision "$revision" --output "$results"
fi

if [[ ${#python[@]} -gt 0 ]]; then
  venv=${BRAID_BENCH_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/braid-bench}
  requirements=$home/src/bench/python/requirements.txt
  if ! cmp -s "$requirements" "$venv/installed.txt"; then
    [[ -x $venv/bin/python ]] || python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$venv/installed.txt"
  fi
  for part in "${python[@]}"; do
    only=(--parts "$part")
    [[ $part != end-to-end ]] || only=() # with what else belongs to it
    PYTHONPATH=$home/src/bench/python PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" -m braid_bench "${quick[@]}" \
      "${only[@]}" "${python_options[@]}" --output "$results/$part.json"
  done
fi

"${java[@]}" -Djava.awt.headless=true dev.braid.bench.report.Report "$results" "${publish[@]}"
