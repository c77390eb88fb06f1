// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/undo_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "lib/base/checked.h"
#include "lib/base/crc32c.h"
#include "lib/check/redo.h"
#include "lib/format/checksum.h"
#include "lib/tree/intent.h"

namespace daxfs {
namespace {

using WholeBlock = std::array<std::byte, DAXFS_BLOCK_SIZE>;

constexpr std::uint64_t kUndoMagic = 0x0a314f444e555844;  // "DXUNDO1\n"
constexpr std::array kIntentBlocks{BlockNo{DAXFS_INTENT_BLOCK_A}, BlockNo{DAXFS_INTENT_BLOCK_B}};
alignas(64) constexpr WholeBlock kZeros{};

bool is_intent_block(BlockNo block) {
    return std::ranges::find(kIntentBlocks, block) != kIntentBlocks.end();
}

template <typename T>
std::span<const std::byte> bytes_of(const T& value) {
    return std::as_bytes(std::span(&value, 1));
}

std::uint32_t crc_of(std::span<const std::byte> bytes) {
    return crc32c(~0u, bytes.data(), bytes.size());
}

std::uint32_t header_crc(UndoHeader header) {
    header.crc = 0;
    return crc_of(bytes_of(header));
}

std::uint32_t record_crc(UndoRecord record, std::span<const std::byte> before) {
    record.crc = 0;
    return crc32c(crc_of(bytes_of(record)), before.data(), before.size());
}

std::uint64_t nonce_in(const std::byte* super) {
    return super == nullptr ? 0 : std::uint64_t{reinterpret_cast<const daxfs_super*>(super)->nonce};
}

// The records of what is staged, one after the other.
Result<void> for_each_record(const Image& image,
                             const std::function<Result<void>(const UndoRecord&, std::span<const std::byte>)>& visit) {
    // What the superblock is between rounds.
    alignas(64) WholeBlock held{};
    bool holds = false;
    if (const std::byte* super = image.try_block(BlockNo{0}); super != nullptr) {
        std::memcpy(held.data(), super, held.size());
        holds = hold_error_state(held);
    }
    return image.for_each_edit([&](const Edit& edit) -> Result<void> {
        const auto before = edit.before.empty() ? std::span<const std::byte>(kZeros) : edit.before;
        UndoRecord record{};
        record.offset = edit.offset.value;
        record.length = static_cast<std::uint32_t>(edit.after.size());
        record.after_crc = crc_of(edit.after);
        record.between_crc = holds && edit.offset.value < DAXFS_BLOCK_SIZE
                                 ? crc_of(std::span(held).subspan(edit.offset.value, edit.after.size()))
                                 : std::uint32_t{record.after_crc};
        record.unreadable = edit.before.empty() ? 1 : 0;
        record.crc = record_crc(record, before);
        return visit(record, before);
    });
}

std::uint64_t stored_bytes(std::uint64_t length) {
    return sizeof(UndoRecord) + round_up<std::uint64_t>(length, 8);
}

Result<UndoHeader> header_of(const Image& image) {
    UndoHeader header{};
    header.magic = kUndoMagic;
    header.device_bytes = image.size_bytes();
    header.nonce_before = nonce_in(image.device_block(BlockNo{0}));
    header.nonce_after = nonce_in(image.try_block(BlockNo{0}));
    std::uint64_t records = 0;
    std::uint64_t records_bytes = 0;
    std::uint32_t crc = ~0u;
    DAXFS_TRY(for_each_record(image, [&](const UndoRecord& record, std::span<const std::byte>) -> Result<void> {
        ++records;
        records_bytes += stored_bytes(record.length);
        crc = crc32c(crc, &record.crc, sizeof(record.crc));
        return {};
    }));
    header.records = records;
    header.records_bytes = records_bytes;
    header.records_crc = crc;
    header.crc = header_crc(header);
    return header;
}

// A new file, removed again where it does not come to `finish`.
class NewFile {
  public:
    static Result<NewFile> create(const std::string& path) {
        const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
        if (fd < 0 && errno == EEXIST)
            return fail("{}: is there already; the way back from one repair is not written over that of another", path);
        if (fd < 0)
            return fail("{}: cannot create: {}", path, errno_text(errno));
        return NewFile(path, fd);
    }
    NewFile(NewFile&& other) noexcept
        : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), buffer_(std::move(other.buffer_)) {}
    NewFile& operator=(NewFile&&) = delete;
    ~NewFile() {
        if (fd_ < 0)
            return;
        close(fd_);
        unlink(path_.c_str());
    }

