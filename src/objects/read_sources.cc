#include "objects/read_sources.h"

#include <memory>
#include <string_view>

#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

// The whole object that `uri` names.
absl::StatusOr<std::string> ReadSmallObject(const std::string& uri, const StoreOptions& stores) {
  constexpr uint64_t kMaxBytes = 16 << 20;
  ASSIGN_OR_RETURN(const std::unique_ptr<ObjectStore> store, OpenStore(uri, stores));
  ASSIGN_OR_RETURN(const ObjectInfo found, store->Find(uri));
  if (found.size > kMaxBytes) {
    return absl::InvalidArgumentError(StrCat(uri, " is larger than ", kMaxBytes, " bytes"));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<ObjectReader> reader, store->Open(found));
  std::string text(found.size, '\0');
  ASSIGN_OR_RETURN(const size_t size, reader->ReadAt(0, absl::MakeSpan(text)));
  text.resize(size);
  return text;
}

}  // namespace

absl::StatusOr<SourcesConfig> ReadSources(const std::string& uri, const StoreOptions& stores) {
  constexpr std::string_view kFileScheme = "file://";
  if (uri.starts_with(kFileScheme)) return SourcesConfig::Load(uri.substr(kFileScheme.size()));
  if (SchemeOf(uri).empty()) return SourcesConfig::Load(uri);
  absl::StatusOr<std::string> text = ReadSmallObject(uri, stores);
  if (!text.ok()) return Annotate(text.status(), StrCat("reading ", uri));
  return SourcesConfig::Parse(*text, uri);
}

}  // namespace millrace
