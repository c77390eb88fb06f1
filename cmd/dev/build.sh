# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Tools into build/bin, the module into build/kernel/RELEASE/daxfs.ko for each kernel.

configured() {
    [ -e "$1/build.ninja" ]
}

# Without TARGET everything but unit tests.
build_tools() { # [TARGET...]
    cd "$ROOT" || return
    configured "$BUILD" || cmake --preset dev
    cmake --build --preset dev -j "$JOBS" ${1:+--target "$@"}
}

build_asan() {
    cd "$ROOT" || return
    configured "$BUILD/asan" || cmake --preset asan
    cmake --build --preset asan -j "$JOBS"
}

# kbuild only prints what the assembler warns of.
MODULE_FLAGS='-Werror -Wa,--fatal-warnings'

# A folder of symbolic links to the sources: two kernels build side by side, and kernel/ itself stays clean.
lay_out_module() {
    local target=$1 file
    mkdir -p "$target"
    find "$target" -maxdepth 1 -type l -delete
    for file in "$ROOT"/kernel/*.[ch] "$ROOT"/kernel/Kbuild "$ROOT"/lib/format/daxfs_*format.h; do
        ln -s "$file" "$target/"
    done
}

# fentry and tp_btf on our module need its type information. The headers of 6.12 carry the kernel's, and kbuild uses it;
# those of 6.1 do not, so it is added here from the kernel image.
add_btf() {
    local module=$1 base=$2
    if ! readelf -SW "$module" | grep -q ' \.BTF '; then
        LLVM_OBJCOPY=objcopy pahole -J --btf_gen_floats --lang_exclude=rust --btf_base "$base" "$module"
    fi
    strip -g "$module"
    readelf -SW "$module" | grep -q ' \.BTF ' || die "$module: carries no BTF"
}

build_module() {
    local series=$1 release target
    shift
    release=$(kernel_release "$series")
    target=$BUILD/kernel/$release
    lay_out_module "$target"
    make -C "$(kernel_headers "$series")" M="$target" -j "$JOBS" KCFLAGS="$MODULE_FLAGS" "$@" modules
    add_btf "$target/daxfs.ko" "$KERNELS/$release/boot/vmlinux.btf"
}

# The module once more for tests, build/VARIANT/RELEASE/daxfs.ko. They load it beside the usual one; only they want it, so
# it goes without type information.
build_variant() {
    local series=$2 release target=$BUILD/$1
    release=$(kernel_release "$series")
    shift 2
    lay_out_module "$target/.work/$release"
    make -C "$(kernel_headers "$series")" M="$target/.work/$release" -j "$JOBS" \
        KCFLAGS="$MODULE_FLAGS" "$@" modules
    mkdir -p "$target/$release"
    strip -g -o "$target/$release/daxfs.ko" "$target/.work/$release/daxfs.ko"
}

# With delay points, for the tests that widen races (kernel/points.h).
build_points() {
    build_variant points "$1" DAXFS_DEBUG_POINTS=y
}

# With call sites too, for the crash lab (kernel/sites.h).
build_sites() {
    build_variant sites "$1" DAXFS_DEBUG_POINTS=y DAXFS_SITES=y
}

verb_build() {
    local series
    verb_setup || return 1
    step "build tools" build_tools || return 1
    for series in "${KERNEL_SERIES[@]}"; do
        step "build module $series" build_module "$series" || return 1
        step "build points $series" build_points "$series" || return 1
    done
}

# What one script of tests/ uses and no more: TARGET of CMake, the module for one kernel, and variants of it.
build_for() { # TARGET KERNEL [VARIANT...]
    local target=$1 kernel=$2 variant
    shift 2
    case " ${KERNEL_SERIES[*]} debug " in *" $kernel "*) ;; *) die "no kernel '$kernel': ${KERNEL_SERIES[*]} debug" ;; esac
    # The debug kernel is built when it is asked for; its only module has the delay points.
    if [ "$kernel" = debug ]; then
        verb_setup "${KERNEL_SERIES[0]}" && step "build tools" build_tools "$target" && verb_debug_kernel
        return
    fi
    verb_setup "$kernel" || return 1
    step "build tools" build_tools "$target" || return 1
    step "build module $kernel" build_module "$kernel" || return 1
    for variant in "$@"; do
        step "build $variant $kernel" "build_$variant" "$kernel" || return 1
    done
}
