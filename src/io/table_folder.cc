#include "io/table_folder.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "io/glob.h"
#include "io/local_path.h"

namespace millrace {
namespace {

struct TableFormat {
  std::string_view name;     // with its article
  std::string_view folder;   // below the table's, in slashes
  std::string_view log;      // a glob in that folder that matches only in such tables
  bool can_be_read = false;  // as "iceberg:TABLE"
};

constexpr TableFormat kFormats[] = {
    {"a Delta table", "/_delta_log/", "*"},
    {"an Iceberg table", "/metadata/", "*.metadata.json*", true},
    {"a Hudi table", "/.hoodie/", "*"},
};

absl::Status Refusal(std::string_view table, const TableFormat& format) {
  const std::string advice = format.can_be_read
                                 ? StrCat("name it iceberg:", table, " to read its current rows")
                                 : "write the table's current rows to files and import those";
  return absl::InvalidArgumentError(
      StrCat(table, " is ", format.name, ": its files hold deleted rows; ", advice,
             ", or give --as-files to read all of its files nevertheless"));
}

// The folder that is listed for `input`, without a final '/'.
std::string_view FolderOf(std::string_view input) {
  if (const size_t wildcard = input.find_first_of("*?["); wildcard != std::string_view::npos) {
    const size_t slash = input.rfind('/', wildcard);
    input = slash == std::string_view::npos ? "." : input.substr(0, slash);
  }
  while (input.size() > 1 && input.ends_with('/')) input.remove_suffix(1);
  return input;
}

// The parent of `folder`; "" if it is the top of the disk or store.
std::string_view Above(std::string_view folder) {
  const size_t slash = folder.rfind('/');
  if (slash == std::string_view::npos || slash == 0 || folder[slash - 1] == '/') return "";
  return folder.substr(0, slash);
}

// The prefix of the name of `folder` that all sibling partitions share: "day=" of "day=2024-01-01",
// "" of "2024" or "01-02"; nullopt if it is not a partition.
std::optional<std::string_view> PartitionKey(std::string_view folder) {
  const std::string_view name = folder.substr(folder.rfind('/') + 1);
  if (const size_t equals = name.find('='); equals != std::string_view::npos) {
    return name.substr(0, equals + 1);
  }
  const bool date = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || c == '-' || c == '_' || c == 'T' || c == ':';
  });
  return date ? std::optional<std::string_view>("") : std::nullopt;
}

// In the form of the listing: a local folder is absolute and without links.
std::string Resolved(std::string_view folder) {
  if (folder.find("://") != std::string_view::npos && !folder.starts_with("file:")) {
    return std::string(folder);
  }
  const absl::StatusOr<std::string> path = LocalPathOf(folder);
  std::error_code error;
  const std::filesystem::path real =
      std::filesystem::canonical(path.ok() ? *path : std::string(folder), error);
  return error ? std::string(folder) : real.string();
}

// A glob that matches only `name`.
std::string AsGlob(std::string_view name) {
  std::string glob;
  for (const char c : name) {
    if (c == '*' || c == '?' || c == '[') {
      StrAppend(&glob, "[", std::string_view(&c, 1), "]");
    } else {
      glob += c;
    }
  }
  return glob;
}

absl::StatusOr<bool> HasAny(ObjectStore& store, const std::string& pattern) {
  bool found = false;
  const absl::Status listed = store.List(pattern, [&](const ObjectInfo&) {
    found = true;
    return absl::CancelledError("one is enough");
  });
  if (found) return true;
  // The next check, and the listing itself, would meet any other error too.
  if (listed.ok() || absl::IsNotFound(listed) || absl::IsPermissionDenied(listed)) return false;
  return listed;
}

absl::Status RefuseIfTable(ObjectStore& store, std::string_view folder) {
  for (const TableFormat& format : kFormats) {
    ASSIGN_OR_RETURN(const bool found,
                     HasAny(store, StrCat(AsGlob(folder), format.folder, format.log)));
    if (found) return Refusal(folder, format);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RefuseTableFolder(ObjectStore& store, std::string_view input) {
  if (const absl::StatusOr<ObjectInfo> object = store.Find(input);
      object.ok() && object->size > 0) {
    return absl::OkStatus();
  }
  return TableGuard(store, std::string(input), /*as_files=*/false).OnFolder(FolderOf(input));
}

TableGuard::TableGuard(ObjectStore& store, std::string input, bool as_files)
    : store_(store), input_(std::move(input)), as_files_(as_files) {}

absl::Status TableGuard::OnObject(const ObjectInfo& object) {
  if (as_files_) return absl::OkStatus();
  RETURN_IF_ERROR(RefuseTableLog(object.uri));
  // Inputs that name one object are not checked; there may be very many of them.
  if (object.uri == input_) return absl::OkStatus();
  const std::string_view folder = Above(object.uri);
  if (folder.empty() || folder == last_) return absl::OkStatus();
  if (last_.empty()) {
    const absl::StatusOr<ObjectInfo> named = store_.Find(input_);
    if (named.ok() && named->uri == object.uri) return absl::OkStatus();
  }
  last_ = folder;
  return OnFolder(folder);
}

absl::Status TableGuard::OnFolder(std::string_view folder) {
  if (root_.empty()) root_ = Resolved(FolderOf(input_));
  const std::string real = Resolved(folder);  // after links that a glob followed
  RETURN_IF_ERROR(Climb(folder));
  return real == folder ? absl::OkStatus() : Climb(real);
}

absl::Status TableGuard::Climb(std::string_view folder) {
  for (int above = 0; !folder.empty() && above < kMaxAbove; folder = Above(folder)) {
    const std::optional<std::string_view> partition = PartitionKey(folder);
    const bool inside = folder == root_ || (folder.size() > root_.size() &&
                                            folder.starts_with(root_) && !root_.empty());
    if (!inside && !partition) ++above;
    const std::string_view parent = Above(folder);
    if (!asked_.insert(partition ? StrCat(parent, "/", *partition, "*") : std::string(folder))
             .second) {
      continue;  // its parents may not have been reached from there
    }
    const absl::Status table = RefuseIfTable(store_, folder);
    // The user may not be allowed to list the parents of the input.
    if (absl::IsInvalidArgument(table) || (inside && !table.ok())) return table;
  }
  return absl::OkStatus();
}

absl::Status TableGuard::OnHidden(std::string_view uri) const {
  return as_files_ ? absl::OkStatus() : RefuseTableLog(uri);
}

absl::Status RefuseTableLog(std::string_view uri) {
  for (const TableFormat& format : kFormats) {
    const size_t at = uri.rfind(format.folder);
    if (at == std::string_view::npos) continue;
    const std::string_view name = uri.substr(at + format.folder.size());
    // Hidden folders are reported as a whole, without their content.
    if (name.empty() ? format.log == "*" : GlobMatches(format.log, name)) {
      return Refusal(uri.substr(0, at), format);
    }
  }
  return absl::OkStatus();
}

}  // namespace millrace
