#!/usr/bin/env bash
# Fuzzes targets for some time each and prints a table of what came of it.
#
#   fuzz/run.sh [SECONDS] [TARGET...]      600 seconds each, of all targets, where nothing is said
#
# JOBS=2 runs two targets at a time. CARGO_TARGET_DIR says where to build. Exits with 1 where a target has a finding, whose
# input is then in fuzz/artifacts/TARGET, or did not run to its end, as fuzz/logs tells. Inputs that reach something new are
# kept in fuzz/grown, which is not committed.
set -uo pipefail
cd "$(dirname "$0")"

seconds=${1:-600}
shift || true
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    mapfile -t targets < <(sed -n 's/^name = "\(.*\)"$/\1/p' Cargo.toml | tail -n +2)
fi
if ! [[ $seconds =~ ^[1-9][0-9]*$ ]]; then
    echo "usage: fuzz/run.sh [SECONDS] [TARGET...], and '$seconds' is no number of seconds" >&2
    exit 2
fi
for target in "${targets[@]}"; do
    if ! [ -f "fuzz_targets/$target.rs" ]; then
        echo "no target is called $target; there are: $(basename -s .rs fuzz_targets/*.rs | xargs)" >&2
        exit 2
    fi
done
host=$(rustc +nightly --version --verbose | sed -n 's/^host: //p')
jobs=${JOBS:-1}
build=${CARGO_TARGET_DIR:-$PWD/target}
export CARGO_TARGET_DIR=$build

dictionary() {
    case $1 in
        dataset_open | model_load | checkpoint_load) echo dict/container.dict ;;
        keras_npz | pickle) echo dict/numpy.dict ;;
        libsvm | delimited | tokenizer) echo dict/text.dict ;;
        acl_tar) echo dict/tar.dict ;;
        sweep_file | run_records) echo dict/sweep.dict ;;
    esac
}

longest() {
    case $1 in
        # A checkpoint's own file has nearly 4096 bytes.
        acl_tar | run_records | checkpoint_load) echo 8192 ;;
        *) echo 4096 ;;
    esac
}

fuzz() {
    local target=$1 dict folder
    dict=$(dictionary "$target")
    # The files that the targets write live in memory where they can.
    folder=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")")
    mkdir -p "grown/$target" "artifacts/$target" logs
    # No input may take 10 seconds, 1 GiB in all or 64 MiB at once.
    TMPDIR=$folder "$build/$host/release/$target" \
        "grown/$target" "corpus/$target" \
        -artifact_prefix="artifacts/$target/" -max_total_time="$seconds" -max_len="$(longest "$target")" \
        ${dict:+-dict="$dict"} -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=64 -print_final_stats=1 \
        >"logs/$target.log" 2>&1
    echo $? >"logs/$target.status"
    rm -rf "$folder"
}

cargo +nightly fuzz build || exit 1
running=0
for target in "${targets[@]}"; do
    if [ "$running" -ge "$jobs" ]; then
        wait -n
        running=$((running - 1))
    fi
    fuzz "$target" &
    running=$((running + 1))
done
wait

failed=0
format='%-18s %12s %9s %9s %9s %9s  %s\n'
# shellcheck disable=SC2059
printf "$format" target executions 'a second' edges features MiB findings
for target in "${targets[@]}"; do
    log=logs/$target.log
    stat() { sed -n "s/^stat::$1: *//p" "$log" | tail -1; }
    last=$(grep -E '^#[0-9]+.*cov: ' "$log" | tail -1)
    edges=$(sed -n 's/.*cov: \([0-9]*\).*/\1/p' <<<"$last")
    features=$(sed -n 's/.*ft: \([0-9]*\).*/\1/p' <<<"$last")
    finding=none
    status=$(<"logs/$target.status")
    if grep -q 'SUMMARY: ' "$log"; then
        finding=$(grep 'SUMMARY: ' "$log" | head -1)
        failed=1
    elif [ "$status" -ne 0 ]; then
        finding="did not run to its end: exit code $status, see fuzz/$log"
        failed=1
    fi
    # shellcheck disable=SC2059
    printf "$format" "$target" "$(stat number_of_executed_units)" "$(stat average_exec_per_sec)" \
        "$edges" "$features" "$(stat peak_rss_mb)" "$finding"
done
exit $failed
