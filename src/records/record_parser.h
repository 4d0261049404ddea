// Records taken apart: their members, and those of the objects that become rows.
#ifndef MILLRACE_RECORDS_RECORD_PARSER_H_
#define MILLRACE_RECORDS_RECORD_PARSER_H_

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/byte_buffer.h"
#include "base/record_type.h"
#include "formats/json_index.h"
#include "formats/json_scanner.h"
#include "records/member_reader.h"

namespace millrace {

// One thread at a time; keeps its buffers.
class RecordParser {
 public:
  explicit RecordParser(RecordType type) : type_(type) {}

  // Parses one line of canonical JSON; what was parsed is valid until the next call.
  // InvalidArgument if it is not one JSON object without line ends, is nested deeper than
  // kMaxJsonDepth, has more than 10,000 keys in one object or more than kMaxOperations operations,
  // or holds NaN or a number that exceeds a double, which are null in canonical JSON.
  absl::Status Parse(std::string_view record);

  // The record's members. Opened are "properties" of an event and the operations of an update.
  const MemberReader& members() const { return members_; }

  // The fields of members() that become rows, in their order: the "properties" of an event, the
  // operations of an update. Empty: there are none.
  const std::vector<size_t>& payloads() const { return payloads_; }

 private:
  static constexpr size_t kMaxOperations = 64;
  static constexpr size_t kKeptReaders = 4;  // each remembers sequences of keys

  MemberReader* Open(std::string_view raw_name);
  absl::Status FindPayloads();

  const RecordType type_;
  JsonIndex index_;
  JsonScanner scanner_;
  ByteBuffer text_;
  MemberReader members_;
  std::vector<std::unique_ptr<MemberReader>> readers_;
  size_t opened_ = 0;  // of the readers
  bool too_many_ = false;
  std::vector<size_t> payloads_;
};

}  // namespace millrace

#endif  // MILLRACE_RECORDS_RECORD_PARSER_H_
