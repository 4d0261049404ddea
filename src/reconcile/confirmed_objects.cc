#include "reconcile/confirmed_objects.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "base/hash.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/object_store.h"
#include "mapping/mapping_version.h"
#include "net/http_server.h"
#include "objects/config_change.h"
#include "objects/hidden_names.h"
#include "objects/iceberg_name.h"
#include "objects/ledger_view.h"
#include "objects/object_source.h"
#include "objects/unmatched.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxUnmatched = 3;  // that the error names

class Finder {
 public:
  Finder(const ImportRequest& request, const std::string& destination, Ledger& ledger,
         absl::Time now, std::stop_token stop, Warnings& warnings)
      : request_(request),
        ledger_(ledger),
        now_(now),
        stop_(std::move(stop)),
        warnings_(warnings),
        destination_(destination) {
    std::error_code none;
    if (!request.config_path.empty()) config_ = fs::canonical(request.config_path, none).string();
  }

  absl::StatusOr<ConfirmedObjects> Find() {
    ASSIGN_OR_RETURN(view_, LedgerView::Load(ledger_, {destination_}, now_, stop_));
    for (const std::string& input : request_.inputs) {
      const absl::Status status = List(input);
      if (absl::IsNotFound(status)) {
        empty_inputs_.push_back({input, status});
      } else {
        RETURN_IF_ERROR(status);
      }
    }
    RETURN_IF_ERROR(FindGone());
    if (!empty_inputs_.empty()) return empty_inputs_.front().second;
    if (seen_.empty() && unmatched_ > 0) {
      return NoObjectFits(request_.sources, unmatched_, first_unmatched_);
    }
    return std::move(found_);
  }

 private:
  absl::Status Stopped() const {
    return stop_.stop_requested() ? absl::CancelledError("reconciling was stopped")
                                  : absl::OkStatus();
  }

  void Report(ObjectProblem problem, const std::string& object, std::string message) {
    found_.findings.push_back({problem, object, std::move(message)});
  }

  absl::Status List(const std::string& input) {
    const auto wanted = [&](const ObjectInfo& object) {
      if (object.uri == config_) return false;
      if (request_.sources.Match(object.uri) != nullptr) return true;
      if (unmatched_++ < kMaxUnmatched) first_unmatched_.push_back(object.uri);
      return false;
    };
    ASSIGN_OR_RETURN(std::unique_ptr<ObjectLister> lister,
                     ObjectLister::Start({input}, wanted, request_.stores,
                                         {.as_files = request_.as_files,
                                          .tables = request_.tables,
                                          .on_hidden = [&](std::string_view uri) {
                                            NoteHiddenName(uri, hidden_, warnings_);
                                          }}));
    while (true) {
      ASSIGN_OR_RETURN(std::optional<ListedObject> object, lister->Next(std::stop_token()));
      if (!object) return absl::OkStatus();
      Classify(*std::move(object));
      RETURN_IF_ERROR(Stopped());
    }
  }

  void Classify(ListedObject object) {
    if (!seen_.insert(HashBytes(object.info.uri)).second) return;
    std::shared_ptr<const SourceConfig> config = request_.sources.Match(object.info.uri);
    if (config->record_type != RecordType::kEvent) {
      ++found_.not_checked;
      return;
    }
    LedgerKey key = KeyOf(object.info, *config, destination_);
    const LedgerStanding standing = view_.Find(key);
    const bool other_mapping = standing.state != LedgerStanding::State::kNew &&
                               standing.mapping_version != kMappingVersion;
    if (other_mapping) ReportOtherMapping(key.object, standing.mapping_version);
    uint64_t rows = ConfirmedObject::kAllRows;
    switch (standing.state) {
      case LedgerStanding::State::kNew:
        return ReportNew(key.object, standing);
      case LedgerStanding::State::kPartlyDone:
        rows = standing.position.row;
        Report(ObjectProblem::kOpen, key.object,
               StrCat("its import has reached only row ", rows,
                      standing.last_error.empty() ? "" : ", where it stopped: ",
                      standing.last_error, "; import it again to continue"));
        break;
      case LedgerStanding::State::kDone:
        if (HasIdsOfOtherFiles(key, *config, standing)) return ReportNotComparable(key.object);
        break;
    }
    found_.objects.push_back(
        {std::move(object), std::move(config), std::move(key), rows, other_mapping});
  }

  // True of a data file that an import has recorded without reading it: a compaction wrote it from
  // imported files, and the ids of its rows are made of the positions in those.
  static bool HasIdsOfOtherFiles(const LedgerKey& key, const SourceConfig& config,
                                 const LedgerStanding& standing) {
    return IsIcebergName(key.object) && config.insert_id == InsertIdRule::kPosition &&
           standing.position.row == 0;
  }

  void ReportNotComparable(const std::string& object) {
    Report(ObjectProblem::kNotComparable, object,
           "it cannot be compared: a compaction wrote it from files that were imported, and with "
           "\"insert_id\": \"position\" its rows have the ids of those. Reconcile the snapshot "
           "before the compaction (--snapshot-id)");
  }

