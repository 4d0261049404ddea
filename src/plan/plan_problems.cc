#include "plan/plan_problems.h"

#include <algorithm>
#include <utility>

#include "base/pluralize.h"
#include "base/strings.h"
#include "objects/config_change.h"

namespace millrace {
namespace {

using Severity = PlanProblem::Severity;

// Mixpanel shows the properties of 5,000 event names, but far fewer are already hard to use.
constexpr size_t kManyEventNames = 500;
// A share of too few records says nothing about the whole.
constexpr uint64_t kMinForShare = 10;
constexpr double kMuchWithoutUser = 0.05;

std::string Percent(uint64_t part, uint64_t whole) {
  const double percent = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  if (part != whole && percent > 99) return "more than 99 %";
  if (percent < 1) return "less than 1 %";
  return StrCat(static_cast<int>(percent + 0.5), " %");
}

std::string Joined(const std::vector<std::string>& names, size_t max) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), max); ++i) {
    StrAppend(&text, i == 0 ? "" : ", ", names[i]);
  }
  if (names.size() > max) StrAppend(&text, " and ", names.size() - max, " more");
  return text;
}

// Collects the problems of one entry.
class EntryProblems {
 public:
  EntryProblems(const EntryPlan& entry, const SourceConfig& config,
                std::vector<PlanProblem>& problems)
      : entry_(entry), config_(config), problems_(problems) {}

  void FindAll() {
    if (entry_.objects == 0) {
      Add(Severity::kWarning, "entry_without_objects", "",
          StrCat("no object of the inputs begins with \"", config_.source_prefix, "\""),
          "compare source_gcs_prefix with the inputs, or remove the entry");
    }
    FindUnreadable();
    FindRejected();
    FindLedger();
    FindColumns();
    FindNullWords();
    FindIdentical();
    if (entry_.record_type == RecordType::kEvent) FindInEvents();
    for (const Excess& excess : entry_.records.excesses) AddExcess(excess);
  }

 private:
  void Add(Severity severity, std::string code, std::string field, std::string message,
           std::string advice) {
    problems_.push_back({severity, std::move(code), entry_.config_id, std::move(field),
                         std::move(message), std::move(advice)});
  }

  void FindUnreadable() {
    for (const ObjectPlan& object : entry_.listed) {
      if (object.error.empty()) continue;
      Add(Severity::kError, "unreadable_object", "",
          StrCat(object.uri, " cannot be read: ", object.error),
          object.sampled_rows == 0
              ? "fix or exclude the file; the other files are imported"
              : "the rows before the damage are imported; fix the file and run again for the "
                "rest");
    }
  }

  void FindRejected() {
    for (const RejectionStats& stats : entry_.rejections) {
      Add(Severity::kError, "rejected_records", stats.field,
          StrCat(Percent(stats.records, entry_.sampled_rows), " of the sample (",
                 Pluralize(stats.records, "record"), ") would be rejected: ", stats.code,
                 stats.field.empty() ? "" : StrCat(" in ", stats.field), ": ", stats.message),
          AdviceOn(stats));
    }
  }

  std::string AdviceOn(const RejectionStats& stats) const {
    const bool of_wrong_format = config_.mixpanel_format && stats.code == "missing_required_field";
    return of_wrong_format
               ? "if the file is not meant to be in Mixpanel's format, create a config for it with "
                 "\"millrace init FILE\""
               : RejectionAdvice(stats.code);
  }

  void FindLedger() {
    if (entry_.objects_config_changed > 0) {
      Add(Severity::kWarning, "config_changed", "",
          StrCat(Pluralize(entry_.objects_config_changed, "object was", "objects were"),
                 " imported under this entry before it changed, or under another entry: an import "
                 "skips them and ends with status 2"),
          kForceAdvice);
    }
    if (entry_.objects_changed > 0) {
      Add(Severity::kNote, "object_changed", "",
          StrCat(Pluralize(entry_.objects_changed, "object has", "objects have"),
                 " changed since the import and would be imported again"),
          "records that did not change keep their $insert_id and do not count twice");
    }
    if (entry_.objects_held > 0) {
      Add(Severity::kNote, "held", "",
          StrCat(Pluralize(entry_.objects_held, "object is", "objects are"),
                 " being imported by another process now"),
          "");
    }
  }

