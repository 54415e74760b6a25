#!/bin/sh
# Records the feature workflows' histories for worker-sdk/replayer/replayer_test.cc on the server at
# TEMPORAL_ADDRESS, which must be new (the ids are always the same) and have the search attributes
# Color=Keyword and Size=Int:
#   tests/cpp/servers/record.sh worker-sdk/histories/perdure
set -eu
mkdir -p "$1"
exec build/release/bin/cpp_features recorded- 10000 all "$1"
