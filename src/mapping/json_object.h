// Nested JSON objects, shown as rows.
#ifndef MILLRACE_MAPPING_JSON_OBJECT_H_
#define MILLRACE_MAPPING_JSON_OBJECT_H_

#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "base/batch.h"
#include "formats/row.h"

namespace millrace {

// Keeps its memory and known shapes. One thread at a time.
class JsonObjectParser {
 public:
  JsonObjectParser();
  ~JsonObjectParser();

  // Parses `json`, one object, into `row` (whose number stays); its views are valid until the next
  // call. InvalidArgument if it is not a valid object.
  absl::Status Parse(std::string_view json, Row& row);

  // Shows each line of `objects`, less than 4 GiB, to `visitor`; row numbers are line numbers, from
  // 0. Until the call returns, this object owns the bytes; see line().
  void ParseLines(Batch& objects, RowVisitor& visitor);
  // During ParseLines(): the text of a line.
  std::string_view line(uint64_t number) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace millrace

#endif  // MILLRACE_MAPPING_JSON_OBJECT_H_
