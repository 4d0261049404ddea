// The cursor of a database that takes scripts.
#ifndef MILLRACE_SQL_DELIVERY_SQL_CURSOR_H_
#define MILLRACE_SQL_DELIVERY_SQL_CURSOR_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/pool.h"
#include "pipeline/delivery_cursor.h"
#include "sql_delivery/script.h"

namespace millrace::sql_delivery {

class SqlCursor final : public DeliveryCursor {
 public:
  // `dialect` outlives it. `new_runner` makes what claims use, two at a time.
  SqlCursor(const SqlDialect& dialect, std::function<std::unique_ptr<ScriptRunner>()> new_runner);

  absl::StatusOr<RowRanges> Claim(const LedgerKey& object, const std::string& writer,
                                  std::stop_token stop) override;
  absl::Status Forget(const LedgerKey& object, std::stop_token stop) override;

 private:
  const SqlDialect& dialect_;
  Pool<ScriptRunner> runners_;
};

}  // namespace millrace::sql_delivery

#endif  // MILLRACE_SQL_DELIVERY_SQL_CURSOR_H_
