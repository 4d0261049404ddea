#include "connectors/iceberg/folder_catalog.h"

#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
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
    if (version && uri.find(".gz") != std::string::npos && uri.find("/v") != std::string::npos) {
      return absl::FailedPreconditionError(
          StrCat(uri, " is compressed: set write.metadata.compression-codec to none, and change ",
                 "the table once with the engine that wrote it"));
    }
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
    RETURN_IF_ERROR(CheckIsFree());
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
    if (text.size() > kMaxMetadataBytes) {
      return absl::FailedPreconditionError(StrCat("the metadata of ", store_.folder(),
                                                  " has grown to ", text.size() >> 20,
                                                  " MiB: let another engine expire old snapshots"));
    }
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

  // Only what is a table of ours.
  absl::Status Drop(std::stop_token stop) override {
    const absl::Status table = Load(stop).status();
    if (absl::IsNotFound(table)) return absl::OkStatus();
    RETURN_IF_ERROR(table);
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

  // Whether a table can be made in the folder: it has no files, and is not in a table itself.
  absl::Status CheckIsFree() {
    bool is_taken = false;
    const absl::Status listed = store_.objects().List(store_.folder(), [&](const ObjectInfo& one) {
      std::string_view path = one.uri;
      if (path.starts_with(store_.folder())) path.remove_prefix(store_.folder().size());
      // A table that was dropped leaves what was written at that moment.
      is_taken = is_taken || !(path.starts_with("data/") || path.starts_with("metadata/"));
      return absl::OkStatus();
    });
    if (!listed.ok() && !absl::IsNotFound(listed)) return listed;
    if (is_taken) {
      return absl::FailedPreconditionError(
          StrCat("the folder ", store_.folder(), " has files and is no table: name another one"));
    }
    std::string_view above = std::string_view(store_.folder());
    above.remove_suffix(1);
    above = above.substr(0, above.rfind('/') + 1);
    const absl::Status outer = store_.objects().Find(StrCat(above, kHint)).status();
    if (absl::IsNotFound(outer) || absl::IsInvalidArgument(outer)) return absl::OkStatus();
    RETURN_IF_ERROR(outer);
    return absl::FailedPreconditionError(
        StrCat("the folder ", above, " is a table: name the folder that it is in, and table=NAME"));
  }

  // It never goes back. Whoever writes it last has looked for later versions afterwards, so it ends
  // at the last one.
  absl::Status WriteHint(uint64_t version) {
    const absl::StatusOr<std::string> hint = store_.Read(kHint);
    // Another writer may replace it while it is read. What it said then is not known.
    const bool is_unknown =
        absl::IsNotFound(hint.status()) || absl::IsFailedPrecondition(hint.status());
    if (!hint.ok() && !is_unknown) return hint.status();
    uint64_t before = 0;
    if (hint.ok() && absl::SimpleAtoi(*hint, &before) && before >= version) return absl::OkStatus();
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
