// Splits a request into records: the elements of a JSON array, the lines of NDJSON, or one object.
#ifndef MILLRACE_SDK_RECORD_SPLITTER_H_
#define MILLRACE_SDK_RECORD_SPLITTER_H_

#include <limits>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace millrace::sdk {

// Appends the records of `text`, without the white space around them, to `records`. Only finds the
// boundaries between records: a record may still be invalid JSON, or not an object. Empty lines are
// skipped. An object over several lines is one record. InvalidArgument for an unclosed array: the
// records before its end are there. ResourceExhausted after `max` records.
absl::Status SplitRecords(std::string_view text, std::vector<std::string_view>* records,
                          size_t max = std::numeric_limits<size_t>::max());

}  // namespace millrace::sdk

#endif  // MILLRACE_SDK_RECORD_SPLITTER_H_
