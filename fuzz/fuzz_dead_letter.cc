// The reader of dead letter files: any line is parsed or rejected, a parsed one is written back to
// the same record, and any bytes survive as a payload.
#include <cstdint>
#include <string>
#include <string_view>

#include "connectors/dead_letter_files/row_lines.h"
#include "pipeline/dead_letter_record.h"
#include "require.h"

namespace millrace {
namespace {

bool Same(const DeadLetterRecord& a, const DeadLetterRecord& b) {
  const Rejection& x = a.rejection;
  const Rejection& y = b.rejection;
  return a.object == b.object && x.source_row == y.source_row && x.code == y.code &&
         x.field == y.field && x.message == y.message && x.payload_before == y.payload_before &&
         x.payload_after == y.payload_after;
}

DeadLetterRecord WriteAndRead(const LedgerKey& object, const Rejection& rejection) {
  ByteBuffer line;
  AppendDeadLetter(line, object, rejection, absl::UnixEpoch());
  Require(line.view().find('\n') == line.size() - 1);
  const absl::StatusOr<DeadLetterRecord> read = ParseDeadLetter(line.view(0, line.size() - 1));
  Require(read.ok());
  const absl::StatusOr<uint64_t> row = RowOfLine(line.view(0, line.size() - 1));
  Require(row.ok() && *row == rejection.source_row + 1);
  return *read;
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<DeadLetterRecord> parsed = ParseDeadLetter(bytes);
  if (parsed.ok()) Require(Same(*parsed, WriteAndRead(parsed->object, parsed->rejection)));

  const size_t half = size / 2;
  DeadLetterRecord record;
  record.object.object = bytes.substr(0, half);
  record.object.version = bytes.substr(half);
  record.rejection.source_row = size;
  record.rejection.payload_before = bytes;
  record.rejection.payload_after = bytes.substr(half);
  Require(Same(record, WriteAndRead(record.object, record.rejection)));
  return 0;
}
