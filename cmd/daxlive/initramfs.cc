// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxlive/initramfs.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>
#include <sstream>

#include "cmd/daxlive/cpio.h"
#include "cmd/daxlive/modules.h"
#include "cmd/daxlive/process.h"

namespace fs = std::filesystem;

namespace daxfs::live {
namespace {

constexpr std::size_t kKeptParts = 24;

// A part's identity: what it is made of. Files count with size and time of change, as in make.
class PartKey {
  public:
    explicit PartKey(std::string kind) : text_(std::move(kind)) {}

    void add(std::string_view text) { text_.append(1, '\n').append(text); }

    Result<void> add_source(const std::string& path) {
        struct stat status {};
        if (stat(path.c_str(), &status) != 0)
            return fail("{}: {}", path, errno_text(errno));
        add(fmt::format("{} {} {}.{} {}", path, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                        status.st_ino));
        return {};
    }

    // FNV-1a, 64 bits.
    std::string hash() const {
        std::uint64_t hash = 0xcbf29ce484222325;
        for (const char byte : text_)
            hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
        return fmt::format("{:016x}", hash);
    }

  private:
    std::string text_;
};

void forget_old_parts(const fs::path& cache) {
    std::vector<std::pair<fs::file_time_type, fs::path>> parts;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(cache, error)) {
        if (entry.path().extension() == ".cpio")
            parts.emplace_back(entry.last_write_time(error), entry.path());
    }
    std::sort(parts.rbegin(), parts.rend());
    for (std::size_t i = kKeptParts; i < parts.size(); ++i)
        fs::remove(parts[i].second, error);
}

// A cache that cannot be written only makes the next boot slower.
void keep_part(const fs::path& file, std::string_view bytes) {
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    const fs::path fresh = file.string() + fmt::format(".{}", getpid());
    if (!write_whole_file(fresh, bytes))
        return;
    fs::rename(fresh, file, error);
    forget_old_parts(file.parent_path());
}

using MakePart = std::function<Result<std::string>()>;

Result<std::string> cached_part(const Places& places, const std::string& kind, const PartKey& key,
                                const MakePart& make) {
    if (places.cache.empty())
        return make();
    const fs::path file = fs::path(places.cache) / (kind + "-" + key.hash() + ".cpio");
    if (auto bytes = read_whole_file(file))
        return bytes;
    DAXFS_TRY_ASSIGN(std::string bytes, make());
    keep_part(file, bytes);
    return bytes;
}

Result<std::string> make_base(const Places& places, const std::string& busybox) {
    CpioWriter cpio;
    DAXFS_TRY(cpio.add_console());
    DAXFS_TRY_ASSIGN(const std::string init, read_whole_file(places.init));
    DAXFS_TRY(cpio.add_file("init", 0755, init));
    DAXFS_TRY_ASSIGN(const std::string box, read_whole_file(busybox));
    DAXFS_TRY(cpio.add_file("bin/busybox", 0755, box));
    DAXFS_TRY_ASSIGN(const std::string list, capture(std::vector<std::string>{busybox, "--list-full"}));
    std::istringstream applets(list);
    for (std::string applet; std::getline(applets, applet);) {
        if (applet != "bin/busybox")
            DAXFS_TRY(cpio.add_link(applet, "/bin/busybox"));
    }
    for (const char* directory : {"dev", "proc", "sys", "tmp", "run", "mnt", "root", "etc", "lib64", "usr/local/bin"})
        DAXFS_TRY(cpio.add_directory(directory));
    DAXFS_TRY(cpio.add_file("etc/passwd", 0644, "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"));
    DAXFS_TRY(cpio.add_file("etc/group", 0644, "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"));
    DAXFS_TRY(cpio.add_file("etc/hosts", 0644, "127.0.0.1 localhost daxlive\n"));
    DAXFS_TRY(cpio.add_file("etc/filesystems", 0644, "daxfs\next4\nxfs\n"));
    DAXFS_TRY(cpio.add_link("etc/mtab", "/proc/mounts"));
    for (const char* terminal : {"l/linux", "s/screen-256color", "t/tmux-256color", "x/xterm", "x/xterm-256color"}) {
        const std::string file = std::string("/lib/terminfo/") + terminal;
        if (const auto bytes = read_whole_file(file))
            DAXFS_TRY(cpio.add_file(file, 0644, *bytes));
    }
    return std::move(cpio).finish();
}

Result<std::string> base_part(const Places& places) {
    const std::string busybox = find_program("busybox");
    if (busybox.empty())
        return fail("busybox is not installed (run ./dev setup)");
    PartKey key("base 2");
    DAXFS_TRY(key.add_source(places.init));
    DAXFS_TRY(key.add_source(busybox));
    return cached_part(places, "base", key, [&] { return make_base(places, busybox); });
}

Result<std::string> read_module(const std::string& path) {
    for (const auto& [suffix, program] :
         {std::pair{".xz", "xz"}, std::pair{".zst", "zstd"}, std::pair{".gz", "gzip"}}) {
        if (path.ends_with(suffix))
            return capture(std::vector<std::string>{program, "-dc", path});
    }
    return read_whole_file(path);
}

// The modules of the kernel package; daxfs.ko, which changes with every build, is added by small_part.
Result<std::string> make_modules(const Kernel& kernel, const GuestModules& modules) {
    CpioWriter cpio;
    const std::string directory = "lib/modules/" + kernel.release + "/";
    for (const auto& file : modules.files) {
        if (file.name == "daxfs")
            continue;
        DAXFS_TRY_ASSIGN(const std::string bytes, read_module(file.source));
        DAXFS_TRY(cpio.add_file(directory + file.name + ".ko", 0644, bytes));
    }
    return std::move(cpio).finish();
}

Result<std::string> modules_part(const Places& places, const Kernel& kernel, const GuestModules& modules) {
    PartKey key("modules 1 " + kernel.release);
    for (const auto& file : modules.files) {
        if (file.name != "daxfs")
            DAXFS_TRY(key.add_source(file.source));
    }
    return cached_part(places, "modules", key, [&] { return make_modules(kernel, modules); });
}

Result<std::string> small_part(const Kernel& kernel, const GuestModules& modules) {
    CpioWriter cpio;
    const std::string directory = "lib/modules/" + kernel.release + "/";
    DAXFS_TRY(cpio.add_file(directory + "modules.dep", 0644, modules.dependencies));
    DAXFS_TRY(cpio.add_file(directory + "modules.alias", 0644, modules.aliases));
    if (!kernel.daxfs.empty()) {
        DAXFS_TRY_ASSIGN(const std::string bytes, read_whole_file(kernel.daxfs));
        DAXFS_TRY(cpio.add_file(directory + "daxfs.ko", 0644, bytes));
    }
    std::string list;
    for (const std::string& name : modules.load_first)
        list += "/" + directory + name + ".ko\n";
    DAXFS_TRY(cpio.add_file("etc/daxlive-modules", 0644, list));
    return std::move(cpio).finish();
}

bool is_guest_tool(const fs::directory_entry& entry, const Places& places) {
    static const std::set<std::string> kInstalled{"daxbench", "daxdb",      "daxfs-info", "daxfs-undo",
                                                  "daxtrace", "fsck.daxfs", "mkfs.daxfs", "tune.daxfs"};
    const std::string name = entry.path().filename();
    std::error_code error;
    return entry.is_regular_file(error) && access(entry.path().c_str(), X_OK) == 0 && name != "daxlive" &&
           !name.starts_with("test_") && !name.starts_with("fuzz_") &&
           (!places.shared_folders || kInstalled.contains(name));
}

// Debug information would be most of the archive.
Result<std::string> stripped(const std::string& path, const std::string& scratch) {
    const std::string copy = scratch + "/stripped";
    if (!capture(std::vector<std::string>{"strip", "-s", "-o", copy, path}))
        return read_whole_file(path);
    return read_whole_file(copy);
}

Result<std::string> make_programs(const std::vector<std::string>& programs, const std::set<std::string>& libraries) {
    CpioWriter cpio;
    DAXFS_TRY_ASSIGN(const TemporaryDirectory scratch, TemporaryDirectory::make());
    for (const std::string& program : programs) {
        DAXFS_TRY_ASSIGN(const std::string bytes, stripped(program, scratch.path()));
        DAXFS_TRY(cpio.add_file("usr/local/bin/" + fs::path(program).filename().string(), 0755, bytes));
    }
    for (const std::string& library : libraries) {
        DAXFS_TRY_ASSIGN(const std::string bytes, stripped(library, scratch.path()));
        DAXFS_TRY(cpio.add_file(library, 0755, bytes));
    }
    return std::move(cpio).finish();
}

Result<std::string> programs_part(const Options& options, const Places& places) {
    DAXFS_TRY_ASSIGN(const std::vector<std::string> found, programs(options, places));
    PartKey key("programs 1");
    for (const std::string& program : found)
        DAXFS_TRY(key.add_source(program));
    return cached_part(places, "programs", key, [&]() -> Result<std::string> {
        std::set<std::string> libraries;
        for (const std::string& program : found) {
            DAXFS_TRY_ASSIGN(const std::vector<std::string> needed, libraries_of(program));
            libraries.insert(needed.begin(), needed.end());
        }
        return make_programs(found, libraries);
    });
}

Result<std::string> directory_parts(const Options& options) {
    std::string bytes;
    for (const std::string& text : options.initrd_directories) {
        const std::size_t colon = text.rfind(":/");
        DAXFS_TRY_ASSIGN(
            const std::string part,
            archive_directory(text.substr(0, colon), colon == std::string::npos ? "/" : text.substr(colon + 1)));
        bytes += part;
    }
    return bytes;
}

}  // namespace

