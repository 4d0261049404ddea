#include "connectors/postgres/user_deletion.h"

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"
#include "postgres_client/sql_text.h"

namespace millrace::postgres {
namespace {

constexpr size_t kIdsPerStatement = 1'000;

// The distinct_id of a row.
std::string IdOf(Form form, RecordType type) {
  if (form == Form::kTable) return "distinct_id";
  if (form == Form::kFlat) return "record::jsonb->>'distinct_id'";
  if (type == RecordType::kUser) return "record::jsonb->>'$distinct_id'";
  return "coalesce(record::jsonb->'properties'->>'distinct_id', "
         "record::jsonb->'properties'->>'$distinct_id')";
}

}  // namespace

absl::StatusOr<uint64_t> DeleteUserRows(const Address& address, const TargetTable& table,
                                        RecordType type, absl::Span<const std::string> distinct_ids,
                                        std::stop_token stop) {
  if (distinct_ids.empty()) return 0;
  Connection connection(address);
  const std::string name = table.name().Quoted();
  ASSIGN_OR_RETURN(const Rows found,
                   connection.Execute("SELECT to_regclass($1) IS NOT NULL", {name}, stop));
  if (!found.True(0, 0)) return 0;
  uint64_t deleted = 0;
  while (!distinct_ids.empty()) {
    const size_t count = std::min(kIdsPerStatement, distinct_ids.size());
    std::string ids;
    for (const std::string& id : distinct_ids.subspan(0, count)) {
      StrAppend(&ids, ids.empty() ? "" : ", ", QuoteText(id));
    }
    const std::string sql =
        StrCat("DELETE FROM ", name, " WHERE ", IdOf(table.form(), type), " IN (", ids, ")");
    ASSIGN_OR_RETURN(const Rows rows, connection.Execute(sql.c_str(), {}, stop));
    deleted += rows.changed();
    distinct_ids.remove_prefix(count);
  }
  return deleted;
}

}  // namespace millrace::postgres
