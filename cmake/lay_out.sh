#!/usr/bin/env bash
# lay_out.sh BOLT PROGRAM COUNTS: lays PROGRAM's code out anew (Layout.cmake). As it was linked it stays as PROGRAM.linked,
# which is what `./dev train` counts in.
set -euo pipefail
bolt=$1 program=$2 counts=$3
log=$program.layout.log
mv "$program" "$program.linked"
if ! "$bolt" "$program.linked" -o "$program" -data="$counts" -reorder-blocks=ext-tsp -reorder-functions=cdsort \
  -split-functions -split-all-cold -split-eh -plt=hot -use-gnu-stack >"$log" 2>&1; then
  rm -f "$program"
  tail -20 "$log" >&2
  exit 1
fi
