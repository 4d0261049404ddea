#include "connectors/redshift/copy_loader.h"

#include <optional>
#include <utility>

#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace::redshift {
namespace {

using loads::FileLoad;

constexpr size_t kMaxSessions = 2;
constexpr char kCommitted[] = "committed";
constexpr char kAbandoned[] = "abandoned";

uint64_t RowsOf(const FileLoad& load) {
  uint64_t rows = 0;
  for (const loads::LoadFile& file : load.files) rows += file.rows;
  return rows;
}

absl::Status ExplainLoad(const absl::Status& why) {
  if (!absl::IsInvalidArgument(why)) return why;
  return absl::InvalidArgumentError(
      StrCat(why.message(),
             "; SELECT * FROM sys_load_error_detail ORDER BY start_time DESC names "
             "the file and the line"));
}

}  // namespace

std::string ManifestOf(const FileLoad& load) {
  std::string manifest = "{\"entries\":[";
  for (size_t i = 0; i < load.files.size(); ++i) {
    manifest += i == 0 ? "\n{\"url\":" : ",\n{\"url\":";
    AppendJsonString(manifest, load.files[i].uri);
    manifest += ",\"mandatory\":true}";
  }
  return manifest + "\n]}\n";
}

CopyScript NewCopyScript(const RedshiftSpec& spec, TargetTable& table, const FileLoad& load,
                         const std::string& manifest) {
  const RedshiftDialect& dialect = table.dialect();
  const auto guard = [](std::string_view condition, std::string_view from) {
    return StrCat("SELECT 1 / (CASE WHEN ", condition, " THEN 1 ELSE 0 END)", from);
  };
  CopyScript script;
  script.statements.push_back(StrCat("LOCK TABLE ", dialect.commits()));
  script.recorded_guard = static_cast<int>(script.statements.size());
  script.statements.push_back(
      guard("COUNT(*) = 0",
            StrCat(" FROM ", dialect.commits(), " WHERE commit_id = '", load.commit, "'")));
  // Names in files have the case of the DEST, those of columns have none.
  script.statements.push_back(StrCat(
      "COPY ", dialect.table(), " (", table.column_list(), ") FROM ", dialect.QuoteText(manifest),
      " IAM_ROLE ", spec.iam_role == "default" ? "default" : dialect.QuoteText(spec.iam_role),
      " MANIFEST GZIP FORMAT AS JSON 'auto ignorecase' TIMEFORMAT 'auto'"));
  script.count_guard = static_cast<int>(script.statements.size());
  script.statements.push_back(guard(StrCat("PG_LAST_COPY_COUNT() = ", RowsOf(load)), ""));
  script.statements.push_back(StrCat("INSERT INTO ", dialect.commits(),
                                     " (commit_id, outcome) VALUES ('", load.commit, "', '",
                                     kCommitted, "')"));
  return script;
}

CopyLoader::CopyLoader(const RedshiftSpec& spec, TargetTable& table,
                       std::function<std::unique_ptr<SqlSession>()> new_session)
    : spec_(spec), table_(table), sessions_(kMaxSessions, std::move(new_session)) {}

CopyLoader::Outcome CopyLoader::ReadOutcome(const TextRows& rows) {
  if (rows.empty() || rows[0].empty() || !rows[0][0]) return Outcome::kNone;
  return *rows[0][0] == kCommitted ? Outcome::kCommitted : Outcome::kAbandoned;
}

std::string CopyLoader::SelectOutcome(const std::string& commit) const {
  return StrCat("SELECT outcome FROM ", table_.dialect().commits(), " WHERE commit_id = '", commit,
                "'");
}

absl::Status CopyLoader::Prepare(absl::Span<const Intent> open, std::stop_token stop) {
  const auto session = sessions_.Borrow(stop);
  if (!session) return StopRequested();
  return table_.MakeReady(**session, open, stop);
}

absl::StatusOr<CopyLoader::Outcome> CopyLoader::OutcomeOf(const std::string& commit,
                                                          std::stop_token stop) {
  const auto session = sessions_.Borrow(stop);
  if (!session) return StopRequested();
  const absl::StatusOr<TextRows> rows = (*session)->Query(SelectOutcome(commit), stop);
  if (!rows.ok() && (*session)->error().kind == ServerError::Kind::kMissing) {
    RETURN_IF_ERROR(table_.RequireKnownCommits(**session, stop));
    return Outcome::kNone;
  }
  RETURN_IF_ERROR(rows.status());
  return ReadOutcome(*rows);
}

absl::StatusOr<CopyLoader::Outcome> CopyLoader::Load(const FileLoad& load, std::stop_token stop) {
  ASSIGN_OR_RETURN(const std::string manifest, load.write_manifest(ManifestOf(load)));
  const CopyScript script = NewCopyScript(spec_, table_, load, manifest);
  {
    const auto session = sessions_.Borrow(stop);
    if (!session) return StopRequested();
    const absl::Status loaded = (*session)->Execute(script.statements, std::nullopt, stop).status();
    if (loaded.ok()) return Outcome::kCommitted;
    const ServerError& error = (*session)->error();
    const bool is_guard = !stop.stop_requested() && error.kind == ServerError::Kind::kRefusesRow;
    if (is_guard && error.statement == script.count_guard) {
      return absl::DataLossError(
          StrCat("COPY did not load the ", RowsOf(load), " rows of the commit ", load.commit,
                 ", so nothing of it is stored; look at the files that ", manifest, " lists"));
    }
    if (!is_guard || error.statement != script.recorded_guard) return ExplainLoad(loaded);
  }
  ASSIGN_OR_RETURN(const Outcome outcome, OutcomeOf(load.commit, stop));
  if (outcome != Outcome::kNone) return outcome;
  return absl::UnavailableError("the outcome of the commit has changed meanwhile");
}

absl::StatusOr<CopyLoader::Outcome> CopyLoader::Abandon(const FileLoad& load,
                                                        std::stop_token stop) {
  const std::string& commits = table_.dialect().commits();
  const auto session = sessions_.Borrow(stop);
  if (!session) return StopRequested();
  const absl::StatusOr<TextRows> rows = (*session)->Execute(
      {StrCat("LOCK TABLE ", commits),
       StrCat("INSERT INTO ", commits, " (commit_id, outcome) SELECT '", load.commit, "', '",
              kAbandoned, "' WHERE NOT EXISTS (SELECT 1 FROM ", commits, " WHERE commit_id = '",
              load.commit, "')"),
       SelectOutcome(load.commit)},
      2, stop);
  if (!rows.ok() && (*session)->error().kind == ServerError::Kind::kMissing) {
    RETURN_IF_ERROR(table_.RequireKnownCommits(**session, stop));
    // Without the tables nothing is loaded; a late request finds no files.
    RETURN_IF_ERROR(load.remove_files());
    return Outcome::kAbandoned;
  }
  RETURN_IF_ERROR(rows.status());
  return ReadOutcome(*rows);
}

}  // namespace millrace::redshift
