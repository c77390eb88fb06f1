// SPDX-License-Identifier: GPL-2.0-or-later
//
// The device is mapped read-only (device_map.h): a pointer into it stays valid, pages come and go underneath. Reading
// is thread-safe, and so is staging; `write_staged` is called alone.
#include "lib/image/image.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>

#include "lib/base/checked.h"
#include "lib/image/device.h"
#include "lib/image/device_map.h"

namespace daxfs {
namespace {

struct StagedBlock {
    alignas(64) std::byte bytes[DAXFS_BLOCK_SIZE];
    bool dirty = true;
};

}  // namespace

struct Image::State {
    std::string path;
    std::optional<Device> device;  // none: bytes in memory
    bool writable = false;
    std::uint64_t size = 0;

    BadBlocks bad;
    std::unique_ptr<DeviceMap> map;  // of `device`
    std::byte* base = nullptr;       // of bytes in memory
    bool borrowed = false;           // base is not ours to unmap

    mutable std::shared_mutex staged_lock;
    std::map<BlockNo, std::unique_ptr<StagedBlock>> staged;
    std::atomic<bool> any_staged{false};
    std::function<Result<void>(const Store&)> hook;

    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
        if (base != nullptr && !borrowed)
            munmap(base, size);
    }

    bool inside(BlockNo block) const { return block.value < size / DAXFS_BLOCK_SIZE; }

    StagedBlock* find_staged(BlockNo block) const {
        if (!any_staged.load(std::memory_order_acquire))
            return nullptr;
        const std::shared_lock lock(staged_lock);
        const auto it = staged.find(block);
        return it == staged.end() ? nullptr : it->second.get();
    }

    // nullptr: unreadable, if only in part. `block` is inside.
    const std::byte* device_block(BlockNo block) const {
        return map != nullptr ? map->block(block) : base + block.value * DAXFS_BLOCK_SIZE;
    }
    const std::byte* readable_part(BlockNo block) const {
        const std::byte* whole = device_block(block);
        return whole == nullptr && map != nullptr ? map->remains(block) : whole;
    }

    void map_memory(std::uint64_t size_bytes);
    Result<void> write_block(BlockNo block, const std::byte* bytes);
    Result<void> flush();
    // Staged, not written, and not what the device has. Pointers stay good as those of try_block() do.
    std::vector<std::pair<BlockNo, const std::byte*>> edited() const;
};

Result<void> Image::State::write_block(BlockNo block, const std::byte* bytes) {
    if (hook)
        DAXFS_TRY(hook({.block = block, .bytes = {bytes, DAXFS_BLOCK_SIZE}}));
    const std::uint64_t offset = block.value * DAXFS_BLOCK_SIZE;
    if (!device) {
        std::memcpy(base + offset, bytes, DAXFS_BLOCK_SIZE);
        return {};
    }
    DAXFS_TRY(device->write(offset, {bytes, DAXFS_BLOCK_SIZE}));
    map->written(block, {bytes, DAXFS_BLOCK_SIZE});
    return {};
}

Result<void> Image::State::flush() {
    if (hook)
        DAXFS_TRY(hook({}));
    return device ? device->flush() : Result<void>{};
}

std::vector<std::pair<BlockNo, const std::byte*>> Image::State::edited() const {
    std::vector<std::pair<BlockNo, const std::byte*>> blocks;
    const std::shared_lock lock(staged_lock);
    for (const auto& [block, copy] : staged) {
        if (!copy->dirty)
            continue;
        const std::byte* before = device_block(block);
        if (before == nullptr || std::memcmp(before, copy->bytes, DAXFS_BLOCK_SIZE) != 0)
            blocks.emplace_back(block, copy->bytes);
    }
    return blocks;
}

Image::Image(std::unique_ptr<State> state) : state_(std::move(state)) {}
Image::Image(Image&&) noexcept = default;
Image& Image::operator=(Image&&) noexcept = default;
Image::~Image() = default;

Result<Image> Image::open(const std::string& path, Access access, BadBlocks bad) {
    auto state = std::make_unique<State>();
    state->path = path;
    state->writable = access == Access::kWrite;
    DAXFS_TRY_ASSIGN(state->device, Device::open(path, state->writable ? DeviceAccess::kWrite : DeviceAccess::kRead));
    state->size = state->device->size_bytes();
    if (state->size == 0)
        return fail("{}: is empty", path);
    state->bad = std::move(bad);
    state->map = std::make_unique<DeviceMap>(*state->device, state->bad);
    return Image(std::move(state));
}

// Without memory for it: an image of no blocks.
void Image::State::map_memory(std::uint64_t size_bytes) {
    path = "memory";
    writable = true;
    if (size_bytes == 0)
        return;
    void* mapped =
        mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED)
        return;
    base = static_cast<std::byte*>(mapped);
    size = size_bytes;
}

Image Image::from_bytes(std::span<const std::byte> bytes) {
    auto state = std::make_unique<State>();
    state->map_memory(bytes.size());
    if (state->base != nullptr)
        std::memcpy(state->base, bytes.data(), bytes.size());
    return Image(std::move(state));
}

Image Image::from_blocks(std::uint64_t size_bytes, const std::map<BlockNo, const std::byte*>& blocks) {
    auto state = std::make_unique<State>();
    state->map_memory(size_bytes);
    for (const auto& [block, bytes] : blocks)
        if (state->inside(block))
            std::memcpy(state->base + block.value * DAXFS_BLOCK_SIZE, bytes, DAXFS_BLOCK_SIZE);
    return Image(std::move(state));
}

