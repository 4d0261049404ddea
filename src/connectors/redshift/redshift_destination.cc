#include "connectors/redshift/redshift_destination.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "auth/aws_credentials.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/redshift/access_checks.h"
#include "connectors/redshift/copy_target.h"
#include "connectors/redshift/data_api.h"
#include "connectors/redshift/libpq_session.h"
#include "connectors/redshift/redshift_spec.h"
#include "connectors/redshift/script_runner.h"
#include "connectors/redshift/table_view.h"
#include "connectors/redshift/target_table.h"
#include "data_files/file_staging.h"
#include "data_files/uri_options.h"
#include "loads/load_bucket.h"
#include "net/http_client.h"
#include "postgres_client/sql_text.h"
#include "sql_delivery/sql_cursor.h"
#include "sql_delivery/sql_sink.h"

namespace millrace {
namespace {

using redshift::CopyTarget;
using redshift::DataApiService;
using redshift::RedshiftSpec;
using redshift::SqlSession;
using redshift::TargetTable;

// Where COPY reads from.
constexpr std::string_view kStores[] = {"s3"};
// While a source has nothing, commits follow each other at this distance at least.
constexpr absl::Duration kCopyLinger = absl::Seconds(30);

// How a session is made.
class Sessions {
 public:
  Sessions(const RedshiftSpec& spec, std::optional<DataApiService> service, Clock& clock)
      : spec_(spec), service_(std::move(service)), clock_(clock) {}

  std::unique_ptr<SqlSession> New() const {
    if (!service_) return redshift::NewLibpqSession(spec_);
    return redshift::NewDataApiSession(spec_, *service_, NewCurlHttpClient(), clock_);
  }

 private:
  const RedshiftSpec& spec_;
  const std::optional<DataApiService> service_;
  Clock& clock_;
};

// Where the records of one type go.
struct Target {
  Target(const RedshiftSpec& spec, RecordType type, TableForm form, const Sessions& sessions)
      : table(spec, type, std::move(form)), cursor(table.dialect(), [this, &sessions] {
          return redshift::NewScriptRunner(table, sessions.New());
        }) {}

  TargetTable table;
  sql_delivery::SqlCursor cursor;
  std::unique_ptr<CopyTarget> copy;  // of method=copy
};

class RedshiftDestination final : public Destination {
 public:
  RedshiftDestination(RedshiftSpec spec, std::optional<loads::LoadBucket> bucket,
                      absl::Duration age, std::optional<DataApiService> service, Clock& clock)
      : spec_(std::move(spec)),
        bucket_(std::move(bucket)),
        age_(age),
        sessions_(spec_, std::move(service), clock),
        clock_(clock),
        label_(spec_.Label()) {}

  absl::Status Open(const Environment& environment) {
    for (const auto& [type, table] : spec_.tables) {
      ASSIGN_OR_RETURN(TableForm form, TableForm::Make(type, spec_.extra_columns));
      auto target = std::make_unique<Target>(spec_, type, std::move(form), sessions_);
      if (bucket_) {
        ASSIGN_OR_RETURN(target->copy,
                         CopyTarget::Open({.spec = spec_,
                                           .bucket = *bucket_,
                                           .table = target->table,
                                           .new_session = [this] { return sessions_.New(); },
                                           .traffic = traffic_,
                                           .clock = clock_},
                                          environment));
      }
      targets_[type] = std::move(target);
    }
    return absl::OkStatus();
  }

  const std::string& label() const override { return label_; }
  std::string LedgerName(RecordType type) const override { return spec_.LedgerName(type); }

  // Writes of one table wait for each other, so a second one only hides the way to the server. Few
  // large writes cost less than many small ones.
  void AdaptOptions(RunOptions& options) const override {
    if (bucket_) {
      data_files::AdaptOptions(age_, options);
      options.commit.linger = std::min(age_, kCopyLinger);
      return;
    }
    options.max_writes = std::min(options.max_writes, 2);
    options.initial_writes = options.max_writes;
    // One transaction: 34 INSERTs take about 3 MB of SQL, which is more than the JSON.
    options.write_batch_bytes = std::min(options.write_batch_bytes, size_t{2'200'000});
    options.join_rows = 10'000;
    options.join_bytes = 2'000'000;
    options.max_delay = std::max(options.max_delay, absl::Seconds(2));
    options.linger = std::max(options.linger, absl::Seconds(1));
  }

  // The price of a US region (docs/verbs/plan.md).
  std::vector<BilledUnit> billed_units() const override {
    if (spec_.workgroup.empty() || spec_.method != redshift::Method::kInsert) return {};
    constexpr double kRpus = 8, kRowsPerSecond = 4000;
    return {{.name = "redshift_rpu_hour",
             .unit = "RPU-hours of Redshift Serverless",
             .by = BilledBy::kRecords,
             .size = kRowsPerSecond * 3600 / kRpus,
             .price = 0.375,
             .assumes = "a workgroup of 8 RPUs, 4,000 rows a second, and nothing else uses it"}};
  }

