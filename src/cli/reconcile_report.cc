#include "cli/reconcile_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/peak_memory.h"
#include "base/strings.h"
#include "cli/error_report.h"
#include "cli/text.h"
#include "cli/warnings_report.h"

namespace millrace::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr ObjectProblem kProblems[] = {
    ObjectProblem::kOpen,         ObjectProblem::kNotImported,  ObjectProblem::kConfigChanged,
    ObjectProblem::kOtherMapping, ObjectProblem::kChanged,      ObjectProblem::kGone,
    ObjectProblem::kUnreadable,   ObjectProblem::kNotComparable};

std::string Line(std::string_view name, uint64_t number, std::string_view note = "") {
  const std::string digits = WithCommas(number);
  std::string line(name);
  line.resize(std::max<size_t>(line.size(), 12), ' ');
  const size_t width = 27 - std::min<size_t>(line.size(), 27);
  if (digits.size() < width) line.append(width - digits.size(), ' ');
  line += digits;
  if (!note.empty()) StrAppend(&line, "   ", note);
  return line + "\n";
}

std::string_view UnexpectedNote(const ReconcileReport& report, bool ignore_unexpected) {
  if (report.counts.unexpected == 0) return "";
  if (ignore_unexpected) return "ignored";
  return report.CountOf(ObjectProblem::kOtherMapping) > 0
             ? "may come from the objects of other_mapping"
             : "of no row of these inputs: name all inputs with these events and days";
}

Json MissingRows(const ReconcileReport& report) {
  Json rows = Json::array();
  for (const MissingRow& missing : report.missing_rows) {
    rows.push_back({{"object", missing.object}, {"row", missing.row + 1}});
  }
  return rows;
}

Json Events(const std::vector<std::string>& keys) {
  Json events = Json::array();
  for (const std::string& key : keys) {
    const Json parsed = Json::parse(key, nullptr, /*allow_exceptions=*/false);
    if (!parsed.is_array() || parsed.size() != 4) {
      events.push_back({{"unreadable", key}});
      continue;
    }
    events.push_back({{"event", parsed[0]},
                      {"distinct_id", parsed[1]},
                      {"time", parsed[2]},
                      {"$insert_id", parsed[3]}});
  }
  return events;
}

std::string DuplicatesNote(const ReconcileReport& report) {
  if (report.counts.duplicates == 0) return "";
  return report.keeps_repeats
             ? "rows more than these inputs have: name all inputs that share events"
             : "harmless: Mixpanel counts each event once";
}

Json Findings(const ReconcileReport& report, size_t max_listed) {
  Json findings = Json::array();
  for (size_t i = 0; i < std::min(report.findings.size(), max_listed); ++i) {
    const ObjectFinding& finding = report.findings[i];
    findings.push_back({{"object", finding.object},
                        {"problem", NameOf(finding.problem)},
                        {"message", finding.message}});
  }
  return findings;
}

}  // namespace

