#include "cli/import_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/log.h"
#include "base/peak_memory.h"
#include "base/strings.h"
#include "cli/error_report.h"
#include "cli/text.h"
#include "cli/warnings_report.h"

namespace millrace::cli {
namespace {

double EventsPerSecond(const ImportReport& report) {
  return report.elapsed_s > 0 ? static_cast<double>(report.counts.events) / report.elapsed_s : 0;
}

std::string Line(std::string_view name, uint64_t number, std::string_view note = "") {
  const std::string digits = WithCommas(number);
  std::string line(name);
  line.resize(10, ' ');
  if (digits.size() < 15) line.append(15 - digits.size(), ' ');
  line += digits;
  if (!note.empty()) StrAppend(&line, "   ", note);
  return line + "\n";
}

nlohmann::ordered_json AsJson(const ImportReport& report) {
  const Counts& counts = report.counts;
  nlohmann::ordered_json json = {
      {"success", report.success()},
      {"objects", report.objects},
      {"objects_skipped", report.objects_skipped},
      {"objects_failed", report.objects_failed},
      {"objects_held", report.objects_held},
      {"objects_lost", report.objects_lost},
      {"objects_unmatched", report.objects_unmatched},
      {"objects_hidden", report.objects_hidden},
      {"objects_config_changed", report.objects_config_changed},
      {"read", counts.read},
      {"accepted", counts.accepted},
      {"rejected", counts.rejected},
      {"filtered", counts.filtered},
      {"pending", counts.pending()},
      {"events", counts.events},
      {"requests", report.requests},
      {"retries", report.retries},
      {"bytes_read", report.bytes_read},
      {"bytes_sent", report.bytes_sent},
      {"elapsed_s", report.elapsed_s},
      {"events_per_second", EventsPerSecond(report)},
  };
  json["config_changes"] = report.config_changes;
  json["stopped_by"] = ErrorAsJson(report.status);
  json["first_error"] = ErrorAsJson(report.first_error);
  return json;
}

}  // namespace

std::string ImportReportsAsJson(absl::Span<const ImportReport> reports) {
  const ImportReport total = Total(reports);
  nlohmann::ordered_json json = AsJson(total);
  json["peak_memory_bytes"] = PeakMemory();
  json["warnings"] = WarningsAsJson(total.warnings);
  auto& destinations = json["destinations"] = nlohmann::ordered_json::array();
  for (const ImportReport& report : reports) {
    nlohmann::ordered_json one = {{"name", report.destination}};
    one.update(AsJson(report));
    destinations.push_back(std::move(one));
  }
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string ImportReportAsTable(const ImportReport& report) {
  const Counts& counts = report.counts;
  std::string objects = StrCat(report.objects_skipped, " done before");
  if (report.objects_failed > 0) StrAppend(&objects, ", ", report.objects_failed, " unreadable");
  if (report.objects_held > 0) StrAppend(&objects, ", ", report.objects_held, " held by others");
  if (report.objects_lost > 0)
    StrAppend(&objects, ", ", report.objects_lost, " taken over by others");
  if (report.objects_unmatched > 0) {
    StrAppend(&objects, ", ", report.objects_unmatched, " that match no config entry");
  }
  if (report.objects_hidden > 0) {
    StrAppend(&objects, ", ", Pluralize(report.objects_hidden, "hidden name"), " skipped");
  }
  if (report.objects_config_changed > 0) {
    StrAppend(&objects, ", ", report.objects_config_changed, " skipped: the config changed");
  }
  std::string table = Line("objects", report.objects, objects);
  table += Line("read", counts.read);
  table += Line("accepted", counts.accepted,
                counts.events == counts.accepted ? "" : Pluralize(counts.events, "event"));
  const char* const rejected =
      report.dry_run ? "not stored: this is a dry run" : "see: millrace dlq list";
  table += Line("rejected", counts.rejected, counts.rejected > 0 ? rejected : "");
  table += Line("filtered", counts.filtered);
  table += Line("pending", counts.pending(), counts.pending() > 0 ? "run again to continue" : "");
  table += Line("requests", report.requests, Pluralize(report.retries, "retry", "retries"));
  StrAppend(&table, "bytes     ", Bytes(report.bytes_read), " read, ", Bytes(report.bytes_sent),
            " sent\n");
  StrAppend(&table, "time      ", Span(absl::Seconds(report.elapsed_s)), ", ",
            WithCommas(static_cast<uint64_t>(EventsPerSecond(report))), " events/s, peak memory ",
            Bytes(PeakMemory()), "\n");
  if (!report.status.ok()) {
    StrAppend(&table, "stopped by: ", ErrorAsText(ToStd(report.status.message())), "\n");
  }
  for (const std::string& change : report.config_changes) {
    StrAppend(&table, "config changed: ", Printable(change), "\n");
  }
  const bool told =
      !report.config_changes.empty() && report.first_error == report.config_changes.front();
  if (!report.first_error.empty() && !told) {
    StrAppend(&table, "first error: ", ErrorAsText(report.first_error), "\n");
  }
  table += WarningsAsLines(report.warnings);
  return table;
}

int ExitCodeOf(const ImportReport& report) {
  if (report.status.ok()) {
    if (report.objects_config_changed > 0) return kWrongUsage;
    return report.success() ? kAllAccepted : kRejectedRecords;
  }
  const bool nothing_begun = report.objects == 0 && report.requests == 0;
  const bool is_user_error =
      absl::IsInvalidArgument(report.status) || absl::IsNotFound(report.status) ||
      absl::IsUnimplemented(report.status) || absl::IsPermissionDenied(report.status) ||
      absl::IsUnauthenticated(report.status);
  return nothing_begun && is_user_error ? kWrongUsage : kStopped;
}

absl::StatusOr<int> FinishImport(absl::Span<const ImportReport> reports, bool json,
                                 Context& context, std::string_view message) {
  int code = kAllAccepted;
  bool any_started = false;
  for (const ImportReport& report : reports) {
    const int one = ExitCodeOf(report);
    code = std::max(code, one);
    any_started = any_started || one != kWrongUsage || report.status.ok();
  }
  if (!any_started) return reports.front().status;
  if (json) context.out << ImportReportsAsJson(reports) << "\n";
  for (const ImportReport& report : reports) {
    if (json) break;
    if (reports.size() > 1) context.out << "to " << Printable(report.destination) << "\n";
    context.out << ImportReportAsTable(report);
  }
  context.out << std::flush;
  // The lines are for log collectors; a user at a terminal has just read the report.
  if (context.err_is_terminal) return code;
  for (const ImportReport& report : reports) {
    Log(report.success() ? Severity::kInfo : Severity::kError, message,
        {{"destination", report.destination},
         {"success", report.success()},
         {"read", report.counts.read},
         {"accepted", report.counts.accepted},
         {"rejected", report.counts.rejected},
         {"filtered", report.counts.filtered},
         {"pending", report.counts.pending()},
         {"first_error", ErrorAsText(report.first_error)}});
  }
  return code;
}

}  // namespace millrace::cli