Result<std::vector<std::string>> programs(const Options& options, const Places& places) {
    std::vector<std::string> found;
    for (const std::string& folder : places.tools) {
        std::error_code error;
        for (const auto& entry : fs::directory_iterator(folder, error)) {
            if (is_guest_tool(entry, places))
                found.push_back(entry.path());
        }
        if (error && !options.tools.empty())
            return fail("--tools {}: {}", options.tools, error.message());
    }
    for (const std::string& name : options.host_tools) {
        const std::string program = find_program(name);
        if (program.empty())
            return fail("--host-tool {}: no such program on this machine", name);
        found.push_back(program);
    }
    std::sort(found.begin(), found.end());
    return found;
}

Result<std::vector<std::string>> libraries_of(const std::string& program) {
    std::vector<std::string> libraries;
    const auto listing = capture(std::vector<std::string>{"ldd", program});
    if (!listing)
        return libraries;  // "not a dynamic executable"
    std::istringstream lines(*listing);
    for (std::string line; std::getline(lines, line);) {
        if (line.find("=> not found") != std::string::npos)
            return fail("{}: needs{}", program, line.substr(line.find_first_not_of(" \t") - 1));
        const std::size_t start = line.find('/');
        const std::size_t end = line.find(" (0x");
        if (start != std::string::npos && end != std::string::npos && start < end)
            libraries.push_back(line.substr(start, end - start));
    }
    return libraries;
}

