// SPDX-License-Identifier: GPL-2.0-or-later
// The way back from a repair: a file with the bytes that stood where the repair stores, and what puts them back.
//
// The file is made, and durable, before the first store. Putting back needs nothing of the filesystem to be sound. It
// announces itself in blocks 1 and 2, so that nothing mounts what is half put back; the file itself is the list that
// an undo which was cut off is finished from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "lib/base/result.h"
#include "lib/base/strong.h"
#include "lib/format/daxfs_format.h"
#include "lib/image/image.h"

namespace daxfs {

// All of an undo file is little-endian: this header, then records, each followed by the bytes that stood there, padded
// with zeros to a multiple of 8. Records ascend and do not overlap.
struct UndoHeader {
    daxfs_le64 magic;         // "DXUNDO1\n"
    daxfs_le32 crc;           // CRC32C of the header with this member zero, seeded with ~0
    daxfs_le32 records_crc;   // of the `crc` of all records, one after the other, seeded with ~0
    daxfs_le64 device_bytes;  // size of the device
    daxfs_le64 nonce_before;  // what stood in the place of the superblock's nonce
    daxfs_le64 nonce_after;
    daxfs_le64 records;
    daxfs_le64 records_bytes;  // all that follows the header
};
DAXFS_ASSERT_SIZE(UndoHeader, 56);

struct UndoRecord {
    daxfs_le64 offset;       // on the device, in bytes
    daxfs_le32 length;       // 1 .. 4096, inside one block
    daxfs_le32 crc;          // CRC32C of record and unpadded bytes with this member zero, seeded with ~0
    daxfs_le32 after_crc;    // CRC32C of what the repair stores there, seeded with ~0
    daxfs_le32 between_crc;  // the same of what stands there between two rounds of the repair
    daxfs_le32 unreadable;   // 1: the block could not be read, the bytes are zeros and are not put back
    daxfs_le32 reserved;     // 0
};
DAXFS_ASSERT_SIZE(UndoRecord, 32);

// Writes the file for all that is staged, fsync(2) of file and folder included; what commit_staged() does to blocks 1
// and 2 is staged as well. How many records; 0: nothing is to change, and there is no file. Errors: `path` exists, I/O;
// a file that could not be finished is removed.
Result<std::uint64_t> write_undo_file(Image& image, const std::string& path);

// An open undo file whose header checks out.
class UndoFile {
  public:
    // Errors: I/O, no undo file, one that is damaged or not complete. Reads all of it.
    static Result<UndoFile> open(const std::string& path);

    UndoFile(UndoFile&& other) noexcept;
    UndoFile& operator=(UndoFile&& other) noexcept;
    ~UndoFile();

    const UndoHeader& header() const { return header_; }
    const std::string& path() const { return path_; }

    struct Record {
        UndoRecord head;
        std::span<const std::byte> before;  // good until the next one is read
        BlockNo block() const { return BlockNo{head.offset / DAXFS_BLOCK_SIZE}; }
        std::size_t in_block() const { return head.offset % DAXFS_BLOCK_SIZE; }
    };
    void rewind();
    // Empty at the end.
    Result<std::optional<Record>> next();

  private:
    UndoFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
    Result<void> read(std::span<std::byte> bytes);
    Result<void> check();

    std::string path_;
    int fd_ = -1;
    UndoHeader header_{};
    std::uint64_t position_ = 0;
    std::uint64_t records_read_ = 0;
    std::uint64_t last_end_ = 0;
    alignas(64) std::byte buffer_[DAXFS_BLOCK_SIZE]{};
};

struct UndoOptions {
    Access access = Access::kWrite;  // kRead: only says what would be done
    bool force = false;              // also on a device that is not as the repair left it
};

struct UndoOutcome {
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;              // put back, or to be
    std::uint64_t unreadable_blocks = 0;  // whose bytes nobody knows
    bool finished_repair = false;         // one that was cut off: first it was finished
    bool resumed = false;                 // an undo that was cut off
    std::uint64_t others = 0;  // records whose place holds neither what was there before nor what the repair put there
    // Why nothing was written; a phrase. Empty: it was done (or would be).
    std::string refusal{};
};

// Nothing is staged in `image`. Cut off anywhere, it is to be called again with the same file. Errors: I/O.
Result<UndoOutcome> undo_repair(Image& image, UndoFile& file, const UndoOptions& options);

}  // namespace daxfs