std::string ReconcileReportAsJson(const ReconcileReport& report, bool ignore_unexpected,
                                  size_t max_listed) {
  Json json = {
      {"success", report.clean(ignore_unexpected)},
      {"expected", report.counts.expected},
      {"found", report.counts.found},
      {"missing", report.counts.missing()},
      {"unexpected", report.counts.unexpected},
      {"duplicates", report.counts.duplicates},
      {"not_checkable_yet", report.not_checkable_yet},
      {"checkable_from", report.not_checkable_yet == 0
                             ? Json(nullptr)
                             : Json(absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", report.checkable_from,
                                                     absl::UTCTimeZone()))},
      {"repaired", report.repaired},
      {"removed", report.removed},
      {"repair_rejected", report.repair_rejected},
      {"rows", report.rows},
      {"rows_rejected", report.rows_rejected},
      {"rows_replayed", report.rows_replayed},
      {"rows_filtered", report.rows_filtered},
      {"objects", report.objects}};
  for (const ObjectProblem problem : kProblems) {
    json[StrCat("objects_", NameOf(problem))] = report.CountOf(problem);
  }
  json["objects_not_checked"] = report.objects_not_checked;
  json["events_not_checked"] = report.events_not_checked;
  json["days"] = report.days;
  json["requests"] = report.requests;
  json["elapsed_s"] = report.elapsed_s;
  json["peak_memory_bytes"] = PeakMemory();
  json["missing_rows"] = MissingRows(report);
  json["unexpected_events"] = Events(report.unexpected_events);
  json["duplicate_events"] = Events(report.duplicate_events);
  json["findings"] = Findings(report, max_listed);
  json["warnings"] = WarningsAsJson(report.warnings);
  const bool refused = report.warnings_are_errors && !report.warnings.empty();
  json["first_error"] = report.status.ok() && refused
                            ? ErrorAsJson(StrictError(report.warnings.front().first))
                            : ErrorAsJson(report.status);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string ReconcileReportAsTable(const ReconcileReport& report, bool ignore_unexpected,
                                   size_t max_listed) {
  const MatchCounts& counts = report.counts;
  std::string table =
      Line("objects", report.objects,
           StrCat(Pluralize(report.rows, "row"), ", ", Pluralize(report.days, "day")));
  for (const ObjectProblem problem : kProblems) {
    if (const uint64_t count = report.CountOf(problem)) {
      StrAppend(&table, Line(StrCat("  ", NameOf(problem)), count));
    }
  }
  if (report.objects_not_checked > 0) {
    table +=
        Line("  unchecked", report.objects_not_checked, "profiles: exports do not show their rows");
  }
  if (report.events_not_checked > 0) {
    table += Line("  unchecked", report.events_not_checked,
                  "events that connect ids, or whose distinct_id Mixpanel has changed");
  }
  table += Line("rejected", report.rows_rejected,
                report.rows_rejected > 0
                    ? StrCat("rows; of these replayed: ", WithCommas(report.rows_replayed),
                             "; see millrace dlq list")
                    : "");
  table += Line("expected", counts.expected);
  table += Line("found", counts.found);
  table += Line("missing", counts.missing());
  if (report.not_checkable_yet > 0) {
    table += Line(
        "not yet", report.not_checkable_yet,
        StrCat("the export includes their day from ",
               absl::FormatTime("%Y-%m-%d %H:%M UTC", report.checkable_from, absl::UTCTimeZone()),
               "; run again then"));
  }
  table += Line("unexpected", counts.unexpected, UnexpectedNote(report, ignore_unexpected));
  table += Line("duplicates", counts.duplicates, DuplicatesNote(report));
  if (report.repaired > 0) table += Line("repaired", report.repaired);
  if (report.removed > 0) table += Line("removed", report.removed, "that were surplus");
  if (report.repair_rejected > 0) {
    table +=
        Line("refused", report.repair_rejected, "rejected in the repair; see millrace dlq list");
  }
  for (const MissingRow& missing : report.missing_rows) {
    StrAppend(&table, "missing: ", Printable(missing.object), ": row ", missing.row + 1, "\n");
  }
  for (const std::string& key : report.unexpected_events) {
    StrAppend(&table, "unexpected: ", Printable(key), "\n");
  }
  for (const std::string& key : report.duplicate_events) {
    StrAppend(&table, "duplicate: ", Printable(key), "\n");
  }
  for (size_t i = 0; i < std::min(report.findings.size(), max_listed); ++i) {
    const ObjectFinding& finding = report.findings[i];
    StrAppend(&table, NameOf(finding.problem), ": ", Printable(finding.object), ": ",
              Printable(finding.message), "\n");
  }
  table += WarningsAsLines(report.warnings);
  const bool clean = report.clean(ignore_unexpected);
  StrAppend(&table,
            clean ? "source and destination are the same"
                  : "source and destination are NOT proved to be the same",
            " (", Span(absl::Seconds(report.elapsed_s)), ")\n");
  return table;
}

}  // namespace millrace::cli
