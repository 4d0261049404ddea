// The local disk as an object store.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "io/durable_file.h"
#include "io/file_descriptor.h"
#include "io/glob.h"
#include "io/local_path.h"
#include "io/object_store.h"

namespace millrace {
namespace {

ObjectInfo InfoFor(std::string path, const struct stat& stat) {
  const int64_t mtime_ns =
      static_cast<int64_t>(stat.st_mtim.tv_sec) * 1'000'000'000 + stat.st_mtim.tv_nsec;
  const uint64_t size = static_cast<uint64_t>(stat.st_size);
  return {std::move(path), size, StrCat(size, "-", mtime_ns)};
}

absl::StatusOr<std::string> RealPath(const std::string& path) {
  char* resolved = ::realpath(path.empty() ? "." : path.c_str(), nullptr);
  if (resolved == nullptr) return ErrnoStatus(errno, StrCat("finding ", path));
  std::string result(resolved);
  std::free(resolved);
  return result;
}

std::string Join(const std::string& folder, std::string_view name) {
  return folder.ends_with('/') ? StrCat(folder, name) : StrCat(folder, "/", name);
}

// Lists the files below a folder that match a glob.
class Walk {
 public:
  Walk(const Glob& glob, const ObjectStore::Visitor& visitor,
       const ObjectStore::HiddenVisitor& hidden)
      : glob_(glob), visitor_(visitor), hidden_(hidden) {}

  absl::Status Folder(const std::string& path, const Glob::State& state) {
    struct stat self;
    if (::stat(path.c_str(), &self) != 0) return ErrnoStatus(errno, StrCat("listing ", path));
    const std::pair<dev_t, ino_t> identity(self.st_dev, self.st_ino);
    // A link back to a parent folder would be walked forever.
    if (std::find(above_.begin(), above_.end(), identity) != above_.end()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::vector<Entry> entries, Matching(path, state));
    above_.push_back(identity);
    for (const Entry& entry : entries) {
      if (entry.folder) {
        RETURN_IF_ERROR(Folder(entry.object.uri, entry.state));
      } else {
        found_ = true;
        RETURN_IF_ERROR(visitor_(entry.object));
      }
    }
    above_.pop_back();
    return absl::OkStatus();
  }

  bool found() const { return found_; }

 private:
  struct Entry {
    ObjectInfo object;
    Glob::State state;
    bool folder = false;
  };

  // The entries of one folder that match or may hold matches. Folder names end with '/', so that
  // sorting puts the whole walk in byte order.
  absl::StatusOr<std::vector<Entry>> Matching(const std::string& path, const Glob::State& state) {
    DIR* open = ::opendir(path.c_str());
    if (open == nullptr) return ErrnoStatus(errno, StrCat("listing ", path));
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(open, ::closedir);
    std::vector<Entry> entries;
    for (;;) {
      errno = 0;
      const dirent* item = ::readdir(dir.get());
      if (item == nullptr) {
        if (errno != 0) return ErrnoStatus(errno, StrCat("listing ", path));
        break;
      }
      const std::string_view name = item->d_name;
      if (name == "." || name == "..") continue;
      Glob::State behind = glob_.Advance(state, name, SegmentKind::kFolder);
      const bool may_be_hidden = hidden_ && IsHiddenName(name, SegmentKind::kFile);
      if (behind.empty() && !may_be_hidden) continue;
      std::string entry_path = Join(path, name);
      struct stat stat;
      if (::stat(entry_path.c_str(), &stat) != 0) {
        // Removed meanwhile, a dangling link, or a link to itself: there are no bytes to read.
        if (errno == ENOENT || errno == ELOOP) continue;
        return ErrnoStatus(errno, StrCat("listing ", entry_path));
      }
      const bool folder = S_ISDIR(stat.st_mode);
      if (!folder && !S_ISREG(stat.st_mode)) continue;
      if (folder) entry_path += '/';
      const SegmentKind kind = folder ? SegmentKind::kFolder : SegmentKind::kFile;
      if (!folder) behind = glob_.Advance(state, name, kind);
      if (folder && !behind.empty()) {
        entries.push_back({{std::move(entry_path), 0, ""}, std::move(behind), true});
      } else if (!folder && glob_.Accepts(behind)) {
        entries.push_back({InfoFor(std::move(entry_path), stat), {}, false});
      } else if (may_be_hidden && glob_.IsLeftOutAsHidden(state, name, kind)) {
        RETURN_IF_ERROR(hidden_(entry_path));
      }
    }
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return a.object.uri < b.object.uri; });
    return entries;
  }

