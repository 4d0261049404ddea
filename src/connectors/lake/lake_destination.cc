#include "connectors/lake/lake_destination.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/lake/lake_event_reader.h"
#include "connectors/lake/lake_spec.h"
#include "connectors/lake/manifests.h"
#include "data_files/file_staging.h"
#include "data_files/file_store.h"
#include "data_files/store_check.h"
#include "stores/open_store.h"

namespace millrace {
namespace {

using data_files::FileStore;
using lake::LakeSpec;

constexpr std::string_view kSchemes[] = {"file", "gs", "s3", "az", "abfs", "abfss"};

// Where the records of one type go.
struct Target {
  Target(TableForm table, std::string folder, FileStore::Open open)
      : form(std::move(table)), store(std::move(folder), std::move(open)) {}

  const TableForm form;
  FileStore store;
  lake::Manifests manifests{store};
  std::unique_ptr<Staging> staging;  // once it is used
};

class LakeDestination final : public Destination {
 public:
  LakeDestination(LakeSpec spec, std::string scratch, Clock& clock)
      : spec_(std::move(spec)),
        scratch_(std::move(scratch)),
        clock_(clock),
        label_(LabelOf(spec_)) {}

  absl::Status Open(const Environment& environment) {
    const auto open = [root = spec_.root, environment](std::stop_token stop) {
      return OpenStore(root, {.environment = environment, .stop = std::move(stop)});
    };
    RETURN_IF_ERROR(open({}).status());
    for (const auto& [type, folder] : spec_.folders) {
      ASSIGN_OR_RETURN(TableForm form, TableForm::Make(type, spec_.extra_columns));
      targets_[type] = std::make_unique<Target>(std::move(form), spec_.root + folder,
                                                [open](std::stop_token stop) {
                                                  auto store = open(std::move(stop));
                                                  return store.ok() ? *std::move(store) : nullptr;
                                                });
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
    return absl::InvalidArgumentError(StrCat("the destination ", label(), " names no folder for ",
                                             PluralOf(type), ": add ", PluralOf(type), "=FOLDER"));
  }

  Staging* staging(RecordType type) override {
    const auto found = targets_.find(type);
    if (found == targets_.end()) return nullptr;
    Target& target = *found->second;
    if (target.staging == nullptr) {
      target.staging = data_files::NewFileStaging({.layout = spec_.layout,
                                                   .form = target.form,
                                                   .store = target.store,
                                                   .log = target.manifests,
                                                   .traffic = traffic_,
                                                   .clock = clock_},
                                                  scratch_);
    }
    return target.staging.get();
  }

  absl::StatusOr<std::unique_ptr<EventReader>> NewEventReader() override {
    RETURN_IF_ERROR(CheckConfig(RecordType::kEvent));
    return std::make_unique<lake::LakeEventReader>(spec_.layout,
                                                   targets_.at(RecordType::kEvent)->store);
  }

  std::vector<AccessCheck> Check(std::stop_token stop) override;
  absl::Status Create(std::stop_token stop) override;
  absl::Status Drop(std::stop_token stop) override;
  std::vector<std::string> DropNames() const override {
    std::vector<std::string> names;
    for (const auto& [type, target] : targets_) {
      names.push_back(StrCat("all objects below ", target->store.folder()));
    }
    return names;
  }

 private:
  static std::string LabelOf(const LakeSpec& spec) {
    bool is_usual = spec.folders.size() == std::size(kAllRecordTypes);
    std::string folders;
    for (const auto& [type, folder] : spec.folders) {
      is_usual = is_usual && folder == StrCat(PluralOf(type), "/");
      StrAppend(&folders, folders.empty() ? "" : ",", folder.substr(0, folder.size() - 1));
    }
    return is_usual ? spec.root : spec.root + folders;
  }

  const LakeSpec spec_;
  const std::string scratch_;
  Clock& clock_;
  const std::string label_;
  std::map<RecordType, std::unique_ptr<Target>> targets_;
};

std::vector<AccessCheck> LakeDestination::Check(std::stop_token stop) {
  std::vector<AccessCheck> checks;
  for (const auto& [type, target] : targets_) {
    const FileStore::Stop watch = target->store.Watch(stop);
    data_files::CheckStore(target->store, "docs/connectors/lake.md", checks);
  }
  return checks;
}

// Folders appear with their first file; buckets are made by those who pay for them.
absl::Status LakeDestination::Create(std::stop_token stop) {
  for (const AccessCheck& check : Check(std::move(stop))) {
    RETURN_IF_ERROR(Annotate(check.status, check.what));
  }
  return absl::OkStatus();
}

absl::Status LakeDestination::Drop(std::stop_token stop) {
  for (const auto& [type, target] : targets_) {
    const FileStore::Stop watch = target->store.Watch(stop);
    RETURN_IF_ERROR(target->store.RemoveAll());
  }
  return absl::OkStatus();
}

}  // namespace

bool IsLakeUri(std::string_view text) {
  const std::string_view head = text.substr(0, text.find('?'));
  const size_t colon = head.find("://");
  if (colon != std::string_view::npos) {
    return std::find(std::begin(kSchemes), std::end(kSchemes), head.substr(0, colon)) !=
           std::end(kSchemes);
  }
  return head.find(':') == std::string_view::npos && head.find('/') != std::string_view::npos;
}

absl::StatusOr<std::unique_ptr<Destination>> OpenLakeDestination(std::string_view uri,
                                                                 const Environment& environment,
                                                                 Clock& clock) {
  ASSIGN_OR_RETURN(LakeSpec spec, LakeSpec::Parse(uri));
  const std::string scratch = environment("TMPDIR").value_or("/tmp");
  auto destination = std::make_unique<LakeDestination>(std::move(spec), scratch, clock);
  RETURN_IF_ERROR(destination->Open(environment));
  return destination;
}

}  // namespace millrace