    Result<void> put(std::span<const std::byte> bytes) {
        buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
        return buffer_.size() < kBufferBytes ? Result<void>{} : write_out();
    }
    // Durable, with its name.
    Result<void> finish() {
        DAXFS_TRY(write_out());
        if (fsync(fd_) != 0)
            return fail("{}: cannot make it durable: {}", path_, errno_text(errno));
        const std::filesystem::path parent = std::filesystem::path(path_).parent_path();
        const int folder = ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const bool durable = folder >= 0 && fsync(folder) == 0;
        const int error = errno;
        if (folder >= 0)
            close(folder);
        if (!durable)
            return fail("{}: cannot make its name durable: {}", path_, errno_text(error));
        close(std::exchange(fd_, -1));
        return {};
    }

  private:
    static constexpr std::size_t kBufferBytes = 1 << 18;

    NewFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

    Result<void> write_out() {
        std::span<const std::byte> rest = buffer_;
        while (!rest.empty()) {
            const ssize_t put = ::write(fd_, rest.data(), rest.size());
            if (put < 0 && errno == EINTR)
                continue;
            if (put <= 0)
                return fail("{}: cannot write: {}", path_, errno_text(put < 0 ? errno : EIO));
            rest = rest.subspan(static_cast<std::size_t>(put));
        }
        buffer_.clear();
        return {};
    }

    std::string path_;
    int fd_;
    std::vector<std::byte> buffer_;
};

}  // namespace

Result<std::uint64_t> write_undo_file(Image& image, const std::string& path) {
    if (image.edited_blocks().empty())
        return 0;
    stage_no_intents(image);
    DAXFS_TRY_ASSIGN(const UndoHeader header, header_of(image));
    DAXFS_TRY_ASSIGN(NewFile file, NewFile::create(path));
    DAXFS_TRY(file.put(bytes_of(header)));
    const auto put = [&](const UndoRecord& record, std::span<const std::byte> before) -> Result<void> {
        DAXFS_TRY(file.put(bytes_of(record)));
        DAXFS_TRY(file.put(before));
        return file.put(std::span(kZeros).first(stored_bytes(record.length) - sizeof(record) - before.size()));
    };
    DAXFS_TRY(for_each_record(image, put));
    DAXFS_TRY(file.finish());
    return header.records;
}

UndoFile::UndoFile(UndoFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      header_(other.header_),
      position_(other.position_),
      records_read_(other.records_read_),
      last_end_(other.last_end_) {}

UndoFile& UndoFile::operator=(UndoFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(fd_, other.fd_);
    header_ = other.header_;
    rewind();
    return *this;
}

UndoFile::~UndoFile() {
    if (fd_ >= 0)
        close(fd_);
}

Result<void> UndoFile::read(std::span<std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t got = pread(fd_, bytes.data(), bytes.size(), static_cast<off_t>(position_));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail("{}: cannot read: {}", path_, errno_text(errno));
        if (got == 0)
            return fail("{}: ends too early", path_);
        position_ += static_cast<std::uint64_t>(got);
        bytes = bytes.subspan(static_cast<std::size_t>(got));
    }
    return {};
}

Result<UndoFile> UndoFile::open(const std::string& path) {
    // Not O_WRONLY of anything: a FIFO or a terminal is no undo file, and would block.
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return fail("{}: cannot open: {}", path, errno_text(errno));
    UndoFile file(path, fd);
    DAXFS_TRY(file.check());
    return file;
}

