# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The stock kernels that daxfs is built for and tested on, unpacked from Debian's packages below build/kernels/RELEASE
# (boot, lib/modules, usr/src): never installed, so the machine goes on booting what it booted. build/kernels/SERIES
# points to the release in use. `rm -r build/kernels` fetches the newest ones again.

kernel_present() {
    [ -e "$KERNELS/$1/boot/vmlinux" ]
}

kernel_release() {
    readlink "$KERNELS/$1"
}

kernel_headers() {
    echo "$KERNELS/$1/usr/src/linux-headers-$(kernel_release "$1")"
}

# Whether apt can fetch every one of these packages.
fetchable() {
    local package
    for package in "$@"; do
        apt-cache show --no-all-versions "$package" >/dev/null 2>&1 || return 1
    done
}

# The packages of a kernel: image, headers of the flavour, common headers, build tools.
kernel_packages() {
    local release=$1 common=${1%-amd64} kbuild
    case $common in
    6.1.*) kbuild=6.1 ;;
    *) kbuild=$common ;;
    esac
    echo "linux-image-$release linux-headers-$release linux-headers-$common-common linux-kbuild-$kbuild"
}

# Newest release of a series (6.12 or 6.1) that comes with all its packages.
newest_release() {
    local pattern release packages
    case $1 in
    6.12) pattern='6\.12\.[0-9]+\+deb12(\.[0-9]+)?-amd64' ;;
    6.1) pattern='6\.1\.0-[0-9]+-amd64' ;;
    esac
    while read -r release; do
        read -ra packages <<<"$(kernel_packages "$release")"
        if fetchable "${packages[@]}"; then
            echo "$release"
            return 0
        fi
    done < <(apt-cache pkgnames "linux-image-$1." | sed 's/^linux-image-//' | grep -Ex "$pattern" | sort -rV)
    return 1
}

# What live tests can use of an image package; drivers for real hardware stay packed.
unpack_image() {
    local deb=$1 target=$2
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$target" --wildcards './boot/*' './lib/modules/*/modules.*' \
        './lib/modules/*/kernel/arch' './lib/modules/*/kernel/crypto' './lib/modules/*/kernel/fs' \
        './lib/modules/*/kernel/lib' './lib/modules/*/kernel/mm' './lib/modules/*/kernel/net/9p' \
        './lib/modules/*/kernel/drivers/acpi' './lib/modules/*/kernel/drivers/block' \
        './lib/modules/*/kernel/drivers/char' './lib/modules/*/kernel/drivers/cxl' \
        './lib/modules/*/kernel/drivers/dax' './lib/modules/*/kernel/drivers/md' \
        './lib/modules/*/kernel/drivers/net/virtio*' './lib/modules/*/kernel/drivers/nvdimm' \
        './lib/modules/*/kernel/drivers/virtio'
}

# The compressed ELF image inside a bzImage: boots without decompressing itself in the guest, and carries the BTF.
unpack_vmlinux() {
    local vmlinuz=$1 vmlinux=$2 sectors offset length header
    read -r sectors < <(od -A n -t u1 -j 497 -N 1 "$vmlinuz")
    read -r offset length < <(od -A n -t u4 -j 584 -N 8 "$vmlinuz")
    offset=$((offset + ((sectors == 0 ? 4 : sectors) + 1) * 512))
    head -c $((offset + length - 4)) "$vmlinuz" | tail -c $((length - 4)) >"$vmlinux.packed"
    header=$(od -A n -t x1 -N 4 "$vmlinux.packed" | tr -d ' ')
    case $header in
    28b52ffd) zstd -dc <"$vmlinux.packed" >"$vmlinux" ;;
    fd377a58) xz -dc "$vmlinux.packed" >"$vmlinux" ;;
    1f8b*) gzip -dc "$vmlinux.packed" >"$vmlinux" ;;
    *) die "$vmlinuz: compressed in a way that is not known here ($header)" ;;
    esac
    rm "$vmlinux.packed"
}

# Debian's headers name /usr/src: make the tree work where it lies.
relocate_headers() {
    local target=$1 file
    for file in "$target"/usr/src/linux-headers-*/Makefile; do
        sed -i "s|^include /usr/src/|include $target/usr/src/|" "$file"
    done
}

fetch_kernel() {
    local series=$1 release packages partial
    have apt-get || die "no apt-get here: unpack a $series kernel below build/kernels by hand"
    release=$(newest_release "$series") || die "apt offers no $series kernel together with its headers"
    partial=$KERNELS/.partial-$series
    rm -rf "$partial" "${KERNELS:?}/$release"
    mkdir -p "$partial/debs"
    read -ra packages <<<"$(kernel_packages "$release")"
    (cd "$partial/debs" && apt-get download "${packages[@]}")
    unpack_image "$partial"/debs/linux-image-*.deb "$partial"
    rm "$partial"/debs/linux-image-*.deb
    local deb
    for deb in "$partial"/debs/*.deb; do
        dpkg-deb -x "$deb" "$partial"
    done
    rm -r "$partial/debs" "${partial:?}/usr/share"
    PATH=$PATH:/usr/sbin:/sbin depmod -b "$partial" "$release"
    mv "$partial" "$KERNELS/$release"
    relocate_headers "$KERNELS/$release"
    unpack_vmlinux "$KERNELS/$release/boot/vmlinuz-$release" "$KERNELS/$release/boot/vmlinux.new"
    objcopy --dump-section ".BTF=$KERNELS/$release/boot/vmlinux.btf" "$KERNELS/$release/boot/vmlinux.new" /dev/null
    ln -sfn "$release" "$KERNELS/$series"
    mv "$KERNELS/$release/boot/vmlinux.new" "$KERNELS/$release/boot/vmlinux"
}
