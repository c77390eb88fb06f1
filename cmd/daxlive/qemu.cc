// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxlive/qemu.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "cmd/daxlive/protocol.h"
#include "lib/base/checked.h"

namespace daxfs::live {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr std::uint64_t kImageUnit = 2 * kMiB;  // memory can be added to the kernel in no smaller pieces
constexpr std::uint64_t kMaxImage = std::uint64_t{1} << 40;
constexpr std::uint64_t kDefaultMemory = 2 * kGiB;
constexpr std::uint64_t kBelow4G = 3 * kGiB;    // the rest of the first 4 GiB is for devices
constexpr std::uint64_t kPageStructShare = 64;  // struct page: 64 bytes for 4096
constexpr std::uint64_t kPageStructsInDefault = kGiB / 4;

// Where memory above `below` continues, and the images with it.
std::uint64_t first_image_address(std::uint64_t memory) {
    return 4 * kGiB + (memory > kBelow4G ? memory - kBelow4G : 0);
}

std::string kernel_command_line(const Options& options, const std::vector<Image>& images, std::uint64_t memory) {
    // numa=off: QEMU's NUMA nodes exist only to carry the images. loglevel=5: warnings reach the console, where they
    // are noticed; more would cost time. nowatchdog: a busy host is no lockup of the guest.
    std::string line =
        "console=ttyS0 loglevel=5 panic=-1 oops=panic numa=off nokaslr mitigations=off tsc=reliable nowatchdog "
        "no_timer_check cryptomgr.notests random.trust_cpu=on";
    if (options.icount)
        line += " norandmaps";
    std::uint64_t address = first_image_address(memory);
    for (const Image& image : images) {
        line += fmt::format(" memmap={:#x}!{:#x}", image.bytes, address);
        address += image.bytes;
    }
    for (const std::string& word : options.kernel_arguments)
        line += " " + word;
    return line;
}

void add_memory(std::vector<std::string>& words, const Options& options, const std::vector<Image>& images,
                std::uint64_t memory) {
    std::uint64_t total = memory;
    for (const Image& image : images)
        total += image.bytes;
    words.insert(words.end(),
                 {"-machine", fmt::format("pc,max-ram-below-4g={}", std::min(memory, kBelow4G)), "-m",
                  fmt::format("{}M", total / kMiB), "-object", fmt::format("memory-backend-ram,id=ram,size={}", memory),
                  "-numa", fmt::format("node,nodeid=0,cpus=0-{},memdev=ram", options.cpus - 1)});
    for (std::size_t i = 0; i < images.size(); ++i) {
        words.insert(words.end(), {"-object",
                                   fmt::format("memory-backend-file,id=pmem{},mem-path={},size={},share=on", i,
                                               escape_qemu(images[i].path), images[i].bytes),
                                   "-numa", fmt::format("node,nodeid={},memdev=pmem{}", i + 1, i)});
    }
}

void add_processor(std::vector<std::string>& words, const Options& options) {
    words.insert(words.end(), {"-smp", std::to_string(options.cpus)});
    if (options.icount) {
        // Without the fast string instructions: rep movsb and rep stosb count an instruction per byte.
        words.insert(words.end(), {"-accel", "tcg,thread=single", "-cpu", "max,-erms,-fsrm,-fsrs,-fzrm", "-icount",
                                   "shift=0,sleep=off", "-seed", "1", "-rtc", "base=2026-01-01,clock=vm"});
        return;
    }
    const bool interpreter = options.accelerator.empty();
    words.insert(words.end(), {"-accel", interpreter ? "tcg,thread=multi" : options.accelerator, "-cpu", "max"});
}

void add_channels(std::vector<std::string>& words, const Channels& channels) {
    words.insert(words.end(), {"-chardev", fmt::format("socket,id=console,fd={}", channels.console), "-serial",
                               "chardev:console", "-device", "virtio-serial-pci,max_ports=2", "-chardev",
                               fmt::format("socket,id=port,fd={}", channels.port), "-device",
                               fmt::format("virtserialport,chardev=port,nr=1,name={}", kPortName)});
}

void add_shares(std::vector<std::string>& words, const std::vector<Share>& shares) {
    for (std::size_t i = 0; i < shares.size(); ++i) {
        words.insert(words.end(),
                     {"-fsdev",
                      fmt::format("local,id=share{},path={},security_model=none{}", i, escape_qemu(shares[i].directory),
                                  shares[i].read_only ? ",readonly=on" : ""),
                      "-device", fmt::format("virtio-9p-pci,fsdev=share{},mount_tag=share{}", i, i)});
    }
}

}  // namespace

Result<Image> inspect_image(const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0)
        return fail("{}: {}", path, errno_text(errno));
    if (S_ISDIR(status.st_mode))
        return fail("{}: is a directory, not an image file", path);
    if (!S_ISREG(status.st_mode))
        return fail("{}: not a regular file", path);
    const auto bytes = static_cast<std::uint64_t>(status.st_size);
    if (bytes < kImageUnit || bytes % kImageUnit != 0)
        return fail("{}: has {} bytes; a pmem device needs a multiple of 2 MiB (truncate -s 1G makes one)", path,
                    bytes);
    if (bytes > kMaxImage)
        return fail("{}: has {} GiB; 1024 is the most", path, bytes / kGiB);
    if (access(path.c_str(), R_OK | W_OK) != 0)
        return fail("{}: {}", path, errno_text(errno));
    return Image{path, bytes};
}

std::uint64_t guest_memory(const Options& options, const std::vector<Image>& images) {
    if (options.memory_bytes != 0)
        return options.memory_bytes;
    std::uint64_t page_structs = 0;
    for (const Image& image : images)
        page_structs += image.bytes / kPageStructShare;
    return kDefaultMemory + (page_structs > kPageStructsInDefault ? round_up(page_structs, 128 * kMiB) : 0);
}

std::string escape_qemu(std::string_view value) {
    std::string escaped;
    for (const char byte : value)
        escaped.append(byte == ',' ? 2 : 1, byte);
    return escaped;
}

std::string quote_words(const std::vector<std::string>& words) {
    constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+:,./@%";
    std::string line;
    for (const std::string& word : words) {
        line += line.empty() ? "" : " ";
        if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
            line += word;
            continue;
        }
        line += '\'';
        for (const char byte : word)
            line += byte == '\'' ? "'\\''" : std::string(1, byte);
        line += '\'';
    }
    return line;
}

std::vector<std::string> qemu_command(const Options& options, const std::vector<Image>& images, const Kernel& kernel,
                                      const std::string& initrd, const Channels& channels) {
    const std::uint64_t memory = guest_memory(options, images);
    std::vector<std::string> words{
        "qemu-system-x86_64", "-no-user-config", "-nodefaults", "-display", "none", "-monitor", "none", "-no-reboot"};
    add_processor(words, options);
    add_memory(words, options, images, memory);
    words.insert(words.end(),
                 {"-kernel", kernel.image, "-initrd", initrd, "-append", kernel_command_line(options, images, memory)});
    add_channels(words, channels);
    add_shares(words, options.shares);
    words.insert(words.end(), options.qemu_arguments.begin(), options.qemu_arguments.end());
    return words;
}

}  // namespace daxfs::live
