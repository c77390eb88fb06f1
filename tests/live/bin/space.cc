// SPDX-License-Identifier: GPL-2.0-or-later
// What the allocator promises, on a daxfs at DIRECTORY whose counters lie in STATS.
//
//   space grow DIRECTORY STATS      a log that grows a page at a time among new small files ends in huge pages
//   space steal DIRECTORY STATS     what is kept for files that grow is taken before anybody hears of ENOSPC
//   space full DIRECTORY STATS      with no block left for data: conversion, punch, truncate and unlink
//   space fragment DIRECTORY STATS  large writes where there are only holes of a block or two
#include <linux/falloc.h>
#include <sys/statvfs.h>

#include <algorithm>

#include "huge_share.h"

namespace {

std::string stats;

std::vector<std::uint8_t> page_of(std::size_t number) {
    std::vector<std::uint8_t> page(kPage);
    for (std::size_t i = 0; i < kPage; ++i)
        page[i] = static_cast<std::uint8_t>(number * 31 + number / 256 + i + 1);
    return page;
}

void write_page(int fd, std::size_t number) {
    write_all(fd, page_of(number).data(), kPage, static_cast<off_t>(number * kPage));
}

void expect_page(int fd, std::size_t number, const std::string& what) {
    expect(read_all(fd, kPage, static_cast<off_t>(number * kPage)) == page_of(number),
           what + ", page " + std::to_string(number));
}

void expect_pages(int fd, std::size_t count, const std::string& what) {
    for (std::size_t i = 0; i < count; ++i)
        expect_page(fd, i, what);
}

// False: no space.
bool write_some(int fd, const void* data, std::size_t bytes) {
    const ssize_t done = write(fd, data, bytes);
    expect(done > 0 || errno == ENOSPC, "write");
    return done == static_cast<ssize_t>(bytes);
}

void fill(const std::string& path) {
    const int fd = open_file(path.c_str(), O_APPEND);
    const std::vector<std::uint8_t> data(std::size_t{1} << 20, 0xee);
    for (std::size_t piece = data.size(); piece >= kPage;)
        if (!write_some(fd, data.data(), piece))
            piece /= 2;
    close(fd);
}

void small_file(const std::string& directory, std::size_t number) {
    const int fd = open_file((directory + "/small" + std::to_string(number)).c_str(), O_TRUNC);
    write_page(fd, number);
    close(fd);
}

void grow(const std::string& directory) {
    constexpr std::size_t kPages = 2 * kHuge / kPage;
    const std::string path = directory + "/log";
    const int fd = open_file(path.c_str(), O_TRUNC);
    for (std::size_t i = 0; i < kPages; ++i) {
        write_page(fd, i);
        small_file(directory, i);
        if (i == kPages / 2 + 10)
            expect(counter(stats, "kept_blocks") > 0, "nothing is kept for a file that grows");
    }
    close(fd);
    expect(counter(stats, "kept_blocks") == 0, "blocks are kept for a file that nobody writes to");
    const int again = open_file(path.c_str());
    const HugeShare share = huge_share(again, 2 * kHuge);
    expect(share.huge == 2, std::to_string(share.huge) + " of 2 huge pages");
    expect_pages(again, kPages, "the log");
    for (std::size_t i = 0; i < kPages; i += 100) {
        const int small = open_file((directory + "/small" + std::to_string(i)).c_str());
        expect_page(small, i, "a small file");
        close(small);
    }
    close(again);
}

void steal(const std::string& directory) {
    constexpr std::size_t kFiles = 100;
    std::vector<int> files;
    for (std::size_t i = 0; i < kFiles; ++i) {
        files.push_back(open_file((directory + "/growing" + std::to_string(i)).c_str(), O_TRUNC));
        for (std::size_t page = 0; page < 20; ++page)
            write_page(files.back(), page);
    }
    const auto kept = counter(stats, "kept_blocks");
    expect(kept > kFiles * 8, "only " + std::to_string(kept) + " blocks are kept");
    fill(directory + "/filler");
    struct statvfs status {};
    expect(statvfs(directory.c_str(), &status) == 0 && status.f_bavail == 0,
           std::to_string(status.f_bavail) + " blocks available after ENOSPC");
    // What is left is the metadata's reserve, wherever it lies.
    expect(counter(stats, "kept_blocks") <= counter(stats, "free_blocks") && counter(stats, "kept_blocks") < kept,
           std::to_string(counter(stats, "kept_blocks")) + " blocks are kept on a full device");
    // Files whose room was stolen grow elsewhere.
    expect(truncate((directory + "/filler").c_str(), kHuge) == 0, "truncate");
    for (const int fd : files) {
        for (std::size_t page = 20; page < 60; ++page)
            write_page(fd, page);
        expect_pages(fd, 60, "a file that was stolen from");
        close(fd);
    }
    expect(counter(stats, "kept_blocks") == 0, "blocks are kept for closed files");
}

void full(const std::string& directory) {
    constexpr std::size_t kPages = 4096;
    const int unwritten = open_file((directory + "/unwritten").c_str());
    const int written = open_file((directory + "/written").c_str());
    expect(fallocate(unwritten, 0, 0, kPages * kPage) == 0, "fallocate");
    for (std::size_t i = 0; i < kPages; ++i)
        write_page(written, i);
    fill(directory + "/filler");
    const int more = open_file((directory + "/more").c_str());
    expect(pwrite(more, "x", 1, 0) < 0 && errno == ENOSPC, "there is a block left");
    // Each makes extents, and so nodes, where there are no blocks for data.
    for (std::size_t i = 0; i < kPages; i += 2)
        write_page(unwritten, i);
    const std::vector<std::uint8_t> zeros(kPage);
    for (std::size_t i = 0; i < kPages; ++i) {
        if (i % 2 == 0)
            expect_page(unwritten, i, "converted");
        else
            expect(read_all(unwritten, kPage, static_cast<off_t>(i * kPage)) == zeros, "unwritten reads as zeros");
    }
    constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    for (std::size_t i = 1; i < kPages; i += 2) {
        expect(fallocate(written, kPunch, static_cast<off_t>(i * kPage), kPage) == 0, "punch");
        // What it frees is gone again at once: the next punch finds the device as full.
        if (i % 64 == 1)
            fill(directory + "/filler");
    }
    for (std::size_t i = 0; i < kPages; i += 2)
        expect_page(written, i, "beside a hole");
    fill(directory + "/filler");
    expect(ftruncate(written, 1000 * kPage) == 0, "truncate");
    expect(unlink((directory + "/filler").c_str()) == 0, "unlink");
    expect(pwrite(more, "x", 1, 0) == 1, "no block after a file was removed");
    for (const int fd : {unwritten, written, more})
        close(fd);
}

void fragment(const std::string& directory) {
    // There is no inode for it later.
    close(open_file((directory + "/filler").c_str()));
    close(open_file((directory + "/large").c_str()));
    std::size_t files = 0;
    for (;; ++files) {
        const std::string path = directory + "/small" + std::to_string(files);
        const int fd = open(path.c_str(), O_CREAT | O_WRONLY, 0644);
        if (fd < 0)
            break;
        const auto page = page_of(files);
        const bool written = write_some(fd, page.data(), kPage) && (files % 3 || write_some(fd, page.data(), kPage));
        close(fd);
        if (!written)
            break;
    }
    fill(directory + "/filler");
    for (std::size_t i = 0; i < files; i += 2)
        expect(unlink((directory + "/small" + std::to_string(i)).c_str()) == 0, "unlink");
    struct statvfs status {};
    expect(statvfs(directory.c_str(), &status) == 0, "statvfs");
    // The map of the file needs blocks too.
    const std::size_t pages = status.f_bavail - status.f_bavail / 50;
    std::vector<std::uint8_t> data(pages * kPage);
    for (std::size_t i = 0; i < pages; ++i)
        std::copy_n(page_of(i).begin(), kPage, data.begin() + static_cast<std::ptrdiff_t>(i * kPage));
    const int fd = open_file((directory + "/large").c_str());
    write_all(fd, data.data(), data.size(), 0);
    expect_pages(fd, pages, "a large file in small holes");
    // It ends in the middle of another write, which keeps what fitted.
    const ssize_t done = pwrite(fd, data.data(), data.size(), static_cast<off_t>(data.size()));
    expect(done > 0 && done < static_cast<ssize_t>(data.size()), "a write beyond the end of space");
    expect(size_of(fd) == static_cast<off_t>(data.size()) + done, "size after it");
    expect(read_all(fd, static_cast<std::size_t>(done), static_cast<off_t>(data.size())) ==
               std::vector<std::uint8_t>(data.begin(), data.begin() + done),
           "what fitted");
    close(fd);
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc == 4, "usage: space grow|steal|full|fragment DIRECTORY STATS");
    const std::string verb = argv[1];
    stats = argv[3];
    if (verb == "grow")
        grow(argv[2]);
    else if (verb == "steal")
        steal(argv[2]);
    else if (verb == "full")
        full(argv[2]);
    else if (verb == "fragment")
        fragment(argv[2]);
    else
        fail("no test " + verb);
    return 0;
}
