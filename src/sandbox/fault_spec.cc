#include "sandbox/fault_spec.h"

#include <array>

#include "absl/strings/numbers.h"
#include "base/strings.h"

namespace millrace::sandbox {
namespace {

constexpr std::array<std::string_view, kFaultKinds> kNames = {
    "401",           "429",          "503_retry_after", "413_2mb",     "413_10mb",
    "slow",          "cut",          "reply_lost",      "partial_400", "strings_400",
    "export_status", "query_status", "slow_query",      "stale",       "terminated_early",
    "cut_export",    "short_gzip",   "split_records"};

constexpr double kDefaultShare = 0.01;

std::string KnownFaults() {
  std::string known = "known faults:";
  for (const std::string_view name : kNames) StrAppend(&known, " ", name);
  return known;
}

absl::Status Wrong(std::string_view spec, std::string_view why) {
  return absl::InvalidArgumentError(
      StrCat("fault \"", spec, "\": ", why, " (NAME[=VALUE][:PROBABILITY]; ", KnownFaults(), ")"));
}

bool ParseShare(std::string_view text, double* share) {
  return absl::SimpleAtod(ToAbsl(text), share) && *share >= 0 && *share <= 1;
}

bool ParseNumber(std::string_view text, std::optional<uint64_t>* number) {
  return absl::SimpleAtoi(ToAbsl(text), &number->emplace());
}

absl::Status SetValue(std::string_view value, FaultSpec* parsed) {
  const std::string_view spec = parsed->text;
  switch (parsed->fault) {
    case Fault::kSlow:
    case Fault::kSlowQuery:
    case Fault::kStale:
      if (!absl::ParseDuration(ToAbsl(value), &parsed->duration) ||
          parsed->duration < absl::ZeroDuration() || parsed->duration > absl::Hours(1)) {
        return Wrong(spec, "the value is not a duration such as 500ms or 2s");
      }
      return absl::OkStatus();
    case Fault::k503: {
      int64_t seconds = 0;
      if (!absl::SimpleAtoi(ToAbsl(value), &seconds) || seconds < 0 || seconds > 86400) {
        return Wrong(spec, "the value is not a number of seconds");
      }
      parsed->duration = absl::Seconds(seconds);
      return absl::OkStatus();
    }
    case Fault::kExportStatus:
    case Fault::kQueryStatus:
      if (!ParseNumber(value, &parsed->number) || *parsed->number < 400 || *parsed->number > 599) {
        return Wrong(spec, "the value is not a status from 400 to 599");
      }
      return absl::OkStatus();
    case Fault::kTerminatedEarly:
    case Fault::kCutExport:
      if (!ParseNumber(value, &parsed->number)) return Wrong(spec, "the value is not a number");
      return absl::OkStatus();
    case Fault::kPartial400:
    case Fault::kStrings400:
    case Fault::kSplitRecords:
      parsed->has_share = true;
      if (!ParseShare(value, &parsed->share)) {
        return Wrong(spec, "the value is not a share between 0 and 1");
      }
      return absl::OkStatus();
    default:
      return Wrong(spec, "it takes no value");
  }
}

}  // namespace

std::string_view FaultName(Fault fault) { return kNames[static_cast<size_t>(fault)]; }

absl::StatusOr<FaultSpec> ParseFault(std::string_view spec) {
  FaultSpec parsed;
  parsed.text = spec;
  std::string_view rest = spec;
  const size_t colon = rest.rfind(':');
  const bool has_probability = colon != std::string_view::npos;
  if (has_probability) {
    if (!ParseShare(rest.substr(colon + 1), &parsed.probability)) {
      return Wrong(spec, "the probability is not between 0 and 1");
    }
    rest = rest.substr(0, colon);
  }
  const size_t equals = rest.find('=');
  const std::string_view name = rest.substr(0, equals);
  size_t kind = 0;
  while (kind < kNames.size() && kNames[kind] != name) ++kind;
  if (kind == kNames.size()) return Wrong(spec, "there is no such fault");
  parsed.fault = static_cast<Fault>(kind);
  if (equals != std::string_view::npos) {
    absl::Status set = SetValue(rest.substr(equals + 1), &parsed);
    if (!set.ok()) return set;
  } else if (parsed.fault == Fault::kSlow || parsed.fault == Fault::kSlowQuery ||
             parsed.fault == Fault::kStale) {
    return Wrong(spec, StrCat("it needs a value, such as ", name, "=500ms"));
  } else if (parsed.fault == Fault::kExportStatus || parsed.fault == Fault::kQueryStatus) {
    return Wrong(spec, StrCat("it needs a value, such as ", name, "=503"));
  } else if (parsed.fault == Fault::k503) {
    parsed.duration = absl::Seconds(1);
  } else if ((parsed.fault == Fault::kPartial400 && !has_probability) ||
             parsed.fault == Fault::kSplitRecords) {
    parsed.share = kDefaultShare;
  }
  return parsed;
}

}  // namespace millrace::sandbox
