#include "io/table_folder.h"

#include <algorithm>
#include <string>

#include "base/status.h"
#include "base/strings.h"
#include "io/glob.h"

namespace millrace {
namespace {

struct TableFormat {
  std::string_view name;    // with its article
  std::string_view folder;  // below the table's, in slashes
  std::string_view log;     // a glob in that folder: what only such tables have there
};

constexpr TableFormat kFormats[] = {
    {"a Delta table", "/_delta_log/", "*"},
    {"an Iceberg table", "/metadata/", "*.metadata.json*"},
    {"a Hudi table", "/.hoodie/", "*"},
};

absl::Status Refusal(std::string_view table, const TableFormat& format) {
  return absl::InvalidArgumentError(
      StrCat(table, " is ", format.name,
             ": its files hold deleted rows; write the table's current rows to files and import "
             "those, or give --as-files to read all of its files nevertheless"));
}

// The folder that is listed for `input`, without '/' at its end.
std::string_view FolderOf(std::string_view input) {
  if (const size_t wildcard = input.find_first_of("*?["); wildcard != std::string_view::npos) {
    const size_t slash = input.rfind('/', wildcard);
    input = slash == std::string_view::npos ? "." : input.substr(0, slash);
  }
  while (input.size() > 1 && input.ends_with('/')) input.remove_suffix(1);
  return input;
}

// The folder above `folder`, if that is a partition "name=value"; else "".
std::string_view AbovePartition(std::string_view folder) {
  const size_t slash = folder.rfind('/');
  if (folder.find('=', slash == std::string_view::npos ? 0 : slash) == std::string_view::npos) {
    return "";
  }
  return slash == std::string_view::npos ? "." : folder.substr(0, slash);
}

absl::StatusOr<bool> HasAny(ObjectStore& store, const std::string& pattern) {
  bool found = false;
  const absl::Status listed = store.List(pattern, [&](const ObjectInfo&) {
    found = true;
    return absl::CancelledError("one is enough");
  });
  if (found) return true;
  // Everything else would be met by the next question too, and by the listing itself.
  if (listed.ok() || absl::IsNotFound(listed) || absl::IsPermissionDenied(listed)) return false;
  return listed;
}

}  // namespace

absl::Status RefuseTableFolder(ObjectStore& store, std::string_view input) {
  for (std::string_view folder = FolderOf(input); !folder.empty();
       folder = AbovePartition(folder)) {
    for (const TableFormat& format : kFormats) {
      ASSIGN_OR_RETURN(const bool found, HasAny(store, StrCat(folder, format.folder, format.log)));
      if (found) return Refusal(folder, format);
    }
  }
  return absl::OkStatus();
}

absl::Status TableGuard::OnObject(const ObjectInfo& object) {
  if (as_files_) return absl::OkStatus();
  // Nothing is asked for inputs that name one object, of which there may be very many.
  if (!std::exchange(looked_, true) && object.uri != input_) {
    RETURN_IF_ERROR(RefuseTableFolder(store_, input_));
  }
  return RefuseTableLog(object.uri);
}

absl::Status TableGuard::OnHidden(std::string_view uri) const {
  return as_files_ ? absl::OkStatus() : RefuseTableLog(uri);
}

absl::Status RefuseTableLog(std::string_view uri) {
  for (const TableFormat& format : kFormats) {
    const size_t at = uri.rfind(format.folder);
    if (at == std::string_view::npos) continue;
    const std::string_view name = uri.substr(at + format.folder.size());
    // Hidden folders are shown as a whole, without what is in them.
    if (name.empty() ? format.log == "*" : GlobMatches(format.log, name)) {
      return Refusal(uri.substr(0, at), format);
    }
  }
  return absl::OkStatus();
}

}  // namespace millrace
