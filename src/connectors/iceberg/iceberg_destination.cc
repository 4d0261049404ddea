#include "connectors/iceberg/iceberg_destination.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/iceberg/append_target.h"
#include "connectors/iceberg/folder_catalog.h"
#include "connectors/iceberg/iceberg_event_reader.h"
#include "connectors/iceberg/iceberg_spec.h"
#include "connectors/iceberg/iceberg_staging.h"
#include "connectors/iceberg/rest_catalog.h"
#include "data_files/file_staging.h"
#include "data_files/store_check.h"
#include "data_files/uri_options.h"
#include "iceberg/table_files.h"
#include "stores/opened_stores.h"

namespace millrace {
namespace {

using data_files::FileStore;
using iceberg::Catalog;
using iceberg::IcebergSpec;

constexpr char kPage[] = "docs/connectors/iceberg.md";

// The table of one type of record.
class Target {
 public:
  Target(TableForm form, Environment environment)
      : form_(std::move(form)), environment_(std::move(environment)) {}

  absl::Status OpenFolder(const std::string& folder, Clock& clock) {
    ASSIGN_OR_RETURN(FileStore* const store, StoreAt(folder));
    catalog_ = iceberg::NewFolderCatalog(*store, clock);
    return absl::OkStatus();
  }
  absl::Status OpenCatalog(const IcebergSpec::Catalog& place, const std::string& table,
                           Clock& clock) {
    ASSIGN_OR_RETURN(catalog_, iceberg::NewRestCatalog(place, table, environment_, clock));
    return absl::OkStatus();
  }

  const TableForm& form() const { return form_; }
  Catalog& catalog() { return *catalog_; }

  // The store of the table's files; it stays for as long as this.
  absl::StatusOr<FileStore*> StoreAt(const std::string& location) {
    ASSIGN_OR_RETURN(const std::string folder, data_files::RootOf(NormalLocation(location)));
    absl::MutexLock lock(&mutex_);
    std::unique_ptr<FileStore>& store = stores_[folder];
    if (store != nullptr) return store.get();
    const auto open = [folder, environment = environment_](std::stop_token stop) {
      return OpenStore(folder, {.environment = environment, .stop = std::move(stop)});
    };
    RETURN_IF_ERROR(open({}).status());
    store = std::make_unique<FileStore>(folder, [open](std::stop_token stop) {
      auto opened = open(std::move(stop));
      return opened.ok() ? *std::move(opened) : nullptr;
    });
    return store.get();
  }

  Staging& StagingFor(const IcebergSpec& spec, Traffic& traffic, const std::string& scratch,
                      Clock& clock) {
    if (staging_ == nullptr) {
      staging_ = iceberg::NewIcebergStaging(
          {.spec = spec,
           .form = form_,
           .catalog = *catalog_,
           .store_at = [this](const std::string& location) { return StoreAt(location); },
           .traffic = traffic,
           .clock = clock},
          scratch);
    }
    return *staging_;
  }

 private:
  const TableForm form_;
  const Environment environment_;
  absl::Mutex mutex_;
  std::map<std::string, std::unique_ptr<FileStore>> stores_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<Staging> staging_;  // once it is used
};

class IcebergDestination final : public Destination {
 public:
  IcebergDestination(IcebergSpec spec, Environment environment, Clock& clock)
      : spec_(std::move(spec)),
        environment_(std::move(environment)),
        clock_(clock),
        scratch_(environment_("TMPDIR").value_or("/tmp")),
        label_(LabelOf(spec_)) {}

  absl::Status Open() {
    for (const auto& [type, table] : spec_.tables) {
      ASSIGN_OR_RETURN(TableForm form, TableForm::Make(type, spec_.extra_columns));
      auto target = std::make_unique<Target>(std::move(form), environment_);
      RETURN_IF_ERROR(spec_.has_catalog() ? target->OpenCatalog(spec_.catalog, table, clock_)
                                          : target->OpenFolder(spec_.root + table + "/", clock_));
      targets_[type] = std::move(target);
    }
    return absl::OkStatus();
  }

  const std::string& label() const override { return label_; }
  std::string LedgerName(RecordType type) const override { return spec_.LedgerName(type); }
  void AdaptOptions(RunOptions& options) const override {
    data_files::AdaptOptions(spec_.age, options);
  }

