# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Style and static checks. Everything that git knows or could add is looked at.

tracked() {
    git -C "$ROOT" ls-files --cached --others --exclude-standard "$@" | sort -u | while read -r file; do
        [ ! -e "$ROOT/$file" ] || printf '%s\n' "$file"
    done
}

# The kernel, BPF and the shared headers follow the kernel's style.
cxx_files() {
    tracked '*.cc' '*.h' | grep -Ev '^(kernel|bpf)/|^lib/format/daxfs_(trace_)?format\.h$'
}

shell_files() {
    tracked | while read -r file; do
        if [[ $file == *.sh ]] || head -c 64 "$ROOT/$file" | head -n 1 | grep -aqE '^#!.*\b(ba)?sh\b'; then
            printf '%s\n' "$file"
        fi
    done
}

lint_format() {
    cd "$ROOT" || return
    cxx_files | xargs -r clang-format --dry-run -Werror
}

# A file that passed is not looked at again until it, a header or the checks change.
tidy_file() {
    local file=$1 stamp=$BUILD/tidy/$1.ok
    cd "$ROOT" || return
    if [ "$stamp" -nt "$file" ] &&
        [ -z "$(find lib cmd .clang-tidy \( -name '*.h' -o -name .clang-tidy \) -newer "$stamp" -print -quit)" ]; then
        return 0
    fi
    clang-tidy -p "$BUILD" --quiet "$file"
    mkdir -p "$(dirname "$stamp")"
    touch "$stamp"
}

# Tests are left out: they would double the time, and the compiler's warnings cover them.
lint_tidy() {
    cd "$ROOT" || return
    configured "$BUILD" || cmake --preset dev
    cxx_files | grep -E '^(lib|cmd)/.*\.cc$' | xargs -r -n 1 -P "$JOBS" bash "$ROOT/dev" _step tidy_file
}

lint_shell() {
    cd "$ROOT" || return
    shell_files | xargs -r shellcheck -x
}

# Sparse also talks about the kernel's own headers: only what it says about our files counts.
lint_sparse() {
    local log=$LOGS/sparse.out
    build_module "${KERNEL_SERIES[0]}" C=2 CF=-D__CHECK_ENDIAN__ >"$log" 2>&1
    if grep -E '/build/kernel/[^ ]*:[0-9]+:[0-9]+: (warning|error):' "$log"; then
        return 1
    fi
}

lint_man() {
    cd "$ROOT" || return
    tracked 'man/*.[1-8]' | xargs -r mandoc -Tlint -W warning
}

# The tables of daxfs(5) are made of the headers, kernel/trace.h among them.
lint_man_tables() {
    cd "$ROOT" || return
    configured "$BUILD" || cmake --preset dev
    cmake --build --preset dev --target daxfs-mantables
    "$BUILD/bin/daxfs-mantables" --check man/daxfs.5 kernel/trace.h
}

# Every file says under which licence it is, in its first lines; JSON, folded stacks and what the fuzzer reads have no comments.
lint_licences() {
    cd "$ROOT" || return
    local file licence head failed=0
    while read -r file; do
        case $file in
        LICENSE | *.json | *.folded | tests/fuzz/corpus*/*) continue ;;
        lib/format/daxfs_*.h) licence='GPL-2.0 OR BSD-2-Clause' ;; # the kernel's too
        kernel/* | bpf/* | tests/crash/mutants/*) licence=GPL-2.0 ;;
        *) licence=GPL-2.0-or-later ;;
        esac
        mapfile -t -n 2 head <"$file"
        [[ " ${head[*]} " == *" SPDX-License-Identifier: $licence "* ]] || { echo "$file: not '$licence'"; failed=1; }
    done < <(tracked)
    return "$failed"
}

# Nobody's first demo, and no guest test, waits for what it does not use.
lint_plans() {
    cd "$ROOT" || return
    configured "$BUILD" || cmake --preset dev
    local target failed=0
    for target in for_demo for_live; do
        if ninja -C "$BUILD" -t commands "$target" | grep -oE ' -c .*/(cmd/daxbench|tests/(lib|cmd|crash|hostile|fuzz|bench))/.*'; then
            echo "$target builds this"
            failed=1
        fi
    done
    return "$failed"
}

