// SPDX-License-Identifier: GPL-2.0-or-later
// Where builders write: whole blocks, and points at which everything written so far is durable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>

#include "lib/base/result.h"
#include "lib/base/strong.h"
#include "lib/format/daxfs_format.h"
#include "lib/image/device.h"
#include "lib/image/image.h"

namespace daxfs {

class BlockSink {
  public:
    virtual ~BlockSink() = default;
    // `bytes` is a whole number of blocks.
    virtual Result<void> write(BlockNo first, std::span<const std::byte> bytes) = 0;
    virtual Result<void> flush() = 0;
};

// Straight to a device or file.
class DeviceSink : public BlockSink {
  public:
    explicit DeviceSink(Device& device) : device_(device) {}
    Result<void> write(BlockNo first, std::span<const std::byte> bytes) override;
    Result<void> flush() override { return device_.flush(); }

    std::uint64_t bytes_written() const { return bytes_written_; }

  private:
    Device& device_;
    std::uint64_t bytes_written_ = 0;
};

// Staged in an image: nothing reaches the device before Image::write_staged.
class StagingSink : public BlockSink {
  public:
    explicit StagingSink(Image& image) : image_(image) {}
    Result<void> write(BlockNo first, std::span<const std::byte> bytes) override;
    Result<void> flush() override { return {}; }

  private:
    Image& image_;
};

// Nowhere: what is built is only counted.
class NullSink : public BlockSink {
  public:
    Result<void> write(BlockNo, std::span<const std::byte>) override { return {}; }
    Result<void> flush() override { return {}; }
};

// A whole image in memory, for tests: of any size, blocks that were not written take no memory.
class MemorySink : public BlockSink {
  public:
    explicit MemorySink(std::uint64_t size_bytes) : size_(size_bytes) {}
    Result<void> write(BlockNo first, std::span<const std::byte> bytes) override;
    Result<void> flush() override { return {}; }

    // For a test that damages what was written. `block` lies inside the image.
    std::byte* block(BlockNo block);
    Image image() const;

  private:
    struct Block {
        alignas(64) std::byte bytes[DAXFS_BLOCK_SIZE];
    };
    std::uint64_t size_;
    std::map<BlockNo, std::unique_ptr<Block>> blocks_;
};

}  // namespace daxfs
