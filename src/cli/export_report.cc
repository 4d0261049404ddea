#include "cli/export_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>
#include <vector>

#include "base/log.h"
#include "base/peak_memory.h"
#include "base/strings.h"
#include "cli/error_report.h"
#include "cli/import_report.h"
#include "cli/text.h"
#include "cli/warnings_report.h"

namespace millrace::cli {
namespace {

struct Sums {
  Counts counts;
  uint64_t windows = 0, windows_skipped = 0, deleted = 0;
  uint64_t retries = 0;  // of writes
  std::string first_error;
  absl::Status status;  // the first one that is not ok
};

Sums SumsOf(const ExportReport& report) {
  Sums sums;
  sums.status = report.status;
  for (const DestinationReport& one : report.destinations) {
    sums.counts += one.delivery.counts;
    sums.windows += one.windows;
    sums.windows_skipped += one.windows_skipped;
    sums.deleted += one.deleted;
    sums.retries += one.delivery.retries;
    sums.status.Update(one.delivery.status);
    if (sums.first_error.empty()) sums.first_error = one.delivery.first_error;
  }
  if (sums.first_error.empty() && !sums.status.ok()) {
    sums.first_error = ToStd(sums.status.message());
  }
  return sums;
}

void AddCounts(const Counts& counts, nlohmann::ordered_json& json) {
  json["read"] = counts.read;
  json["accepted"] = counts.accepted;
  json["rejected"] = counts.rejected;
  json["filtered"] = counts.filtered;
  json["pending"] = counts.pending();
}

nlohmann::ordered_json AsJson(const DestinationReport& report) {
  nlohmann::ordered_json json = {{"name", report.delivery.destination},
                                 {"success", report.delivery.success()},
                                 {"windows", report.windows},
                                 {"windows_skipped", report.windows_skipped}};
  AddCounts(report.delivery.counts, json);
  json["deleted"] = report.deleted;
  json["requests"] = report.delivery.requests;
  json["retries"] = report.delivery.retries;
  json["bytes_sent"] = report.delivery.bytes_sent;
  json["stopped_by"] = ErrorAsJson(report.delivery.status);
  json["first_error"] = ErrorAsJson(report.delivery.first_error);
  return json;
}

std::string Line(std::string_view name, uint64_t number, std::string_view note = "") {
  std::string line(name);
  const std::string digits = WithCommas(number);
  line.resize(std::max(line.size(), 25 - std::min<size_t>(digits.size(), 14)), ' ');
  StrAppend(&line, digits);
  if (!note.empty()) StrAppend(&line, "   ", note);
  return line + "\n";
}

std::string AsTable(const DestinationReport& report) {
  const Counts& counts = report.delivery.counts;
  std::string table = StrCat("to ", Printable(report.delivery.destination), "\n");
  table += Line("windows", report.windows, StrCat(report.windows_skipped, " closed before"));
  table += Line("read", counts.read);
  table += Line("accepted", counts.accepted);
  table += Line("rejected", counts.rejected, counts.rejected > 0 ? "see: millrace dlq list" : "");
  table += Line("filtered", counts.filtered,
                counts.filtered > 0 ? "delivered before, or repeats of an event" : "");
  table += Line("pending", counts.pending(), counts.pending() > 0 ? "run again to continue" : "");
  if (report.deleted > 0) table += Line("deleted", report.deleted, "rows of deleted users");
  if (!report.delivery.status.ok()) {
    StrAppend(&table, "stopped by: ", ErrorAsText(ToStd(report.delivery.status.message())), "\n");
  } else if (!report.delivery.first_error.empty()) {
    StrAppend(&table, "first error: ", ErrorAsText(report.delivery.first_error), "\n");
  }
  return table + WarningsAsLines(report.delivery.warnings);
}

bool HasBegun(const ExportReport& report) {
  return report.queries > 0 ||
         std::any_of(report.destinations.begin(), report.destinations.end(),
                     [](const auto& one) { return one.delivery.counts.read > 0; });
}

}  // namespace

std::string ExportReportAsJson(const ExportReport& report) {
  const Sums sums = SumsOf(report);
  nlohmann::ordered_json json = {{"success", report.success()},
                                 {"windows", sums.windows},
                                 {"windows_skipped", sums.windows_skipped}};
  AddCounts(sums.counts, json);
  json["deleted"] = sums.deleted;
  json["left_out"] = report.left_out;
  json["queries"] = report.queries;
  json["retries"] = report.retries + sums.retries;
  json["bytes_read"] = report.bytes_read;
  json["elapsed_s"] = report.elapsed_s;
  json["peak_memory_bytes"] = PeakMemory();
  json["stopped_by"] = ErrorAsJson(sums.status);
  json["first_error"] = ErrorAsJson(sums.first_error);
  auto& destinations = json["destinations"] = nlohmann::ordered_json::array();
  for (const DestinationReport& one : report.destinations) destinations.push_back(AsJson(one));
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string ExportReportAsTable(const ExportReport& report) {
  std::string table;
  for (const DestinationReport& one : report.destinations) table += AsTable(one);
  table += Line("queries", report.queries, Pluralize(report.retries, "retry", "retries"));
  StrAppend(&table, "time      ", Span(absl::Seconds(report.elapsed_s)), ", ",
            Bytes(report.bytes_read), " read, peak memory ", Bytes(PeakMemory()), "\n");
  if (!report.status.ok()) {
    StrAppend(&table, "stopped by: ", ErrorAsText(ToStd(report.status.message())), "\n");
  }
  return table;
}

absl::StatusOr<int> FinishExport(const ExportReport& report, bool json, Context& context) {
  if (!report.status.ok() && !HasBegun(report) && !absl::IsCancelled(report.status)) {
    return report.status;
  }
  int code = report.status.ok() ? kAllAccepted : kStopped;
  for (const DestinationReport& one : report.destinations) {
    code = std::max(code, ExitCodeOf(one.delivery));
  }
  context.out << (json ? ExportReportAsJson(report) + "\n" : ExportReportAsTable(report))
              << std::flush;
  if (context.err_is_terminal) return code;
  const Sums sums = SumsOf(report);
  Log(report.success() ? Severity::kInfo : Severity::kError, "Export complete",
      {{"success", report.success()},
       {"windows", sums.windows},
       {"read", sums.counts.read},
       {"accepted", sums.counts.accepted},
       {"rejected", sums.counts.rejected},
       {"filtered", sums.counts.filtered},
       {"pending", sums.counts.pending()},
       {"first_error", ErrorAsText(sums.first_error)}});
  return code;
}

}  // namespace millrace::cli
