#include "plan/plan.h"

#include <algorithm>
#include <filesystem>
#include <random>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/time/clock.h"
#include "base/status.h"
#include "objects/hidden_names.h"
#include "objects/ledger_view.h"
#include "objects/object_lister.h"
#include "objects/object_source.h"
#include "objects/unmatched.h"
#include "plan/entry_sampler.h"
#include "plan/plan_estimate.h"
#include "plan/plan_problems.h"

namespace millrace {
namespace {

constexpr size_t kMaxUnmatched = 20;

// One object that an import would read, and its place in the listing.
struct Candidate {
  uint64_t place = 0;
  ListedObject object;
  Position from;
  ObjectPlan plan;
};

// The objects of one config entry: counts them as they are listed, and reads an even sample.
class EntryPlanner {
 public:
  EntryPlanner(const PlanRequest& request, std::shared_ptr<const SourceConfig> config,
               std::unique_ptr<EntrySampler> sampler)
      : request_(request),
        config_(std::move(config)),
        destination_(request.destination->LedgerName(config_->record_type)),
        sampler_(std::move(sampler)) {
    plan_.config_id = config_->config_id;
    plan_.record_type = config_->record_type;
  }

  void Add(ListedObject object, const LedgerView& ledger, std::stop_token stop,
           PlanProgress& progress) {
    Candidate candidate = Look(std::move(object), ledger);
    if (candidate.plan.state == ObjectPlan::State::kDone ||
        candidate.plan.state == ObjectPlan::State::kConfigChanged) {
      List(std::move(candidate));
    } else if (request_.sample_objects == 0) {
      Sample(candidate, stop, progress);
      List(std::move(candidate));
    } else {
      Choose(std::move(candidate));
    }
  }

  EntryPlan Finish(std::stop_token stop, PlanProgress& progress) {
    std::sort(chosen_.begin(), chosen_.end(), ByPlace);
    for (Candidate& candidate : chosen_) {
      if (!stop.stop_requested()) Sample(candidate, stop, progress);
    }
    std::vector<Candidate> all = std::move(chosen_);
    std::move(listed_.begin(), listed_.end(), std::back_inserter(all));
    std::sort(all.begin(), all.end(), ByPlace);
    for (Candidate& candidate : all) plan_.listed.push_back(std::move(candidate.plan));

    sampler_->Describe(plan_);
    plan_.to_do = sampled_to_do_;
    plan_.to_do += UnsampledToDo();
    plan_.exact = all_exact_ && plan_.objects_sampled == plan_.objects_to_do();
    plan_.seconds_at_quota =
        SecondsAtQuota(plan_.to_do, request_.destination->limits().events_per_second,
                       request_.destination->limits().bytes_per_second);
    plan_.peak_memory_bytes = PeakMemory(request_.import.run, plan_.largest_chunk_bytes);
    return std::move(plan_);
  }

 private:
  static bool ByPlace(const Candidate& a, const Candidate& b) { return a.place < b.place; }

  Candidate Look(ListedObject object, const LedgerView& ledger) {
    Candidate candidate{.place = plan_.objects++};
    candidate.plan.uri = object.info.uri;
    candidate.plan.bytes = object.info.size;
    plan_.bytes += object.info.size;
    LedgerStanding standing;
    if (!request_.import.force) standing = ledger.Find(KeyOf(object.info, *config_, destination_));
    candidate.object = std::move(object);
    switch (standing.state) {
      case LedgerStanding::State::kDone:
        candidate.plan.state = ObjectPlan::State::kDone;
        candidate.plan.rows_done = standing.position.row;
        ++plan_.objects_done;
        return candidate;
      case LedgerStanding::State::kPartlyDone:
        candidate.plan.state = ObjectPlan::State::kPartlyDone;
        candidate.plan.rows_done = standing.position.row;
        candidate.from = {standing.position.row, standing.position.byte};
        ++plan_.objects_partly_done;
        plan_.objects_held += standing.held;
        break;
      case LedgerStanding::State::kNew:
        if (standing.config_changed) {
          candidate.plan.state = ObjectPlan::State::kConfigChanged;
          ++plan_.objects_config_changed;
          return candidate;
        }
        plan_.objects_held += standing.held;
        plan_.objects_changed += standing.object_changed;
        break;
    }
    plan_.bytes_to_do += candidate.plan.bytes;
    rows_done_ += candidate.plan.rows_done;
    return candidate;
  }

