#include "cli/plan_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/plan_names.h"
#include "cli/text.h"
#include "plan/plan_problems.h"

namespace millrace::cli {
namespace {

constexpr size_t kMaxObjectLines = 20;
constexpr size_t kMaxRejections = 5;
constexpr size_t kMaxNames = 8;
constexpr size_t kLabelWidth = 14;
constexpr size_t kLineWidth = 96;
constexpr size_t kMaxPreviewLines = 40;
constexpr size_t kMaxPreviewText = 120;

std::string Padded(std::string text, size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

std::string RightAligned(const std::string& text, size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

// `text` in lines of at most kLineWidth, each after `indent`; the first after `lead`.
std::string Wrapped(std::string_view text, const std::string& lead, const std::string& indent) {
  std::string wrapped;
  std::string line = lead;
  size_t used = lead.size();
  bool empty = true;
  while (!text.empty()) {
    const size_t space = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, space);
    if (!empty && used + 1 + word.size() > kLineWidth) {
      StrAppend(&wrapped, line, "\n");
      line = indent;
      used = indent.size();
      empty = true;
    }
    if (!empty) line += ' ';
    line += word;
    used += word.size() + (empty ? 0 : 1);
    empty = false;
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  return StrCat(wrapped, line, "\n");
}

// `text`, shortened to `max` bytes at a UTF-8 character boundary if it is longer.
std::string Cut(std::string text, size_t max) {
  if (text.size() <= max) return text;
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xC0) == 0x80) --max;
  text.resize(max);
  return text + "…";
}

// Shortens long texts inside `json`, so that a record can be read at a glance.
void CutTexts(nlohmann::ordered_json& json) {
  if (json.is_string()) {
    json = Cut(json.get<std::string>(), kMaxPreviewText);
  } else if (json.is_structured()) {
    for (auto& item : json) CutTexts(item);
  }
}

// A record as indented JSON, at most kMaxPreviewLines.
std::string PrettyRecord(const std::string& record, const std::string& indent) {
  nlohmann::ordered_json json = nlohmann::ordered_json::parse(record, nullptr, false);
  if (json.is_discarded()) return indent + Printable(Cut(record, 400)) + "\n";
  CutTexts(json);
  const std::string text =
      json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  std::string pretty;
  size_t lines = 0;
  for (size_t begin = 0; begin < text.size(); ++lines) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (lines < kMaxPreviewLines) {
      StrAppend(&pretty, indent, Printable(text.substr(begin, end - begin)), "\n");
    }
    begin = end + 1;
  }
  if (lines > kMaxPreviewLines) {
    StrAppend(&pretty, indent, "… ", lines - kMaxPreviewLines, " more lines (--json has all)\n");
  }
  return pretty;
}

std::string Share(uint64_t part, uint64_t whole) {
  if (whole == 0) return "0%";
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f%%",
                100.0 * static_cast<double>(part) / static_cast<double>(whole));
  return text;
}

std::string Decimals(double number, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, number);
  return text;
}

// True if every row that is left to import was read.
bool WasCounted(const EntryPlan& entry) {
  return entry.exact && static_cast<double>(entry.sampled_rows) == entry.to_do.rows;
}

class Report {
 public:
  Report(const ImportPlan& plan, const PlanReportOptions& options)
      : plan_(plan), options_(options) {}

  std::string Write() {
    AddHead();
    for (const EntryPlan& entry : plan_.entries) {
      if (entry.objects > 0) AddEntry(entry);
    }
    if (plan_.entries.size() > 1) AddTotal();
    if (plan_.to_do.events >= 1) AddCosts();
    AddProblems();
    return std::move(text_);
  }

 private:
  std::string Bold(const std::string& text) const {
    return options_.color ? StrCat("\x1b[1m", text, "\x1b[0m") : text;
  }
  std::string Colored(const std::string& text, PlanProblem::Severity severity) const {
    if (!options_.color || severity == PlanProblem::Severity::kNote) return text;
    const char* color = severity == PlanProblem::Severity::kError ? "\x1b[31m" : "\x1b[33m";
    return StrCat(color, text, "\x1b[0m");
  }

  void Line(std::string_view label, const std::string& value) {
    StrAppend(&text_, "  ", Padded(std::string(label), kLabelWidth), value, "\n");
  }
  void WrappedLine(std::string_view label, const std::string& value) {
    text_ += Wrapped(value, "  " + Padded(std::string(label), kLabelWidth),
                     std::string(kLabelWidth + 2, ' '));
  }

