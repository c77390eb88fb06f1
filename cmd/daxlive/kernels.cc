// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxlive/kernels.h"

#include <cstdlib>
#include <filesystem>

#include "cmd/daxlive/process.h"

namespace fs = std::filesystem;

namespace daxfs::live {
namespace {

// Holds a bzImage's header and the version string that it points to.
constexpr std::size_t kHeaderBytes = 128 * 1024;

bool present(const fs::path& path) {
    std::error_code error;
    return fs::exists(path, error);
}

// A series ("6.12") or a release that `./dev setup` unpacked.
Result<Kernel> unpacked_kernel(const std::string& name, const Places& places) {
    std::error_code error;
    if (name.empty() || name.starts_with('.'))
        return fail("--kernel '{}': not the name of a kernel", name);
    const fs::path root = fs::canonical(fs::path(places.kernels) / name, error);
    if (error)
        return fail("--kernel {}: neither a file nor unpacked below {} (run ./dev setup)", name, places.kernels);
    Kernel kernel;
    kernel.release = root.filename();
    kernel.image = root / "boot/vmlinux";
    kernel.modules = root / "lib/modules" / kernel.release;
    if (!present(kernel.image) || !present(kernel.modules))
        return fail("{}: incomplete; remove it and run ./dev setup", root.string());
    return kernel;
}

Result<Kernel> kernel_at(const std::string& path, const std::string& modules) {
    Kernel kernel;
    kernel.image = path;
    kernel.modules = modules;
    DAXFS_TRY_ASSIGN(const std::string bytes, read_file_start(path, kHeaderBytes));
    if (auto release = release_of_bzimage(bytes))
        kernel.release = *std::move(release);
    else if (bytes.starts_with("\x7f"
                               "ELF") &&
             !modules.empty())
        kernel.release = fs::path(modules).filename();
    else if (bytes.starts_with("\x7f"
                               "ELF"))
        return fail("{}: an ELF kernel does not tell its release: name its modules with --modules", path);
    else
        return fail("{}: {}", path, release.error().message);
    const fs::path beside = fs::path(path).parent_path().parent_path() / "lib/modules" / kernel.release;
    for (const fs::path& directory : {beside, fs::path("/lib/modules") / kernel.release}) {
        if (kernel.modules.empty() && present(directory / "modules.dep"))
            kernel.modules = directory;
    }
    return kernel;
}

}  // namespace

Places find_places(const Options& options) {
    std::error_code error;
    fs::path build = fs::read_symlink("/proc/self/exe", error).parent_path().parent_path();
    if (const char* named = std::getenv("DAXLIVE_BUILD"); named != nullptr && *named != '\0')
        build = named;
    Places places;
    places.kernels = build / "kernels";
    places.module_builds = build / "kernel";
    places.init = build / "libexec/daxlive-init";
    places.tools = {build / "bin"};
    if (const fs::path installed = build / "libexec/daxfs/daxlive-init"; present(installed)) {
        places.init = installed;
        places.tools = {build / "bin", build / "sbin"};
        places.shared_folders = true;
    }
    if (!options.tools.empty()) {
        places.tools = {options.tools};
        places.shared_folders = false;
    }
    if (present(places.kernels))
        places.cache = build / "kernels/initramfs";
    return places;
}

Result<Kernel> find_kernel(const Options& options, const Places& places) {
    Kernel kernel;
    if (options.kernel.find('/') == std::string::npos) {
        DAXFS_TRY_ASSIGN(kernel, unpacked_kernel(options.kernel, places));
    } else {
        DAXFS_TRY_ASSIGN(kernel, kernel_at(options.kernel, options.modules));
    }
    const fs::path built = fs::path(places.module_builds) / kernel.release / "daxfs.ko";
    if (!options.module_file.empty())
        kernel.daxfs = options.module_file;
    else if (present(built))
        kernel.daxfs = built;
    return kernel;
}

// Documentation/arch/x86/boot.rst: "HdrS" at 0x202, and at 0x20e a 16-bit pointer, less 0x200, to the version string.
Result<std::string> release_of_bzimage(std::string_view bytes) {
    if (bytes.size() < 0x210 || bytes.substr(0x202, 4) != "HdrS")
        return fail("not a kernel image");
    const std::size_t start =
        0x200 + (static_cast<unsigned char>(bytes[0x20e]) | std::size_t{static_cast<unsigned char>(bytes[0x20f])} << 8);
    const std::string_view text = bytes.substr(std::min(start, bytes.size()), 256);
    const std::string_view release = text.substr(0, text.find_first_of(std::string_view(" \0", 2)));
    if (release.empty() || release.size() == text.size() || release.find('/') != std::string_view::npos)
        return fail("a kernel image without a release");
    return std::string(release);
}

}  // namespace daxfs::live
