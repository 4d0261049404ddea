// Reads back the events of a lake.
#ifndef MILLRACE_CONNECTORS_LAKE_LAKE_EVENT_READER_H_
#define MILLRACE_CONNECTORS_LAKE_LAKE_EVENT_READER_H_

#include <memory>
#include <stop_token>
#include <vector>

#include "absl/status/statusor.h"
#include "data_files/event_rows.h"
#include "data_files/file_layout.h"
#include "data_files/file_store.h"
#include "io/object_store.h"
#include "pipeline/event_reader.h"

namespace millrace::lake {

// Reads every data file below the folder of events whose partition can hold the days of the query,
// whoever wrote it, one after the other: Parquet files and NDJSON files with rows of the
// layout's form. Hidden names and what is staged are skipped.
//
// The identity of a record is that of its row in the table form, whatever the form of the files.
class LakeEventReader final : public EventReader {
 public:
  // Both outlive it.
  LakeEventReader(const data_files::FileLayout& layout, data_files::FileStore& store)
      : layout_(layout), store_(store) {}

  Identify NewIdentify() const override { return data_files::NewRowIdentify(); }
  // Unavailable also if a file was removed or replaced after it was listed. FailedPrecondition,
  // with the name and the remedy: a file is damaged, or not one of this lake.
  absl::Status Read(const EventQuery& query, const OnEvent& on_event,
                    std::stop_token stop) override;
  bool keeps_repeats() const override { return true; }
  int64_t LastDay() const override { return INT64_MAX; }
  absl::Duration max_delay() const override { return absl::ZeroDuration(); }

 private:
  absl::StatusOr<std::vector<ObjectInfo>> FindFiles(const EventQuery& query);
  bool MayHold(std::string_view uri, const EventQuery& query) const;
  absl::Status ReadFile(const ObjectInfo& file, data_files::EventRows& rows,
                        const std::stop_token& stop);

  const data_files::FileLayout& layout_;
  data_files::FileStore& store_;
};

}  // namespace millrace::lake

#endif  // MILLRACE_CONNECTORS_LAKE_LAKE_EVENT_READER_H_
