#!/usr/bin/env bash
# Builds a latency table for each RUNTIME:PRECISION given and validates it on 59 held-out networks; `loaded` first keeps
# another core busy meanwhile. Tables go to OUT (a folder), with what was printed beside them.
#   experiments/latency/tables.sh OUT onnxruntime:float32 litert:int8
#   experiments/latency/tables.sh OUT loaded onnxruntime:float32
set -euo pipefail
out=$1
shift
mkdir -p "$out"
if [ "$1" = loaded ]; then
  shift
  python3 -c 'while True: pass' &
  trap "kill $!" EXIT
fi
for pair in "$@"; do
  name=${pair%%:*}-${pair##*:}
  nas table build --runtime "${pair%%:*}" --precision "${pair##*:}" --strict --out "$out/$name.jsonl" | tee "$out/$name.txt"
done
