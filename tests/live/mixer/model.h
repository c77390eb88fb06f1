// SPDX-License-Identifier: GPL-2.0-or-later
// What the file must hold. A round is a few operations of each thread, at the same time. A thread's own operations
// follow one another; so of each byte the last value of one of the threads that wrote it remains, and where none did,
// the old one. With one thread that is one value.
//
// A failed operation (allowed with injected failures) may have written its bytes or not.
#pragma once

#include <algorithm>

#include "tests/live/mixer/op.h"

namespace mixer {

struct Range {
    std::size_t from = 0, to = 0;
    std::size_t bytes() const { return to - from; }
    bool has(std::size_t place) const { return from <= place && place < to; }
};

// An operation as it was carried out.
struct Done {
    Op op;
    Range range;         // what it meant; empty: nothing to do
    std::size_t source;  // of kCopy
    std::size_t size_before = 0;
    int error = 0;  // errno
    bool sigbus = false;
    std::size_t count = 0;           // bytes read or written
    std::vector<std::uint8_t> data;  // that were read
};

inline bool reads(Kind kind) {
    return kind == Kind::kRead || kind == Kind::kReadDirect || kind == Kind::kLoad;
}

inline bool writes(Kind kind) {
    return kind == Kind::kWrite || kind == Kind::kWriteSync || kind == Kind::kWriteDirect || kind == Kind::kStore;
}

inline bool zeroes(Kind kind) {
    return kind == Kind::kPunch || kind == Kind::kZero || kind == Kind::kZeroKeep || kind == Kind::kTruncate;
}

inline std::string describe(const Op& op, const Range& range) {
    return "round " + std::to_string(op.round) + " thread " + std::to_string(op.thread) + ": " +
           std::string(info(op.kind).name) + " [" + std::to_string(range.from) + ", " + std::to_string(range.to) + ")";
}

// The file's size after an operation that succeeded, of a file of `size` bytes.
inline std::size_t size_after(const Done& done, std::size_t size) {
    switch (done.op.kind) {
        case Kind::kWrite:
        case Kind::kWriteSync:
        case Kind::kWriteDirect:
        case Kind::kCopy:
            return done.count == 0 ? size : std::max(size, done.range.from + done.count);
        case Kind::kZero:
        case Kind::kAlloc:
            return std::max(size, done.range.to);
        case Kind::kTruncate:
            return done.range.from;
        case Kind::kCollapse:
            return size - done.range.bytes();
        case Kind::kInsert:
            return size + done.range.bytes();
        default:
            return size;
    }
}

class Model {
  public:
    explicit Model(const Setup& setup) : setup_(setup), bytes_(setup.limit), views_(setup.threads) {
        for (View& view : views_) {
            view.bytes.resize(setup.limit);
            view.wrote.resize(setup.limit);
        }
    }

    std::size_t size() const { return size_; }
    void set_size(std::size_t size) { size_ = size; }

    // The operations of a round, by thread; afterwards admits() knows what may be in the file.
    void play(const std::vector<std::vector<Done>>& round) {
        round_ = &round;
        for (unsigned thread = 0; thread < views_.size(); ++thread) {
            views_[thread].size = size_;
            for (const Done& done : round[thread])
                play(views_[thread], done);
        }
    }

    // The smallest range that holds everything the round may have changed.
    Range touched() const {
        Range all{setup_.limit, 0};
        for (const View& view : views_)
            for (const Range& range : view.touched)
                all = {std::min(all.from, range.from), std::max(all.to, range.to)};
        return all.from < all.to ? all : Range{};
    }

    bool admits(std::size_t place, std::uint8_t value) const {
        bool written = false;
        for (const View& view : views_) {
            if (view.wrote[place] && view.bytes[place] == value)
                return true;
            written |= view.wrote[place];
        }
        return (!written && bytes_[place] == value) || maybe_written(place, value);
    }

    // With several threads that resize, the last of them is not known: one of their sizes, and without a truncate the
    // largest. A failed operation may have come any part of its way.
    void check_size(unsigned round, std::size_t size) const {
        std::size_t low = size_, high = size_;
        bool some = size == size_, shrank = false, failed = false;
        for (unsigned thread = 0; thread < views_.size(); ++thread)
            for (const Done& done : (*round_)[thread]) {
                if (done.range.bytes() == 0 && done.op.kind != Kind::kTruncate)
                    continue;
                Done whole = done;
                whole.count = done.range.bytes();
                const std::size_t reached = size_after(done.error != 0 ? whole : done, done.size_before);
                some |= size == reached || size == size_after(done, 0);
                low = std::min(low, reached);
                high = std::max(high, reached);
                shrank |= done.op.kind == Kind::kTruncate;
                failed |= done.error != 0;
            }
        const bool one_owner = views_.size() == 1 || setup_.sharing == Sharing::kDisjoint;
        const std::size_t wanted = one_owner ? views_.back().size : high;
        const bool ok = failed ? low <= size && size <= high : one_owner || !shrank ? size == wanted : some;
        expect(ok, "round " + std::to_string(round) + ": the size is " + std::to_string(size) + ", not " +
                       std::to_string(wanted));
    }

    // What was read back is the model of the next round.
    void adopt(std::size_t size, const Range& range, const std::uint8_t* bytes) {
        std::copy_n(bytes, range.bytes(), bytes_.begin() + static_cast<long>(range.from));
        if (size < range.to)
            std::fill(bytes_.begin() + static_cast<long>(std::max(size, range.from)),
                      bytes_.begin() + static_cast<long>(range.to), 0);
        size_ = size;
        for (View& view : views_) {
            std::copy(bytes_.begin() + static_cast<long>(range.from), bytes_.begin() + static_cast<long>(range.to),
                      view.bytes.begin() + static_cast<long>(range.from));
            for (const Range& touched : view.touched)
                std::fill(view.wrote.begin() + static_cast<long>(touched.from),
                          view.wrote.begin() + static_cast<long>(touched.to), false);
            view.touched.clear();
            view.maybe.clear();
        }
    }

