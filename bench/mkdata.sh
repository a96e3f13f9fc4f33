#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the data sets of the benchmarks: mkdata.sh GENERATOR OUTDIR [SET ...]; all of them if none is named.
# GENERATOR is cmtbench.  Contents depend on nothing else; DIVISOR=N makes sets of N times fewer heights.
#
#   A    40,000 heights from 70,001, across the change to six digits; up to three transactions of at most 70 kB: 1.1 GiB
#   B     5,000 heights from 97,001; 120 validators or more and a change of power in each block: commits, validator sets
#   C     8,000 heights from 97,001; about 70 kB of results a block: a state store of about 300 MiB
#   D   400,000 heights from 100,001, as small as can be: one validator, at most one transaction of at most 60 bytes
#   D4   40,000 of the same: what D costs more is what keeping more costs
#   RA RD RD4, PA PD PD4   as A, D and D4, on RocksDB and on pebble
set -euo pipefail

if [ $# -lt 2 ]; then
    echo "usage: mkdata.sh GENERATOR OUTDIR [A|B|C|D|D4|RA|RD|RD4|PA|PD|PD4 ...]" >&2
    exit 2
fi
generator=$1
out=$2
shift 2
[ $# -gt 0 ] || set -- A B C D D4 RA RD RD4 PA PD PD4

mkdir -p "$out"
small=(-initial 100001 -vals 1 -maxtx 1 -txbytes 60 -nosync)
for set in "$@"; do
    engine=()
    case $set in
    R*) engine=(-backend rocksdb) ;;
    P*) engine=(-backend pebbledb) ;;
    esac
    case ${set#[RP]} in
    A) heights=40000 options=(-initial 70001 -vals 1 -maxtx 3 -txbytes 70000) ;;
    B) heights=5000 options=(-initial 97001 -vals 120 -valevery 1 -keepvals -maxtx 2 -txbytes 300) ;;
    C) heights=8000 options=(-initial 97001 -vals 4 -maxtx 4 -txbytes 1000 -abcibytes 100000) ;;
    D) heights=400000 options=("${small[@]}") ;;
    D4) heights=40000 options=("${small[@]}") ;;
    *)
        echo "mkdata.sh: no data set $set" >&2
        exit 2
        ;;
    esac
    if [ -e "$out/$set" ]; then
        echo "$set: is there"
        continue
    fi
    rm -rf "$out/$set.part"
    echo "$set: $("$generator" gen -o "$out/$set.part" -n "$((heights / ${DIVISOR:-1}))" "${options[@]}" "${engine[@]}")"
    mv "$out/$set.part" "$out/$set"
    du -sm "$out/$set"/data/*.db
done
sync
