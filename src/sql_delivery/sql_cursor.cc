#include "sql_delivery/sql_cursor.h"

#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "pipeline/shared_ledger.h"
#include "sql_delivery/cursor_sql.h"

namespace millrace::sql_delivery {
namespace {

constexpr size_t kMaxRunners = 2;
// Ranges that are too many for one statement stay as they are; the next claim merges them.
constexpr size_t kMaxMerged = 500;

absl::StatusOr<TextRows> Run(ScriptRunner& runner, const Script& script,
                             const std::stop_token& stop) {
  absl::Status why = runner.Prepare(stop);
  if (why.ok()) {
    absl::StatusOr<TextRows> rows = runner.Run(script, stop);
    if (rows.ok()) return rows;
    why = rows.status();
  }
  if (stop.stop_requested()) return StopRequested();
  const ScriptFailure failure = runner.Explain(why);
  const bool passes = failure.kind == ScriptFailure::Kind::kRetry ||
                      failure.kind == ScriptFailure::Kind::kThrottled;
  // Callers try again for the code alone.
  if (passes && !absl::IsUnavailable(failure.status)) {
    return absl::UnavailableError(failure.status.message());
  }
  return failure.status;
}

}  // namespace

SqlCursor::SqlCursor(const SqlDialect& dialect,
                     std::function<std::unique_ptr<ScriptRunner>()> new_runner)
    : dialect_(dialect), runners_(kMaxRunners, std::move(new_runner)) {}

absl::StatusOr<RowRanges> SqlCursor::Claim(const LedgerKey& object, const std::string& writer,
                                           std::stop_token stop) {
  RETURN_IF_ERROR(CheckIsUtf8(object, dialect_.values().name));
  const auto runner = runners_.Borrow(stop);
  if (!runner) return StopRequested();
  ASSIGN_OR_RETURN(const TextRows rows, Run(**runner, ClaimScript(dialect_, object, writer), stop));
  const std::optional<RowRanges> ranges = ReadRanges(rows);
  if (!ranges) return absl::UnavailableError("the ranges of delivered rows could not be read");
  if (ranges->size() < rows.size() && ranges->size() <= kMaxMerged) {
    RETURN_IF_ERROR(Run(**runner, MergeScript(dialect_, object, writer, *ranges), stop).status());
  }
  return *ranges;
}

absl::Status SqlCursor::Forget(const LedgerKey& object, std::stop_token stop) {
  RETURN_IF_ERROR(CheckIsUtf8(object, dialect_.values().name));
  const auto runner = runners_.Borrow(stop);
  if (!runner) return StopRequested();
  return Annotate(Run(**runner, ForgetScript(dialect_, object), stop).status(),
                  StrCat("forgetting ", object.object));
}

}  // namespace millrace::sql_delivery
