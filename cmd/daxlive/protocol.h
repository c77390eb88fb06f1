// SPDX-License-Identifier: GPL-2.0-or-later
// What daxlive and the init inside the guest say to each other over one virtio-serial port: frames of a type, a
// length and that many bytes. The kernel's console is another channel, so a command's output is only its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace daxfs::live {

enum class Frame : std::uint8_t {
    // host to guest
    kJob = 'J',    // NUL-terminated key=value strings: pmem=COUNT, mount=TAG:DIR, tty=ROWSxCOLUMNS, env=K=V, arg=WORD
    kInput = 'I',  // bytes for the command's standard input
    kInputEnd = 'E',
    kResize = 'W',  // ROWSxCOLUMNS
    // guest to host
    kStarted = 'S',  // the command runs from now on
    kOutput = 'O',
    kErrors = 'F',
    kExit = 'X',     // decimal exit status, as a shell would give it
    kTrouble = 'T',  // one line: why the guest could not be made ready
};

constexpr std::size_t kFrameHeader = 5;
constexpr std::size_t kMaxPayload = 64 * 1024;
constexpr const char* kPortName = "daxlive";

inline std::string encode_frame(Frame type, std::string_view payload) {
    std::string frame(1, static_cast<char>(type));
    for (int shift = 0; shift < 32; shift += 8)
        frame += static_cast<char>(payload.size() >> shift & 0xff);
    return frame.append(payload);
}

// Cuts a byte stream into frames. A length beyond kMaxPayload means that the other side is broken: `bad` stays set.
class FrameReader {
  public:
    struct Message {
        Frame type;
        std::string payload;
    };

    void feed(std::string_view bytes) { buffer_.append(bytes); }

    std::optional<Message> next() {
        if (bad_ || buffer_.size() < kFrameHeader)
            return std::nullopt;
        std::size_t length = 0;
        for (std::size_t i = 0; i < 4; ++i)
            length |= std::size_t{static_cast<unsigned char>(buffer_[i + 1])} << (8 * i);
        if (length > kMaxPayload) {
            bad_ = true;
            return std::nullopt;
        }
        if (buffer_.size() < kFrameHeader + length)
            return std::nullopt;
        Message message{static_cast<Frame>(buffer_[0]), buffer_.substr(kFrameHeader, length)};
        buffer_.erase(0, kFrameHeader + length);
        return message;
    }

    bool bad() const { return bad_; }

  private:
    std::string buffer_;
    bool bad_ = false;
};

}  // namespace daxfs::live
