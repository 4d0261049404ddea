// Responses of Mixpanel's ingestion and export, possibly corrupted on the way: the client must not
// conclude more than a response proves.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "connectors/mixpanel/export_lines.h"
#include "connectors/mixpanel/import_response.h"
#include "require.h"

namespace millrace::mixpanel {
namespace {

void Check(const ImportOutcome& outcome, size_t rows) {
  const bool durable = outcome.kind == ImportOutcome::Kind::kDurable;
  Require(outcome.why.ok() == durable);
  Require(outcome.refused.empty() || durable);
  Require(outcome.refused.size() <= rows);
  for (size_t i = 0; i < outcome.refused.size(); ++i) {
    Require(outcome.refused[i].row < rows);
    Require(i == 0 || outcome.refused[i - 1].row < outcome.refused[i].row);
  }
}

// Lines given to the reader begin like a record, and are not invented.
void CheckLines(std::string_view body, size_t piece) {
  size_t bytes_given = 0;
  ExportLines lines(
      [&](std::string_view line) {
        Require(!line.empty() && line.front() == '{');
        bytes_given += line.size();
        return absl::OkStatus();
      },
      /*max_line_bytes=*/4096);
  absl::Status status;
  for (size_t at = 0; at < body.size() && status.ok(); at += piece) {
    status = lines.Push(body.substr(at, piece));
  }
  if (status.ok()) status = lines.Finish();
  Require(bytes_given <= body.size());
}

}  // namespace
}  // namespace millrace::mixpanel

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace::mixpanel;  // NOLINT(build/namespaces)
  if (size < 2) return 0;
  constexpr std::array kStatuses = {200, 400, 401, 413, 429, 503, 302, 204};
  const int status = kStatuses[data[0] % kStatuses.size()];
  const size_t rows = 1 + data[1] % 16;
  const std::string_view body(reinterpret_cast<const char*>(data + 2), size - 2);
  Check(ClassifyImportResponse(status, body, rows), rows);
  Check(ClassifyProfileResponse(status, body, rows), rows);
  CheckLines(body, 1 + data[1] % 64);
  return 0;
}
