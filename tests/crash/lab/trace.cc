// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/lab/trace.h"

#include <cstring>

#include "lib/image/device.h"

namespace daxfs::crash {
namespace {

Result<std::vector<std::byte>> read_file(const std::string& path) {
    DAXFS_TRY_ASSIGN(const Device device, Device::open(path, DeviceAccess::kRead));
    std::vector<std::byte> bytes(device.size_bytes());
    DAXFS_TRY(device.read(0, bytes));
    return bytes;
}

bool is_store(Kind kind) {
    return kind == Kind::kStore || kind == Kind::kNtStore;
}

}  // namespace

Result<Trace> Trace::open(const std::string& path) {
    Trace trace;
    DAXFS_TRY_ASSIGN(trace.file_, read_file(path));
    DAXFS_TRY_ASSIGN(trace.base_, read_file(path + ".base"));
    DAXFS_TRY(trace.parse(path));
    DAXFS_TRY(trace.replay(path));
    return trace;
}

Result<void> Trace::parse(const std::string& path) {
    if (file_.size() < sizeof header_)
        return fail("{}: too short for a trace", path);
    std::memcpy(&header_, file_.data(), sizeof header_);
    if (std::memcmp(header_.magic, kTraceMagic, sizeof kTraceMagic) != 0 || header_.version != kTraceVersion ||
        header_.header_bytes != sizeof header_)
        return fail("{}: not a trace of version {}", path, kTraceVersion);
    if (header_.device_bytes != base_.size() || base_.size() % kHashBlock != 0 ||
        hash_bytes(base_.data(), base_.size()) != header_.base_hash)
        return fail("{}.base: not the device that the trace starts from", path);
    for (std::size_t at = sizeof header_; at + sizeof(Record) <= file_.size();) {
        Event event{};
        std::memcpy(&event.record, &file_[at], sizeof event.record);
        at += sizeof event.record;
        if (padded(event.record.bytes) > file_.size() - at)
            break;
        event.payload = {&file_[at], event.record.bytes};
        at += padded(event.record.bytes);
        if (event.record.kind == Kind::kEnd) {
            end_hashes_.resize(event.record.bytes / sizeof(std::uint64_t));
            std::memcpy(end_hashes_.data(), event.payload.data(), event.record.bytes);
            return {};
        }
        if (is_store(event.record.kind) &&
            (event.record.offset > base_.size() || event.record.bytes > base_.size() - event.record.offset))
            return fail("{}: a store outside the device", path);
        events_.push_back(event);
    }
    return fail("{}: has no end: the guest stopped while it was recorded", path);
}

Result<void> Trace::replay(const std::string& path) const {
    std::vector<std::byte> device = base_;
    for (const Event& event : events_)
        if (is_store(event.record.kind))
            std::memcpy(&device[event.record.offset], event.payload.data(), event.payload.size());
    if (end_hashes_.size() != device.size() / kHashBlock)
        return fail("{}: its end covers another device", path);
    for (std::size_t block = 0; block < end_hashes_.size(); ++block)
        if (hash_bytes(&device[block * kHashBlock], kHashBlock) != end_hashes_[block])
            return fail("{}: refused: replayed, block {} is not as the machine left it: stores are missing", path,
                        block);
    return {};
}

}  // namespace daxfs::crash
