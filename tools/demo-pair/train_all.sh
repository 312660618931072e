#!/usr/bin/env bash
# Trains the document pair, one model after another or (given a size) one of them; goes on where it was stopped or killed.
#
#   RUNS=/somewhere ./train_all.sh [small|large]
#
# Every stage has its number of steps; a stage that has them ends at once. SIGTERM saves and stops, SIGSTOP and SIGCONT pause it, after SIGKILL at
# most three minutes are lost. Logs lie beside the checkpoints. About five hours of one core in all.
set -euo pipefail
cd "$(dirname "$0")"
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 RUNS=${RUNS:-$PWD/runs}
python=${PYTHON:-/usr/bin/python3}      # Debian's, which has torch
mkdir -p "$RUNS"
"$python" -m document_pair.snapshot unpack

stage() { # stage LOG MODULE OPTIONS...
    local log=$RUNS/$1.log module=$2 child
    shift 2
    "$python" -m "document_pair.$module" "$@" >> "$log" 2>&1 &
    child=$!
    trap 'kill -TERM $child; wait $child; exit 3' TERM INT
    wait $child
}

if [ "${1:-small}" = small ]; then
    stage vision-small train_vision --size small --steps 2800
    stage lm-small train_lm --size small --steps 2400 --stop 1900    # stopped early on purpose: a small model that is wrong sometimes
fi
if [ "${1:-large}" = large ]; then
    stage vision-large train_vision --size large --steps 2100
    stage lm-large train_lm --size large --steps 2900 --pages 8
    stage deep-large train_lm --size large --grow --steps 1200 --pages 8 --rate 1e-3 --matrix-rate 0.004
fi
