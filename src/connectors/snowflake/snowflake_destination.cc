#include "connectors/snowflake/snowflake_destination.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/snowflake/access_checks.h"
#include "connectors/snowflake/account_client.h"
#include "connectors/snowflake/copy_target.h"
#include "connectors/snowflake/ingest_session.h"
#include "connectors/snowflake/own_client.h"
#include "connectors/snowflake/script_runner.h"
#include "connectors/snowflake/sign_in.h"
#include "connectors/snowflake/snowflake_spec.h"
#include "connectors/snowflake/sql_client.h"
#include "connectors/snowflake/sql_rows.h"
#include "connectors/snowflake/sql_text.h"
#include "connectors/snowflake/streaming_delivery.h"
#include "connectors/snowflake/target_table.h"
#include "data_files/file_staging.h"
#include "net/http_client.h"
#include "sql_delivery/sql_cursor.h"
#include "sql_delivery/sql_sink.h"

namespace millrace {
namespace {

using snowflake::AccountClient;
using snowflake::CopyTarget;
using snowflake::CursorTables;
using snowflake::Method;
using snowflake::OwnClient;
using snowflake::SignIn;
using snowflake::SnowflakeDialect;
using snowflake::SnowflakeSpec;
using snowflake::SqlClient;
using snowflake::StreamingDelivery;
using snowflake::TargetTable;

// Of JSON: what becomes a statement that Snowflake takes.
constexpr size_t kSqlBatchBytes = 800 << 10;
// Transactions of a schema wait for each other: more writes than these would only wait.
constexpr int kMaxSqlWrites = 2;

// The schema, and the tables if they are not the usual ones.
std::string LabelOf(const SnowflakeSpec& spec) {
  std::string tables;
  bool is_usual = spec.tables.size() == std::size(kAllRecordTypes);
  for (const auto& [type, name] : spec.tables) {
    is_usual = is_usual && name == snowflake::FoldName(PluralOf(type));
    StrAppend(&tables, tables.empty() ? "/" : ",", name);
  }
  return is_usual ? spec.name() : spec.name() + tables;
}

// Where the records of one type go.
struct Target {
  Target(const SnowflakeSpec& spec, TableForm form)
      : table(spec, std::move(form)), sql(spec, table) {}

  TargetTable table;
  const SnowflakeDialect sql;
  std::unique_ptr<sql_delivery::SqlCursor> cursor;
  std::unique_ptr<CopyTarget> copy;              // of that method
  std::unique_ptr<StreamingDelivery> streaming;  // of these methods
};

class SnowflakeDestination final : public Destination {
 public:
  SnowflakeDestination(SnowflakeSpec spec, absl::StatusOr<SignIn> sign_in, Clock& clock)
      : spec_(std::move(spec)),
        sign_in_(std::move(sign_in)),
        clock_(clock),
        label_(LabelOf(spec_)) {}

  // Credentials of a bucket come from `environment`.
  absl::Status Open(const Environment& environment) {
    if (is_streaming() && sign_in_.ok()) {
      session_ = std::make_unique<snowflake::IngestSession>(spec_, *sign_in_, new_http_, clock_);
    }
    for (const auto& [type, name] : spec_.tables) {
      ASSIGN_OR_RETURN(TableForm form, TableForm::Make(type, spec_.extra_columns));
      auto target = std::make_unique<Target>(spec_, std::move(form));
      target->cursor = std::make_unique<sql_delivery::SqlCursor>(
          target->sql, [this, to = target.get()] { return NewRunner(*to); });
      if (spec_.method == Method::kCopy) {
        ASSIGN_OR_RETURN(target->copy,
                         CopyTarget::Open({.spec = spec_,
                                           .table = target->table,
                                           .new_client = [this] { return NewClient(); },
                                           .traffic = traffic_,
                                           .clock = clock_},
                                          environment));
      }
      if (session_ != nullptr) {
        target->streaming = std::make_unique<StreamingDelivery>(
            spec_, *session_, target->table,
            [this, to = target.get()](std::stop_token stop) { return Prepare(*to, stop); },
            traffic_, clock_);
      }
      targets_[type] = std::move(target);
    }
    return absl::OkStatus();
  }

  const std::string& label() const override { return label_; }
  std::string LedgerName(RecordType type) const override { return spec_.LedgerName(type); }

