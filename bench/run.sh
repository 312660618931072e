#!/usr/bin/env bash
# Every figure of docs/results/performance.md, on a machine with nothing else to do. About 100 minutes on two cores; 16 GB of memory, 12 GB of disk in CACHE.
#   bench/run.sh [OUT [CACHE [PART ...]]]      parts: accuracy logits one two engine pieces load compare; none named: all
# Each part writes to OUT/PART.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-out/bench}
cache=${2:-out/bench-cache}
shift $(($# < 2 ? $# : 2))
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(accuracy logits one two engine pieces load compare)
bench() { dotnet run -c Release --project bench/Sgl.Bench -- "$@"; }

for part in "${parts[@]}"; do
  to="$out/$part"
  case $part in
    accuracy) bench demo --bench accuracy --out "$to" ;;                                                                         # kept sets: 8 minutes
    logits) bench 1b --bench accuracy --cache "$cache" --out "$to" ;;                                                            # logits at true widths: 3
    one) bench 1b --bench start,weights,eager,peers --full --visual 256,1792 --rounds 3 --cache "$cache" --out "$to" ;;          # 25
    two) bench 2b --bench start,weights,peers --full --visual 256,1792 --rounds 3 --cache "$cache" --out "$to" ;;                # 40
    engine) bench 1b --bench importance,consistency,pruning,batch,draft --full --rounds 3 --cache "$cache" --out "$to" ;;        # 15
    pieces) bench --pieces --filter '*' --artifacts "$to" ;;                                                                     # 5
    load) dotnet run -c Release --project bench/Sgl.LoadTest -- concurrency --out "$to" ;;                                       # router and gRPC: 3
    compare)
      for baseline in bench/baselines/*/; do
        bench --out "$out/$(basename "$baseline")" --compare "$baseline"
      done
      ;;
    *)
      echo "$part is not a part" >&2
      exit 1
      ;;
  esac
done