Result<std::string> archive_directory(const std::string& directory, const std::string& at) {
    CpioWriter cpio;
    std::error_code error;
    DAXFS_TRY(cpio.add_directory(at));
    for (fs::recursive_directory_iterator entry(directory, error), end; !error && entry != end;
         entry.increment(error)) {
        const fs::path& path = entry->path();
        const std::string name = at + "/" + path.lexically_relative(directory).string();
        const fs::file_status status = entry->symlink_status();
        const auto permissions = static_cast<unsigned>(status.permissions()) & 07777;
        if (status.type() == fs::file_type::symlink) {
            DAXFS_TRY(cpio.add_link(name, fs::read_symlink(path).string()));
        } else if (status.type() == fs::file_type::directory) {
            DAXFS_TRY(cpio.add_directory(name, permissions));
        } else if (status.type() == fs::file_type::regular) {
            DAXFS_TRY_ASSIGN(const std::string bytes, read_whole_file(path));
            DAXFS_TRY(cpio.add_file(name, permissions, bytes));
        } else {
            return fail("--initrd-add: {}: not a file, directory or symbolic link", path.string());
        }
    }
    if (error)
        return fail("--initrd-add {}: {}", directory, error.message());
    return std::move(cpio).finish();
}

Result<void> build_initramfs(const Options& options, const Places& places, const Kernel& kernel,
                             const std::string& path) {
    DAXFS_TRY_ASSIGN(const GuestModules modules, choose_modules(kernel.modules, kernel.daxfs));
    DAXFS_TRY_ASSIGN(std::string archive, base_part(places));
    for (auto part : {modules_part(places, kernel, modules), small_part(kernel, modules),
                      programs_part(options, places), directory_parts(options)}) {
        DAXFS_TRY_ASSIGN(const std::string bytes, std::move(part));
        archive += bytes;
    }
    return write_whole_file(path, archive);
}

}  // namespace daxfs::live
