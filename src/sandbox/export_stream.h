// The body of a raw export: the stored events as Mixpanel returns them, generated in pieces.
#ifndef MILLRACE_SANDBOX_EXPORT_STREAM_H_
#define MILLRACE_SANDBOX_EXPORT_STREAM_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "sandbox/event_store.h"
#include "sandbox/faults.h"
#include "sandbox/project_time.h"
#include "sandbox/where_expression.h"

namespace millrace::sandbox {

// Appends the event as a line: as stored, but with `time` as the project exports it, in seconds (or
// milliseconds), and with the properties that the server adds (server_properties.h).
void AppendExportLine(const StoredEvent& event, const ProjectTime& project, bool time_in_ms,
                      std::string* out);

// One thread at a time.
class ExportStream {
 public:
  struct Options {
    EventFilter filter;
    std::optional<WhereExpression> where;
    bool time_in_ms = false;
    uint64_t limit = UINT64_MAX;         // events
    int64_t received_until = INT64_MAX;  // events that arrived later are left out
    ExportFaults faults;
  };
  // Exports the current content of `store`. The three references must outlive it; `faults` counts
  // those that occur.
  ExportStream(EventStore& store, const ProjectTime& project, Faults& faults, Options options);

  // Appends about 256 kB of whole lines; nothing at the end. InvalidArgument: the expression cannot
  // be evaluated.
  absl::Status Next(std::string* piece);

 private:
  // False at the end of the export.
  bool Append(const StoredEvent& event, std::string* piece);
  absl::StatusOr<bool> IsWanted(const StoredEvent& event) const;

  EventStore& store_;
  const ProjectTime& project_;
  Faults& faults_;
  const Options options_;
  const uint64_t last_id_;
  uint64_t after_ = 0;
  uint64_t rows_ = 0;
  bool at_end_ = false;
};

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_EXPORT_STREAM_H_