  absl::Status CheckConfig(RecordType type) const override {
    if (targets_.contains(type)) return absl::OkStatus();
    return absl::InvalidArgumentError(StrCat("the destination ", label(), " names no table for ",
                                             PluralOf(type), ": add ", PluralOf(type), "=TABLE"));
  }

  Staging* staging(RecordType type) override {
    const auto found = targets_.find(type);
    if (found == targets_.end()) return nullptr;
    return &found->second->StagingFor(spec_, traffic_, scratch_, clock_);
  }

  absl::StatusOr<std::unique_ptr<EventReader>> NewEventReader() override {
    RETURN_IF_ERROR(CheckConfig(RecordType::kEvent));
    const auto open_stores = [environment = environment_](std::stop_token stop) {
      auto stores = std::make_shared<OpenedStores>(
          StoreOptions{.environment = environment, .stop = std::move(stop)});
      return StoreFor([stores](std::string_view uri) { return stores->For(uri); });
    };
    return std::make_unique<iceberg::IcebergEventReader>(targets_.at(RecordType::kEvent)->catalog(),
                                                         open_stores);
  }

  std::vector<AccessCheck> Check(std::stop_token stop) override;
  absl::Status Create(std::stop_token stop) override;
  absl::Status Drop(std::stop_token stop) override;
  std::vector<std::string> DropNames() const override {
    std::vector<std::string> names;
    for (const auto& [type, target] : targets_) {
      names.push_back(StrCat("the table ", target->catalog().table(), " and its files"));
    }
    return names;
  }

 private:
  static std::string LabelOf(const IcebergSpec& spec) {
    bool is_usual = spec.tables.size() == std::size(kAllRecordTypes);
    std::string tables;
    for (const auto& [type, table] : spec.tables) {
      is_usual = is_usual && table == PluralOf(type);
      StrAppend(&tables, tables.empty() ? "" : ",", table);
    }
    if (is_usual) return spec.Place();
    return StrCat(spec.Place(), spec.has_catalog() ? "." : "", tables);
  }

  const IcebergSpec spec_;
  const Environment environment_;
  Clock& clock_;
  const std::string scratch_;
  const std::string label_;
  std::map<RecordType, std::unique_ptr<Target>> targets_;
};

std::vector<AccessCheck> IcebergDestination::Check(std::stop_token stop) {
  std::vector<AccessCheck> checks;
  for (const auto& [type, target] : targets_) {
    Catalog& catalog = target->catalog();
    const absl::StatusOr<iceberg::LoadedTable> table = catalog.Load(stop);
    const bool is_new = absl::IsNotFound(table.status());
    absl::Status status = is_new ? absl::OkStatus() : table.status();
    if (table.ok()) status = iceberg::CheckTable(catalog, target->form(), stop);
    checks.push_back({StrCat(is_new ? "creating" : "appending to", " the table ", catalog.table()),
                      status, status.ok() ? std::string() : StrCat("see ", kPage)});
    std::string location = table.ok() ? table->metadata.location : "";
    if (!table.ok() && !spec_.has_catalog()) location = catalog.table();
    if (location.empty()) continue;
    const absl::StatusOr<FileStore*> store = target->StoreAt(location);
    if (!store.ok()) {
      checks.push_back({StrCat("opening ", location), store.status(), StrCat("see ", kPage)});
      continue;
    }
    const FileStore::Stop watch = (*store)->Watch(stop);
    data_files::CheckStore(**store, kPage, checks);
  }
  return checks;
}

absl::Status IcebergDestination::Create(std::stop_token stop) {
  for (const auto& [type, target] : targets_) {
    RETURN_IF_ERROR(iceberg::PrepareTable(target->catalog(), spec_, target->form(), stop).status());
  }
  return absl::OkStatus();
}

absl::Status IcebergDestination::Drop(std::stop_token stop) {
  for (const auto& [type, target] : targets_) RETURN_IF_ERROR(target->catalog().Drop(stop));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Destination>> OpenIcebergDestination(std::string_view uri,
                                                                    const Environment& environment,
                                                                    Clock& clock) {
  ASSIGN_OR_RETURN(IcebergSpec spec, IcebergSpec::Parse(uri));
  auto destination = std::make_unique<IcebergDestination>(std::move(spec), environment, clock);
  RETURN_IF_ERROR(destination->Open());
  return destination;
}

}  // namespace millrace