Result<void> UndoFile::check() {
    const off_t end = lseek(fd_, 0, SEEK_END);
    if (end < 0 || static_cast<std::uint64_t>(end) < sizeof(header_))
        return fail("{}: is no undo file of fsck.daxfs", path_);
    DAXFS_TRY(read(std::as_writable_bytes(std::span(&header_, 1))));
    if (header_.magic != kUndoMagic)
        return fail("{}: is no undo file of fsck.daxfs", path_);
    if (header_.crc != header_crc(header_))
        return fail("{}: is damaged: its header has checksum {:#010x} instead of {:#010x}", path_,
                    std::uint32_t{header_.crc}, header_crc(header_));
    if (header_.records_bytes != static_cast<std::uint64_t>(end) - sizeof(header_))
        return fail("{}: has {} bytes of records instead of {}", path_,
                    static_cast<std::uint64_t>(end) - sizeof(header_), std::uint64_t{header_.records_bytes});
    rewind();
    std::uint32_t crc = ~0u;
    for (;;) {
        DAXFS_TRY_ASSIGN(const auto record, next());
        if (!record)
            break;
        crc = crc32c(crc, &record->head.crc, sizeof(record->head.crc));
    }
    if (records_read_ != header_.records || crc != header_.records_crc)
        return fail("{}: is damaged: its records are not those that the header counts", path_);
    rewind();
    return {};
}

void UndoFile::rewind() {
    position_ = sizeof(header_);
    records_read_ = 0;
    last_end_ = 0;
}

Result<std::optional<UndoFile::Record>> UndoFile::next() {
    const std::uint64_t end = sizeof(header_) + header_.records_bytes;
    if (position_ == end)
        return std::nullopt;
    Record record;
    const std::uint64_t start = position_;
    const auto damaged = [&] { return fail("{}: is damaged: the record at byte {}", path_, start); };
    if (end - position_ < sizeof(record.head))
        return damaged();
    DAXFS_TRY(read(std::as_writable_bytes(std::span(&record.head, 1))));
    const std::uint64_t offset = record.head.offset;
    const std::uint64_t length = record.head.length;
    if (length == 0 || length > DAXFS_BLOCK_SIZE ||
        !range_inside<std::uint64_t>(offset, length, header_.device_bytes) ||
        record.in_block() + length > DAXFS_BLOCK_SIZE || offset < last_end_ || stored_bytes(length) > end - start)
        return damaged();
    DAXFS_TRY(read(std::span(buffer_).first(length)));
    record.before = std::span(buffer_).first(length);
    if (record.head.crc != record_crc(record.head, record.before))
        return damaged();
    position_ = start + stored_bytes(length);
    last_end_ = offset + length;
    ++records_read_;
    return record;
}

namespace {

// What blocks 1 and 2 say while `file` is put back.
WholeBlock announcement_of(const UndoFile& file) {
    daxfs_intent intent{};
    intent.magic = DAXFS_INTENT_MAGIC;
    intent.redo_crc = file.header().crc;
    intent.crc = checksum(intent);
    WholeBlock block{};
    std::memcpy(block.data(), &intent, sizeof(intent));
    return block;
}

class Undo {
  public:
    Undo(Image& image, UndoFile& file, const UndoOptions& options) : image_(image), file_(file), options_(options) {}

    Result<UndoOutcome> run() {
        DAXFS_TRY(prepare());
        if (!outcome_.refusal.empty() || options_.access == Access::kRead)
            return outcome_;
        // Its announcement is written over next: torn, that would be none, of a repair that is half done.
        if (outcome_.finished_repair) {
            image_.forget_staged();
            DAXFS_TRY(finish_announced(image_, Access::kWrite));
        }
        DAXFS_TRY(announce());
        DAXFS_TRY(put_back());
        DAXFS_TRY(end());
        return outcome_;
    }

  private:
    Result<void> prepare() {
        if (file_.header().device_bytes != image_.size_bytes()) {
            outcome_.refusal = fmt::format("the file is of a device of {} bytes, this one has {}",
                                           std::uint64_t{file_.header().device_bytes}, image_.size_bytes());
            return {};
        }
        find_undo();
        if (!outcome_.resumed && outcome_.refusal.empty())
            DAXFS_TRY(finish_repair());
        if (!outcome_.resumed && outcome_.refusal.empty())
            check_nonce();
        return compare();
    }

    void refuse(std::string why) {
        if (!options_.force && outcome_.refusal.empty())
            outcome_.refusal = std::move(why);
    }

    // Whether an undo was cut off, and whose.
    void find_undo() {
        for (const BlockNo block : kIntentBlocks) {
            const IntentReading reading = read_intent(image_, block);
            if (!reading.present || reading.damage || reading.raw->redo_bytes != 0)
                continue;
            if (reading.raw->redo_crc != file_.header().crc)
                refuse("another undo was cut off, and is to be finished first, with its own file");
            else
                outcome_.resumed = true;
        }
        // What the other one says stood there before the repair.
        if (outcome_.resumed)
            outcome_.refusal.clear();
    }