  void FindColumns() {
    for (const MissingColumn& missing : entry_.missing_columns) {
      const std::string where = missing.objects == entry_.objects_sampled
                                    ? "the sample"
                                    : StrCat(missing.objects, " of the ", entry_.objects_sampled,
                                             " sampled objects, such as ", missing.first_object);
      Add(Severity::kWarning, "missing_column", missing.column,
          StrCat("column \"", missing.column, "\", used for ", missing.used_for, ", is not in ",
                 where),
          missing.nearest.empty() ? StrCat("existing columns: ", Joined(entry_.columns, 30))
                                  : StrCat("did you mean \"", missing.nearest, "\"?"));
    }
    if (!entry_.unused_columns.empty()) {
      Add(Severity::kNote, "unused_columns", "",
          StrCat(Pluralize(entry_.unused_columns.size(), "column is", "columns are"),
                 " not mapped and would be dropped: ", Joined(entry_.unused_columns, 20)),
          "add {\"source_field\": \"*\", \"mixpanel_field\": \"*\"} to field_mappings to send the "
          "other columns unchanged");
    }
  }

  void FindNullWords() {
    for (const NullWordCount& count : entry_.null_words) {
      Add(Severity::kNote, "null_words", count.column,
          StrCat(Pluralize(count.cells, "cell"), " of column \"", count.column, "\" ",
                 count.cells == 1 ? "holds" : "hold", " \"", count.word,
                 "\", which counts as null"),
          StrCat(
              "if \"", count.word,
              "\" is a value there, set \"null_values\" in the entry to the words that mean null, "
              "or to [] for none"));
    }
  }

  void FindIdentical() {
    const RecordStats& records = entry_.records;
    if (records.identical > 0) {
      Add(Severity::kWarning, "identical_records", "$insert_id",
          StrCat(Pluralize(records.identical, "record has", "records have"),
                 " the event name and $insert_id of an earlier one: Mixpanel counts them as one "
                 "event"),
          IdenticalAdvice());
    }
    if (!records.identical_complete) {
      Add(Severity::kNote, "identical_not_all_seen", "",
          "the sample is too large to find all identical records; there may be more", "");
    }
  }

  std::string IdenticalAdvice() const {
    const bool mapped = std::any_of(
        config_.mappings.begin(), config_.mappings.end(),
        [](const FieldMapping& mapping) { return mapping.mixpanel_field == "$insert_id"; });
    if (mapped || config_.mixpanel_format) {
      return "correct if they are repeats of one event; otherwise the ids in the source do not "
             "identify events: do not map them to $insert_id, and set \"insert_id\": \"position\" "
             "in the "
             "entry";
    }
    if (config_.insert_id == InsertIdRule::kColumns) {
      return "correct if they are repeats of one event; otherwise name more columns in "
             "\"insert_id\", or "
             "set "
             "\"insert_id\": \"position\"";
    }
    return "correct if identical rows are repeats of one event; if each row is a separate event, "
           "set "
           "\"insert_id\": \"position\" in the entry";
  }

  void FindInEvents() {
    const RecordStats& records = entry_.records;
    if (records.names.size() > kManyEventNames) {
      Add(Severity::kWarning, "many_event_names", "event",
          StrCat(records.names_complete ? "" : "more than ", records.names.size(),
                 " different event names in the sample"),
          "an event name is a kind of action (\"Page Viewed\"): send what varies as a property, "
          "and use another column or a fixed mixpanel_event_name");
    }
    if (records.records >= kMinForShare && records.without_user > 0 &&
        static_cast<double>(records.without_user) >=
            kMuchWithoutUser * static_cast<double>(records.records)) {
      Add(Severity::kWarning, "no_user", "distinct_id",
          StrCat(Percent(records.without_user, records.records),
                 " of the events have no distinct_id, $user_id or $device_id"),
          "Mixpanel counts such events but excludes them from funnels, retention and users: map "
          "the column that identifies the user to $user_id, or the device to $device_id");
    }
    if (records.in_future > 0) {
      Add(Severity::kNote, "future_times", "time",
          StrCat(Pluralize(records.in_future, "event is", "events are"),
                 " up to an hour ahead of now"),
          "Mixpanel accepts them and may set them to now; if all are ahead, set time_zone in the "
          "entry");
    }
    if (records.records >= kMinForShare && records.at_midnight == records.records) {
      Add(Severity::kNote, "dates_only", "time",
          "every event is at midnight: the time column contains only dates",
          "events of one day will have no order; map a column with the time of day if there is "
          "one");
    }
  }

