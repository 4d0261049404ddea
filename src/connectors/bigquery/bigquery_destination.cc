#include "connectors/bigquery/bigquery_destination.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "auth/google_credentials.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/bigquery/bigquery_staging.h"
#include "connectors/bigquery/connection.h"
#include "connectors/bigquery/default_stream_sink.h"
#include "connectors/bigquery/insert_all_sink.h"
#include "connectors/bigquery/load_target.h"
#include "connectors/bigquery/prepared_table.h"
#include "connectors/bigquery/profile_upserts.h"
#include "connectors/bigquery/rest_client.h"
#include "connectors/bigquery/services.h"
#include "connectors/bigquery/stream_quota.h"
#include "connectors/bigquery/table_spec.h"
#include "connectors/bigquery/target_table.h"
#include "connectors/bigquery/write_streams.h"
#include "data_files/file_staging.h"

namespace millrace {
namespace {

using bigquery::Connection;
using bigquery::LoadTarget;
using bigquery::Method;
using bigquery::PreparedTable;
using bigquery::RestClient;
using bigquery::Services;
using bigquery::TableSpec;
using bigquery::TargetTable;
using bigquery::WriteStreams;

constexpr char kPage[] = "see docs/connectors/bigquery.md";
// How long a source may have nothing before what it gave is committed. Streams are bounded by
// kStreamQuota.
constexpr absl::Duration kLinger = absl::Seconds(1);
// JobPace makes commits by load jobs wait if there are too many.
constexpr absl::Duration kLoadLinger = absl::Seconds(1);

// List prices of US regions, before free amounts (docs/verbs/plan.md).
std::vector<BilledUnit> UnitsOf(const TableSpec& spec) {
  constexpr double kGib = 1 << 30;
  switch (spec.method) {
    case Method::kStorageWrite:
    case Method::kDefaultStream:
      return {{.name = "bigquery_write",
               .unit = "GiB written by the Storage Write API",
               .size = kGib,
               .price = 0.025,
               .assumes = "a row has as many bytes as its JSON"}};
    case Method::kInsertAll:
      return {{.name = "bigquery_insert",
               .unit = "GiB inserted by insertAll",
               .size = kGib,
               .min_record_bytes = 1024,
               .price = 0.05,
               .assumes = "a row has as many bytes as its JSON, and 1 KiB at least"}};
    case Method::kLoad:
      return {{.name = "bigquery_load",
               .unit = "GiB loaded by load jobs",
               .size = kGib,
               .assumes = "load jobs are free; a commit of all its files is one job"},
              {.name = "bucket_writes",
               .unit = "thousand files written to the bucket",
               .by = BilledBy::kGzipBytes,
               .size = 1000.0 * static_cast<double>(spec.bucket->file_bytes),
               .price = 0.005,
               .assumes = "files are full"}};
  }
  return {};
}

// Where the records of one type go.
struct Target {
  Target(TableForm table_form, const TableSpec& spec, const std::string& table, RestClient& rest,
         Connection& connection, Traffic& traffic, CallPace& creations, Clock& clock)
      : form(std::move(table_form)),
        target(rest, spec, table, form),
        streams(connection, traffic, creations, bigquery::ResourceName(spec, table)),
        prepared([this](std::stop_token stop) { return target.Prepare(std::move(stop)); }, clock) {}

  const TableForm form;
  TargetTable target;
  const WriteStreams streams;
  PreparedTable prepared;             // of direct methods and upserts
  std::unique_ptr<LoadTarget> loads;  // of kLoad
  std::unique_ptr<Staging> staging;   // of kStorageWrite, once it is used
};

class BigqueryDestination final : public Destination {
 public:
  BigqueryDestination(TableSpec spec, Services services, Clock& clock)
      : spec_(std::move(spec)),
        emulator_(std::move(services.emulator)),
        clock_(clock),
        label_(spec_.Label()),
        rest_url_(std::move(services.rest_url)),
        credentials_(std::move(services.credentials)),
        rest_(rest_url_, credentials_, NewCurlHttpClient()),
        connection_(std::move(services.storage)),
        creations_(bigquery::kStreamQuota, clock) {}

  absl::Status Open(const Environment& environment) {
    for (const auto& [type, table] : spec_.tables) {
      ASSIGN_OR_RETURN(TableForm form, TableForm::Make(type, spec_.extra_columns));
      auto target = std::make_unique<Target>(std::move(form), spec_, table, rest_, connection_,
                                             traffic_, creations_, clock_);
      if (spec_.method == Method::kLoad && !spec_.upserts(type)) {
        ASSIGN_OR_RETURN(target->loads, LoadTarget::Open({.spec = spec_,
                                                          .table = table,
                                                          .form = target->form,
                                                          .rest = rest_,
                                                          .target = target->target,
                                                          .traffic = traffic_,
                                                          .clock = clock_},
                                                         LedgerName(type), environment));
      }
      targets_[type] = std::move(target);
    }
    return absl::OkStatus();
  }

  const std::string& label() const override { return label_; }
  std::string LedgerName(RecordType type) const override {
    return spec_.LedgerName(type, emulator_);
  }

  // A stream takes a few megabytes a second, and each commit creates one for each writer.
  void AdaptOptions(RunOptions& options) const override {
    if (spec_.method == Method::kLoad) {
      data_files::AdaptOptions(spec_.age, options);
      options.commit.linger = kLoadLinger;
      return;
    }
    options.max_writes = std::min(options.max_writes, 8);
    options.initial_writes = std::min(options.initial_writes, options.max_writes);
    options.commit.bytes = size_t{1} << 30;
    options.commit.age = spec_.age;
    options.commit.linger = std::min(spec_.age, kLinger);
  }

