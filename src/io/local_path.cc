#include "io/local_path.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

struct FreeText {
  void operator()(char* text) const { std::free(text); }
};

// Follows one name after the other.
class Resolver {
 public:
  explicit Resolver(std::string_view whole) : whole_(whole) {}

  absl::Status Start() {
    if (whole_.starts_with('/')) return absl::OkStatus();
    std::error_code error;
    at_ = std::filesystem::current_path(error).string();
    return error ? ErrnoStatus(error.value(), "finding the current folder") : absl::OkStatus();
  }

  absl::Status Follow(std::string_view name) {
    if (name == "..") return GoUp();
    std::string next = at_.ends_with('/') ? StrCat(at_, name) : StrCat(at_, "/", name);
    struct stat stat;
    if (is_missing_) {
      at_ = std::move(next);
    } else if (::lstat(next.c_str(), &stat) != 0) {
      if (errno != ENOENT) return ErrnoStatus(errno, StrCat("finding ", next));
      is_missing_ = true;
      at_ = std::move(next);
    } else if (S_ISLNK(stat.st_mode)) {
      return FollowLink(next);
    } else {
      at_ = std::move(next);
    }
    return absl::OkStatus();
  }

  std::string Take() { return std::move(at_); }

 private:
  absl::Status GoUp() {
    if (is_missing_) {
      return absl::InvalidArgumentError(
          StrCat(whole_, ": '..' follows ", at_, ", which does not exist"));
    }
    const size_t slash = at_.rfind('/');
    at_ = slash == 0 || slash == at_.npos ? "/" : at_.substr(0, slash);
    return absl::OkStatus();
  }

  absl::Status FollowLink(const std::string& link) {
    const std::unique_ptr<char, FreeText> real(::realpath(link.c_str(), nullptr));
    if (real == nullptr) {
      if (errno != ENOENT) return ErrnoStatus(errno, StrCat("following the link ", link));
      return absl::InvalidArgumentError(
          StrCat(link,
                 " is a link to something that does not exist; remove it or create its "
                 "target"));
    }
    at_ = real.get();
    return absl::OkStatus();
  }

  const std::string_view whole_;
  std::string at_ = "/";
  bool is_missing_ = false;
};

}  // namespace

absl::StatusOr<std::string> LocalPathOf(std::string_view uri) {
  static constexpr std::string_view kScheme = "file://";
  if (!uri.starts_with(kScheme)) return std::string(uri);
  std::string_view rest = uri.substr(kScheme.size());
  static constexpr std::string_view kLocalhost = "localhost/";
  if (rest.starts_with(kLocalhost)) rest.remove_prefix(kLocalhost.size() - 1);
  if (rest.empty() || rest[0] != '/') {
    return absl::InvalidArgumentError(
        StrCat(uri, " names a host; write file:///absolute/path for a local file"));
  }
  return UrlDecode(rest, /*plus_is_space=*/false);
}

absl::StatusOr<std::string> ResolvePath(std::string_view path) {
  if (path.empty()) return absl::InvalidArgumentError("the path is empty");
  Resolver resolver(path);
  RETURN_IF_ERROR(resolver.Start());
  while (!path.empty()) {
    const std::string_view name = path.substr(0, path.find('/'));
    if (!name.empty() && name != ".") RETURN_IF_ERROR(resolver.Follow(name));
    path.remove_prefix(std::min(name.size() + 1, path.size()));
  }
  return resolver.Take();
}

bool IsWithin(std::string_view path, std::string_view folder) {
  if (folder == "/") return path.starts_with('/');
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

}  // namespace millrace
