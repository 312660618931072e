#!/usr/bin/env bash
# Every figure of docs/results/performance.md, on a machine with nothing else to do. 16 GB of memory, 20 GB of disk in CACHE.
#   bench/run.sh OUT CACHE prepare        random checkpoints and the peers' files, once: 10 minutes
#   bench/run.sh OUT CACHE quick          each figure once: 14 minutes on two cores
#   bench/run.sh OUT CACHE [PART ...]     parts: accuracy logits one two engine added reuse flow pieces load; none named: all, 130 minutes
#   bench/run.sh OUT CACHE summary        table and plots of what lies in OUT; write: into README.md and docs/results too
#   bench/run.sh OUT CACHE compare        with bench/baselines; ends with 1 where a figure got worse. keep: OUT becomes the baselines
# Each part writes to OUT/PART.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-out/bench}
cache=${2:-out/bench-cache}
shift $(($# < 2 ? $# : 2))
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(accuracy logits one two engine added reuse flow pieces load summary compare)
if [ "${parts[*]}" != keep ]; then
  for project in Sgl.Bench Sgl.LoadTest Sgl.Peers; do
    dotnet build -c Release "bench/$project" -v quiet -nologo -clp:ErrorsOnly
  done
fi
bench() { dotnet run --no-build -c Release --project bench/Sgl.Bench -- "$@" --cache "$cache"; }
loadtest() { dotnet run --no-build -c Release --project bench/Sgl.LoadTest -- "$@"; }

for part in "${parts[@]}"; do
  to="$out/$part"
  case $part in
    prepare) bench 1b 2b --prepare ;;
    quick)
      bench 1b --bench start,weights --visual 256 --rounds 2 --out "$to/weights"                                           # 1.5 minutes
      bench 1b --bench importance,consistency,eager --visual 1792 --rounds 2 --out "$to/importance"                        # 1.5
      bench 1b --bench peers,tower --visual 256,1792 --rounds 1 --precisions Q8_0,Q4_0,genai --out "$to/peers"             # 4
      bench 2b --bench peers --visual 256,1792 --rounds 1 --precisions Q8_0,Q4_0 --out "$to/peers"                         # 6
      loadtest added --seconds 20 --out "$to/added" || true                                                                # 1
      bench --summary "$to"
      ;;
    accuracy) bench demo --bench accuracy --out "$to" ;;                                                                   # kept sets: 8 minutes
    logits) bench 1b --bench accuracy --out "$to" ;;                                                                       # logits at true widths: 3
    one) bench 1b --bench start,weights,eager,peers,tower --full --visual 256,1792 --rounds 3 --out "$to" ;;               # 25
    two) bench 2b --bench start,weights,peers --full --visual 256,1792 --rounds 3 --out "$to" ;;                           # 40
    engine) bench 1b --bench importance,consistency,pruning,batch,draft,stall,beside --full --rounds 3 --out "$to" ;;      # 20
    added) loadtest added --seconds 60 --out "$to" || true ;;                                                              # router and gRPC: 2
    pieces) dotnet run --no-build -c Release --project bench/Sgl.Bench -- --pieces --filter '*' --artifacts "$to" ;;       # 5
    reuse)                                                                                                                 # 20
      bench 1b --bench reuse --rounds 3 --out "$to"
      loadtest reuse --rounds 1 --size 1344x896 --small "$cache/1b-bfloat16-served" --large "$cache/1b-bfloat16-served" --out "$to" || true
      ;;
    flow) # stalls, ten questions about a page, both models against one, guided tiles: 14
      bench 1b --bench stall --visual 256,1792 --rounds 1 --out "$to"                                                      # 1.5
      loadtest reuse --rounds 1 --size 1344x896 --small "$cache/1b-bfloat16-served" --large "$cache/1b-bfloat16-served" --out "$to/reuse" || true # 4
      for what in alone tiles; do
        loadtest $what --seconds 20 --small models/sgl-documents-small --large models/sgl-documents-large --data benchmarks/documents --out "$to/$what" || true # 8
      done
      ;;
    load) loadtest concurrency --out "$to" ;;                                                                              # 3
    summary) bench --summary "$out" ;;
    write) bench --summary "$out" --write ;;
    keep)
      (cd "$out" && find . -name '*.json' ! -name load.json ! -path '*/pieces/*') | while read -r file; do
        install -D -m 644 "$out/$file" "bench/baselines/$file"
      done
      ;;
    compare)
      failed=0 found=0
      for baseline in $(find bench/baselines -name '*.json' -printf '%h\n' | sort -u); do
        run="$out/${baseline#bench/baselines/}"
        if [ -d "$run" ]; then
          found=1
          bench --out "$run" --compare "$baseline" || failed=1
        else
          echo "$run is not there"
        fi
      done
      if [ $found = 0 ]; then
        echo "nothing in $out has a baseline" >&2
        exit 1
      fi
      exit $failed
      ;;
    *)
      echo "$part is not a part" >&2
      exit 1
      ;;
  esac
done
