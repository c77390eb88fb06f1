# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Every test, and the sum of them as the last line.

unit_tests() {
    cd "$ROOT" || return
    ctest --test-dir "$BUILD/asan" -j "$JOBS" --output-on-failure
}

live_tests() {
    cd "$ROOT" || return
    tests/live/run --kernel "$1"
}

crash_tests() {
    cd "$ROOT" || return
    tests/crash/run --slice
}

bytes_written() {
    cd "$ROOT" || return
    tests/bench/written daxfs
}

# "98% tests passed, 2 tests failed out of 123"
count_unit_tests() {
    sed -nE 's/^[0-9]+% tests passed, ([0-9]+) tests? failed out of ([0-9]+)$/\1 \2/p' "$1" | tail -n 1
}

# "12 passed, 0 failed"
count_live_tests() {
    sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$1" | tail -n 1
}

PASSED=0
FAILED=0

# counted STEP-STATUS PASSED FAILED: a step that failed without saying how much counts as one.
counted() {
    local status=$1 passed=${2:-0} failed=${3:-0}
    if [ "$status" != 0 ] && [ "$failed" = 0 ]; then
        failed=1
    fi
    PASSED=$((PASSED + passed))
    FAILED=$((FAILED + failed))
}

run_unit_tests() {
    local status=0 failed total
    step "unit tests (ASan, UBSan)" unit_tests || status=1
    read -r failed total < <(count_unit_tests "$(step_log "unit tests (ASan, UBSan)")") || true
    counted "$status" "$((${total:-0} - ${failed:-0}))" "${failed:-0}"
}

run_live_tests() {
    local series=$1 status=0 passed failed
    step "guest tests on $series" live_tests "$series" || status=1
    read -r passed failed < <(count_live_tests "$(step_log "guest tests on $series")") || true
    counted "$status" "${passed:-0}" "${failed:-0}"
}

run_crash_tests() {
    local status=0 passed failed
    step "crash states" crash_tests || status=1
    read -r passed failed < <(count_live_tests "$(step_log "crash states")") || true
    counted "$status" "${passed:-0}" "${failed:-0}"
}

run_bytes_written() {
    local status=0 passed failed
    step "bytes written" bytes_written || status=1
    read -r passed failed < <(count_live_tests "$(step_log "bytes written")") || true
    counted "$status" "${passed:-0}" "${failed:-0}"
}

# Nothing is tested with half a build; but every kind of test runs even if another fails.
verb_test() {
    local series
    if ! verb_build || ! step "build unit tests" build_asan; then
        echo "0 passed, 1 failed"
        return 1
    fi
    run_unit_tests
    for series in "${KERNEL_SERIES[@]}"; do
        run_live_tests "$series"
    done
    run_crash_tests
    run_bytes_written
    quick_lint || FAILED=$((FAILED + 1))
    echo "$PASSED passed, $FAILED failed"
    [ "$FAILED" = 0 ]
}
