#!/bin/sh
# Writes the seeds of a target into `seeds/TARGET`: what is shipped, the blocks of the pages, the lines of the reference, and
# the paths of the standard's suite.
set -eu
cd "$(dirname "$0")"
target=$1
seeds=seeds/$target
rm -rf "$seeds"
mkdir -p "$seeds"

# The blocks between a line that begins with ```yaml and the next ```.
blocks() {
  awk -v out="$seeds" '
    /^```/ { if (inside) { inside = 0; close(file) } else if ($0 ~ /^```yaml/) { inside = 1; file = out "/block-" ++count ".yaml" } next }
    inside { print > file }' "$@"
}

# The event of each line of a table, then what is written.
examples() {
  awk -F ' \\| ' -v out="$seeds" '
    /^\| `/ {
      written = $1; event = $2
      sub(/^\| `/, "", written); sub(/`$/, "", written); sub(/^`/, "", event); sub(/`$/, "", event)
      gsub(/\\\|/, "|", written); gsub(/\\\|/, "|", event)
      file = out "/example-" ++count; print event "\n" written > file; close(file)
    }' "$@"
}

# The expressions of the shipped files, each with an event.
expressions() {
  {
    cat expressions.txt
    grep -rhoE "(rhai|when|passes|until|success): *('[^']+'|\"([^\"\\\\]|\\\\.)+\")" ../pipelines ../connectors ../engine/core/src/lint/checks |
      sed -E "s/^[a-z]+: *.//; s/.$//; s/\\\\\"/\"/g" | sort -u
  } |
    awk -v out="$seeds" '{ gsub(/(status|body|result|recipient|settled|payout)/, "event"); file = out "/expression-" NR; print "{\"amount\":1250.10,\"count\":3,\"list\":[1,{\"a\":2}],\"status\":\"a\"}\n" $0 > file; close(file) }'
}

# The selectors of the standard's suite, each with one document.
selectors() {
  sed -nE 's/^ *"selector": "(.*)",?$/\1/p' ../engine/contract/tests/jsonpath/cts.json |
    sed 's/\\"/"/g; s/\\\\/\\/g' | sort -u |
    awk -v out="$seeds" '{ file = out "/selector-" NR; print $0 "\n{\"a\":[1,{\"b\":2,\"c\":\"d\"}],\"c\":{\"a\":null}}" > file; close(file) }'
}

case $target in
  yaml)
    cp ../pipelines/*/*.yaml "$seeds"
    blocks ../engine/core/src/lint/checks/*.md
    ;;
  manifest)
    for manifest in ../connectors/*/connector.yaml; do
      cp "$manifest" "$seeds/$(basename "$(dirname "$manifest")").yaml"
    done
    blocks $(grep -l '^connector:' ../engine/core/src/lint/checks/*.md)
    ;;
  mapping) examples ../docs/reference/mapping.md ;;
  rhai)
    expressions
    ;;
  jsonpath) selectors ;;
  *)
    echo "there is no target \`$target\`" >&2
    exit 2
    ;;
esac
