#include "connectors/iceberg/folder_catalog.h"

#include <optional>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "iceberg/metadata_file.h"
#include "iceberg/table_files.h"

namespace millrace::iceberg {
namespace {

using data_files::FileStore;

constexpr std::string_view kHint = "metadata/version-hint.text";

std::string VersionName(uint64_t version) {
  return StrCat("metadata/v", version, ".metadata.json");
}

// The folder as a table's metadata has it: without '/' at its end.
std::string LocationOf(const FileStore& store) {
  std::string location = store.folder();
  location.pop_back();
  return location;
}

class FolderCatalog final : public Catalog {
 public:
  FolderCatalog(FileStore& store, Clock& clock) : store_(store), clock_(clock) {}

  const std::string& table() const override { return store_.folder(); }

  absl::StatusOr<LoadedTable> Load(std::stop_token stop) override {
    const FileStore::Stop watch = store_.Watch(stop);
    const StoreFor here = [this](std::string_view) { return &store_.objects(); };
    ASSIGN_OR_RETURN(const MetadataFile found, FindMetadataFile(here, store_.folder()));
    const std::string& uri = found.object.info.uri;
    const std::optional<uint64_t> version = MetadataVersion(uri.substr(uri.rfind('/') + 1));
    if (!version || !uri.ends_with("/" + VersionName(*version))) {
      return absl::FailedPreconditionError(
          StrCat(uri, " is not called v1.metadata.json or so: the table belongs to a catalog, ",
                 "which has to make its changes; name the catalog"));
    }
    LoadedTable table{.file = uri};
    ASSIGN_OR_RETURN(table.text, ReadMetadataText(found.object));
    absl::StatusOr<IcebergMetadata> metadata = ParseIcebergMetadata(table.text);
    if (!metadata.ok()) return Annotate(metadata.status(), uri);
    table.metadata = *std::move(metadata);
    if (NormalLocation(table.metadata.location) != NormalLocation(store_.folder())) {
      return absl::FailedPreconditionError(
          StrCat("the metadata of ", store_.folder(), " says that the table is at ",
                 table.metadata.location, ": a table that was moved can be read only"));
    }
    return table;
  }

  absl::Status Create(const NewTable& table, std::stop_token stop) override {
    const FileStore::Stop watch = store_.Watch(stop);
    const std::string text = MetadataOf(table, LocationOf(store_), clock_.Now());
    const absl::Status created = CreateVersion(1, text);
    if (absl::IsAlreadyExists(created)) return absl::OkStatus();
    RETURN_IF_ERROR(created);
    return WriteHint(1);
  }

  absl::Status Change(const LoadedTable& base, const TableChange& change,
                      std::stop_token stop) override {
    const FileStore::Stop watch = store_.Watch(stop);
    ASSIGN_OR_RETURN(const std::string text,
                     ChangedMetadata(base.text, base.file, change, clock_.Now()));
    const uint64_t version = VersionOf(base) + 1;
    const absl::Status created = CreateVersion(version, text);
    if (absl::IsAlreadyExists(created)) {
      return absl::AbortedError(
          StrCat("another writer has made version ", version, " of ", store_.folder()));
    }
    RETURN_IF_ERROR(created);
    return WriteHint(version);
  }

  absl::Status Publish(const LoadedTable& table, std::stop_token stop) override {
    const FileStore::Stop watch = store_.Watch(stop);
    return WriteHint(VersionOf(table));
  }

  absl::Status Drop(std::stop_token stop) override {
    const FileStore::Stop watch = store_.Watch(stop);
    return store_.RemoveAll();
  }

 private:
  static uint64_t VersionOf(const LoadedTable& table) {
    return *MetadataVersion(std::string_view(table.file).substr(table.file.rfind('/') + 1));
  }

  absl::Status CreateVersion(uint64_t version, std::string_view text) {
    return store_.objects().CreateIfAbsent(store_.Uri(VersionName(version)), text);
  }

  // Whoever writes the hint last has looked for later versions afterwards, so it ends at the last.
  absl::Status WriteHint(uint64_t version) {
    for (;; ++version) {
      RETURN_IF_ERROR(store_.Write(kHint, StrCat(version)));
      const absl::Status next =
          store_.objects().Find(store_.Uri(VersionName(version + 1))).status();
      if (absl::IsNotFound(next)) return absl::OkStatus();
      RETURN_IF_ERROR(next);
    }
  }

  FileStore& store_;
  Clock& clock_;
};

}  // namespace

std::unique_ptr<Catalog> NewFolderCatalog(FileStore& store, Clock& clock) {
  return std::make_unique<FolderCatalog>(store, clock);
}

}  // namespace millrace::iceberg