  // Keeps `candidate` with equal probability for every object (reservoir sampling).
  void Choose(Candidate candidate) {
    const uint64_t number = choices_++;
    if (chosen_.size() < request_.sample_objects) {
      chosen_.push_back(std::move(candidate));
      return;
    }
    const uint64_t place = std::uniform_int_distribution<uint64_t>(0, number)(random_);
    if (place < chosen_.size()) std::swap(candidate, chosen_[place]);
    List(std::move(candidate));
  }

  void List(Candidate candidate) {
    if (listed_.size() >= EntryPlan::kMaxListed) return;
    candidate.object.store.reset();
    listed_.push_back(std::move(candidate));
  }

  void Sample(Candidate& candidate, std::stop_token stop, PlanProgress& progress) {
    ObjectPlan& object = candidate.plan;
    sampler_->Sample(candidate.object, candidate.from, std::move(stop), progress.rows, object);
    ++progress.objects;
    ++plan_.objects_sampled;
    plan_.objects_failed += !object.error.empty();
    all_exact_ = all_exact_ && object.exact;
    sampled_to_do_ += object.to_do;
    sampled_bytes_ += object.bytes;
    sampled_rows_done_ += object.rows_done;
    if (!object.format.empty() && std::find(plan_.formats.begin(), plan_.formats.end(),
                                            object.format) == plan_.formats.end()) {
      plan_.formats.push_back(object.format);
    }
  }

  // Estimates the objects that were not sampled, by their bytes.
  Amounts UnsampledToDo() const {
    if (sampled_bytes_ == 0 || plan_.bytes_to_do <= sampled_bytes_) return {};
    const double sampled_rows = sampled_to_do_.rows + static_cast<double>(sampled_rows_done_);
    const double per_byte = sampled_rows / static_cast<double>(sampled_bytes_);
    const double rows = per_byte * static_cast<double>(plan_.bytes_to_do - sampled_bytes_) -
                        static_cast<double>(rows_done_ - sampled_rows_done_);
    if (rows <= 0 || sampled_to_do_.rows <= 0) return {};
    return sampled_to_do_.ScaledBy(rows / sampled_to_do_.rows);
  }

  const PlanRequest& request_;
  const std::shared_ptr<const SourceConfig> config_;
  const std::string destination_;
  const std::unique_ptr<EntrySampler> sampler_;
  EntryPlan plan_;

  std::mt19937_64 random_{1};  // the same objects each time
  uint64_t choices_ = 0;
  std::vector<Candidate> chosen_;
  std::vector<Candidate> listed_;  // not sampled, or already sampled

