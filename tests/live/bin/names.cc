// SPDX-License-Identifier: GPL-2.0-or-later
// Operations on names: what each does to links, times and targets, and which errors it gives.
//
//   names rename DIR       names move, replace and change places, in one directory and between two
//   names link DIR         hard links, unlinked but open files, O_TMPFILE
//   names symlink DIR      targets of all lengths
//   names flags DIR        immutable, append-only and the others; `names flags-kept DIR` after a new mount
//   names label DIR        the filesystem's label; `names label-kept DIR` after a new mount, read-only
//   names inherit DIR      set-group-ID, umask, special files
//   names orphan DIR       leaves unlinked files, a directory and a tmpfile open, and stops the filesystem dead
//   names chaos DIR SEED STEPS    random operations beside a model of them
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <ctime>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "expect.h"

namespace {

std::string at;  // the directory to work in, with a slash

struct stat status_of(const std::string& name) {
    struct stat status {};
    MUST(lstat((at + name).c_str(), &status));
    return status;
}

ino_t number_of(const std::string& name) {
    return status_of(name).st_ino;
}
nlink_t links_of(const std::string& name) {
    return status_of(name).st_nlink;
}

bool exists(const std::string& name) {
    struct stat status {};
    return lstat((at + name).c_str(), &status) == 0;
}

void create(const std::string& name, std::string_view content = "") {
    const int fd = MUST(open((at + name).c_str(), O_CREAT | O_EXCL | O_WRONLY, 0644));
    EXPECT(MUST(write(fd, content.data(), content.size())) == static_cast<ssize_t>(content.size()));
    close(fd);
}

std::string content_of(const std::string& name) {
    std::string content(256, '\0');
    const int fd = MUST(open((at + name).c_str(), O_RDONLY));
    content.resize(static_cast<std::size_t>(MUST(read(fd, content.data(), content.size()))));
    close(fd);
    return content;
}

void make_dir(const std::string& name) {
    MUST(mkdir((at + name).c_str(), 0755));
}
void remove(const std::string& name) {
    MUST(unlink((at + name).c_str()));
}
void remove_dir(const std::string& name) {
    MUST(rmdir((at + name).c_str()));
}

int move(const std::string& from, const std::string& to, unsigned flags = 0) {
    return renameat2(AT_FDCWD, (at + from).c_str(), AT_FDCWD, (at + to).c_str(), flags);
}

bool later(const timespec& a, const timespec& b) {
    return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

// The clock of the filesystem has moved on: file times have the granularity of a tick.
void tick() {
    const timespec pause{.tv_sec = 0, .tv_nsec = 20'000'000};
    nanosleep(&pause, nullptr);
}

void test_move_files() {
    create("a", "one");
    const ino_t a = number_of("a");
    MUST(move("a", "b"));
    EXPECT(!exists("a") && number_of("b") == a);
    create("c", "two");
    MUST_FAIL(move("c", "b", RENAME_NOREPLACE), EEXIST);
    MUST_FAIL(move("c", "d", RENAME_WHITEOUT), EINVAL);
    tick();
    const auto before = status_of("");
    MUST(move("c", "b"));
    EXPECT(content_of("b") == "two" && !exists("c"));
    EXPECT(later(status_of("").st_mtim, before.st_mtim) && later(status_of("b").st_ctim, before.st_mtim));
    MUST(link((at + "b").c_str(), (at + "same").c_str()));
    MUST(move("b", "same"));
    EXPECT(exists("b") && links_of("same") == 2);
    remove("b");
    remove("same");
}

void test_move_directories() {
    make_dir("x");
    make_dir("y");
    make_dir("x/inner");
    EXPECT(links_of("x") == 3 && links_of("y") == 2);
    const ino_t inner = number_of("x/inner");
    MUST(move("x/inner", "y/moved"));
    EXPECT(links_of("x") == 2 && links_of("y") == 3 && number_of("y/moved") == inner);
    EXPECT(number_of("y/moved/..") == number_of("y"));
    MUST_FAIL(move("y", "y/moved/below"), EINVAL);
    create("y/moved/file");
    make_dir("x/full");
    MUST_FAIL(move("x/full", "y/moved"), ENOTEMPTY);
    remove("y/moved/file");
    MUST(move("x/full", "y/moved"));
    EXPECT(links_of("x") == 2 && links_of("y") == 3);
    create("file");
    MUST_FAIL(move("file", "x"), EISDIR);
    MUST_FAIL(move("x", "file"), ENOTDIR);
    MUST_FAIL(rmdir((at + "y").c_str()), ENOTEMPTY);
    remove_dir("y/moved");
    remove_dir("y");
    remove_dir("x");
    remove("file");
}

void test_exchange() {
    make_dir("p");
    make_dir("q");
    create("p/file", "file");
    make_dir("q/dir");
    create("q/dir/inside");
    const ino_t file = number_of("p/file"), dir = number_of("q/dir");
    MUST(move("p/file", "q/dir", RENAME_EXCHANGE));
    EXPECT(number_of("p/file") == dir && number_of("q/dir") == file);
    EXPECT(links_of("p") == 3 && links_of("q") == 2 && exists("p/file/inside"));
    EXPECT(number_of("p/file/..") == number_of("p") && content_of("q/dir") == "file");
    MUST(move("p", "q", RENAME_EXCHANGE));
    EXPECT(exists("q/file/inside") && content_of("p/dir") == "file");
    MUST_FAIL(move("p", "none", RENAME_EXCHANGE), ENOENT);
    MUST_FAIL(move("q", "q/file", RENAME_EXCHANGE), EINVAL);
    make_dir("q/other");
    MUST(move("q/file", "q/other", RENAME_EXCHANGE));
    EXPECT(exists("q/other/inside") && links_of("q") == 4);
    remove("q/other/inside");
    remove_dir("q/other");
    remove_dir("q/file");
    remove("p/dir");
    remove_dir("p");
    remove_dir("q");
}

void test_rename() {
    test_move_files();
    test_move_directories();
    test_exchange();
}

void test_hard_links() {
    create("file", "text");
    for (int i = 0; i < 100; ++i)
        MUST(link((at + "file").c_str(), (at + "link" + std::to_string(i)).c_str()));
    EXPECT(links_of("link42") == 101 && number_of("link42") == number_of("file"));
    MUST_FAIL(link((at + "file").c_str(), (at + "link0").c_str()), EEXIST);
    make_dir("dir");
    MUST_FAIL(link((at + "dir").c_str(), (at + "dirlink").c_str()), EPERM);
    remove_dir("dir");
    remove("file");
    EXPECT(content_of("link99") == "text");
    for (int i = 0; i < 100; ++i)
        remove("link" + std::to_string(i));
}

void test_open_unlinked() {
    create("file", "still here");
    const int fd = MUST(open((at + "file").c_str(), O_RDWR));
    remove("file");
    struct stat status {};
    MUST(fstat(fd, &status));
    char content[16] = "";
    EXPECT(status.st_nlink == 0 && MUST(pread(fd, content, sizeof(content), 0)) == 10);
    MUST(pwrite(fd, "more", 4, 100000));
    create("file", "another");
    EXPECT(number_of("file") != status.st_ino);
    close(fd);
    remove("file");
}

void link_open(int fd, const std::string& name) {
    const std::string self = "/proc/self/fd/" + std::to_string(fd);
    MUST(linkat(AT_FDCWD, self.c_str(), AT_FDCWD, (at + name).c_str(), AT_SYMLINK_FOLLOW));
}

void test_tmpfile() {
    const int fd = MUST(open(at.c_str(), O_TMPFILE | O_RDWR, 0640));
    struct stat status {};
    MUST(fstat(fd, &status));
    EXPECT(status.st_nlink == 0);
    EXPECT(MUST(write(fd, "kept", 4)) == 4);
    link_open(fd, "named");
    EXPECT(links_of("named") == 1 && content_of("named") == "kept");
    close(fd);
    close(MUST(open(at.c_str(), O_TMPFILE | O_RDWR, 0640)));
}

void test_link() {
    test_hard_links();
    test_open_unlinked();
    test_tmpfile();
}

void test_symlink() {
    for (const std::size_t length : {1u, 2u, 59u, 239u, 240u, 241u, 255u, 1000u, 4094u, 4095u}) {
        std::string target(length, 't');
        for (std::size_t i = 1; i < length; i += 100)
            target[i] = '/';
        const std::string name = "to" + std::to_string(length);
        MUST(symlink(target.c_str(), (at + name).c_str()));
        std::string got(5000, '\0');
        got.resize(static_cast<std::size_t>(MUST(readlink((at + name).c_str(), got.data(), got.size()))));
        EXPECT(got == target);
        const auto status = status_of(name);
        EXPECT(status.st_size == static_cast<off_t>(length) && status.st_blocks == (length > 240 ? 8 : 0));
    }
    MUST_FAIL(symlink(std::string(4096, 'x').c_str(), (at + "no").c_str()), ENAMETOOLONG);
    create("real", "found");
    MUST(symlink("real", (at + "soft").c_str()));
    EXPECT(content_of("soft") == "found");
    const std::string detour = at + std::string(300, '/') + "real";
    MUST(symlink(detour.c_str(), (at + "detour").c_str()));
    EXPECT(content_of("detour") == "found");
    MUST(symlink("loop", (at + "loop").c_str()));
    MUST_FAIL(open((at + "loop").c_str(), O_RDONLY), ELOOP);
    remove("to241");
    remove("to4095");
    remove("to1");
}

int flags_of(const std::string& name) {
    const int fd = MUST(open((at + name).c_str(), O_RDONLY));
    int flags = 0;
    MUST(ioctl(fd, FS_IOC_GETFLAGS, &flags));
    close(fd);
    return flags;
}

int set_flags(const std::string& name, int flags) {
    const int fd = MUST(open((at + name).c_str(), O_RDONLY));
    const int result = ioctl(fd, FS_IOC_SETFLAGS, &flags);
    const int error = errno;
    close(fd);
    errno = error;
    return result;
}

// 0x02000000 is FS_DAX_FL.
const std::map<std::string, int> kFlagged{{"immutable", FS_IMMUTABLE_FL}, {"append", FS_APPEND_FL},
                                          {"noatime", FS_NOATIME_FL},     {"nodump", FS_NODUMP_FL},
                                          {"sync", FS_SYNC_FL},           {"dax", 0x02000000}};

void check_flags() {
    for (const auto& [name, flag] : kFlagged)
        EXPECT(flags_of(name) == flag);
    EXPECT(flags_of("dirsync") == FS_DIRSYNC_FL);
    MUST_FAIL(open((at + "immutable").c_str(), O_WRONLY), EPERM);
    MUST_FAIL(unlink((at + "immutable").c_str()), EPERM);
    MUST_FAIL(open((at + "append").c_str(), O_WRONLY), EPERM);
    close(MUST(open((at + "append").c_str(), O_WRONLY | O_APPEND)));
}

void test_flags() {
    for (const auto& [name, flag] : kFlagged) {
        create(name);
        MUST(set_flags(name, flag));
    }
    make_dir("dirsync");
    MUST(set_flags("dirsync", FS_DIRSYNC_FL));
    create("plain");
    MUST_FAIL(set_flags("plain", FS_COMPR_FL), EOPNOTSUPP);
    MUST_FAIL(set_flags("plain", FS_DIRSYNC_FL), EINVAL);
    check_flags();
    const int fd = MUST(open((at + "noatime").c_str(), O_RDONLY));
    fsxattr attributes{};
    MUST(ioctl(fd, FS_IOC_FSGETXATTR, &attributes));
    EXPECT(attributes.fsx_xflags == FS_XFLAG_NOATIME);
    attributes.fsx_projid = 7;
    MUST_FAIL(ioctl(fd, FS_IOC_FSSETXATTR, &attributes), EOPNOTSUPP);
    close(fd);
}

void clear_flags() {
    check_flags();
    for (const auto& [name, flag] : kFlagged) {
        MUST(set_flags(name, 0));
        remove(name);
    }
}

std::string label() {
    const int fd = MUST(open(at.c_str(), O_RDONLY));
    char text[FSLABEL_MAX];
    std::memset(text, 'x', sizeof text);
    MUST(ioctl(fd, FS_IOC_GETFSLABEL, text));
    close(fd);
    return text;
}

int set_label(const std::string& wanted) {
    const int fd = MUST(open(at.c_str(), O_RDONLY));
    char text[FSLABEL_MAX] = {};
    wanted.copy(text, sizeof text);
    const int result = ioctl(fd, FS_IOC_SETFSLABEL, text);
    const int error = errno;
    close(fd);
    errno = error;
    return result;
}

// Leaves a label of the largest length; see test_label_kept().
void test_label() {
    EXPECT(label() == "made");
    MUST(set_label("another"));
    EXPECT(label() == "another");
    MUST(set_label(""));
    EXPECT(label().empty());
    MUST_FAIL(set_label(std::string(64, 'l')), EINVAL);
    MUST_FAIL(set_label(std::string(FSLABEL_MAX, 'l')), EINVAL);
    MUST_FAIL(set_label("two\nlines"), EINVAL);
    MUST_FAIL(set_label("\x7f"), EINVAL);
    EXPECT(label().empty());
    MUST(seteuid(1000));
    MUST_FAIL(set_label("not mine"), EPERM);
    EXPECT(label().empty());
    MUST(seteuid(0));
    MUST(set_label("Gr\u00fc\u00dfe " + std::string(55, 'l')));
}

void test_label_kept() {
    EXPECT(label() == "Gr\u00fc\u00dfe " + std::string(55, 'l'));
    MUST_FAIL(set_label("on a read-only mount"), EROFS);
}

void test_inherit() {
    make_dir("group");
    MUST(chown((at + "group").c_str(), 0, 1234));
    MUST(chmod((at + "group").c_str(), 02775));
    umask(027);
    make_dir("group/dir");
    create("group/file");
    EXPECT(status_of("group/dir").st_gid == 1234 && status_of("group/dir").st_mode == (S_IFDIR | 02750));
    EXPECT(status_of("group/file").st_gid == 1234 && status_of("group/file").st_mode == (S_IFREG | 0640));
    umask(0);
    MUST(mknod((at + "chr").c_str(), S_IFCHR | 0600, makedev(12, 300)));
    MUST(mknod((at + "blk").c_str(), S_IFBLK | 0600, makedev(500, 70000)));
    MUST(mknod((at + "fifo").c_str(), S_IFIFO | 0644, 0));
    MUST(mknod((at + "sock").c_str(), S_IFSOCK | 0644, 0));
    EXPECT(status_of("chr").st_rdev == makedev(12, 300) && status_of("blk").st_rdev == makedev(500, 70000));
    EXPECT(S_ISFIFO(status_of("fifo").st_mode) && S_ISSOCK(status_of("sock").st_mode));
}

// Whoever has no name but a user is freed by the next mount.
void leave_orphans() {
    std::vector<int> open_files;
    for (int i = 0; i < 80; ++i) {
        const std::string name = "orphan" + std::to_string(i);
        create(name, "data of an orphan");
        open_files.push_back(MUST(open((at + name).c_str(), O_RDWR)));
        EXPECT(MUST(pwrite(open_files.back(), "x", 1, i * 50000)) == 1);
        if (i % 2 == 0) {
            remove(name);
        } else {
            create("over");
            MUST(move("over", name));
        }
    }
    make_dir("gone");
    open_files.push_back(MUST(open((at + "gone").c_str(), O_RDONLY)));
    remove_dir("gone");
    open_files.push_back(MUST(open(at.c_str(), O_TMPFILE | O_RDWR, 0600)));
    EXPECT(MUST(write(open_files.back(), "tmp", 3)) == 3);
    for (int i = 1; i < 80; i += 2)
        remove("orphan" + std::to_string(i));
    std::uint32_t how = 2;  // nothing more reaches the device
    MUST(ioctl(open_files.back(), _IOR('X', 125, std::uint32_t), &how));
    MUST_FAIL(mkdir((at + "late").c_str(), 0755), EIO);
}

// ---- chaos: two directories, 60 possible names in each ----

struct Model {
    struct Node {
        bool dir = false;
        int links = 0;
    };
    std::map<std::string, int> names;  // to nodes
    std::map<int, Node> nodes;
    int next = 0;

    void drop(const std::string& name) {
        const auto it = names.find(name);
        --nodes[it->second].links;
        names.erase(it);
    }
    void add(const std::string& name, int node) {
        names[name] = node;
        ++nodes[node].links;
    }
};

void chaos_rename(Model& model, const std::string& from, const std::string& to, unsigned flags) {
    const bool have_from = model.names.contains(from), have_to = model.names.contains(to);
    const int result = move(from, to, flags);
    if (!have_from || (flags == RENAME_EXCHANGE && !have_to)) {
        EXPECT(result == -1 && errno == ENOENT);
        return;
    }
    const int a = model.names[from], b = have_to ? model.names[to] : -1;
    if (have_to && flags == RENAME_NOREPLACE) {
        EXPECT(result == -1 && errno == EEXIST);
    } else if (a == b) {
        EXPECT(result == 0);
    } else if (flags == RENAME_EXCHANGE) {
        EXPECT(result == 0);
        std::swap(model.names[from], model.names[to]);
    } else if (have_to && model.nodes[a].dir != model.nodes[b].dir) {
        EXPECT(result == -1 && errno == (model.nodes[a].dir ? ENOTDIR : EISDIR));
    } else {
        EXPECT(result == 0);
        if (have_to)
            model.drop(to);
        model.drop(from);
        model.add(to, a);
    }
}

void chaos_remove(Model& model, const std::string& name) {
    if (!model.names.contains(name)) {
        MUST_FAIL(unlink((at + name).c_str()), ENOENT);
    } else if (model.nodes[model.names[name]].dir) {
        MUST_FAIL(unlink((at + name).c_str()), EISDIR);
        remove_dir(name);
        model.drop(name);
    } else {
        remove(name);
        model.drop(name);
    }
}

void chaos_make(Model& model, const std::string& name, bool dir) {
    const int result = dir ? mkdir((at + name).c_str(), 0755) : mknod((at + name).c_str(), S_IFREG | 0644, 0);
    if (model.names.contains(name)) {
        EXPECT(result == -1 && errno == EEXIST);
        return;
    }
    EXPECT(result == 0);
    model.nodes[model.next].dir = dir;
    model.add(name, model.next++);
}

void chaos_link(Model& model, const std::string& from, const std::string& to) {
    const int result = link((at + from).c_str(), (at + to).c_str());
    if (!model.names.contains(from))
        EXPECT(result == -1 && errno == ENOENT);
    else if (model.names.contains(to))
        EXPECT(result == -1 && errno == EEXIST);
    else if (model.nodes[model.names[from]].dir)
        EXPECT(result == -1 && errno == EPERM);
    else {
        EXPECT(result == 0);
        model.add(to, model.names[from]);
    }
}

void chaos_check(Model& model) {
    std::map<int, ino_t> numbers;
    std::map<std::string, nlink_t> subdirs{{"d0", 2}, {"d1", 2}};
    for (const auto& [name, node] : model.names) {
        const auto status = status_of(name);
        EXPECT(S_ISDIR(status.st_mode) == model.nodes[node].dir);
        EXPECT(numbers.emplace(node, status.st_ino).first->second == status.st_ino);
        EXPECT(status.st_nlink == (model.nodes[node].dir ? 2u : static_cast<nlink_t>(model.nodes[node].links)));
        if (model.nodes[node].dir)
            ++subdirs[name.substr(0, 2)];
    }
    std::size_t listed = 0;
    for (const auto& [dir, links] : subdirs) {
        EXPECT(links_of(dir) == links);
        DIR* stream = opendir((at + dir).c_str());
        EXPECT(stream != nullptr);
        while (const dirent* entry = readdir(stream))
            listed += entry->d_name[0] != '.';
        closedir(stream);
    }
    EXPECT(listed == model.names.size());
}

void chaos(unsigned seed, int steps) {
    std::mt19937 random(seed);
    Model model;
    make_dir("d0");
    make_dir("d1");
    // Long names, so that few fill a leaf.
    const auto any_name = [&] {
        return "d" + std::to_string(random() % 2) + "/" + std::string(random() % 4 * 60, 'n') +
               std::to_string(random() % 60);
    };
    for (int step = 0; step < steps; ++step) {
        const std::string a = any_name(), b = any_name();
        switch (random() % 8) {
            case 0:
            case 1:
                chaos_make(model, a, false);
                break;
            case 2:
                chaos_make(model, a, true);
                break;
            case 3:
                chaos_remove(model, a);
                break;
            case 4:
                chaos_link(model, a, b);
                break;
            case 5:
                chaos_rename(model, a, b, RENAME_EXCHANGE);
                break;
            case 6:
                chaos_rename(model, a, b, RENAME_NOREPLACE);
                break;
            default:
                chaos_rename(model, a, b, 0);
                break;
        }
        if (step % 500 == 0)
            chaos_check(model);
    }
    chaos_check(model);
}

}  // namespace

int main(int argc, char** argv) {
    EXPECT(argc >= 3);
    const std::map<std::string_view, void (*)()> verbs{
        {"rename", test_rename},   {"link", test_link},       {"symlink", test_symlink},
        {"flags", test_flags},     {"inherit", test_inherit}, {"flags-kept", clear_flags},
        {"orphan", leave_orphans}, {"label", test_label},     {"label-kept", test_label_kept}};
    at = std::string(argv[2]) + "/";
    if (const auto verb = verbs.find(argv[1]); verb != verbs.end())
        verb->second();
    else if (argc == 5 && std::string_view(argv[1]) == "chaos")
        chaos(static_cast<unsigned>(std::atoi(argv[3])), std::atoi(argv[4]));
    else
        EXPECT(!"a known verb");
    return 0;
}
