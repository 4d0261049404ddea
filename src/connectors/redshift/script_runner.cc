#include "connectors/redshift/script_runner.h"

#include <utility>

namespace millrace::redshift {
namespace {

using sql_delivery::Script;
using sql_delivery::ScriptFailure;

class Runner final : public sql_delivery::ScriptRunner {
 public:
  Runner(TargetTable& table, std::unique_ptr<SqlSession> session)
      : table_(table), session_(std::move(session)) {}

  absl::Status Prepare(std::stop_token stop) override {
    is_guard_ = false;
    return table_.Prepare(*session_, stop);
  }

  absl::StatusOr<TextRows> Run(const Script& script, std::stop_token stop) override {
    absl::StatusOr<TextRows> rows =
        session_->Execute(script.statements, script.result, std::move(stop));
    is_guard_ = !rows.ok() && script.guard && session_->error().statement >= 0 &&
                session_->error().kind == ServerError::Kind::kRefusesRow &&
                static_cast<size_t>(session_->error().statement) == *script.guard;
    if (!rows.ok() && session_->error().kind == ServerError::Kind::kTooLarge) {
      table_.dialect().Shrink();
    }
    // A table that is gone is made again by the next run, which then sends all rows again.
    if (!rows.ok() && session_->error().kind == ServerError::Kind::kMissing) table_.NotReady();
    return rows;
  }

  ScriptFailure Explain(const absl::Status& error) override {
    return {.kind = is_guard_ ? ScriptFailure::Kind::kGuard : KindOf(error), .status = error};
  }

 private:
  ScriptFailure::Kind KindOf(const absl::Status& error) const {
    if (absl::IsCancelled(error)) return ScriptFailure::Kind::kRetry;
    // A problem that Prepare() has found.
    if (absl::IsFailedPrecondition(error)) return ScriptFailure::Kind::kStop;
    switch (session_->error().kind) {
      case ServerError::Kind::kRetry:
        return ScriptFailure::Kind::kRetry;
      case ServerError::Kind::kThrottled:
        return ScriptFailure::Kind::kThrottled;
      case ServerError::Kind::kTooLarge:  // a part with fewer rows is taken
      case ServerError::Kind::kRefusesRow:
        return ScriptFailure::Kind::kRefusesRow;
      case ServerError::Kind::kExpired:
      case ServerError::Kind::kMissing:
      case ServerError::Kind::kStop:
        break;
    }
    return ScriptFailure::Kind::kStop;
  }

  TargetTable& table_;
  const std::unique_ptr<SqlSession> session_;
  bool is_guard_ = false;  // the last failure
};

}  // namespace

std::unique_ptr<sql_delivery::ScriptRunner> NewScriptRunner(TargetTable& table,
                                                            std::unique_ptr<SqlSession> session) {
  return std::make_unique<Runner>(table, std::move(session));
}

}  // namespace millrace::redshift
