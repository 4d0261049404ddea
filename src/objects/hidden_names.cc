#include "objects/hidden_names.h"

#include <algorithm>
#include <string>

#include "io/object_store.h"

namespace millrace {
namespace {

constexpr std::string_view kMarkers[] = {
    "_SUCCESS",         "_committed*", "_started*", "_temporary/", "_metadata",
    "_common_metadata", "_delta_log/", ".hoodie/",  ".DS_Store",   ".*.crc",
    "_spark_metadata/", ".git/",       ".keep",     ".gitkeep",    ".gitignore"};

}  // namespace

bool IsMarkerName(std::string_view uri) {
  const bool folder = uri.ends_with('/');
  if (folder) uri.remove_suffix(1);
  const std::string_view name = uri.substr(uri.rfind('/') + 1);
  return std::any_of(std::begin(kMarkers), std::end(kMarkers), [&](std::string_view marker) {
    const bool of_folders = marker.ends_with('/');
    if (of_folders) marker.remove_suffix(1);
    return folder == of_folders && GlobMatches(marker, name);
  });
}

void NoteHiddenName(std::string_view uri, std::atomic<uint64_t>& count, Warnings& warnings) {
  ++count;
  if (IsMarkerName(uri)) return;
  // Strict runs fail at their end because of it: there is no object to reject.
  warnings
      .Add({.code = "hidden_names",
            .object = std::string(uri),
            .message = "a name that begins with \".\" or \"_\" is skipped; if it contains data, "
                       "name it in an input"})
      .IgnoreError();
}

}  // namespace millrace
