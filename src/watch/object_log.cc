#include "watch/object_log.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "base/strings.h"

namespace millrace::watch {
namespace {

bool IsHex(std::string_view text, size_t digits) {
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_isxdigit(c);
         });
}

// 00-<trace id>-<parent id>-<flags>
Trace FromTraceparent(std::string_view text) {
  if (text.size() < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-') return {};
  const std::string_view trace_id = text.substr(3, 32);
  const std::string_view span_id = text.substr(36, 16);
  if (!IsHex(text.substr(0, 2), 2) || !IsHex(trace_id, 32) || !IsHex(span_id, 16) ||
      !IsHex(text.substr(53, 2), 2)) {
    return {};
  }
  const bool last_is_digit = absl::ascii_isdigit(static_cast<unsigned char>(text[54]));
  return {std::string(trace_id), std::string(span_id), (text[54] & 1) == (last_is_digit ? 1 : 0)};
}

// <trace id>/<span id, decimal>;o=<sampled>
Trace FromCloudTraceContext(std::string_view text) {
  const std::string_view trace_id = text.substr(0, text.find('/'));
  if (!IsHex(trace_id, 32)) return {};
  return {std::string(trace_id), "", text.ends_with(";o=1")};
}

Severity SeverityOf(NotificationOutcome outcome) {
  switch (outcome) {
    case NotificationOutcome::kImported:
    case NotificationOutcome::kHeld:
      return Severity::kInfo;
    case NotificationOutcome::kFailed:
      return Severity::kError;
    case NotificationOutcome::kConfigChanged:
    case NotificationOutcome::kGone:
      return Severity::kWarning;
    default:
      return Severity::kDebug;
  }
}

std::string_view MessageOf(NotificationOutcome outcome) {
  switch (outcome) {
    case NotificationOutcome::kImported:
      return "object imported";
    case NotificationOutcome::kDoneBefore:
      return "object was done before";
    case NotificationOutcome::kConfigChanged:
      return "object was imported under another config and is left alone";
    case NotificationOutcome::kGone:
      return "object is not there any more";
    case NotificationOutcome::kHeld:
      return "object is held by another worker";
    case NotificationOutcome::kFailed:
      return "object failed";
    default:
      return "object skipped";
  }
}

}  // namespace

void AddTrace(const Trace& trace, std::vector<LogField>& fields) {
  if (trace.trace_id.empty()) return;
  fields.emplace_back("logging.googleapis.com/trace", trace.trace_id);
  if (!trace.span_id.empty()) fields.emplace_back("logging.googleapis.com/spanId", trace.span_id);
  fields.emplace_back("logging.googleapis.com/trace_sampled", trace.sampled);
}

void LogObject(const ObjectNotification& notification, const NotificationResult& result,
               absl::Time now, absl::Time next_try) {
  std::vector<LogField> fields = {{"object", notification.uri}, {"trigger", notification.trigger}};
  if (!result.object.version.empty()) fields.emplace_back("version", result.object.version);
  if (result.outcome == NotificationOutcome::kImported) {
    fields.emplace_back("read", result.counts.read);
    fields.emplace_back("accepted", result.counts.accepted);
    fields.emplace_back("rejected", result.counts.rejected);
    fields.emplace_back("filtered", result.counts.filtered);
    fields.emplace_back("events", result.counts.events);
    if (notification.written != absl::InfinitePast()) {
      fields.emplace_back("latency_s", absl::ToDoubleSeconds(now - notification.written));
    }
  }
  if (!result.status.ok()) fields.emplace_back("error", ToStd(result.status.message()));
  if (next_try != absl::InfiniteFuture()) {
    fields.emplace_back("retry_in_s", std::max(0.0, absl::ToDoubleSeconds(next_try - now)));
  } else if (result.outcome == NotificationOutcome::kFailed) {
    fields.emplace_back("note", "not retried until the next notification");
  }
  AddTrace(notification.trace, fields);
  Log(SeverityOf(result.outcome), MessageOf(result.outcome), fields);
}

Trace TraceOf(std::string_view traceparent, std::string_view cloud_trace_context) {
  Trace trace = FromTraceparent(traceparent);
  return trace.trace_id.empty() ? FromCloudTraceContext(cloud_trace_context) : trace;
}

}  // namespace millrace::watch