Image Image::over(std::span<std::byte> bytes) {
    auto state = std::make_unique<State>();
    state->path = "memory";
    state->writable = true;
    state->base = bytes.data();
    state->size = bytes.size();
    state->borrowed = true;
    return Image(std::move(state));
}

const std::string& Image::path() const {
    return state_->path;
}
std::uint64_t Image::size_bytes() const {
    return state_->size;
}
bool Image::is_block_device() const {
    return state_->device && state_->device->is_block_device();
}

const std::byte* Image::try_block(BlockNo block) const {
    if (!state_->inside(block))
        return nullptr;
    if (const StagedBlock* staged = state_->find_staged(block))
        return staged->bytes;
    return state_->readable_part(block);
}

const std::byte* Image::device_block(BlockNo block) const {
    return state_->inside(block) ? state_->device_block(block) : nullptr;
}

std::byte* Image::stage(BlockNo block) {
    if (!state_->inside(block))
        return nullptr;
    const std::unique_lock lock(state_->staged_lock);
    auto& staged = state_->staged[block];
    if (staged == nullptr) {
        staged = std::make_unique<StagedBlock>();
        // What is unreadable starts as zeros: writing the block whole is what heals it.
        if (const std::byte* bytes = state_->readable_part(block))
            std::memcpy(staged->bytes, bytes, DAXFS_BLOCK_SIZE);
        state_->any_staged.store(true, std::memory_order_release);
    }
    staged->dirty = true;
    return staged->bytes;
}

bool Image::is_staged(BlockNo block) const {
    return state_->find_staged(block) != nullptr;
}

std::vector<Image::TornBlock> Image::torn_blocks() const {
    std::vector<TornBlock> blocks;
    if (state_->map == nullptr)
        return blocks;
    for (const auto& [block, lost] : state_->map->torn()) {
        if (!is_staged(block))
            blocks.push_back({.block = block, .lost_bytes = lost});
    }
    return blocks;
}

bool Image::is_torn(BlockNo block) const {
    return state_->map != nullptr && state_->map->is_torn(block) && !is_staged(block);
}

const BadBlocks& Image::bad_blocks() const {
    return state_->bad;
}

bool Image::has_staged() const {
    const std::shared_lock lock(state_->staged_lock);
    return std::any_of(state_->staged.begin(), state_->staged.end(),
                       [](const auto& entry) { return entry.second->dirty; });
}

Result<void> Image::write_staged() {
    if (!state_->writable)
        return fail("{}: opened for reading only", state_->path);
    const std::unique_lock lock(state_->staged_lock);
    // The copies stay: pointers to them do too, until the Image dies.
    for (auto& [block, staged] : state_->staged) {
        if (!staged->dirty)
            continue;
        DAXFS_TRY(state_->write_block(block, staged->bytes));
        staged->dirty = false;
    }
    return state_->flush();
}

std::vector<BlockNo> Image::edited_blocks() const {
    std::vector<BlockNo> blocks;
    for (const auto& [block, bytes] : state_->edited())
        blocks.push_back(block);
    return blocks;
}

Result<void> Image::for_each_edit(const std::function<Result<void>(const Edit&)>& visit) const {
    for (const auto& [block, bytes] : state_->edited())
        DAXFS_TRY(for_each_difference(block, state_->device_block(block), bytes, visit));
    return {};
}

Result<void> Image::write_block(BlockNo block, BlockBytes bytes) {
    if (!state_->writable)
        return fail("{}: opened for reading only", state_->path);
    if (!state_->inside(block))
        return fail("{}: block {} is outside", state_->path, block);
    DAXFS_TRY(state_->write_block(block, bytes.data()));
    if (StagedBlock* staged = state_->find_staged(block)) {
        if (!staged->dirty && staged->bytes != bytes.data())
            std::memcpy(staged->bytes, bytes.data(), DAXFS_BLOCK_SIZE);
        staged->dirty = std::memcmp(staged->bytes, bytes.data(), DAXFS_BLOCK_SIZE) != 0;
    }
    return {};
}

Result<void> Image::flush() {
    return state_->flush();
}

void Image::forget_staged() {
    const std::unique_lock lock(state_->staged_lock);
    state_->staged.clear();
    state_->any_staged.store(false, std::memory_order_release);
}

void Image::before_stores(std::function<Result<void>(const Store&)> hook) {
    state_->hook = std::move(hook);
}

Result<void> for_each_difference(BlockNo block, const std::byte* before, const std::byte* after,
                                 const std::function<Result<void>(const Edit&)>& visit) {
    constexpr std::size_t kLine = 64;
    const ByteOffset start{block.value * DAXFS_BLOCK_SIZE};
    if (before == nullptr)
        return visit({.offset = start, .before = {}, .after = {after, DAXFS_BLOCK_SIZE}});
    const auto differs = [&](std::size_t at) {
        return at < DAXFS_BLOCK_SIZE && std::memcmp(before + at, after + at, kLine) != 0;
    };
    for (std::size_t from = 0; from < DAXFS_BLOCK_SIZE; from += kLine) {
        if (!differs(from))
            continue;
        std::size_t to = from + kLine;
        while (differs(to))
            to += kLine;
        DAXFS_TRY(
            visit({.offset = start + from, .before = {before + from, to - from}, .after = {after + from, to - from}}));
        from = to;
    }
    return {};
}

}  // namespace daxfs