    // The image then shows what the repair leaves. In memory: nothing is written before all is judged.
    Result<void> finish_repair() {
        DAXFS_TRY_ASSIGN(const AnnouncedOutcome announced, finish_announced(image_, Access::kRead));
        outcome_.finished_repair = announced.what == Announced::kFinished;
        if (announced.what == Announced::kRefused)
            refuse(fmt::format("block {} announces a repair that cannot be finished: {}", announced.block,
                               announced.detail));
        return {};
    }

    void check_nonce() {
        const std::uint64_t nonce = nonce_in(image_.try_block(BlockNo{0}));
        if (nonce != file_.header().nonce_before && nonce != file_.header().nonce_after)
            refuse("the file is of another filesystem");
    }

    bool is_known(const UndoFile::Record& record) const {
        const std::byte* block = image_.try_block(record.block());
        if (block == nullptr)
            return false;
        const auto now = std::span(block, DAXFS_BLOCK_SIZE).subspan(record.in_block(), record.head.length);
        const std::uint32_t crc = crc_of(now);
        return crc == record.head.after_crc || crc == record.head.between_crc || std::ranges::equal(now, record.before);
    }

    // Counts, and holds each place against the file. After an undo that was cut off anything may stand there; in blocks
    // 1 and 2 also what a repair left that was cut off.
    Result<void> compare() {
        file_.rewind();
        for (;;) {
            DAXFS_TRY_ASSIGN(const auto record, file_.next());
            if (!record)
                break;
            ++outcome_.records;
            if (record->block().value >= image_.block_count())
                outcome_.refusal = fmt::format("the file has bytes for block {}, which is none", record->block());
            if (record->head.unreadable != 0)
                ++outcome_.unreadable_blocks;
            else
                outcome_.bytes += record->head.length;
            if (!outcome_.resumed && !is_intent_block(record->block()) && !is_known(*record))
                ++outcome_.others;
        }
        if (outcome_.others > 0)
            refuse(fmt::format("{} of {} places were written since the repair", outcome_.others, outcome_.records));
        return {};
    }

    Result<void> announce() {
        const WholeBlock announcement = announcement_of(file_);
        for (const BlockNo block : kIntentBlocks)
            DAXFS_TRY(image_.write_block(block, announcement));
        return image_.flush();  // durable before anything is put back: from here on nothing mounts it
    }

    Result<void> write_current() {
        if (!current_ || is_intent_block(*current_))
            return {};
        return image_.write_block(*current_, bytes_);
    }

    Result<void> load(BlockNo block) {
        const std::byte* now = is_intent_block(block) ? kZeros.data() : image_.device_block(block);
        // Unreadable now: what the file does not have is lost either way.
        std::memcpy(bytes_.data(), now == nullptr ? kZeros.data() : now, bytes_.size());
        current_ = block;
        return {};
    }

    Result<void> put_back() {
        file_.rewind();
        for (;;) {
            DAXFS_TRY_ASSIGN(const auto record, file_.next());
            if (!record)
                break;
            if (record->head.unreadable != 0)
                continue;
            if (current_ != record->block()) {
                DAXFS_TRY(write_current());
                DAXFS_TRY(load(record->block()));
            }
            std::ranges::copy(record->before, bytes_.begin() + static_cast<std::ptrdiff_t>(record->in_block()));
            if (is_intent_block(*current_))
                intents_[*current_ - kIntentBlocks[0]] = bytes_;
        }
        DAXFS_TRY(write_current());
        return image_.flush();  // durable before the announcement goes
    }

    // What stood in blocks 1 and 2.
    Result<void> end() {
        for (const BlockNo block : kIntentBlocks)
            DAXFS_TRY(image_.write_block(block, intents_[block - kIntentBlocks[0]]));
        return image_.flush();
    }

    Image& image_;
    UndoFile& file_;
    const UndoOptions& options_;
    UndoOutcome outcome_;
    std::optional<BlockNo> current_;
    alignas(64) WholeBlock bytes_{};
    std::array<WholeBlock, kIntentBlocks.size()> intents_{};
};

}  // namespace

Result<UndoOutcome> undo_repair(Image& image, UndoFile& file, const UndoOptions& options) {
    return Undo(image, file, options).run();
}

}  // namespace daxfs
