#include "iceberg/metadata_file.h"

#include <charconv>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

constexpr std::string_view kMetadataFolder = "/metadata";

bool IsMetadataName(std::string_view name) {
  return name.ends_with(".metadata.json") || name.ends_with(".metadata.json.gz");
}

std::string_view FolderOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string_view NameOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? path : path.substr(slash + 1);
}

// v<N>.metadata.json of a table that numbers its versions; NotFound if there is none.
absl::StatusOr<StoredObject> FindVersion(const StoreFor& store_for, const std::string& folder,
                                         uint64_t version) {
  absl::StatusOr<StoredObject> found = absl::NotFoundError("");
  for (const std::string_view end : {".metadata.json", ".gz.metadata.json", ".metadata.json.gz"}) {
    found = FindObject(store_for, StrCat(folder, "/v", version, end));
    if (found.ok() || !absl::IsNotFound(found.status())) return found;
  }
  return found;
}

absl::StatusOr<std::string> ReadHint(const StoredObject& hint) {
  constexpr size_t kMaxHintBytes = 1024;
  std::string text(kMaxHintBytes, '\0');
  RETURN_IF_ERROR(ReadObject(hint, [&](InputStream& stream) -> absl::Status {
    ASSIGN_OR_RETURN(const size_t size, stream.Read(absl::MakeSpan(text.data(), text.size())));
    text.resize(size);
    return absl::OkStatus();
  }));
  return std::string(absl::StripAsciiWhitespace(text));
}

struct Hint {
  std::string uri;
  std::string text;
};

// NotFound: there is none. Writers replace it with each version.
absl::StatusOr<Hint> FindHint(const StoreFor& store_for, const std::string& folder) {
  constexpr int kTries = 8;
  for (int tries = 1;; ++tries) {
    ASSIGN_OR_RETURN(const StoredObject object,
                     FindObject(store_for, StrCat(folder, "/version-hint.text")));
    absl::StatusOr<std::string> text = ReadHint(object);
    if (text.ok()) return Hint{object.info.uri, *std::move(text)};
    const bool was_replaced =
        absl::IsFailedPrecondition(text.status()) || absl::IsNotFound(text.status());
    if (!was_replaced) return text.status();
    if (tries == kTries) return absl::UnavailableError(text.status().message());
  }
}

// A hint may be older than the table: writers commit the new version before they update the hint.
absl::StatusOr<StoredObject> FollowHint(const StoreFor& store_for, const std::string& folder,
                                        const Hint& hint) {
  const std::string& text = hint.text;
  uint64_t version = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, version);
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    // Some writers put the name there.
    if (text.empty() || text.find('/') != text.npos) {
      return absl::InvalidArgumentError(
          StrCat(hint.uri, " does not contain a version; name the metadata file itself"));
    }
    return FindObject(store_for,
                      StrCat(folder, "/", text, IsMetadataName(text) ? "" : ".metadata.json"));
  }
  ASSIGN_OR_RETURN(StoredObject current, FindVersion(store_for, folder, version));
  for (;;) {
    absl::StatusOr<StoredObject> next = FindVersion(store_for, folder, ++version);
    if (absl::IsNotFound(next.status())) return current;
    if (!next.ok()) return next.status();
    current = *std::move(next);
  }
}

absl::StatusOr<StoredObject> FindHighest(const StoreFor& store_for, const std::string& folder) {
  ASSIGN_OR_RETURN(ObjectStore * store, store_for(folder));
  ObjectInfo best, rival;
  std::optional<uint64_t> highest;
  RETURN_IF_ERROR(store->List(folder, [&](const ObjectInfo& info) {
    const std::optional<uint64_t> version = MetadataVersion(NameOf(info.uri));
    if (!version || NameOf(FolderOf(info.uri)) != NameOf(folder)) return absl::OkStatus();
    if (!highest || *version >= *highest) {
      rival = highest == version ? best : ObjectInfo();
      best = info;
      highest = version;
    }
    return absl::OkStatus();
  }));
  if (!highest) {
    return absl::NotFoundError(StrCat("there is no *.metadata.json in ", folder));
  }
  if (!rival.uri.empty()) {
    return absl::InvalidArgumentError(StrCat("two metadata files have the version ", *highest, ", ",
                                             NameOf(rival.uri), " and ", NameOf(best.uri),
                                             ": name the one that the catalog uses"));
  }
  return StoredObject{store, std::move(best)};
}

}  // namespace

std::optional<uint64_t> MetadataVersion(std::string_view name) {
  if (!IsMetadataName(name)) return std::nullopt;
  const bool is_counted = name.starts_with("v");
  if (is_counted) name.remove_prefix(1);
  uint64_t version = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), version);
  const auto digits = static_cast<size_t>(parsed.ptr - name.data());
  if (parsed.ec != std::errc() || digits == 0) return std::nullopt;
  return name[digits] == (is_counted ? '.' : '-') ? std::optional(version) : std::nullopt;
}

absl::StatusOr<MetadataFile> FindMetadataFile(const StoreFor& store_for, std::string_view path) {
  std::string place = NormalLocation(path);
  MetadataFile found;
  if (IsMetadataName(place)) {
    ASSIGN_OR_RETURN(found.object, FindObject(store_for, place));
    // From the store's own name of the file, so that relative paths work as well.
    found.table_folder = std::string(FolderOf(FolderOf(found.object.info.uri)));
    return found;
  }
  if (!place.ends_with(kMetadataFolder)) place += kMetadataFolder;
  const absl::StatusOr<Hint> hint = FindHint(store_for, place);
  if (!hint.ok() && !absl::IsNotFound(hint.status())) return hint.status();
  absl::StatusOr<StoredObject> current = absl::NotFoundError("");
  if (hint.ok()) current = FollowHint(store_for, place, *hint);
  // Without a hint, or if it names a version that was removed.
  if (absl::IsNotFound(current.status())) current = FindHighest(store_for, place);
  ASSIGN_OR_RETURN(found.object, std::move(current));
  found.table_folder = std::string(FolderOf(FolderOf(found.object.info.uri)));
  return found;
}

absl::StatusOr<std::string> ReadMetadataText(const StoredObject& object) {
  std::string text;
  RETURN_IF_ERROR(ReadObject(object, [&](InputStream& stream) -> absl::Status {
    for (;;) {
      constexpr size_t kBlock = 64 * 1024;
      const size_t old = text.size();
      text.resize(old + kBlock);
      ASSIGN_OR_RETURN(const size_t got, stream.Read(absl::MakeSpan(text.data() + old, kBlock)));
      text.resize(old + got);
      if (got == 0) return absl::OkStatus();
      if (text.size() > kMaxMetadataBytes) {
        return absl::ResourceExhaustedError("the metadata is larger than 64 MiB");
      }
    }
  }));
  return text;
}

}  // namespace millrace