  SendLimits limits() const override { return {.batch_events = 10'000, .batch_bytes = 2'200'000}; }

  absl::Status CheckConfig(RecordType type) const override {
    if (spec_.uses_data_api() && spec_.region.empty()) {
      return absl::InvalidArgumentError(StrCat(
          "the destination ", label_, " needs a region: add region=REGION, or set AWS_REGION"));
    }
    if (targets_.contains(type)) return absl::OkStatus();
    return absl::InvalidArgumentError(StrCat("the destination ", label_, " names no table for ",
                                             PluralOf(type), ": add ", PluralOf(type), "=TABLE"));
  }

  std::unique_ptr<Sink> NewSink(RecordType type) override {
    const auto target = targets_.find(type);
    if (target == targets_.end() || bucket_) return nullptr;
    TargetTable& table = target->second->table;
    return sql_delivery::NewSqlSink({.dialect = table.dialect(),
                                     .form = table.form(),
                                     .runner = redshift::NewScriptRunner(table, sessions_.New()),
                                     .traffic = traffic_,
                                     .clock = clock_});
  }

  DeliveryCursor* cursor(RecordType type) override {
    const auto target = targets_.find(type);
    return target == targets_.end() || bucket_ ? nullptr : &target->second->cursor;
  }

  Staging* staging(RecordType type) override {
    const auto target = targets_.find(type);
    return target == targets_.end() || !bucket_ ? nullptr : &target->second->copy->staging();
  }

  std::vector<AccessCheck> Check(std::stop_token stop) override {
    const std::unique_ptr<SqlSession> session = sessions_.New();
    std::vector<AccessCheck> checks = redshift::CheckWarehouse(spec_, *session, stop);
    if (!checks.front().status.ok()) return checks;
    for (const auto& [type, target] : targets_) {
      if (target->copy != nullptr) target->copy->Check(stop, checks);
      for (AccessCheck& check : redshift::CheckTable(target->table, *session, stop)) {
        const bool is_known =  // tables share the schema
            std::any_of(checks.begin(), checks.end(),
                        [&](const AccessCheck& other) { return other.what == check.what; });
        if (!is_known) checks.push_back(std::move(check));
      }
    }
    return checks;
  }

  absl::Status Create(std::stop_token stop) override {
    const std::unique_ptr<SqlSession> session = sessions_.New();
    RETURN_IF_ERROR(CreateDatabase(*session, stop));
    for (const auto& [type, target] : targets_) {
      RETURN_IF_ERROR(target->table.MakeReady(*session, {}, stop));
      if (spec_.views) RETURN_IF_ERROR(redshift::CreateView(target->table, *session, stop));
    }
    return absl::OkStatus();
  }

  absl::Status Drop(std::stop_token stop) override {
    const std::unique_ptr<SqlSession> session = sessions_.New();
    for (const auto& [type, target] : targets_) {
      ASSIGN_OR_RETURN(const std::string drop_view,
                       redshift::DropViewSql(target->table, *session, stop));
      if (!drop_view.empty()) {
        RETURN_IF_ERROR(session->Execute({drop_view}, std::nullopt, stop).status());
      }
      RETURN_IF_ERROR(target->table.Drop(*session, stop));
      target->table.NotReady();
    }
    return absl::OkStatus();
  }

  std::vector<std::string> DropNames() const override {
    std::vector<std::string> names;
    for (const auto& [type, target] : targets_) {
      const std::string view = redshift::ViewOf(target->table);
      if (spec_.views && !view.empty()) names.push_back(StrCat(spec_.database, ": view ", view));
      const redshift::RedshiftDialect& dialect = target->table.dialect();
      for (const std::string& table :
           {dialect.table(), dialect.writers(), dialect.delivered(), dialect.commits()}) {
        names.push_back(StrCat(spec_.database, ": table ", table));
      }
    }
    return names;
  }

 private:
  // CREATE DATABASE cannot be part of a transaction, and says so if there is one already.
  absl::Status CreateDatabase(SqlSession& session, const std::stop_token& stop) {
    if (spec_.create_from.empty()) return absl::OkStatus();
    const absl::Status created = session.ExecuteAlone(
        StrCat("CREATE DATABASE ", postgres::QuoteName(spec_.database)), spec_.create_from, stop);
    const bool exists = ToStd(created.message()).find("already exists") != std::string_view::npos;
    return exists ? absl::OkStatus() : created;
  }

  const RedshiftSpec spec_;
  const std::optional<loads::LoadBucket> bucket_;  // of method=copy
  const absl::Duration age_;                       // after which a commit of it is made
  const Sessions sessions_;
  Clock& clock_;
  const std::string label_;
  std::map<RecordType, std::unique_ptr<Target>> targets_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Destination>> OpenRedshiftDestination(std::string_view uri,
                                                                     const Environment& environment,
                                                                     Clock& clock) {
  ASSIGN_OR_RETURN(UriQuery query, UriQuery::Parse(uri));
  ASSIGN_OR_RETURN(std::optional<loads::LoadBucket> bucket, loads::TakeLoadBucket(query, kStores));
  absl::Duration age = absl::ZeroDuration();
  if (bucket) {
    ASSIGN_OR_RETURN(age, data_files::TakeAge(query));
  }
  ASSIGN_OR_RETURN(RedshiftSpec spec, RedshiftSpec::Parse(std::move(query), bucket.has_value()));
  std::optional<DataApiService> service;
  if (spec.uses_data_api()) {
    ASSIGN_OR_RETURN(AwsCredentials credentials,
                     FindAwsCredentials({.environment = environment, .clock = clock}));
    if (spec.region.empty()) spec.region = credentials.region;
    if (!spec.region.empty() && !redshift::IsRegion(spec.region)) {
      return absl::InvalidArgumentError(
          "the Redshift destination: the region of the AWS settings (AWS_REGION, "
          "AWS_DEFAULT_REGION or the profile) is none: set one such as eu-west-1");
    }
    service = {.url = redshift::DataApiUrl(spec.region, environment),
               .region = spec.region,
               .keys = std::move(credentials.keys),
               .pace = std::make_shared<redshift::DataApiPace>(clock)};
  }
  auto destination = std::make_unique<RedshiftDestination>(std::move(spec), std::move(bucket), age,
                                                           std::move(service), clock);
  RETURN_IF_ERROR(destination->Open(environment));
  return destination;
}

}  // namespace millrace