    const std::vector<std::uint8_t>& bytes() const { return bytes_; }

  private:
    // The file as one thread must see it if the others left it alone.
    struct View {
        std::size_t size = 0;
        std::vector<std::uint8_t> bytes;
        std::vector<std::uint8_t> wrote;  // it did, in this round
        std::vector<Range> touched;
        std::vector<const Done*> maybe;
    };

    void set(View& view, const Range& range, const std::vector<std::uint8_t>& bytes) {
        std::copy(bytes.begin(), bytes.end(), view.bytes.begin() + static_cast<long>(range.from));
        std::fill(view.wrote.begin() + static_cast<long>(range.from), view.wrote.begin() + static_cast<long>(range.to),
                  true);
        view.touched.push_back(range);
    }

    static std::vector<std::uint8_t> pattern(const Op& op, const Range& range) {
        std::vector<std::uint8_t> bytes(range.bytes());
        for (std::size_t i = 0; i < bytes.size(); ++i)
            bytes[i] = op.byte(range.from + i);
        return bytes;
    }

    void play(View& view, const Done& done) {
        const Kind kind = done.op.kind;
        Range range = done.range;
        if (range.bytes() == 0 && kind != Kind::kTruncate)
            return;
        expect(!done.sigbus || someone_truncates(done.op.thread), describe(done.op, range) + ": SIGBUS");
        if (reads(kind) || kind == Kind::kSeek)
            return check_read(view, done);
        if (kind == Kind::kTruncate)
            range = {range.from, setup_.limit};
        if (done.error != 0 || done.sigbus) {
            view.maybe.push_back(&done);
            view.touched.push_back(range);
            return;
        }
        if (writes(kind))
            set(view, {range.from, range.from + done.count}, pattern(done.op, {range.from, range.from + done.count}));
        else if (zeroes(kind))
            set(view, range, std::vector<std::uint8_t>(range.bytes()));
        else if (kind == Kind::kCopy)
            copy(view, done);
        else if (kind == Kind::kCollapse || kind == Kind::kInsert)
            shift(view, done);
        const std::size_t size = size_after(done, view.size);
        if (size > view.size)
            view.touched.push_back({view.size, size});  // what came in sight is compared too
        view.size = size;
    }

    void copy(View& view, const Done& done) {
        const auto from = view.bytes.begin() + static_cast<long>(done.source);
        set(view, {done.range.from, done.range.from + done.count}, {from, from + static_cast<long>(done.count)});
    }

    void shift(View& view, const Done& done) {
        const auto from = static_cast<long>(done.range.from), to = static_cast<long>(done.range.to);
        std::vector<std::uint8_t> bytes(view.bytes.begin() + from, view.bytes.end());
        if (done.op.kind == Kind::kCollapse) {
            bytes.erase(bytes.begin(), bytes.begin() + (to - from));
            bytes.resize(setup_.limit - done.range.from);
        } else {
            bytes.insert(bytes.begin(), done.range.bytes(), 0);
            bytes.resize(setup_.limit - done.range.from);
        }
        set(view, {done.range.from, setup_.limit}, bytes);
    }

    // A byte that a reader saw: what its own thread left there, or what another wrote in this round.
    void check_read(const View& view, const Done& done) const {
        for (std::size_t i = 0; i < done.data.size(); ++i) {
            const std::size_t place = done.range.from + i;
            const std::uint8_t got = done.data[i];
            if (got == view.bytes[place] || written_by_others(done.op.thread, place, got) || maybe_written(place, got))
                continue;
            fail(describe(done.op, done.range) + ": byte " + std::to_string(place) + " is " + std::to_string(got) +
                 ", not " + std::to_string(view.bytes[place]));
        }
        if (views_.size() == 1 && reads(done.op.kind) && done.error == 0)
            expect(done.count == std::min(done.range.to, std::max(view.size, done.range.from)) - done.range.from,
                   describe(done.op, done.range) + ": read " + std::to_string(done.count) + " bytes of a file of " +
                       std::to_string(view.size));
    }

    bool someone_truncates(unsigned thread) const {
        for (unsigned other = 0; other < round_->size(); ++other)
            for (const Done& done : (*round_)[other])
                if (other != thread && (done.op.kind == Kind::kTruncate || done.error != 0))
                    return true;
        return false;
    }

    bool may_put(const Done& done, std::size_t place, std::uint8_t value) const {
        const Kind kind = done.op.kind;
        if (kind == Kind::kTruncate)
            return place >= done.range.from && value == 0;
        if (!done.range.has(place))
            return false;
        return (writes(kind) && value == done.op.byte(place)) || (zeroes(kind) && value == 0) || kind == Kind::kCopy;
    }

    bool written_by_others(unsigned thread, std::size_t place, std::uint8_t value) const {
        for (unsigned other = 0; other < round_->size(); ++other)
            for (const Done& done : (*round_)[other])
                if (other != thread && may_put(done, place, value))
                    return true;
        return false;
    }

    bool maybe_written(std::size_t place, std::uint8_t value) const {
        for (const View& view : views_)
            for (const Done* done : view.maybe)
                if (may_put(*done, place, value))
                    return true;
        return false;
    }

    Setup setup_;
    std::size_t size_ = 0;
    std::vector<std::uint8_t> bytes_;  // zero behind the end of file
    std::vector<View> views_;
    const std::vector<std::vector<Done>>* round_ = nullptr;
};

}  // namespace mixer