  void AdaptOptions(RunOptions& options) const override {
    if (spec_.method == Method::kCopy) return data_files::AdaptOptions(spec_.age, options);
    if (is_streaming()) return snowflake::AdaptToStreaming(options);
    options.max_writes = std::min(options.max_writes, kMaxSqlWrites);
    options.initial_writes = std::min(options.initial_writes, options.max_writes);
    options.write_batch_bytes = std::min(options.write_batch_bytes, kSqlBatchBytes);
  }

  SendLimits limits() const override {
    if (is_streaming()) return snowflake::StreamingLimits();
    return {.batch_bytes = kSqlBatchBytes};
  }

  // Prices of the Standard edition in US regions (docs/verbs/plan.md).
  std::vector<BilledUnit> billed_units() const override {
    constexpr double kCredit = 2, kRowsPerSecond = 2000, kGigabytesPerCredit = 1 / 0.0037;
    switch (spec_.method.value_or(snowflake::Method::kSql)) {
      case snowflake::Method::kSql:
        return {{.name = "snowflake_credit",
                 .unit = "credits of an X-Small warehouse",
                 .by = BilledBy::kRecords,
                 .size = kRowsPerSecond * 3600,
                 .price = kCredit,
                 .assumes = "2,000 rows a second, a credit an hour, and nothing else uses it"}};
      case snowflake::Method::kStreaming:
      case snowflake::Method::kElastic:
        return {{.name = "snowflake_credit",
                 .unit = "credits of Snowpipe Streaming",
                 .size = kGigabytesPerCredit * 1e9,
                 .price = kCredit,
                 .assumes = "0.0037 credits a GB, and a row has as many bytes as its JSON"}};
      case snowflake::Method::kCopy:
        return {};
    }
    return {};
  }

  absl::Status CheckConfig(RecordType type) const override {
    if (!targets_.contains(type)) {
      return absl::InvalidArgumentError(StrCat("the destination ", label(), " names no table for ",
                                               PluralOf(type), ": add ", PluralOf(type), "=TABLE"));
    }
    return sign_in_.status();
  }

  Staging* staging(RecordType type) override {
    const auto found = targets_.find(type);
    if (found == targets_.end() || !sign_in_.ok() || found->second->copy == nullptr) return nullptr;
    return &found->second->copy->staging();
  }

  std::unique_ptr<Sink> NewSink(RecordType type) override {
    const auto found = targets_.find(type);
    if (found == targets_.end() || !sign_in_.ok()) return nullptr;
    Target& target = *found->second;
    if (target.copy != nullptr) return nullptr;
    if (target.streaming != nullptr) {
      return spec_.method == Method::kElastic ? target.streaming->NewElasticSink()
                                              : target.streaming->NewNamedSink();
    }
    return sql_delivery::NewSqlSink({.dialect = target.sql,
                                     .form = target.table.form(),
                                     .runner = NewRunner(target),
                                     .traffic = traffic_,
                                     .clock = clock_});
  }

  DeliveryCursor* cursor(RecordType type) override {
    const auto found = targets_.find(type);
    if (found == targets_.end() || !sign_in_.ok() || found->second->copy != nullptr) return nullptr;
    if (spec_.method == Method::kElastic) return nullptr;
    if (spec_.method == Method::kStreaming) return &found->second->streaming->cursor();
    return found->second->cursor.get();
  }

  std::vector<AccessCheck> Check(std::stop_token stop) override {
    if (!sign_in_.ok()) {
      return {{"credentials", sign_in_.status(), "set one of the variables"}};
    }
    OwnClient client(spec_, *sign_in_, NewCurlHttpClient(), clock_);
    std::vector<AccessCheck> checks = snowflake::CheckAccount(spec_, client.sql, stop);
    if (!checks.back().status.ok()) return checks;
    for (const auto& [type, target] : targets_) {
      for (AccessCheck& check : snowflake::CheckTable(spec_, target->table, client.sql, stop)) {
        checks.push_back(std::move(check));
      }
      if (target->copy != nullptr) target->copy->Check(stop, checks);
      if (target->streaming != nullptr && checks.back().status.ok()) {
        checks.push_back(target->streaming->Check(stop));
      }
    }
    return checks;
  }

