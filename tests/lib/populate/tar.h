// SPDX-License-Identifier: GPL-2.0-or-later
// Archives made header by header, also such as no tar(1) would write.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace daxfs::test {

struct TarEntry {
    std::string name;  // at most 100 bytes
    char type = '0';
    unsigned mode = 0644;
    int uid = 0;
    int gid = 0;
    long mtime = 0;
    std::string target{};  // at most 100 bytes
    unsigned major = 0;
    unsigned minor = 0;
};

class Tar {
  public:
    void add(const TarEntry& entry, const std::string& data = "") {
        std::string header(512, '\0');
        put(header, 0, entry.name);
        put(header, 100, fmt::format("{:07o}", entry.mode));
        put(header, 108, entry.uid < 0 ? std::string(8, '\xff') : fmt::format("{:07o}", entry.uid));
        put(header, 116, fmt::format("{:07o}", entry.gid));
        put(header, 124, fmt::format("{:011o}", data.size()));
        put(header, 136, fmt::format("{:011o}", entry.mtime));
        header[156] = entry.type;
        put(header, 157, entry.target);
        put(header, 257,
            std::string("ustar\0"
                        "00",
                        8));
        put(header, 329, fmt::format("{:07o}", entry.major));
        put(header, 337, fmt::format("{:07o}", entry.minor));
        seal_header(header.data());
        bytes_ += header + data + std::string((512 - data.size() % 512) % 512, '\0');
    }
    // For the entry that follows.
    void pax(const std::vector<std::pair<std::string, std::string>>& records) {
        std::string data;
        for (const auto& [key, value] : records) {
            const std::size_t rest = key.size() + value.size() + 3;
            std::size_t length = rest + 1;
            while (std::to_string(length).size() + rest != length)
                ++length;
            data += fmt::format("{} {}={}\n", length, key, value);
        }
        add({.name = "pax", .type = 'x'}, data);
    }
    std::string end() const { return bytes_ + std::string(1024, '\0'); }

    // Puts the checksum right of each 512 bytes that look like a header.
    static void seal(std::string& archive) {
        for (std::size_t at = 0; at + 512 <= archive.size(); at += 512)
            if (std::memcmp(archive.data() + at + 257, "ustar", 5) == 0)
                seal_header(archive.data() + at);
    }

  private:
    static void put(std::string& header, std::size_t at, const std::string& text) {
        header.replace(at, text.size(), text);
    }
    static void seal_header(char* header) {
        std::memset(header + 148, ' ', 8);
        unsigned sum = 0;
        for (int i = 0; i < 512; ++i)
            sum += static_cast<unsigned char>(header[i]);
        std::snprintf(header + 148, 8, "%06o", sum);
    }

    std::string bytes_;
};

}  // namespace daxfs::test