# A mutant that the module has moved away from would be missed only when all of them are run.
lint_mutants() {
    cd "$ROOT" || return
    local patch failed=0
    for patch in tests/crash/mutants/*.patch; do
        patch -s --dry-run -F 0 -p1 <"$patch" >/dev/null || { echo "$patch does not apply"; failed=1; }
    done
    return "$failed"
}

# What makes stores persist is a call site (kernel/sites.h), whatever comes new.
lint_sites() {
    cd "$ROOT" || return
    local header name failed=0
    for header in persist checksum journal; do
        for name in $(grep -v '^#' "kernel/$header.h" |
            grep -oE '\bdaxfs_(flush|fence|zero_blocks|seal_[a-z_]+|tx_(add|alloc|free|inode|orphan)[a-z_]*)\(' |
            tr -d '(' | sort -u); do
            grep -q "^#define $name(" "kernel/$header.h" || { echo "kernel/$header.h: $name() is no call site"; failed=1; }
        done
    done
    return "$failed"
}

# The floors of kernel/Kbuild: a file includes headers of floors below its own, or of its own where that is "together". What
# no .c file of the floors is named after (daxfs.h, compat.h, ...) is ground, and includes nothing above it.
lint_floors() {
    cd "$ROOT/kernel" || return
    awk '
    FILENAME == "Kbuild" {
        if ($1 != "daxfs-y") next
        ++floors
        together[floors] = /# together/
        for (i = 3; i <= NF && $i !~ /^#/; i++) {
            sub(/\.o$/, "", $i)
            floor[$i] = floors
        }
        next
    }
    FNR == 1 {
        file = name = substr(FILENAME, 3)
        sub(/\.[ch]$/, "", name)
        if (file ~ /\.c$/ && !(name in floor) && name !~ /^(sites|sites_end|points)$/)
            complain(file " stands on no floor of Kbuild")
    }
    /^#include "/ {
        split($0, part, "\"")
        other = part[2]
        sub(/\.h$/, "", other)
        if (other == name || !(other in floor)) next
        if (floor[other] > floor[name] + 0 || (floor[other] == floor[name] && !together[floor[name]]))
            complain(file ":" FNR ": " part[2] " is not below it (see Kbuild)")
    }
    function complain(what) { print "kernel/" what; failed = 1 }
    END { exit failed }' Kbuild ./*.[ch]
}

# Pages must not speak of what is gone: a path (NAME, SUBJECT, TOOL: any), a source by its bare name, a unit test, a function,
# a link. And each file of the module has its place in the architecture.
lint_docs() {
    cd "$ROOT" || return
    local page word name sources failed=0
    local pages=(CONTRIBUTING.md README.md docs/*.md docs/*/*.md)
    sources=$(tracked)
    for page in "${pages[@]}"; do
        while read -r word; do
            compgen -G "$(sed -E 's/\b(NAME|SUBJECT|TOOL)\b/*/g' <<<"$word")" >/dev/null || { echo "$page: there is no $word"; failed=1; }
        done < <(grep -oP '(?<![\w./*-])(kernel|lib|cmd|bpf|man|tests|docs|\.ci)/[\w./*?-]*[\w*]' "$page" | sort -u)
        while read -r word; do
            grep -q "/$word\$" <<<"$sources" || { echo "$page: no file is called $word"; failed=1; }
        done < <(grep -oP '(?<![\w./*-])[\w-]+\.(c|h|cc|sh|def)(?![\w.])' "$page" | sort -u)
        while read -r word; do
            grep -rq "^TEST.*(${word%.*}, ${word#*.})" tests || { echo "$page: there is no test $word"; failed=1; }
        done < <(grep -oP '\x60\K[A-Z]\w+\.[A-Z]\w+(?=\x60)' "$page" | sort -u)
        while read -r word; do
            [ -e "$(dirname "$page")/$word" ] || { echo "$page: the link to $word leads nowhere"; failed=1; }
        done < <(grep -oP '\]\(\K(?!https?:|#)[^)\s#]+(?=[)#])' "$page" | sort -u)
    done
    # In one go: what is called in a page, and no word of any source.
    while read -r word; do
        echo "$(grep -lF "$word()" "${pages[@]}" | xargs): there is no $word()"
        failed=1
    done < <(words=$(grep -ohP '(?<![\w.])[a-z]\w+(?=\(\))' "${pages[@]}" | sort -u)
        tracked kernel lib cmd bpf tests dev CMakeLists.txt | xargs grep -ohwF -e "$words" | sort -u | comm -23 <(echo "$words") -)
    for name in kernel/*.c; do
        grep -qw "${name#kernel/}" docs/architecture.md || { echo "docs/architecture.md: nothing of $name"; failed=1; }
    done
    return "$failed"
}

# What takes seconds: part of `./dev test`.
quick_lint() {
    local failed=0
    step "lint format" lint_format || failed=1
    step "lint shell" lint_shell || failed=1
    step "lint licences" lint_licences || failed=1
    step "lint man pages" lint_man || failed=1
    step "lint man tables" lint_man_tables || failed=1
    step "lint build plans" lint_plans || failed=1
    step "lint module (sparse)" lint_sparse || failed=1
    step "lint crash mutants" lint_mutants || failed=1
    step "lint call sites" lint_sites || failed=1
    step "lint floors of the module" lint_floors || failed=1
    step "lint pages" lint_docs || failed=1
    return "$failed"
}

verb_lint() {
    local failed=0
    verb_setup || return 1
    quick_lint || failed=1
    step "lint clang-tidy" lint_tidy || failed=1
    return "$failed"
}

verb_fmt() {
    cd "$ROOT" || return
    cxx_files | xargs -r clang-format -i
}
