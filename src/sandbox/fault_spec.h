// The text of a fault: NAME[=VALUE][:PROBABILITY]. What each fault does: faults.h.
#ifndef MILLRACE_SANDBOX_FAULT_SPEC_H_
#define MILLRACE_SANDBOX_FAULT_SPEC_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace millrace::sandbox {

enum class Fault {
  k401,
  k429,
  k503,
  k413Of2Mb,
  k413Of10Mb,
  kSlow,
  kCut,
  kResponseLost,
  kPartial400,
  kStrings400,
  kExportStatus,
  kQueryStatus,
  kSlowQuery,
  kStale,
  kTerminatedEarly,
  kCutExport,
  kShortGzip,
  kSplitRecords
};
inline constexpr size_t kFaultKinds = 18;

std::string_view FaultName(Fault fault);

// Whether it affects exports or queries, and not ingestion.
constexpr bool IsOfReads(Fault fault) { return fault >= Fault::kExportStatus; }

struct FaultSpec {
  Fault fault = Fault::k401;
  std::string text;  // as given
  double share = 1;  // of records
  bool has_share = false;
  absl::Duration duration = absl::ZeroDuration();  // slow, 503_retry_after, slow_query, stale
  std::optional<uint64_t> number;                  // a status, records or bytes
  double probability = 1;
};

// InvalidArgument says what is wrong and lists the known faults.
absl::StatusOr<FaultSpec> ParseFault(std::string_view spec);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_FAULT_SPEC_H_