  SendLimits limits() const override { return {.batch_bytes = bigquery::kMaxRequestBytes}; }
  std::vector<BilledUnit> billed_units() const override { return UnitsOf(spec_); }

  absl::Status CheckConfig(RecordType type) const override {
    if (targets_.contains(type)) return absl::OkStatus();
    return absl::InvalidArgumentError(StrCat("the destination ", label(), " names no table for ",
                                             PluralOf(type), ": add ", PluralOf(type), "=TABLE"));
  }

  Staging* staging(RecordType type) override {
    const auto found = targets_.find(type);
    if (found == targets_.end()) return nullptr;
    Target& target = *found->second;
    if (spec_.upserts(type)) return nullptr;
    if (target.loads != nullptr) return &target.loads->staging();
    if (spec_.method != Method::kStorageWrite) return nullptr;
    if (target.staging == nullptr) {
      target.staging = bigquery::NewBigqueryStaging(
          {.form = target.form,
           .connection = connection_,
           .streams = target.streams,
           .traffic = traffic_,
           .clock = clock_,
           .prepare = [&target](std::stop_token stop) { return target.target.Prepare(stop); },
           .forgotten = spec_.forgotten,
           .table_time =
               [&target](std::stop_token stop) { return target.target.CreationTime(stop); }});
    }
    return target.staging.get();
  }

  std::unique_ptr<Sink> NewSink(RecordType type) override {
    const auto found = targets_.find(type);
    if (found == targets_.end()) return nullptr;
    Target& target = *found->second;
    if (spec_.upserts(type)) return bigquery::NewNoAppendSink();
    if (spec_.method == Method::kDefaultStream) {
      return bigquery::NewDefaultStreamSink({.form = target.form,
                                             .connection = connection_,
                                             .streams = target.streams,
                                             .table = target.prepared,
                                             .traffic = traffic_,
                                             .clock = clock_});
    }
    if (spec_.method != Method::kInsertAll) return nullptr;
    return bigquery::NewInsertAllSink(
        {.rest = std::make_unique<RestClient>(rest_url_, credentials_, NewCurlHttpClient()),
         .path = target.target.path(),
         .form = target.form,
         .table = target.prepared,
         .traffic = traffic_,
         .clock = clock_});
  }

  absl::StatusOr<std::unique_ptr<Replacement>> NewReplacement(RecordType type,
                                                              const Scope& scope) override {
    const auto found = targets_.find(type);
    if (found == targets_.end() || !spec_.upserts(type) || !scope.is_everything()) {
      return Destination::NewReplacement(type, scope);
    }
    Target& target = *found->second;
    return bigquery::NewProfileUpserts({.spec = spec_,
                                        .form = target.form,
                                        .rest = rest_,
                                        .target = target.target,
                                        .table = target.prepared,
                                        .connection = connection_,
                                        .streams = target.streams,
                                        .traffic = traffic_,
                                        .clock = clock_});
  }

  std::vector<AccessCheck> Check(std::stop_token stop) override;
  absl::Status Create(std::stop_token stop) override {
    for (const auto& [type, target] : targets_) {
      RETURN_IF_ERROR(target->target.Prepare(stop).status());
      if (spec_.views) RETURN_IF_ERROR(target->target.CreateView(stop));
    }
    return absl::OkStatus();
  }
  absl::Status Drop(std::stop_token stop) override {
    for (const auto& [type, target] : targets_) RETURN_IF_ERROR(target->target.Drop(stop));
    return absl::OkStatus();
  }
  std::vector<std::string> DropNames() const override {
    std::vector<std::string> names;
    for (const auto& [type, target] : targets_) {
      names.push_back(StrCat("the table ", target->target.name()));
      if (const std::string view = target->target.view(); !view.empty()) {
        names.push_back(StrCat("the view ", view));
      }
    }
    return names;
  }

 private:
  const TableSpec spec_;
  const std::string emulator_;
  Clock& clock_;
  const std::string label_;
  const std::string rest_url_;
  const GoogleCredentials credentials_;
  RestClient rest_;
  Connection connection_;
  CallPace creations_;
  std::map<RecordType, std::unique_ptr<Target>> targets_;
};

std::vector<AccessCheck> BigqueryDestination::Check(std::stop_token stop) {
  std::vector<AccessCheck> checks;
  for (const auto& [type, target] : targets_) {
    if (target->loads != nullptr) target->loads->Check(stop, checks);
    const std::string& name = target->target.name();
    const absl::Status found = target->target.Look(stop);
    checks.push_back({StrCat("the table ", name), found, ""});
    if (absl::IsNotFound(found)) {
      checks.back().remedy = StrCat("millrace destinations create '", label(), "'");
      continue;
    }
    if (!found.ok()) {
      checks.back().remedy = kPage;
      continue;
    }
    const absl::Status may_write = target->target.CheckMayWrite(stop);
    if (absl::IsUnimplemented(may_write)) continue;
    checks.push_back({StrCat("writing rows to ", name), may_write, ""});
    if (may_write.ok()) continue;
    checks.back().remedy =
        StrCat("bq add-iam-policy-binding --member=serviceAccount:ACCOUNT ",
               "--role=roles/bigquery.dataEditor ", spec_.project, ":", spec_.dataset);
  }
  return checks;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Destination>> OpenBigqueryDestination(std::string_view uri,
                                                                     const Environment& environment,
                                                                     Clock& clock) {
  ASSIGN_OR_RETURN(TableSpec spec, TableSpec::Parse(uri));
  ASSIGN_OR_RETURN(Services services, bigquery::FindServices(environment));
  auto destination =
      std::make_unique<BigqueryDestination>(std::move(spec), std::move(services), clock);
  RETURN_IF_ERROR(destination->Open(environment));
  return destination;
}

}  // namespace millrace
