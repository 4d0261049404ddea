// The views that databases get beside their tables of records: events without repeats, and profiles
// folded from their updates (docs/formats/records.md, "Views").
#ifndef MILLRACE_RECORDS_VIEW_SQL_H_
#define MILLRACE_RECORDS_VIEW_SQL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/record_type.h"
#include "records/table_form.h"

namespace millrace {

enum class SqlDialect : uint8_t { kPostgres, kBigQuery, kSnowflake, kRedshift };

// "events_deduped", "users_current": the name of the view of a table of `type`. Unquoted.
std::string ViewName(RecordType type, std::string_view table);

// The query of that view, without CREATE VIEW and without a semicolon. `table`: where it reads,
// quoted as the dialect needs it. nullopt: the dialect cannot fold profiles.
std::optional<std::string> ViewQuery(SqlDialect dialect, const TableForm& form,
                                     std::string_view table);

}  // namespace millrace

#endif  // MILLRACE_RECORDS_VIEW_SQL_H_
