#!/usr/bin/env bash
# What a card shows in a quarter of an hour, on a machine that can fetch nothing. See bench/README.md.
#   bench/gpu.sh prepare DIR [--arch 90] [--piece MB]   here: the program, and the CUDA provider with one architecture's code, as archives in pieces of at most MB (60)
#   bench/gpu.sh run DIR OUT [STEP ...]                 there, in a checkout: what DIR has, steps in order, one JSON file each, whatever becomes of the others
#   bench/gpu.sh --dry-run OUT [STEP ...]               here, over the stand-in of tests/gpu: every step runs, nothing it computes or times means anything
# Steps: correctness verify attention 2b 26b torch
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
all=(correctness verify attention 2b 26b torch)
# Seconds for each; together less than a quarter of an hour on a card. A dry run, which is no measurement, has four times as many.
declare -A limit=([correctness]=120 [verify]=90 [attention]=90 [2b]=240 [26b]=240 [torch]=100)

usage() { sed -n '2,6p' "$0" >&2; exit 2; }

prepare() {
  local to=$1 arch=90 piece=60
  shift
  while [ $# -gt 0 ]; do
    case $1 in
      --arch) arch=$2; shift 2 ;;
      --piece) piece=$2; shift 2 ;;
      *) usage ;;
    esac
  done
  mkdir -p "$to"
  to=$(cd "$to" && pwd)
  local work=$root/artifacts/gpu-bench
  dotnet publish bench/Sgl.GpuBench -c Release -r linux-x64 --self-contained true -p:Gpu=true -p:DebugType=none -p:GenerateDocumentationFile=false -p:RunAnalyzers=false \
    --artifacts-path "$work" -o "$work/program" -nologo -v q
  rm -f "$work"/program/libonnxruntime_providers_tensorrt.so "$to"/sgl-gpu.*
  mkdir -p "$work/provider"
  if [ -f "$work/program/libonnxruntime_providers_cuda.so" ]; then
    python3 bench/gpu/one_architecture.py "$work/program/libonnxruntime_providers_cuda.so" "$work/provider/libonnxruntime_providers_cuda.so" "$arch"
    rm "$work/program/libonnxruntime_providers_cuda.so"
  fi
  # The provider apart: it changes only with the runtime's version.
  tar -C "$work" -cf - program | xz -T0 -9e > "$to/sgl-gpu.program.tar.xz"
  tar -C "$work" -cf - provider | xz -T0 -9e > "$to/sgl-gpu.provider.tar.xz"
  local archive
  for archive in "$to"/sgl-gpu.*.tar.xz; do
    if [ "$(stat -c %s "$archive")" -gt $((piece * 1000000)) ]; then
      split -b "${piece}MB" -d --additional-suffix=.part "$archive" "$archive."
      rm "$archive"
    fi
  done
  echo "$arch" > "$to/sgl-gpu.architecture"
  ls -l "$to" | awk '{ print $5, $9 }'
}

# Folders that hold the CUDA libraries which the provider opens: where a system, or PyTorch's own packages, have them.
cuda_folders() {
  local name found=() folder
  for name in libcudart.so.13 libcublas.so.13 libcublasLt.so.13 libcurand.so.10 libcudnn.so.9; do
    folder=$( { ldconfig -p 2> /dev/null | sed -n "s|.*$name .* => \(.*\)/[^/]*$|\1|p"
      find /usr/local/cuda*/ /opt "$(python3 -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' 2> /dev/null || echo /usr/lib)" -name "$name" -printf '%h\n' 2> /dev/null; } | head -1 || true)
    [ -n "$folder" ] && found+=("$folder") || echo "$name is nowhere here" >&2
  done
  printf '%s\n' "${found[@]}" | sort -u | paste -sd:
}

machine() {
  echo "{\"date\": \"$(date -u +%FT%TZ)\", \"commit\": \"$(git rev-parse --short HEAD 2> /dev/null || echo unknown)\", \"card\": \"$(nvidia-smi --query-gpu=name,memory.total,driver_version,compute_cap --format=csv,noheader 2> /dev/null | head -1 || true)\", \"cores\": $(nproc), \"memory_kb\": $(awk '/MemTotal/ { print $2 }' /proc/meminfo), \"libraries\": \"${LD_LIBRARY_PATH:-}\""
}

