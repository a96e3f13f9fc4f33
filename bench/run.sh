#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures cmtstore against CometBFT's own prune and compaction and prints the tables of docs/performance.md.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(dirname "$here")

usage()
{
    cat <<'END'
usage: bench/run.sh [-s "SET ..."] [-r REPS] [-m METHOD] [-d DIVISOR] [DIR]
  -s   data sets out of A B C D, RA RD on RocksDB, PA PD on pebble (default: all; D stands for D and D4)
  -r   repetitions of each comparison (default: 5)
  -m   how cmtstore works: auto, edit or engine (default: auto)
  -d   make data sets of so many times fewer heights, to try the benchmark itself
DIR holds programs, data sets, copies and results (default: build/bench).
As root the page cache is dropped before every run; otherwise runs are warm, which the tables say.
END
}

sets="A B C D RA RD PA PD" reps=5 method=auto divisor=1
while getopts s:r:m:d:h option; do
    case $option in
    s) sets=$OPTARG ;;
    r) reps=$OPTARG ;;
    m) method=$OPTARG ;;
    d) divisor=$OPTARG ;;
    h)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
done
shift $((OPTIND - 1))
if [ $# -gt 1 ] || [[ ! $method =~ ^(auto|edit|engine)$ || ! $reps =~ ^[1-9][0-9]*$ || ! $divisor =~ ^[1-9][0-9]*$ ]]; then
    usage >&2
    exit 2
fi
mkdir -p "${1:-$top/build/bench}"
out=$(cd "${1:-$top/build/bench}" && pwd)
data=$out/data
[ "$divisor" = 1 ] || data=$out/data-$divisor

if ! command -v go >/dev/null; then
    echo "bench/run.sh: a Go compiler is needed, for CometBFT's own code" >&2
    exit 1
fi
"$top/tools/build"
(cd "$here/go" && go build -buildvcs=false -tags "rocksdb pebbledb" -o "$out/bin/cmtbench" .)
export PYTHONDONTWRITEBYTECODE=1
# Their paths may hold spaces; the commands below name them by these.
export CMTSTORE=$top/build/bin/cmtstore CMTBENCH=$out/bin/cmtbench METHOD=$method

status=0
results=$out/results.jsonl
: >"$results"

# compare LABEL SET PRUNED: PRUNED is a number of heights, or a share of all in per cent.
compare()
{
    local label=$1 home=$data/$2 pruned=$3 retain
    retain=$("$CMTSTORE" info --home "$home" -o json | python3 -c '
import json, sys
store = json.load(sys.stdin)["blockstore"]
pruned, heights = sys.argv[1], store["height"] - store["base"] + 1
count = heights * int(pruned[:-1]) // 100 if pruned.endswith("%") else int(pruned)
print(store["base"] + count)' "$pruned")
    [ "$method" = auto ] || label+=", method $method"
    # Prune and compact are two processes: in one, CometBFT's code took longer and wrote more when that was tried.
    printf '\n== %s, retain height %s\n' "$label" "$retain"
    # shellcheck disable=SC2016 # expanded where the commands run
    python3 "$here/compare.py" --reps "$reps" --label "$label" --json "$results" --scratch "$out" \
        --cmtbench "$CMTBENCH" --prewarm "$CMTBENCH" --prewarm "$CMTSTORE" "$home" "$retain" \
        '"$CMTBENCH" prune -d "$HOME_DIR" -retain "$RETAIN" && "$CMTBENCH" compact -d "$HOME_DIR"' \
        '"$CMTSTORE" prune-and-compact --home "$HOME_DIR" --retain-height "$RETAIN" --yes --no-sweep --method "$METHOD"' ||
        status=1
}

for set in $sets; do
    case $set in
    A | B | C | RA | PA) members=("$set") ;;
    D | RD | PD) members=("$set" "${set}4") ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
    DIVISOR=$divisor "$here/mkdata.sh" "$CMTBENCH" "$data" "${members[@]}"
    case $set in
    *A) shares="10% 50% 90%" ;;
    *D) shares=$((2000 / divisor)) ;; # heights: the same number of both
    *) shares="50% 90%" ;;
    esac
    for share in $shares; do
        for member in "${members[@]}"; do
            if [ "${set%D}" != "$set" ]; then
                compare "$member, $share heights" "$member" "$share"
            else
                compare "$member, $share" "$member" "$share"
            fi
        done
    done
done

printf '\n%s processors, Linux %s, %s.\n\n' "$(nproc)" "$(uname -r)" \
    "$(findmnt -n -o FSTYPE,OPTIONS -T "$out" | tr -s ' ')"
python3 "$here/table.py" "$results"
exit "$status"
