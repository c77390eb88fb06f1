// SPDX-License-Identifier: GPL-2.0-or-later
// A file whose server answers when it is told to (FUSE): direct I/O to it keeps the pages of its buffer for as long.
#pragma once

#include <linux/fuse.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <atomic>
#include <csignal>
#include <new>

#include "check.h"

class SlowFile {
  public:
    static constexpr std::size_t kBytes = 1 << 20;

    // Mounted on `dir`, for everybody. What is read from the file is bytes of `byte`.
    SlowFile(const std::string& dir, char byte) : dir_(dir), byte_(byte) {
        void* room = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        expect(room != MAP_FAILED, "mmap of what test and server share");
        shared_ = new (room) Shared;
        device_ = open("/dev/fuse", O_RDWR | O_CLOEXEC);
        expect(device_ >= 0, "open /dev/fuse");
        mkdir(dir.c_str(), 0777);
        const std::string options =
            "fd=" + std::to_string(device_) + ",rootmode=40000,user_id=0,group_id=0,allow_other";
        expect(mount("slow", dir.c_str(), "fuse", 0, options.c_str()) == 0, "mount of the slow file");
        server_ = fork();
        expect(server_ >= 0, "fork");
        if (server_ == 0)
            serve();
    }
    SlowFile(const SlowFile&) = delete;
    SlowFile& operator=(const SlowFile&) = delete;
    ~SlowFile() {
        shared_->stop = false;
        umount2(dir_.c_str(), MNT_DETACH);
        kill(server_, SIGKILL);
        waitpid(server_, nullptr, 0);
        close(device_);
    }

    int open_direct() const { return open((dir_ + "/file").c_str(), O_RDWR | O_DIRECT | O_CLOEXEC); }
    int open_cached() const { return open((dir_ + "/cached").c_str(), O_RDONLY | O_CLOEXEC); }
    // The server takes no request: the kernel keeps the pages of one that waits.
    void stop() {
        shared_->stop = true;
        usleep(50000);
    }
    void go() { shared_->stop = false; }
    void expect_request() const {
        pollfd request{device_, POLLIN, 0};
        expect(poll(&request, 1, 20000) == 1, "a request to the slow file");
    }
    // The first byte that was written to the file last.
    char written() const { return shared_->written; }

  private:
    struct Shared {
        std::atomic<bool> stop{false};
        std::atomic<char> written{0};
    };

    void wait_for_turn() const {
        pollfd request{device_, POLLIN, 0};
        while (shared_->stop || poll(&request, 1, 10) == 0 || shared_->stop)
            usleep(1000);
    }

    void reply(std::uint64_t unique, const void* data, std::size_t bytes, int error = 0) const {
        std::vector<char> message(sizeof(fuse_out_header) + bytes);
        const fuse_out_header header{static_cast<std::uint32_t>(message.size()), error, unique};
        std::memcpy(message.data(), &header, sizeof(header));
        if (bytes)
            std::memcpy(message.data() + sizeof(header), data, bytes);
        (void)!write(device_, message.data(), message.size());
    }

    // Inode 2 is accessed directly, inode 3 through the page cache.
    static fuse_attr attributes(std::uint64_t ino) {
        fuse_attr attr{};
        attr.ino = ino;
        attr.nlink = 1;
        attr.mode = ino == 1 ? S_IFDIR | 0777 : S_IFREG | 0666;
        attr.size = kBytes;
        return attr;
    }

    void answer(const fuse_in_header& in, const char* body) const {
        switch (in.opcode) {
            case FUSE_INIT: {
                fuse_init_out out{};
                out.major = 7;
                out.minor = 31;
                out.max_write = 1 << 16;
                out.max_readahead = 1 << 16;
                return reply(in.unique, &out, sizeof(out));
            }
            case FUSE_LOOKUP: {
                fuse_entry_out out{};
                out.nodeid = std::string(body) == "file" ? 2 : 3;
                out.attr_valid = out.entry_valid = 1000;
                out.attr = attributes(out.nodeid);
                return reply(in.unique, &out, sizeof(out));
            }
            case FUSE_GETATTR: {
                fuse_attr_out out{};
                out.attr_valid = 1000;
                out.attr = attributes(in.nodeid);
                return reply(in.unique, &out, sizeof(out));
            }
            case FUSE_OPEN: {
                fuse_open_out out{};
                out.open_flags = in.nodeid == 2 ? FOPEN_DIRECT_IO : 0;
                return reply(in.unique, &out, sizeof(out));
            }
            case FUSE_READ: {
                const auto* read = reinterpret_cast<const fuse_read_in*>(body);
                const std::vector<char> data(read->size, byte_);
                return reply(in.unique, data.data(), data.size());
            }
            case FUSE_WRITE: {
                const auto* written = reinterpret_cast<const fuse_write_in*>(body);
                shared_->written = body[sizeof(*written)];
                const fuse_write_out out{written->size, 0};
                return reply(in.unique, &out, sizeof(out));
            }
            case FUSE_FORGET:
            case FUSE_BATCH_FORGET:
            case FUSE_INTERRUPT:
                return;
            case FUSE_FLUSH:
            case FUSE_RELEASE:
                return reply(in.unique, nullptr, 0);
            default:
                return reply(in.unique, nullptr, 0, -ENOSYS);
        }
    }

    [[noreturn]] void serve() const {
        std::vector<char> request(1 << 18);
        for (;;) {
            wait_for_turn();
            const ssize_t bytes = read(device_, request.data(), request.size());
            if (bytes < 0 && errno == ENODEV)
                _exit(0);
            fuse_in_header in{};
            if (bytes < static_cast<ssize_t>(sizeof(in)))
                continue;
            std::memcpy(&in, request.data(), sizeof(in));
            answer(in, request.data() + sizeof(in));
        }
    }

    std::string dir_;
    char byte_;
    Shared* shared_;
    int device_;
    pid_t server_;
};
