#include "connectors/snowflake/copy_loader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/hash.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/snowflake/bookkeeping.h"
#include "connectors/snowflake/script_runner.h"
#include "connectors/snowflake/sql_rows.h"
#include "connectors/snowflake/sql_text.h"

namespace millrace::snowflake {
namespace {

using Outcome = loads::FileLoader::Outcome;

constexpr size_t kMaxClients = 2;
constexpr size_t kMaxFiles = 1000;  // of FILES = (...)
constexpr absl::Duration kTimeout = absl::Hours(2);
constexpr std::string_view kCommitted = "committed";
constexpr std::string_view kAbandoned = "abandoned";
constexpr char kCommitColumns[] =
    "commit_id VARCHAR NOT NULL, destination VARCHAR NOT NULL, state VARCHAR NOT NULL, "
    "recorded TIMESTAMP_LTZ NOT NULL";
constexpr std::string_view kRecorded = "the commit is recorded";
constexpr std::string_view kOtherRows = "the files have other rows";

// A member of a line as a value of the column's type; NULL if the line does not have it.
std::string CellSql(const Column& column) {
  const std::string cell = StrCat("$1:", QuoteName(column.name));
  switch (column.type) {
    case ColumnType::kText:
      return cell + "::VARCHAR";
    case ColumnType::kInteger:
      return cell + "::NUMBER(38,0)";
    case ColumnType::kNumber:
      return cell + "::FLOAT";
    case ColumnType::kBoolean:
      return cell + "::BOOLEAN";
    case ColumnType::kTime:
      return StrCat("TO_TIMESTAMP_NTZ(", cell, R"(::VARCHAR, 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'))");
    case ColumnType::kJson:
      return cell;
  }
  return cell;
}

// The URL of a stage at `root`: "s3://bucket/folder/", "gs://bucket/folder/" or
// "az://account/container/folder/".
std::string StageUrl(std::string_view root) {
  if (root.starts_with("gs://")) return StrCat("gcs", root.substr(2));
  if (!root.starts_with("az://")) return std::string(root);
  root.remove_prefix(5);
  const size_t slash = std::min(root.find('/'), root.size());
  return StrCat("azure://", root.substr(0, slash), ".blob.core.windows.net", root.substr(slash));
}

uint64_t RowsOf(const loads::FileLoad& load) {
  uint64_t rows = 0;
  for (const loads::LoadFile& file : load.files) rows += file.rows;
  return rows;
}

// Neither reason is a number: the statement fails, and says the reason, where the condition holds.
std::string FailIf(const std::string& condition, std::string_view reason) {
  return StrCat("SELECT CAST(CASE WHEN ", condition, " THEN '", reason,
                "' ELSE '0' END AS NUMBER(38,0))");
}

// Of the COPY INTO before it, which has a row for each file that it loaded, and one without this
// column if all were loaded before.
std::string FailUnlessLoaded(uint64_t rows) {
  return FailIf(StrCat("(SELECT SUM(OBJECT_CONSTRUCT(*):\"rows_loaded\"::NUMBER(38,0)) FROM "
                       "TABLE(RESULT_SCAN(LAST_QUERY_ID()))) <> ",
                       rows),
                kOtherRows);
}

}  // namespace

CopyLoader::CopyLoader(const SnowflakeSpec& spec, TargetTable& table,
                       std::function<std::unique_ptr<OwnClient>()> new_client)
    : spec_(spec),
      table_(table),
      destination_(spec.LedgerName(table.form().record_type())),
      commits_(spec.QuotedTable(kCommitsTable)),
      stage_(spec.QuotedTable(
          spec.stage.empty()
              ? StrCat("MILLRACE_STAGE_", ToHex(HashBytes(spec.bucket->root)).substr(0, 8))
              : spec.stage)),
      clients_(kMaxClients, std::move(new_client)) {}

absl::Status CopyLoader::CreateStage(SqlClient& client, const std::stop_token& stop) const {
  if (spec_.storage_integration.empty()) return absl::OkStatus();
  const absl::Status made =
      client
          .Execute({.text = StrCat("CREATE STAGE IF NOT EXISTS ", stage_,
                                   " URL = ", QuoteText(StageUrl(spec_.bucket->root)),
                                   " STORAGE_INTEGRATION = ", QuoteName(spec_.storage_integration)),
                    .in_schema = false},
                   stop)
          .status();
  return Annotate(made, StrCat("creating the stage ", stage_));
}

absl::Status CopyLoader::RequireKnownCommits(SqlClient& client, const std::string& open,
                                             const std::stop_token& stop) const {
  const absl::Status found =
      client.Execute({.text = StrCat("SELECT COUNT(*) FROM ", commits_), .in_schema = false}, stop)
          .status();
  if (!absl::IsNotFound(found)) return found;
  return absl::FailedPreconditionError(StrCat(
      "the record of commits of ", table_.quoted(), " is gone (", commits_,
      " is missing): the commit ", open,
      ", which is open in the ledger, may have been loaded, and would be there twice; restore it "
      "(UNDROP TABLE, or GRANT SELECT, INSERT on it, if it exists), or drop ",
      table_.quoted(), " too and send everything again with --force"));
}

absl::Status CopyLoader::Prepare(absl::Span<const Intent> open, std::stop_token stop) {
  const auto client = clients_.Borrow(stop);
  if (!client) return StopRequested();
  SqlClient& sql = (*client)->sql;
  const SnowflakeDialect dialect(spec_, table_);
  bool is_new = false;
  const auto forget = [&] {
    is_new = true;
    return CursorTables(spec_, destination_).ForgetDropped(table_, sql, dialect, stop);
  };
  const auto make_books = [&]() -> absl::Status {
    if (!open.empty() && !is_new) {
      RETURN_IF_ERROR(RequireKnownCommits(sql, open.front().id, stop));
    }
    RETURN_IF_ERROR(CreateBooks(
        spec_, {BookTable{.name = kCommitsTable, .columns = kCommitColumns}}, sql, stop));
    return CreateStage(sql, stop);
  };
  return table_.Prepare(sql, forget, make_books, stop);
}

absl::StatusOr<Outcome> CopyLoader::Find(SqlClient& client, const std::string& commit,
                                         const std::stop_token& stop) const {
  const absl::StatusOr<SqlResult> found = client.Execute(
      {.text = StrCat("SELECT state FROM ", commits_, " WHERE commit_id = ", QuoteText(commit)),
       .in_schema = false},
      stop);
  if (absl::IsNotFound(found.status())) return Outcome::kNone;  // nothing was ever committed
  RETURN_IF_ERROR(found.status());
  if (found->rows.empty() || found->rows[0].empty()) return Outcome::kNone;
  const std::string state = found->rows[0][0].value_or("");
  if (state == kCommitted) return Outcome::kCommitted;
  if (state == kAbandoned) return Outcome::kAbandoned;
  return absl::DataLossError(StrCat(commits_, " has the state ", Shorten(state, 40),
                                    " of the commit ", commit, ", which is none"));
}

absl::StatusOr<Outcome> CopyLoader::OutcomeOf(const std::string& commit, std::stop_token stop) {
  const auto client = clients_.Borrow(stop);
  if (!client) return StopRequested();
  return Find((*client)->sql, commit, stop);
}

std::string CopyLoader::RecordSql(const std::string& commit, std::string_view state,
                                  std::string_view condition) const {
  return StrCat("INSERT INTO ", commits_, " (commit_id, destination, state, recorded) SELECT ",
                QuoteText(commit), ", ", QuoteText(destination_), ", '", state,
                "', CURRENT_TIMESTAMP()", condition);
}

absl::StatusOr<std::string> CopyLoader::CopySql(const loads::FileLoad& load) const {
  if (load.files.size() > kMaxFiles) {
    return absl::InvalidArgumentError(StrCat("a commit has ", load.files.size(),
                                             " files, and COPY takes ", kMaxFiles,
                                             ": raise file_size"));
  }
  std::string select, files;
  for (const Column& column : table_.form().columns()) {
    StrAppend(&select, select.empty() ? "" : ", ", CellSql(column));
  }
  const std::string& root = spec_.bucket->root;
  for (const loads::LoadFile& file : load.files) {
    if (!file.uri.starts_with(root)) {
      return absl::InternalError(StrCat(file.uri, " is not in the bucket ", root));
    }
    StrAppend(&files, files.empty() ? "" : ", ", QuoteText(file.uri.substr(root.size())));
  }
  return StrCat("COPY INTO ", table_.quoted(), " (", table_.column_list(), ") FROM (SELECT ",
                select, " FROM @", stage_, ") FILES = (", files,
                ") FILE_FORMAT = (TYPE = JSON COMPRESSION = GZIP ALLOW_DUPLICATE = TRUE) "
                "ON_ERROR = ABORT_STATEMENT FORCE = FALSE");
}

absl::StatusOr<Outcome> CopyLoader::Load(const loads::FileLoad& load, std::stop_token stop) {
  const auto client = clients_.Borrow(stop);
  if (!client) return StopRequested();
  SqlClient& sql = (*client)->sql;
  ASSIGN_OR_RETURN(const std::string copy, CopySql(load));
  sql_delivery::Script script;
  script.statements = {LockSql(spec_),
                       FailIf(StrCat("EXISTS (SELECT 1 FROM ", commits_,
                                     " WHERE commit_id = ", QuoteText(load.commit), ")"),
                              kRecorded),
                       copy, FailUnlessLoaded(RowsOf(load)),
                       RecordSql(load.commit, kCommitted, "")};
  Statements request = RequestOf(script);
  request.timeout = kTimeout;
  const absl::StatusOr<SqlResult> done = sql.Execute(request, stop);
  if (!done.ok()) {
    if (sql.error().message.find(kOtherRows) != std::string::npos) {
      return absl::DataLossError(StrCat("the files of the commit ", load.commit, " do not have ",
                                        RowsOf(load),
                                        " rows, and nothing was loaded: does "
                                        "something else write to ",
                                        spec_.bucket->root, "?"));
    }
    if (RuleOf(sql.error()).kind == ErrorKind::kRefuseRow) {
      ASSIGN_OR_RETURN(const Outcome outcome, Find(sql, load.commit, stop));
      if (outcome != Outcome::kNone) return outcome;
    }
    return Annotate(done.status(), StrCat("loading the commit ", load.commit));
  }
  return Outcome::kCommitted;
}

absl::StatusOr<Outcome> CopyLoader::Abandon(const loads::FileLoad& load, std::stop_token stop) {
  const auto client = clients_.Borrow(stop);
  if (!client) return StopRequested();
  SqlClient& sql = (*client)->sql;
  sql_delivery::Script script;
  script.statements = {LockSql(spec_),
                       RecordSql(load.commit, kAbandoned,
                                 StrCat(" WHERE NOT EXISTS (SELECT 1 FROM ", commits_,
                                        " WHERE commit_id = ", QuoteText(load.commit), ")"))};
  Statements request = RequestOf(script);
  request.timeout = kTimeout;
  RETURN_IF_ERROR(sql.Execute(request, stop).status());
  return Find(sql, load.commit, stop);
}

absl::Status CopyLoader::Drop(SqlClient& client, const std::stop_token& stop) const {
  const absl::Status deleted =
      client
          .Execute({.text = StrCat("DELETE FROM ", commits_,
                                   " WHERE destination = ", QuoteText(destination_)),
                    .in_schema = false},
                   stop)
          .status();
  if (!deleted.ok() && !absl::IsNotFound(deleted)) return deleted;
  RETURN_IF_ERROR(DropBooks(spec_, {kCommitsTable}, client, stop));
  if (spec_.storage_integration.empty()) return absl::OkStatus();
  const absl::Status dropped =
      client.Execute({.text = StrCat("DROP STAGE IF EXISTS ", stage_), .in_schema = false}, stop)
          .status();
  return absl::IsNotFound(dropped) ? absl::OkStatus() : dropped;
}

}  // namespace millrace::snowflake