  absl::Status Create(std::stop_token stop) override {
    RETURN_IF_ERROR(sign_in_.status());
    for (const auto& [type, target] : targets_) {
      if (target->copy != nullptr) {
        RETURN_IF_ERROR(target->copy->loader().Prepare({}, stop));
        continue;
      }
      if (target->streaming != nullptr) {
        RETURN_IF_ERROR(Prepare(*target, stop));
        continue;
      }
      const std::unique_ptr<sql_delivery::ScriptRunner> runner = NewRunner(*target);
      RETURN_IF_ERROR(runner->Prepare(stop));
    }
    if (!spec_.views) return absl::OkStatus();
    OwnClient client(spec_, *sign_in_, NewCurlHttpClient(), clock_);
    for (const auto& [type, target] : targets_) {
      RETURN_IF_ERROR(target->table.CreateView(client.sql, stop));
    }
    return absl::OkStatus();
  }

  absl::Status Drop(std::stop_token stop) override {
    RETURN_IF_ERROR(sign_in_.status());
    OwnClient client(spec_, *sign_in_, NewCurlHttpClient(), clock_);
    for (const auto& [type, target] : targets_) {
      RETURN_IF_ERROR(target->table.Drop(client.sql, stop));
      if (target->copy != nullptr) RETURN_IF_ERROR(target->copy->loader().Drop(client.sql, stop));
      const CursorTables cursor(spec_, LedgerName(type));
      RETURN_IF_ERROR(cursor.Drop(target->table, client.sql, target->sql, stop));
    }
    return absl::OkStatus();
  }

  std::vector<std::string> DropNames() const override {
    std::vector<std::string> names;
    for (const auto& [type, target] : targets_) {
      names.push_back(StrCat("the table ", target->table.quoted()));
      if (const std::string view = target->table.quoted_view(); !view.empty()) {
        names.push_back(StrCat("the view ", view));
      }
    }
    names.push_back(StrCat("what the tables MILLRACE_* of ", spec_.QuotedSchema(),
                           " know of them; these tables too once they are empty"));
    return names;
  }

 private:
  std::unique_ptr<OwnClient> NewClient() {
    return std::make_unique<OwnClient>(spec_, *sign_in_, NewCurlHttpClient(), clock_);
  }

  bool is_streaming() const {
    return spec_.method == Method::kStreaming || spec_.method == Method::kElastic;
  }

  // What method=sql knows of the table that is about to be created.
  absl::Status ForgetDropped(Target& target, SqlClient& client, const std::stop_token& stop) {
    const CursorTables cursor(spec_, LedgerName(target.table.form().record_type()));
    return cursor.ForgetDropped(target.table, client, target.sql, stop);
  }

  // Makes the table ready for rows that no statement inserts.
  absl::Status Prepare(Target& target, const std::stop_token& stop) {
    const std::unique_ptr<OwnClient> client = NewClient();
    return target.table.Prepare(
        client->sql, [&] { return ForgetDropped(target, client->sql, stop); },
        [] { return absl::OkStatus(); }, stop);
  }

  std::unique_ptr<sql_delivery::ScriptRunner> NewRunner(Target& target) {
    return snowflake::NewScriptRunner(
        spec_, target.table, target.sql,
        std::make_unique<AccountClient>(spec_.url, *sign_in_, NewCurlHttpClient(), clock_));
  }

  const SnowflakeSpec spec_;
  absl::StatusOr<SignIn> sign_in_;
  Clock& clock_;
  const std::string label_;
  const snowflake::HttpClientFactory new_http_ = [] { return NewCurlHttpClient(); };
  std::unique_ptr<snowflake::IngestSession> session_;  // of Snowpipe Streaming; or null
  std::map<RecordType, std::unique_ptr<Target>> targets_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Destination>> OpenSnowflakeDestination(
    std::string_view uri, const Environment& environment, Clock& clock) {
  ASSIGN_OR_RETURN(SnowflakeSpec spec, SnowflakeSpec::Parse(uri, environment));
  absl::StatusOr<SignIn> sign_in = snowflake::NewSignIn(spec, environment, clock);
  auto destination =
      std::make_unique<SnowflakeDestination>(std::move(spec), std::move(sign_in), clock);
  RETURN_IF_ERROR(destination->Open(environment));
  return destination;
}

}  // namespace millrace
