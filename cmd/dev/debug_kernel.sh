# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The debug kernel (lockdep, KASAN, UBSAN, kmemleak, fault injection), built once from Debian's source of 6.12 with
# debug_kernel.config, and laid out below build/kernels like the stock ones; build/kernels/debug points to it. Its module
# has the delay points of kernel/points.h.

# shellcheck disable=SC2153  # ROOT is from common.sh
DEBUG_KERNEL_CONFIG=$ROOT/cmd/dev/debug_kernel.config
DEBUG_KERNEL_SOURCE=linux-source-6.12

debug_kernel_headers() {
    kernel_headers debug
}

# Built, and with the configuration as it is now?
debug_kernel_present() {
    kernel_present debug && cmp -s "$DEBUG_KERNEL_CONFIG" "$KERNELS/debug/debug_kernel.config"
}

# A build that was cut off goes on where it was.
unpack_debug_source() {
    local tree=$1 partial=$KERNELS/.partial-debug
    [ ! -e "$tree/Makefile" ] || return 0
    have apt-get || die "no apt-get here: the debug kernel needs $DEBUG_KERNEL_SOURCE"
    rm -rf "$partial"
    mkdir -p "$partial"
    (cd "$partial" && apt-get download "$DEBUG_KERNEL_SOURCE")
    dpkg-deb --fsys-tarfile "$partial"/*.deb | tar -xO "./usr/src/$DEBUG_KERNEL_SOURCE.tar.xz" | tar -xJ -C "$partial"
    mkdir -p "$(dirname "$tree")"
    mv "$partial/$DEBUG_KERNEL_SOURCE" "$tree"
    rm -r "$partial"
}

configure_debug_kernel() {
    local option
    KCONFIG_ALLCONFIG=$DEBUG_KERNEL_CONFIG make allnoconfig
    while read -r option; do
        grep -qxF "$option" .config || die "the debug kernel does not take $option"
    done < <(grep '^CONFIG_' "$DEBUG_KERNEL_CONFIG")
}

build_debug_kernel() {
    local tree=$KERNELS/debug-source release root
    unpack_debug_source "$tree"
    cd "$tree" || return
    configure_debug_kernel
    nice make -j "$JOBS" CC="ccache gcc" vmlinux modules
    release=$(make -s kernelrelease)
    root=$KERNELS/$release
    rm -rf "$root"
    mkdir -p "$root/boot" "$root/usr/src"
    PATH=$PATH:/usr/sbin:/sbin make INSTALL_MOD_PATH="$root" modules_install
    # The symbols of modules stay in the source tree, which serves as headers; the image goes without.
    ln -s "$tree" "$root/usr/src/linux-headers-$release"
    cp "$DEBUG_KERNEL_CONFIG" "$root/"
    ln -sfn "$release" "$KERNELS/debug"
    objcopy --strip-all vmlinux "$root/boot/vmlinux"
}

build_debug_module() {
    local target
    target=$BUILD/kernel/$(kernel_release debug)
    lay_out_module "$target"
    make -C "$(debug_kernel_headers)" M="$target" -j "$JOBS" CC="ccache gcc" KCFLAGS="$MODULE_FLAGS" DAXFS_DEBUG_POINTS=y modules
}

verb_debug_kernel() {
    debug_kernel_present || step "build debug kernel" build_debug_kernel || return 1
    step "build module for it" build_debug_module
}
