// One output file of generated events.
#ifndef MILLRACE_GENERATE_EVENT_WRITER_H_
#define MILLRACE_GENERATE_EVENT_WRITER_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "formats/row_reader.h"
#include "generate/event_model.h"

namespace millrace {

// One thread at a time. Destroying an unfinished writer leaves a file without meaning.
class EventWriter {
 public:
  virtual ~EventWriter() = default;
  virtual absl::Status Write(const GeneratedEvent& event) = 0;
  // Writes what is left and closes the file.
  virtual absl::Status Finish() = 0;
};

// Each creates or empties the file `path`.
absl::StatusOr<std::unique_ptr<EventWriter>> NewParquetEventWriter(const std::string& path);
absl::StatusOr<std::unique_ptr<EventWriter>> NewNdjsonGzEventWriter(const std::string& path);
absl::StatusOr<std::unique_ptr<EventWriter>> NewCsvEventWriter(const std::string& path);

}  // namespace millrace

#endif  // MILLRACE_GENERATE_EVENT_WRITER_H_
