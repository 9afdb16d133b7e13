#!/usr/bin/env bash
# On real photos, is the network found for 10 ms better than MobileNetV3 scaled to the same measured latency?
# Usage: run.sh FOLDER, with train/ and val/ folders of class folders. About an hour and a quarter on two cores.
set -euo pipefail
nas search --target-latency 10ms --data "$1" --trials 12 --epochs 8 --headroom 1.05 --steps 8 --workers 2 \
  --out runs/tiny-imagenet-10ms
