// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/populate/archive_library.h"

#include <dlfcn.h>

namespace daxfs {
namespace {

// Since libarchive 3.0 of 2011.
constexpr const char* kName = "libarchive.so.13";

Result<ArchiveLibrary> load() {
    void* const handle = dlopen(kName, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr)
        return fail("cannot read archives without {} (package libarchive13): {}", kName, dlerror());
    ArchiveLibrary library;
    const char* missing = nullptr;
    const auto find = [&](auto& function, const char* name) {
        function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(handle, name));
        if (function == nullptr)
            missing = name;
    };
#define DAXFS_FIND(name) find(library.name, #name);
    DAXFS_EACH_ARCHIVE_FUNCTION(DAXFS_FIND)
#undef DAXFS_FIND
    if (missing != nullptr)
        return fail("cannot read archives: {} has no {}", kName, missing);
    return library;
}

}  // namespace

Result<const ArchiveLibrary*> ArchiveLibrary::get() {
    static const Result<ArchiveLibrary> library = load();
    if (!library)
        return tl::unexpected(library.error());
    return &*library;
}

}  // namespace daxfs