  void AddHead() {
    uint64_t objects = plan_.objects_unmatched;
    for (const EntryPlan& entry : plan_.entries) objects += entry.objects;
    StrAppend(
        &text_,
        Bold(StrCat("Plan for ", Pluralize(objects, "object"), " into ", options_.destination)),
        "\nMapped by ",
        options_.config.empty() ? "Mixpanel's event format, no config" : options_.config,
        "; nothing is sent and nothing is recorded.\n");
    if (!options_.ledger_known) {
      text_ +=
          "No project is given, so the plan does not know what the ledger has recorded as done; "
          "set "
          "MIXPANEL_TOKEN or --project-id.\n";
    }
    if (plan_.stopped)
      text_ += "Stopped before the end: this plan covers only what was read until then.\n";
  }

  void AddEntry(const EntryPlan& entry) {
    std::string kind = std::string(PluralOf(entry.record_type));
    for (const std::string& format : entry.formats) StrAppend(&kind, ", ", format);
    StrAppend(&text_, "\n", Bold(entry.config_id.empty() ? "mixpanel format" : entry.config_id),
              "  (", kind, ")\n");
    std::string objects = StrCat(WithCommas(entry.objects), ", ", Bytes(entry.bytes), ": ",
                                 WithCommas(entry.objects_to_do()), " to do");
    if (entry.objects_partly_done > 0) {
      StrAppend(&objects, " (", WithCommas(entry.objects_partly_done), " of them partly done)");
    }
    StrAppend(&objects, ", ", WithCommas(entry.objects_done), " done before");
    if (entry.objects_config_changed > 0) {
      StrAppend(&objects, ", ", WithCommas(entry.objects_config_changed),
                " skipped: the config changed");
    }
    Line("objects", objects);
    if (entry.objects_to_do() == 0) return;
    AddAmounts(entry.to_do, entry.exact, WasCounted(entry));
    AddTime(entry.to_do, entry.seconds_at_quota);
    Line("memory", StrCat("about ", Bytes(entry.peak_memory_bytes), " at the peak"));
    AddSample(entry);
    AddObjects(entry);
    AddPreviews(entry);
    AddRejections(entry);
  }

  // `counted`: everything was read, so only the requests are estimates.
  void AddAmounts(const Amounts& amounts, bool exact, bool counted) {
    const auto whole = [](double amount) {
      return WithCommas(static_cast<uint64_t>(std::llround(amount)));
    };
    const std::string_view about = counted ? "" : "about ";
    Line("rows", StrCat(exact ? "" : "about ", whole(amounts.rows),
                        exact ? "" : "  (estimated from the sample, by bytes)"));
    Line("events",
         StrCat(about, whole(amounts.events), "  in about ",
                Pluralize(static_cast<uint64_t>(std::ceil(amounts.requests)), "request")));
    if (amounts.rejected > 0) Line("rejected", StrCat(about, whole(amounts.rejected)));
    if (amounts.events < 1) return;
    Line("to send", StrCat(about, Bytes(static_cast<uint64_t>(amounts.bytes)), " of JSON, ",
                           Bytes(static_cast<uint64_t>(amounts.gzip_bytes)), " after gzip; ",
                           whole(amounts.bytes / amounts.events), " bytes each"));
  }

  void AddTime(const Amounts& amounts, double seconds) {
    if (seconds == 0) return;  // nothing to send, or no quota
    const bool by_events = options_.events_per_second > 0 &&
                           amounts.events / options_.events_per_second >= seconds * 0.999;
    Line("time",
         StrCat("at least ", Span(absl::Seconds(seconds)), ", at the quota of ",
                by_events ? StrCat(WithCommas(static_cast<uint64_t>(options_.events_per_second)),
                                   " events/s")
                          : StrCat(Bytes(static_cast<uint64_t>(options_.bytes_per_second * 60)),
                                   "/min")));
  }

  void AddSample(const EntryPlan& entry) {
    const RecordStats& records = entry.records;
    std::string sample = StrCat(Pluralize(entry.sampled_rows, "row"), " of ",
                                Pluralize(entry.objects_sampled, "object"), ": ",
                                WithCommas(entry.mapped), " mapped, ", WithCommas(entry.rejected),
                                " rejected, ", WithCommas(entry.filtered), " filtered");
    if (records.identical > 0)
      StrAppend(&sample, ", ", WithCommas(records.identical), " identical");
    Line("sample", sample);
    if (entry.record_type == RecordType::kEvent && records.records > 0) {
      std::string names = StrCat(records.names_complete ? "" : "more than ",
                                 WithCommas(records.names.size()), ": ");
      for (size_t i = 0; i < std::min(kMaxNames, records.names.size()); ++i) {
        StrAppend(&names, i == 0 ? "" : ", ", Printable(Cut(records.names[i].name, 60)), " ",
                  Share(records.names[i].records, records.records));
      }
      if (records.names.size() > kMaxNames) names += ", …";
      WrappedLine("event names", names);
      if (records.first) {
        Line("times", StrCat(TimeText(*records.first), " to ", TimeText(*records.last)));
      }
      Line("without user", Share(records.without_user, records.records));
    }
  }

