# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034,SC2016  # variables are those of tests/crash/run; the backquotes are Markdown
# Call sites of the module (kernel/sites.h): which cases reach each, and whether the lab sees it when one is broken. Part of
# tests/crash/run.
#
# sites.excused: lines "SITE unreached|omit|delay REASON", of what no case can reach, and of what changes nothing when it is
# broken. An entry that is not true any more is a failure.

reached=$out/sites.reached   # lines "SITE MODE CASE HITS COST": of a recovery CASE is the state; COST: hits of all sites
all_sites=$out/sites.all
verdicts=$out/sites.verdicts # lines "KIND SITE CASES...", of what was caught or had to be
excused=tests/crash/sites.excused

excuse() { # SITE KIND: the reason, if there is one
    awk -v site="$1" -v kind="$2" '$1 == site && $2 == kind { $1 = $2 = ""; sub(/^ +/, ""); print; exit }' "$excused"
}

# States for recoveries: uncommitted transactions, one and two at once; orphans, and operations that were cut off. They stay
# good for as long as the module does.
make_recovery_states() {
    local states=$out/sites.states
    if [[ ! -e $states/state-seed-0-0.img || $out/share/points.ko -nt $states/state-seed-0-0.img ]]; then
        must_record "seed - base.img one append unlink create truncate-fragments collapse-fragments" \
            "held points.ko base.img held chmod-stored+unlink" || return 1
        examine seed --samples 3 --pairs 16 --random 16 --into "$out/share"
        # Whether entries that stay valid do harm depends on who uses which journal next: several states.
        examine held --samples 3 --pairs 16 --random 16 --into "$out/share"
        mkdir -p "$states"
        rm -f "$states"/*
        mv "$out"/share/state-*.img "$states/"
    fi
    ln -f "$states"/* "$out/share/"
}

# Both boots' logs into $reached and $all_sites.
tally() {
    sed -n 's/^site //p' "$@" | sort -u >"$all_sites"
    awk '
    $1 == "reached" { i = ++count[$2]; site[$2, i] = $3; hits[$2, i] = $4; cost[$2] += $4 }
    $1 == "done" || $1 == "failed" {
        mode = $2
        sub(/^sites-/, "", mode)
        for (name in count)
            for (i = 1; i <= count[name]; i++)
                print site[name, i], (mode ~ /^recover-/ ? "recover" : mode), name, hits[name, i], cost[name]
        delete cost
        delete count
    }' "$@" | sort >"$reached"
}

prepare_sites() {
    cp -p "build/sites/$(readlink "build/kernels/$module_kernel")/daxfs.ko" "$out/share/sites.ko"
    make_recovery_states
}

cover_sites() {
    local state base_lines=() mode
    for state in "$out"/share/state-*.img; do
        base_lines+=("recover-$(basename "$state" .img) sites.ko $(basename "$state") count recover")
    done
    for mode in one cached huge levels held; do
        base_lines+=("sites-$mode sites.ko base.img count $mode")
    done
    recording=no
    must_record "sites-full sites.ko base.img count full 0" "${base_lines[@]}" || return 1
    cp "$out/record.log" "$out/sites-base.log"
    must_record "sites-groups sites.ko groups.img count groups" "sites-opening sites.ko groups.img count opening" \
        "sites-apart sites.ko groups.img count apart" || return 1
    recording=yes
    cp "$out/record.log" "$out/sites-groups.log"
    tally "$out/sites-base.log" "$out/sites-groups.log"
}

# The table, and how many sites no case reaches for no reason.
sites() {
    local site count cheapest reason unreached=0 without=0
    prepare_sites && cover_sites || return 0
    while read -r site; do
        read -r count cheapest < <(awk -v site="$site" '
            $1 == site { count++; if (!best || $5 < best) { best = $5; name = $2 "/" $3 } }
            END { print count + 0, name }' "$reached")
        reason=$(excuse "$site" unreached)
        if [[ $count == 0 && -n $reason ]]; then
            unreached=$((unreached + 1))
            echo "$site: unreached: $reason"
        elif [[ $count == 0 ]]; then
            without=$((without + 1))
            echo "$site: NOT REACHED"
        elif [[ -n $reason ]]; then
            without=$((without + 1))
            echo "$site: REACHED by $cheapest, although sites.excused says it is not"
        else
            echo "$site: $count cases, $cheapest"
        fi
    done <"$all_sites"
    while read -r site _; do
        grep -qxF "$site" "$all_sites" || { without=$((without + 1)); echo "$site: NO SUCH SITE, in sites.excused"; }
    done < <(sed '/^#/d; /^$/d' "$excused")
    count=$(wc -l <"$all_sites")
    {
        echo "Of $count call sites cases reach $((count - unreached - without)). Not reached, with a reason:"
        echo
        sed -nE 's/^([^ #]+) unreached (.*)$/- `\1`: \2/p' "$excused"
    } | publish sites
    echo "$count call sites: $((count - unreached - without)) reached by cases, $unreached by none with a reason, $without wrong"
    total_passed=$((total_passed + count - without))
    total_failed=$((total_failed + without))
}

# ---- mutants by machine: each site left out, and each fence moved behind the stores that follow ----

# kinds_of SITE
kinds_of() {
    echo omit
    case $1 in *:fence:* | *:daxfs_fence:*) echo delay ;; esac
}

# cases_for SITE ROUND: lines "MODE CASE..." that are tried, the cheapest first. Round 2 tries more.
cases_for() {
    awk -v site="$1" '$1 == site { print $5, $2, $3 }' "$reached" | sort -n | awk -v round="$2" '
    { limit = round == 1 ? 2 : 6; modes = round == 1 ? 1 : 9 }
    !($2 in names) { if (order == modes) next; list[++order] = $2; names[$2] = "" }
    number[$2] < limit || $2 == "recover" { number[$2]++; names[$2] = names[$2] " " $3 }
    END { for (i = 1; i <= order; i++) print list[i] names[list[i]] }'
}

# lines_for KIND SITE ROUND NAME: what session.sh is told, one trace for each mode, or for each recovery.
lines_for() {
    local kind=$1 site=$2 name=$4 mode cases number=0 state
    while read -r mode cases; do
        if [[ $mode == recover ]]; then
            for state in $cases; do
                number=$((number + 1))
                echo "mutant-$name-$number sites.ko ${state#recover-}.img $kind $site recover"
            done
            continue
        fi
        number=$((number + 1))
        echo "mutant-$name-$number sites.ko $(image_of "$mode") $kind $site ${mode/full/full 0} $cases"
    done < <(cases_for "$site" "$3")
}

# try_mutants ROUND MUTANT...: records and judges a batch; MUTANT is "KIND SITE".
try_mutants() {
    local round=$1 number=0 mutant line base_lines=() group_lines=() verdict
    shift
    for mutant in "$@"; do
        number=$((number + 1))
        while read -r line; do
            case $line in
            *" groups.img "*) group_lines+=("$line") ;;
            *) base_lines+=("$line") ;;
            esac
        done < <(lines_for "${mutant% *}" "${mutant#* }" "$round" "$number")
    done
    [[ ${#base_lines[@]} == 0 ]] || record_mutants "${base_lines[@]}"
    [[ ${#group_lines[@]} == 0 ]] || record_mutants "${group_lines[@]}"
    number=0
    for mutant in "$@"; do
        number=$((number + 1))
        verdict=$(verdict_of "$number")
        verdict=${verdict/ $number: / $mutant: }
        echo "${verdict/ $number/ $mutant}"
        sed -i "\\|^[a-zA-Z ]* $mutant\\(:\\|$\\)|d" "$verdicts"
        echo "${verdict/ $number/ $mutant}" >>"$verdicts"
        rm -f "$out/mutant-$number"-[0-9]*.trace*
    done
}

machine_mutants() { # [SITE...]
    local site kind round mutant wanted=() batch=() names=("$@") size=16
    mkdir -p "$out/mutants"
    prepare_sites || return 0
    [[ $reached -nt $out/share/sites.ko && $reached -nt $lab/guest/cases ]] || cover_sites || return 0
    # What was judged of another module does not count: but a run that was cut short goes on.
    [[ $verdicts -nt $out/share/sites.ko ]] || : >"$verdicts"
    for site in "$@"; do
        sed -i "\\| $site\\(:\\|$\\)|d" "$verdicts"
    done
    [[ $# -gt 0 ]] || mapfile -t names < <(cut -d ' ' -f 1 "$reached" | sort -u)
    for round in 1 2; do
        wanted=()
        for site in "${names[@]}"; do
            while read -r kind; do
                grep -q "^caught $kind $site:" "$verdicts" || wanted+=("$kind $site")
            done < <(kinds_of "$site")
        done
        for ((; ${#wanted[@]} > 0; )); do
            batch=("${wanted[@]:0:size}")
            wanted=("${wanted[@]:size}")
            try_mutants "$round" "${batch[@]}"
        done
    done
    local caught=0 all=0
    for site in "${names[@]}"; do
        while read -r kind; do
            mutant="$kind $site"
            all=$((all + 1))
            if grep -q "^caught $mutant:" "$verdicts"; then
                [[ -z $(excuse "$site" "$kind") ]] || echo "caught, although sites.excused has it: $mutant"
                total_passed=$((total_passed + 1))
                caught=$((caught + 1))
            elif [[ -n $(excuse "$site" "$kind") ]]; then
                total_passed=$((total_passed + 1))
            else
                grep "$mutant" "$verdicts"
                total_failed=$((total_failed + 1))
            fi
        done < <(kinds_of "$site")
    done
    echo "$all mutants by machine: $caught caught"
    [[ $# -gt 0 ]] || {
        echo "Of $all mutants $caught are caught. These change nothing that is promised:"
        echo
        sed -nE 's/^([^ #]+) (omit|delay) (.*)$/- \2 `\1`: \3/p' "$excused"
    } | publish machine-mutants
}
