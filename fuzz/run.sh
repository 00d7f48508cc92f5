#!/bin/sh
# Fuzzes a target: `fuzz/run.sh TARGET [OPTION OF LIBFUZZER]…`, such as `fuzz/run.sh yaml -max_total_time=600`.
# Runs on the stable compiler: LLVM's coverage is a pass like others, and libFuzzer is compiled by libfuzzer-sys.
set -eu
cd "$(dirname "$0")"
target=$1
shift
host=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=16"
# With a host of its own, the flags are not those of build scripts and macros.
cargo build --release --target "$host" --bin "$target"
./seeds.sh "$target"
mkdir -p "corpus/$target" artifacts
exec "target/$host/release/$target" "corpus/$target" "seeds/$target" \
  -dict=dictionaries/"$target".dict -artifact_prefix="artifacts/$target-" -timeout=20 -rss_limit_mb=2048 "$@"
