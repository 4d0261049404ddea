#include "connectors/postgres/postgres_destination.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/postgres/access_checks.h"
#include "connectors/postgres/postgres_cursor.h"
#include "connectors/postgres/postgres_event_reader.h"
#include "connectors/postgres/postgres_replacement.h"
#include "connectors/postgres/postgres_sink.h"
#include "connectors/postgres/table_spec.h"
#include "connectors/postgres/table_view.h"
#include "connectors/postgres/target_table.h"
#include "connectors/postgres/user_deletion.h"

namespace millrace {
namespace {

using postgres::Connection;
using postgres::PostgresCursor;
using postgres::TableSpec;
using postgres::TargetTable;

// The database, and the tables if they are not the usual ones.
std::string LabelOf(const TableSpec& spec) {
  std::string label = spec.address.name();
  bool is_usual = spec.tables.size() == std::size(kAllRecordTypes);
  std::string tables;
  for (const auto& [type, name] : spec.tables) {
    is_usual = is_usual && name == postgres::TableName{.table = std::string(PluralOf(type))};
    StrAppend(&tables, tables.empty() ? "/" : ",", name.Text());
  }
  return is_usual ? label : label + tables;
}

// Where the records of one type go.
struct Target {
  std::unique_ptr<TargetTable> table;
  std::unique_ptr<PostgresCursor> cursor;
};

class PostgresDestination final : public Destination {
 public:
  PostgresDestination(TableSpec spec, std::map<RecordType, Target> targets, Clock& clock)
      : spec_(std::move(spec)),
        targets_(std::move(targets)),
        clock_(clock),
        label_(LabelOf(spec_)) {}

  const std::string& label() const override { return label_; }

  std::string LedgerName(RecordType type) const override { return spec_.LedgerName(type); }

  // Each write has a connection, and the server a process for it. With fewer, the server idles
  // while the client encodes and the disk syncs; larger batches than the default gain nothing.
  void AdaptOptions(RunOptions& options) const override {
    options.max_writes = std::min(options.max_writes, 8);
    options.initial_writes = std::min(options.initial_writes, options.max_writes);
  }

  absl::Status CheckConfig(RecordType type) const override {
    if (targets_.contains(type)) return absl::OkStatus();
    return absl::InvalidArgumentError(StrCat("the destination ", label(), " names no table for ",
                                             PluralOf(type), ": add ", PluralOf(type), "=TABLE"));
  }

  std::unique_ptr<Sink> NewSink(RecordType type) override {
    const auto target = targets_.find(type);
    if (target == targets_.end()) return nullptr;
    return postgres::NewPostgresSink({.address = spec_.address,
                                      .table = *target->second.table,
                                      .cursor = *target->second.cursor,
                                      .traffic = traffic_,
                                      .clock = clock_});
  }

  DeliveryCursor* cursor(RecordType type) override {
    const auto target = targets_.find(type);
    return target == targets_.end() ? nullptr : target->second.cursor.get();
  }

  absl::StatusOr<std::unique_ptr<EventReader>> NewEventReader() override {
    RETURN_IF_ERROR(CheckConfig(RecordType::kEvent));
    const TargetTable& events = *targets_.at(RecordType::kEvent).table;
    return postgres::NewPostgresEventReader(spec_.address, events.name(), events.form());
  }

  absl::StatusOr<std::unique_ptr<Replacement>> NewReplacement(RecordType type,
                                                              const Scope& scope) override {
    RETURN_IF_ERROR(CheckConfig(type));
    return postgres::NewPostgresReplacement({.address = spec_.address,
                                             .table = *targets_.at(type).table,
                                             .traffic = traffic_,
                                             .clock = clock_},
                                            scope);
  }

  absl::StatusOr<uint64_t> DeleteUsers(RecordType type, absl::Span<const std::string> distinct_ids,
                                       std::stop_token stop) override {
    RETURN_IF_ERROR(CheckConfig(type));
    return postgres::DeleteUserRows(spec_.address, *targets_.at(type).table, type, distinct_ids,
                                    std::move(stop));
  }

  std::vector<AccessCheck> Check(std::stop_token stop) override {
    Connection connection(spec_.address);
    std::vector<AccessCheck> checks = postgres::CheckServer(connection, stop);
    if (!checks.front().status.ok()) return checks;
    for (const auto& [type, target] : targets_) {
      for (AccessCheck& check : postgres::CheckTable(connection, *target.table, stop)) {
        // Tables of one schema share it and the cursor's tables.
        const bool is_known =
            std::any_of(checks.begin(), checks.end(),
                        [&](const AccessCheck& other) { return other.what == check.what; });
        if (!is_known) checks.push_back(std::move(check));
      }
    }
    return checks;
  }

  absl::Status Create(std::stop_token stop) override {
    Connection connection(spec_.address);
    for (const auto& [type, target] : targets_) {
      RETURN_IF_ERROR(target.table->MakeReady(connection, stop));
      if (spec_.views) RETURN_IF_ERROR(postgres::CreateView(connection, *target.table, stop));
    }
    return absl::OkStatus();
  }

  absl::Status Drop(std::stop_token stop) override {
    Connection connection(spec_.address);
    for (const auto& [type, target] : targets_) {
      RETURN_IF_ERROR(postgres::DropCollecting(connection, target.table->name(), stop));
      RETURN_IF_ERROR(target.table->Drop(connection, stop));
    }
    return absl::OkStatus();
  }

  std::vector<std::string> DropNames() const override {
    std::vector<std::string> names;
    for (const auto& [type, target] : targets_) {
      names.push_back(StrCat(spec_.address.name(), ": table ", target.table->name().Text()));
      if (spec_.form == Form::kTable) {
        names.push_back(StrCat(spec_.address.name(), ": view ", target.table->view().Text()));
      }
    }
    for (const auto& [type, target] : targets_) {
      names.push_back(StrCat(spec_.address.name(), ": the rows of ", target.table->name().Text(),
                             " in ", target.table->name().schema, ".millrace_writers and ",
                             target.table->name().schema,
                             ".millrace_delivered, and these tables once they are empty"));
      names.push_back(StrCat(spec_.address.name(), ": tables of unfinished replacements, ",
                             target.table->name().schema, ".",
                             postgres::CollectingPrefix(target.table->name()), "*"));
    }
    return names;
  }

 private:
  const TableSpec spec_;
  const std::map<RecordType, Target> targets_;
  Clock& clock_;
  const std::string label_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Destination>> OpenPostgresDestination(std::string_view uri,
                                                                     Clock& clock) {
  ASSIGN_OR_RETURN(TableSpec spec, TableSpec::Parse(uri));
  std::map<RecordType, Target> targets;
  for (const auto& [type, name] : spec.tables) {
    ASSIGN_OR_RETURN(TableForm form, TableForm::Make(type, spec.extra_columns));
    Target& target = targets[type];
    target.table = std::make_unique<TargetTable>(spec, std::move(form));
    target.cursor = std::make_unique<PostgresCursor>(spec.address, *target.table);
  }
  return std::make_unique<PostgresDestination>(std::move(spec), std::move(targets), clock);
}

}  // namespace millrace
