// The body of a raw export: the stored events as Mixpanel returns them, generated in pieces.
#ifndef MILLRACE_SANDBOX_EXPORT_STREAM_H_
#define MILLRACE_SANDBOX_EXPORT_STREAM_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "sandbox/event_store.h"

namespace millrace::sandbox {

// Appends the event as a line: as stored, but with `time` in seconds (or milliseconds), and with
// mp_processing_time_ms, $mp_api_endpoint, $mp_api_timestamp_ms and, if it came through /import,
// $import:true added, unless the event already had them.
void AppendExportLine(const StoredEvent& event, bool time_in_ms, std::string* out);

// One thread at a time.
class ExportStream {
 public:
  struct Options {
    EventFilter filter;
    bool time_in_ms = false;
    uint64_t limit = UINT64_MAX;  // events
  };
  // Exports the current content of `store`, which must outlive it.
  ExportStream(EventStore& store, Options options);

  // Appends about 256 kB of whole lines; nothing at the end.
  absl::Status Next(std::string* piece);

 private:
  EventStore& store_;
  const Options options_;
  const uint64_t last_id_;
  uint64_t after_ = 0;
  uint64_t left_;
};

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_EXPORT_STREAM_H_
