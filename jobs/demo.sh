#!/usr/bin/env bash
#
# Fuses the emoji of src/demo, each a picture and a text, and shows which emoji are neighbours in fused space.
set -euo pipefail

home=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
data=$home/src/demo
fused=$home/target/demo/fused

# Use only the demo's own options and ignore conf/braid.properties.
"$home/jobs/braid" fuse --options /dev/null --model "$data/model" \
  --features "visual=$data/visual.parquet" --features "text=$data/text.parquet" \
  --dtype visual=float16 --dtype text=float16 \
  --key codepoints --keep emoji,label --output "$fused" --overwrite

echo
echo "The nearest neighbours of three emoji that the model was not trained on, by the cosine of their fused vectors:"
echo
"$home/jobs/braid" neighbours --table "$fused" --key codepoints --label emoji,label \
  --of 1F431,1F353,1F68C --count 3