  void AddObjects(const EntryPlan& entry) {
    if (entry.listed.size() < 2) return;
    StrAppend(&text_, "\n  state                 rows        size  object\n");
    for (size_t i = 0; i < std::min(kMaxObjectLines, entry.listed.size()); ++i) {
      const ObjectPlan& object = entry.listed[i];
      std::string rows;
      if (object.sampled) {
        rows = StrCat(object.exact ? "" : "~",
                      WithCommas(static_cast<uint64_t>(std::llround(object.to_do.rows))));
      } else if (object.state == ObjectPlan::State::kDone) {
        rows = WithCommas(object.rows_done);
      }
      StrAppend(&text_, "  ", Padded(std::string(StateName(object.state)), 14),
                RightAligned(rows, 12), RightAligned(Bytes(object.bytes), 12), "  ",
                Printable(object.uri), object.error.empty() ? "" : "  (unreadable)", "\n");
    }
    if (entry.objects > kMaxObjectLines) {
      StrAppend(&text_, "  … ", Pluralize(entry.objects - kMaxObjectLines, "more object"), "\n");
    }
  }

  void AddPreviews(const EntryPlan& entry) {
    for (const RecordPreview& preview : entry.previews) {
      StrAppend(&text_, "\n  ", Printable(BaseName(preview.object)), ", row ", preview.row + 1,
                ", becomes\n", PrettyRecord(preview.after, "    "));
    }
  }

  void AddRejections(const EntryPlan& entry) {
    for (size_t i = 0; i < std::min(kMaxRejections, entry.rejections.size()); ++i) {
      const RejectionStats& stats = entry.rejections[i];
      StrAppend(
          &text_, "\n  ", Printable(BaseName(stats.first.object)), ", row ", stats.first.row + 1,
          ", would be ",
          Colored(StrCat("rejected (", stats.code,
                         stats.field.empty() ? "" : StrCat(", ", Printable(stats.field)), ")"),
                  PlanProblem::Severity::kError),
          ", and ", WithCommas(stats.records - 1), " more like it\n");
      text_ += Wrapped(Printable(stats.message), "    ", "    ");
      text_ += PrettyRecord(stats.first.before, "    ");
    }
  }

  void AddTotal() {
    StrAppend(&text_, "\n", Bold("All entries"), "\n");
    AddAmounts(plan_.to_do, plan_.exact,
               std::all_of(plan_.entries.begin(), plan_.entries.end(), WasCounted));
    Line("time", StrCat("at least ", Span(absl::Seconds(plan_.seconds_at_quota)), " at the quota"));
    Line("memory", StrCat("about ", Bytes(plan_.peak_memory_bytes), " at the peak"));
  }

  void AddCosts() {
    if (options_.costs.empty()) return;
    StrAppend(&text_, "\n", Bold("Costs"), "\n");
    double total = 0;
    for (const CostLine& line : options_.costs) {
      total += line.cost();
      StrAppend(&text_, "  ", line.name, "\n");
      WrappedLine("",
                  StrCat(Decimals(line.amount, 3), " ", line.unit, " at ", Decimals(line.price, 4),
                         line.price_given ? "" : " (default)", ": ", Decimals(line.cost(), 2)));
      if (!line.assumes.empty()) WrappedLine("", StrCat("assumed: ", line.assumes));
    }
    Line("total", StrCat("about ", Decimals(total, 2),
                         " US dollars, without storage, queries and free amounts; --price sets a "
                         "price"));
  }

  void AddProblems() {
    if (plan_.problems.empty()) {
      StrAppend(&text_, "\nNo problems found.\n");
      return;
    }
    StrAppend(&text_, "\n", Bold("Problems"), "\n");
    for (const PlanProblem& problem : plan_.problems) {
      const std::string lead = Padded(std::string(SeverityName(problem.severity)), 9);
      std::string entry = problem.config_id.empty() ? "" : StrCat(problem.config_id, ": ");
      const std::string wrapped = Wrapped(Printable(StrCat(entry, problem.message)),
                                          std::string(11, ' '), std::string(11, ' '));
      StrAppend(&text_, "  ", Colored(lead, problem.severity), wrapped.substr(11));
      if (!problem.advice.empty()) {
        text_ += Wrapped(Printable(problem.advice), "           → ", "             ");
      }
    }
  }

  const ImportPlan& plan_;
  const PlanReportOptions& options_;
  std::string text_;
};

}  // namespace

std::string PlanAsReport(const ImportPlan& plan, const PlanReportOptions& options) {
  return Report(plan, options).Write();
}

}  // namespace millrace::cli