  void ReportOtherMapping(const std::string& object, uint64_t version) {
    Report(
        ObjectProblem::kOtherMapping, object,
        StrCat("it was imported with version ", version,
               " of the mapping rules, and this Millrace has version ", kMappingVersion,
               ": rows may have other ids now, so rows that are not found are not reported as "
               "missing, and --repair does not send them. Reconcile it with the Millrace version "
               "that imported it"));
  }

  void ReportNew(const std::string& object, const LedgerStanding& standing) {
    if (standing.object_changed) {
      Report(ObjectProblem::kChanged, object,
             "it has changed since it was imported; import it again");
    } else if (standing.config_changed) {
      Report(ObjectProblem::kConfigChanged, object,
             StrCat("it was imported before its config entry changed, or under another entry; give "
                    "the config that it was imported with. ",
                    kForceAdvice));
    } else {
      Report(ObjectProblem::kNotImported, object,
             "it is not in the ledger for this destination; import it first");
    }
  }

  absl::Status FindGone() {
    return ledger_.ForEach(
        [&](const LedgerEntry& entry) {
          // A table is compared by the files of its snapshot; rows of others may be in them.
          if (IsIcebergName(entry.key.object)) return Stopped();
          if (entry.key.destination == destination_ && IsConfigured(entry.key) &&
              IsNamed(entry.key) && seen_.insert(HashBytes(entry.key.object)).second) {
            Report(ObjectProblem::kGone, entry.key.object,
                   "it was imported, but no longer exists, so it cannot be compared");
            std::erase_if(empty_inputs_, [&](const auto& empty) {
              return InputNames(empty.first, entry.key.object);
            });
          }
          return Stopped();
        },
        stop_);
  }

  bool IsConfigured(const LedgerKey& key) const {
    const std::shared_ptr<const SourceConfig> config = request_.sources.Match(key.object);
    return config != nullptr && KeyOf({key.object, 0, ""}, *config, "").config == key.config;
  }

  bool IsNamed(const LedgerKey& key) const {
    return std::any_of(request_.inputs.begin(), request_.inputs.end(),
                       [&](const std::string& input) { return InputNames(input, key.object); });
  }

  struct Low {
    size_t operator()(const Hash128& hash) const { return hash.low; }
  };

  const ImportRequest& request_;
  Ledger& ledger_;
  const absl::Time now_;
  const std::stop_token stop_;
  Warnings& warnings_;
  std::atomic<uint64_t> hidden_ = 0;
  const std::string destination_;
  std::string config_;
  LedgerView view_;
  absl::flat_hash_set<Hash128, Low> seen_;  // hashes of the objects' uris
  // Inputs that match nothing (any more).
  std::vector<std::pair<std::string, absl::Status>> empty_inputs_;
  // Listed objects that match no entry; the lister's thread writes it while it exists.
  uint64_t unmatched_ = 0;
  std::vector<std::string> first_unmatched_;
  ConfirmedObjects found_;
};

// Without links and ".." of existing folders, which the file system resolves.
std::string Canonical(const fs::path& path) {
  std::error_code error;
  std::string canonical =
      fs::weakly_canonical(fs::absolute(path.empty() ? "." : path, error), error).string();
  if (canonical.size() > 1 && canonical.ends_with('/')) canonical.pop_back();
  return canonical;
}

}  // namespace

std::string_view NameOf(ObjectProblem problem) {
  switch (problem) {
    case ObjectProblem::kOpen:
      return "open";
    case ObjectProblem::kNotImported:
      return "not_imported";
    case ObjectProblem::kConfigChanged:
      return "config_changed";
    case ObjectProblem::kOtherMapping:
      return "other_mapping";
    case ObjectProblem::kChanged:
      return "changed";
    case ObjectProblem::kGone:
      return "gone";
    case ObjectProblem::kUnreadable:
      return "unreadable";
    case ObjectProblem::kNotComparable:
      return "not_comparable";
  }
  return "unreadable";
}

absl::StatusOr<ConfirmedObjects> FindConfirmedObjects(const ImportRequest& request,
                                                      const std::string& destination,
                                                      Ledger& ledger, absl::Time now,
                                                      std::stop_token stop, Warnings& warnings) {
  return Finder(request, destination, ledger, now, std::move(stop), warnings).Find();
}

bool InputNames(const std::string& input, const std::string& uri) {
  std::string path = input;
  if (path.starts_with("file://")) {
    path = UrlDecode(path.substr(path.find('/', sizeof("file://") - 1)), /*plus_is_space=*/false);
  } else if (path.find("://") != std::string::npos) {
    return uri == path || GlobMatches(path, uri) ||
           uri.starts_with(path.ends_with('/') ? path : path + '/');
  }
  const size_t wildcard = path.find_first_of("*?[");
  if (wildcard != std::string::npos) {
    const size_t rest = path.rfind('/', wildcard) + 1;  // 0 if there is no slash
    const std::string folder = Canonical(path.substr(0, rest));
    if (GlobMatches(StrCat(folder == "/" ? "" : folder, "/", path.substr(rest)), uri)) return true;
  }
  const fs::path named(path);
  if (named.has_filename() &&
      uri == (fs::path(Canonical(named.parent_path())) / named.filename()).string()) {
    return true;
  }
  const std::string folder = Canonical(named);
  return uri.starts_with(folder == "/" ? folder : folder + '/');
}

}  // namespace millrace