  void AddExcess(const Excess& excess) {
    struct Text {
      const char* code;
      const char* unit;
      const char* then;
    };
    static constexpr Text kTexts[kRecordLimits] = {
        {"long_text", "bytes of text", "Mixpanel truncates it there"},
        {"deep_nesting", "levels of nesting", "deeper levels cannot be used in reports"},
        {"long_list", "items in a list", "Mixpanel may drop the rest or reject the event"},
        {"many_keys", "keys in one object", "Mixpanel may drop the rest or reject the event"},
        {"large_value", "bytes in a list or object", "Mixpanel may truncate the value"},
    };
    const Text& text = kTexts[static_cast<size_t>(excess.limit)];
    Add(Severity::kWarning, text.code, excess.property,
        StrCat("property \"", excess.property, "\" exceeds ",
               BoundOf(excess.limit, entry_.record_type), " ", text.unit, " in ",
               Pluralize(excess.records, "record"), " of the sample (", excess.worst, " at most)"),
        text.then);
  }

  const EntryPlan& entry_;
  const SourceConfig& config_;
  std::vector<PlanProblem>& problems_;
};

// Adds the warnings that no entry reports itself.
void AddWarnings(const ImportPlan& plan, std::vector<PlanProblem>& problems) {
  const Severity severity = plan.warnings_are_errors ? Severity::kError : Severity::kWarning;
  for (const auto& [first, count] : plan.warnings) {
    if (first.code == "missing_column") continue;
    const std::string where = first.object.empty() ? "" : StrCat(first.object, ": ");
    problems.push_back({.severity = severity,
                        .code = first.code,
                        .config_id = first.config_id,
                        .field = first.field,
                        .message = StrCat(where, first.message)});
  }
}

}  // namespace

std::vector<PlanProblem> FindProblems(const ImportPlan& plan, const SourcesConfig& sources) {
  std::vector<PlanProblem> problems;
  if (plan.objects_unmatched > 0) {
    problems.push_back(
        {.severity = Severity::kWarning,
         .code = "no_entry_fits",
         .message =
             StrCat(Pluralize(plan.objects_unmatched, "object matches", "objects match"),
                    " no entry of the config and would be skipped: ", Joined(plan.unmatched, 3)),
         .advice = "add an entry whose source_gcs_prefix they begin with, or narrow the inputs"});
  }
  AddWarnings(plan, problems);
  for (size_t i = 0; i < plan.entries.size(); ++i) {
    EntryProblems(plan.entries[i], *sources.entries()[i], problems).FindAll();
  }
  std::stable_sort(
      problems.begin(), problems.end(),
      [](const PlanProblem& a, const PlanProblem& b) { return a.severity > b.severity; });
  return problems;
}

std::string RejectionAdvice(std::string_view code) {
  static constexpr std::pair<std::string_view, std::string_view> kAdvice[] = {
      {"unreadable_row", "fix the row in the file; if all rows are unreadable, set file_type"},
      {"missing_event_name",
       "use a column that is never empty for mixpanel_event_name_from_field, or a fixed "
       "mixpanel_event_name"},
      {"missing_required_field", "fill the column in the source, or remove is_required_in_source"},
      {"invalid_time",
       "map a column with Unix time or ISO 8601 text to \"time\"; other texts need a transform"},
      {"invalid_id",
       "such values mean that the user is unknown: make them null in the source (null_values for "
       "CSV), or map another column"},
      {"invalid_value", "fix the value in the source, or remove the type of the mapping"},
      {"event_too_large", "map only the columns that are needed instead of \"*\""},
      {"too_many_properties", "map only the columns that are needed instead of \"*\""},
      {"transform_exception", "fix the transform; the message names its line"},
      {"transform_timeout", "make the transform do less for such a row"},
      {"transform_memory", "make the transform do less for such a row"},
      {"transform_output_too_large",
       "return less for such a row, or split the row before the import"},
  };
  for (const auto& [known, advice] : kAdvice) {
    if (known == code) return std::string(advice);
  }
  return "";
}

}  // namespace millrace
