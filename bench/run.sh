#!/usr/bin/env bash
# Every figure of docs/results/performance.md, on a machine with nothing else to do. About 90 minutes on two cores; 16 GB of memory, 12 GB of disk in CACHE.
#   bench/run.sh [OUT [CACHE]]
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-out/bench}
cache=${2:-out/bench-cache}
bench() { dotnet run -c Release --project bench/Sgl.Bench -- "$@" --cache "$cache" --out "$out"; }

bench demo --bench accuracy                                                        # kept sets: 8 minutes
bench 1b --bench accuracy --out "$out/logits"                                      # logits at true widths: 3
bench 1b --bench weights,start,eager,peers --full --visual 256,1792 --rounds 3     # 25
bench 2b --bench weights,start,peers --full --visual 256,1792 --rounds 3 --out "$out/2b"  # 40
bench 1b --bench importance,consistency,pruning,batch,draft --full --rounds 3 --out "$out/engine"  # 15
dotnet run -c Release --project bench/Sgl.Bench -- --pieces --filter '*' --artifacts "$out/pieces"  # 5
dotnet run -c Release --project bench/Sgl.LoadTest -- concurrency --out "$out/load"  # router and gRPC
if [ -d bench/baselines ]; then
  dotnet run -c Release --project bench/Sgl.Bench -- --out "$out" --compare bench/baselines
fi