  const Glob& glob_;
  const ObjectStore::Visitor& visitor_;
  const ObjectStore::HiddenVisitor& hidden_;
  std::vector<std::pair<dev_t, ino_t>> above_;
  bool found_ = false;
};

class LocalReader : public ObjectReader {
 public:
  LocalReader(ObjectInfo info, FileDescriptor file)
      : info_(std::move(info)), file_(std::move(file)) {}

  const ObjectInfo& info() const override { return info_; }

  absl::StatusOr<size_t> ReadAt(uint64_t offset, absl::Span<char> to) override {
    size_t done = 0;
    while (done < to.size()) {
      const ssize_t n = ::pread(file_.get(), to.data() + done, to.size() - done,
                                static_cast<off_t>(offset + done));
      if (n == 0) break;
      if (n > 0) {
        done += static_cast<size_t>(n);
      } else if (errno != EINTR) {
        return ErrnoStatus(errno, StrCat("reading ", info_.uri));
      }
    }
    return done;
  }

  absl::Status CheckUnchanged() override {
    struct stat stat;
    if (::stat(info_.uri.c_str(), &stat) != 0) {
      if (errno != ENOENT) return ErrnoStatus(errno, StrCat("checking ", info_.uri));
      return absl::FailedPreconditionError(StrCat(info_.uri, " was removed since it was listed"));
    }
    if (InfoFor(info_.uri, stat).version != info_.version) {
      return absl::FailedPreconditionError(StrCat(info_.uri, " was changed since it was listed"));
    }
    return absl::OkStatus();
  }

 private:
  const ObjectInfo info_;
  const FileDescriptor file_;
};

class LocalWriter : public ObjectWriter {
 public:
  explicit LocalWriter(std::unique_ptr<NewFile> file) : file_(std::move(file)) {}
  absl::Status Append(std::string_view bytes) override { return file_->Append(bytes); }
  absl::Status Finish() override { return file_->Commit(); }

 private:
  const std::unique_ptr<NewFile> file_;
};

class LocalObjectStore : public ObjectStore {
 public:
  absl::Status List(std::string_view pattern, const Visitor& visitor,
                    const HiddenVisitor& hidden) override {
    ASSIGN_OR_RETURN(const std::string path, LocalPathOf(pattern));
    if (path.empty()) return absl::InvalidArgumentError("the input is empty; name a file or glob");
    struct stat stat;
    if (::stat(path.c_str(), &stat) == 0) return ListNamed(path, stat, visitor, hidden);
    if (!HasWildcard(path)) return ErrnoStatus(errno, StrCat("finding ", path));
    return ListGlob(path, visitor, hidden);
  }

  absl::StatusOr<ObjectInfo> Find(std::string_view uri) override {
    ASSIGN_OR_RETURN(const std::string path, LocalPathOf(uri));
    struct stat stat;
    if (::stat(path.c_str(), &stat) != 0) return ErrnoStatus(errno, StrCat("finding ", path));
    if (!S_ISREG(stat.st_mode)) return absl::NotFoundError(StrCat(path, " is not a file"));
    return FileInfo(path, stat);
  }

