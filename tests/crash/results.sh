# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154  # variables are those of tests/crash/run
# The tables of RESULTS.md: each complete run writes its own, between two lines that name it. Part of tests/crash/run.

rows=$out/rows # lines "TRACE CASES OPERATIONS FENCES GENERATED UNIQUE JUDGED VIOLATIONS" of this run

# publish TABLE <TEXT: the table's new text.
publish() {
    local results=tests/crash/RESULTS.md made=$out/$1.table
    cat >"$made"
    awk -v table="$1" -v made="$made" '
        $0 == "<!-- end of " table " -->" { skipping = 0 }
        !skipping { print }
        $0 == "<!-- table " table " -->" { while ((getline line < made) > 0) print line; skipping = 1 }' \
        "$results" >"$out/RESULTS.md"
    cmp -s "$out/RESULTS.md" "$results" || cat "$out/RESULTS.md" >"$results"
}

note_row() { # TRACE REPORT
    sed -nE 's/^([0-9]+) cases, ([0-9]+) operations .*, ([0-9]+) fences; states: ([0-9]+) generated, ([0-9]+) unique, ([0-9]+) judged; ([0-9]+) violations;.*/\1 \2 \3 \4 \5 \6 \7/p' \
        "$2" | sed "s/^/$1 /" >>"$rows"
}

# With thousands separated.
tables_of_rows() {
    awk '
    function group(n) { n = sprintf("%d", n); while (n ~ /[0-9][0-9][0-9][0-9]/) n = gensub_last(n); return n }
    function gensub_last(n,   head, tail, comma) {
        comma = index(n, ",")
        head = comma ? substr(n, 1, comma - 1) : n
        tail = comma ? substr(n, comma) : ""
        return substr(head, 1, length(head) - 3) "," substr(head, length(head) - 2) tail
    }
    BEGIN {
        title["one"] = "one: every operation alone"
        title["held"] = "held: two calls at once, one of them parked"
        title["both"] = "both: two calls at once, on two processors"
        title["cached"] = "cached: the page cache, direct I/O"
        title["huge"] = "huge: huge pages"
        title["levels"] = "levels: trees that gain and lose one"
        title["used"] = "used: a device made anew"
        title["full-0"] = "full-0: no free block"
        title["full-1"] = "full-1: one"
        title["full-3"] = "full-3: three"
        title["recover"] = "recovery by the kernel, and writes after it"
        title["groups"] = "groups: every operation alone, in two allocation groups"
        title["opening"] = "opening: what takes a group into use"
        title["apart"] = "apart: two calls at once, in two groups"
        title["two"] = "two: all pairs"
        print "| trace | cases | operations | fences | states generated | unique | judged | violations |"
        print "|---|--:|--:|--:|--:|--:|--:|--:|"
    }
    {
        trace = $1
        sub(/^recover-.*/, "recover", trace)
        sub(/^two-.*/, "two", trace)
        sub(/^both-.*/, "both", trace)
        if (!(trace in seen)) order[++traces] = trace
        seen[trace] = 1
        for (i = 2; i <= 8; i++) sum[trace, i] += $i
    }
    END {
        for (t = 1; t <= traces; t++) {
            line = "| " (order[t] in title ? title[order[t]] : order[t]) " |"
            for (i = 2; i <= 8; i++) line = line " " group(sum[order[t], i]) " |"
            print line
        }
    }' "$rows"
}