  uint64_t rows_done_ = 0;  // of objects to do
  Amounts sampled_to_do_;
  uint64_t sampled_bytes_ = 0;
  uint64_t sampled_rows_done_ = 0;
  bool all_exact_ = true;
};

// As the ledger names them.
absl::flat_hash_set<std::string> DestinationsOf(const PlanRequest& request) {
  absl::flat_hash_set<std::string> destinations;
  for (const auto& entry : request.import.sources.entries()) {
    destinations.insert(request.destination->LedgerName(entry->record_type));
  }
  return destinations;
}

absl::StatusOr<LedgerView> LoadLedger(const PlanRequest& request, LedgerReader& ledger,
                                      absl::Time now, std::stop_token stop) {
  return LedgerView::Load(ledger, DestinationsOf(request), now, std::move(stop));
}

void AddUp(ImportPlan& plan) {
  plan.exact = true;
  for (const EntryPlan& entry : plan.entries) {
    plan.to_do += entry.to_do;
    plan.exact = plan.exact && entry.exact;
    plan.seconds_at_quota += entry.seconds_at_quota;
    plan.peak_memory_bytes = std::max(plan.peak_memory_bytes, entry.peak_memory_bytes);
  }
}

double MinRecordBytes(const Destination& destination) {
  double bytes = 0;
  for (const BilledUnit& unit : destination.billed_units()) {
    bytes = std::max(bytes, unit.min_record_bytes);
  }
  return bytes;
}

}  // namespace

Amounts& Amounts::operator+=(const Amounts& other) {
  rows += other.rows;
  events += other.events;
  rejected += other.rejected;
  requests += other.requests;
  bytes += other.bytes;
  padded_bytes += other.padded_bytes;
  gzip_bytes += other.gzip_bytes;
  return *this;
}

Amounts Amounts::ScaledBy(double factor) const {
  return {rows * factor,  events * factor,       rejected * factor,  requests * factor,
          bytes * factor, padded_bytes * factor, gzip_bytes * factor};
}

bool ImportPlan::success() const {
  if (warnings_are_errors && !warnings.empty()) return false;
  return std::all_of(entries.begin(), entries.end(), [](const EntryPlan& entry) {
    return entry.rejected == 0 && entry.objects_failed == 0;
  });
}

absl::StatusOr<ImportPlan> PlanImport(const PlanRequest& request, LedgerReader& ledger,
                                      std::stop_token stop, PlanProgress& progress) {
  const absl::Time now = absl::Now();
  const absl::StatusOr<LedgerView> view = LoadLedger(request, ledger, now, stop);
  if (absl::IsCancelled(view.status())) return ImportPlan{.stopped = true};
  RETURN_IF_ERROR(view.status());
  Warnings warnings;
  if (request.import.strict) warnings.MakeErrors();
  const SampleOptions options{.max_rows = request.sample_rows,
                              .previews = request.previews,
                              .limits = request.destination->limits(),
                              .min_record_bytes = MinRecordBytes(*request.destination),
                              .now = now,
                              .rules = request.destination->rules(),
                              .warnings = &warnings};
  SeenRecords seen;
  const SourcesConfig& sources = request.import.sources;
  std::vector<std::unique_ptr<EntryPlanner>> planners;
  absl::flat_hash_map<const SourceConfig*, EntryPlanner*> planner_of;
  for (const auto& config : sources.entries()) {
    ASSIGN_OR_RETURN(std::unique_ptr<EntrySampler> sampler,
                     EntrySampler::Make(config, options, seen));
    planners.push_back(std::make_unique<EntryPlanner>(request, config, std::move(sampler)));
    planner_of[config.get()] = planners.back().get();
  }

  std::error_code none;
  const std::string config_file =
      request.import.config_path.empty()
          ? ""
          : std::filesystem::canonical(request.import.config_path, none).string();
  std::atomic<uint64_t> hidden = 0;
  ListingRules rules{
      .as_files = request.import.as_files,
      .tables = request.import.tables,
      .on_hidden = [&](std::string_view uri) { NoteHiddenName(uri, hidden, warnings); }};
  if (!request.import.force) {
    rules.tables.imported = [&](std::string_view table) {
      const auto key_now = [&](std::string_view object) -> std::optional<LedgerKey> {
        const auto config = sources.Match(object);
        if (config == nullptr) return std::nullopt;
        return KeyOf({.uri = std::string(object)}, *config,
                     request.destination->LedgerName(config->record_type));
      };
      return ImportedFiles::Load(ledger, key_now, table, stop);
    };
  }
  rules.tables.warnings = &warnings;
  ASSIGN_OR_RETURN(const std::unique_ptr<ObjectLister> lister,
                   ObjectLister::Start(
                       request.import.inputs,
                       [&](const ObjectInfo& object) { return object.uri != config_file; },
                       request.import.stores, std::move(rules)));
  ImportPlan plan;
  uint64_t listed = 0;
  while (!stop.stop_requested()) {
    ASSIGN_OR_RETURN(std::optional<ListedObject> object, lister->Next(std::stop_token()));
    if (!object) break;
    ++listed;
    if (const auto config = sources.Match(object->info.uri)) {
      planner_of[config.get()]->Add(*std::move(object), *view, stop, progress);
    } else if (plan.objects_unmatched++ < kMaxUnmatched) {
      plan.unmatched.push_back(object->info.uri);
    }
  }
  if (plan.objects_unmatched > 0 && plan.objects_unmatched == listed) {
    return NoObjectFits(sources, listed, plan.unmatched);
  }
  for (const auto& planner : planners) plan.entries.push_back(planner->Finish(stop, progress));
  plan.stopped = stop.stop_requested();
  AddUp(plan);
  plan.objects_hidden = hidden;
  plan.warnings = warnings.all();
  plan.warnings_are_errors = warnings.are_errors();
  plan.problems = FindProblems(plan, sources);
  return plan;
}

}  // namespace millrace
