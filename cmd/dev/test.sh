# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Every test, and the sum of them as the last line.

unit_tests() {
    cd "$ROOT" || return
    # "98% tests passed, 2 tests failed out of 123"
    ctest --test-dir "$BUILD/asan" -j "$JOBS" --output-on-failure |
        awk '{ print } /^[0-9]+% tests passed, / { printf "%d passed, %d failed\n", $NF - $4, $4 }'
}

live_tests() {
    cd "$ROOT" || return
    tests/live/run --kernel "$1"
}

crash_tests() {
    cd "$ROOT" || return
    tests/crash/run --slice
}

hostile_images() {
    cd "$ROOT" || return
    tests/hostile/run 500 1
}

bytes_written() {
    cd "$ROOT" || return
    tests/bench/written daxfs
}

PASSED=0
FAILED=0

# run_tests NAME COMMAND...: a step that says "N passed, N failed" at its end. One that fails or runs nothing, without a word of
# failures, counts as one.
run_tests() {
    local status=0 passed failed
    step "$@" || status=1
    read -r passed failed < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$(step_log "$1")" | tail -n 1) || true
    if [ "${failed:-0}" = 0 ] && { [ "$status" != 0 ] || [ "${passed:-0}" = 0 ]; }; then
        failed=1
    fi
    PASSED=$((PASSED + ${passed:-0}))
    FAILED=$((FAILED + ${failed:-0}))
}

# Nothing is tested with half a build; but every kind of test runs even if another fails.
verb_test() {
    local series
    if ! verb_build || ! step "build unit tests" build_asan; then
        echo "0 passed, 1 failed"
        return 1
    fi
    run_tests "unit tests (ASan, UBSan)" unit_tests
    for series in "${KERNEL_SERIES[@]}"; do
        run_tests "guest tests on $series" live_tests "$series"
    done
    run_tests "crash states" crash_tests
    run_tests "hostile images" hostile_images
    run_tests "bytes written" bytes_written
    quick_lint || FAILED=$((FAILED + 1))
    echo "$PASSED passed, $FAILED failed"
    [ "$FAILED" = 0 ]
}