# Steps one by one; each writes its own file as it goes, steps.json tells how each ended.
steps() {
  local out=$1 program=$2 step rc begin sparse=() dry=() slow=1
  shift 2
  [ "$program" != "$dry_program" ] || { sparse=(--sparse --rounds 1); dry=(--dry-run); slow=4; }
  mkdir -p "$out"
  out=$(cd "$out" && pwd)
  local -a names=("$@") ended=()
  [ ${#names[@]} -gt 0 ] || names=("${all[@]}")
  local failed=0
  for step in "${names[@]}"; do
    [ -n "${limit[$step]:-}" ] || { echo "$step is not a step" >&2; exit 2; }
  done
  for step in "${names[@]}"; do
    begin=$(date +%s)
    rc=0
    echo "== $step, at most $((slow * limit[$step])) s" | tee -a "$out/log.txt"
    if [ "$step" = torch ] && ! python3 -c 'import torch' 2> /dev/null; then
      echo "no PyTorch here: skipped" | tee -a "$out/log.txt"
      rc=77
    elif [ "$step" = torch ]; then
      timeout -k 5 "$((slow * limit[$step]))" python3 bench/gpu/torch_shapes.py "$out/torch.json" "${dry[@]}" >> "$out/log.txt" 2>&1 || rc=$?
    else
      timeout -k 5 "$((slow * limit[$step]))" "$program" "$step" --out "$out/$step.json" --root "$root" --cache "${SGL_GPU_CACHE:-/tmp/sgl-gpu}" "${sparse[@]}" >> "$out/log.txt" 2>&1 || rc=$?
    fi
    [ $rc = 0 ] || [ $rc = 77 ] || failed=1
    ended+=("{\"step\": \"$step\", \"exit\": $rc, \"seconds\": $(($(date +%s) - begin))}")
    { machine; echo ", \"steps\": [$(IFS=,; echo "${ended[*]}")]}"; } > "$out/steps.json"
    echo "== $step ended with $rc after $(($(date +%s) - begin)) s" | tee -a "$out/log.txt"
  done
  return $failed
}

dry_program=
case ${1:-} in
  prepare) [ $# -ge 2 ] || usage; shift; prepare "$@" ;;
  run)
    [ $# -ge 3 ] || usage
    from=$2 out=$3
    shift 3
    work=${SGL_GPU_WORK:-/tmp/sgl-gpu-work}
    mkdir -p "$work"
    for name in program provider; do
      [ -d "$work/$name" ] || cat $(ls "$from/sgl-gpu.$name.tar.xz" "$from/sgl-gpu.$name.tar.xz".*.part 2> /dev/null | sort) | tar -C "$work" -xJf -
    done
    cp -n "$work/provider/libonnxruntime_providers_cuda.so" "$work/program/"
    LD_LIBRARY_PATH=$(cuda_folders)${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    export LD_LIBRARY_PATH
    # Questions are in ASCII: without ICU nothing of them needs it.
    ldconfig -p 2> /dev/null | grep -q libicuuc || export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
    steps "$out" "$work/program/Sgl.GpuBench" "$@"
    ;;
  --dry-run)
    [ $# -ge 2 ] || usage
    out=$2
    shift 2
    work=$root/artifacts/gpu-tests
    dotnet build bench/Sgl.GpuBench -c Release -p:Gpu=true --artifacts-path "$work" -v q -nologo
    dry_program=$work/bin/Sgl.GpuBench/release/Sgl.GpuBench
    provider=$(find "$(dirname "$dry_program")" "$(dotnet nuget locals global-packages -l | sed 's/^[^:]*: *//')microsoft.ml.onnxruntime.gpu.linux" -name libonnxruntime_providers_cuda.so -print -quit)
    [ -f "$work/standin/libcudart.so.13" ] || bash tests/gpu/standin/build.sh "$provider" "$work/standin"
    export LD_LIBRARY_PATH=$work/standin${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    steps "$out" "$dry_program" "$@"
    ;;
  *) usage ;;
esac