  absl::StatusOr<std::unique_ptr<ObjectReader>> Open(const ObjectInfo& object) override {
    FileDescriptor file(::open(object.uri.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) return ErrnoStatus(errno, StrCat("opening ", object.uri));
    std::unique_ptr<ObjectReader> reader = std::make_unique<LocalReader>(object, std::move(file));
    RETURN_IF_ERROR(reader->CheckUnchanged());
    return reader;
  }

  absl::StatusOr<std::unique_ptr<ObjectWriter>> Create(std::string_view uri) override {
    ASSIGN_OR_RETURN(const std::string path, FilePathOf(uri));
    ASSIGN_OR_RETURN(std::unique_ptr<NewFile> file, CreateNewFile(path, FileAudience::kEveryone));
    return std::make_unique<LocalWriter>(std::move(file));
  }

  absl::Status Remove(std::string_view uri) override {
    ASSIGN_OR_RETURN(const std::string path, FilePathOf(uri));
    return RemoveFile(path);
  }

  absl::Status Move(std::string_view from, std::string_view to) override {
    ASSIGN_OR_RETURN(const std::string from_path, FilePathOf(from));
    ASSIGN_OR_RETURN(const std::string to_path, FilePathOf(to));
    return MoveFile(from_path, to_path);
  }

  absl::Status CreateIfAbsent(std::string_view uri, std::string_view content) override {
    ASSIGN_OR_RETURN(const std::string path, FilePathOf(uri));
    return CreateFileIfAbsent(path, content, FileAudience::kEveryone);
  }

 private:
  // The path of `uri`; InvalidArgument if it is a folder.
  static absl::StatusOr<std::string> FilePathOf(std::string_view uri) {
    ASSIGN_OR_RETURN(std::string path, LocalPathOf(uri));
    struct stat stat;
    if (path.empty() || path.ends_with('/') ||
        (::stat(path.c_str(), &stat) == 0 && S_ISDIR(stat.st_mode))) {
      return absl::InvalidArgumentError(StrCat("'", path, "' is a folder; name a file"));
    }
    return path;
  }

  // `path` exists: one file, or a folder with everything below it.
  absl::Status ListNamed(const std::string& path, const struct stat& stat, const Visitor& visitor,
                         const HiddenVisitor& hidden) {
    if (S_ISDIR(stat.st_mode)) {
      ASSIGN_OR_RETURN(const std::string folder, RealPath(path));
      return WalkBelow(folder, "**", path, visitor, hidden);
    }
    if (!S_ISREG(stat.st_mode)) {
      return absl::InvalidArgumentError(StrCat(path, " is neither a file nor a folder"));
    }
    ASSIGN_OR_RETURN(const ObjectInfo info, FileInfo(path, stat));
    return visitor(info);
  }

  static absl::StatusOr<ObjectInfo> FileInfo(const std::string& path, const struct stat& stat) {
    const size_t name = path.rfind('/') + 1;  // 0 if there is no slash
    ASSIGN_OR_RETURN(const std::string folder, RealPath(path.substr(0, name)));
    return InfoFor(Join(folder, path.substr(name)), stat);
  }

  absl::Status ListGlob(const std::string& path, const Visitor& visitor,
                        const HiddenVisitor& hidden) {
    // Everything up to the last slash before the first wildcard is a plain folder.
    const size_t rest = path.rfind('/', path.find_first_of("*?[")) + 1;
    absl::StatusOr<std::string> folder = RealPath(path.substr(0, rest));
    if (!folder.ok()) return folder.status();
    return WalkBelow(*folder, path.substr(rest), path, visitor, hidden);
  }

  absl::Status WalkBelow(const std::string& folder, std::string_view glob_text,
                         const std::string& asked, const Visitor& visitor,
                         const HiddenVisitor& hidden) {
    const Glob glob(glob_text);
    Walk walk(glob, visitor, hidden);
    RETURN_IF_ERROR(walk.Folder(folder, glob.Start()));
    if (!walk.found()) return absl::NotFoundError(StrCat("no file matches ", asked));
    return absl::OkStatus();
  }
};

}  // namespace

std::unique_ptr<ObjectStore> NewLocalObjectStore() { return std::make_unique<LocalObjectStore>(); }

}  // namespace millrace
