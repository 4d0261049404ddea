// Windows of an export that a JQL script reads.
#ifndef MILLRACE_EXPORT_JQL_EXPORT_H_
#define MILLRACE_EXPORT_JQL_EXPORT_H_

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/record_type.h"
#include "connectors/mixpanel/jql_query.h"
#include "connectors/mixpanel/raw_export.h"

namespace millrace {

struct JqlScript {
  std::string text;                      // JavaScript
  std::string params = "{}";             // a JSON object: what the user adds to the script's params
  RecordType type = RecordType::kEvent;  // of the rows: events or users
};

// InvalidArgument: the params are no object, or have a name that windows have.
absl::Status CheckJqlParams(const std::string& params);

// Everything that decides which rows the script has: for EventSelection::script.
std::string JqlSelection(const JqlScript& script);

// The script's params: those of the user, and from, to, from_date and to_date of the window.
std::string JqlParams(const JqlScript& script, const mixpanel::RawExportRequest& request);

// A row as Mixpanel's other APIs export it: an event of Events() as {"event", "properties"}, a
// profile of People() as {"$distinct_id", "$time", "$properties"}, where "$time" is `time_millis`.
// Rows of another form are returned as they are: a script may make records itself.
std::string JqlRecord(RecordType type, std::string_view row, int64_t time_millis);

// One try of one query, as mixpanel::RunJql().
using JqlRunner = std::function<absl::Status(
    const mixpanel::JqlQuery& query, const std::function<absl::Status(std::string_view)>& on_row,
    std::stop_token stop)>;

// Runs the script for each request of windows, which have times of arrival.
mixpanel::RawExport JqlExport(JqlRunner run, JqlScript script);

}  // namespace millrace

#endif  // MILLRACE_EXPORT_JQL_EXPORT_H_
