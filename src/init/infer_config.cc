#include "init/infer_config.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_join.h"
#include "base/pluralize.h"
#include "base/strings.h"
#include "init/file_names.h"
#include "init/name_hints.h"

namespace millrace {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kMaxEventNames = 500;
// Numbers are Unix times only if they are in the range of events; sizes and counts are not.
constexpr int64_t kEarliestNumber = 946'684'800'000;  // 2000-01-01

std::string Quoted(std::string_view text) { return StrCat("\"", text, "\""); }

std::string Examples(const ColumnProfile& column) {
  std::string text;
  for (const std::string& example : column.examples) {
    StrAppend(&text, text.empty() ? "" : ", ", example);
  }
  return text;
}

std::string Distinct(const ColumnProfile& column) {
  return column.distinct_complete
             ? Pluralize(column.distinct, "different value")
             : StrCat("more than ", Pluralize(column.distinct, "different value"));
}

std::string Day(int64_t millis) {
  return absl::FormatTime("%Y-%m-%d", absl::FromUnixMillis(millis), absl::UTCTimeZone());
}

// Columns with these names can be passed through with the others, but no mapping can name them.
bool CanBeNamed(const ColumnProfile& column) { return !column.name.empty() && column.name != "*"; }

// How well a column suits a role, by its name and values; 0: not at all.

int EventNameScore(const ColumnProfile& column) {
  const bool few = column.distinct_complete && column.distinct <= kMaxEventNames &&
                   (column.distinct <= 20 || column.distinct * 2 <= column.values());
  const bool usable =
      !column.nested && column.nulls == 0 && column.values() > 0 && column.texts == column.values();
  return usable && few ? NameScore(ColumnRole::kEventName, column.name) : 0;
}

int TimeScore(const ColumnProfile& column) {
  const bool compact = column.is_compact_time();
  if (column.nested || column.values() == 0) return 0;
  if (!compact && column.times != column.values()) return 0;
  const int name = NameScore(ColumnRole::kTime, column.name);
  int score = 0;
  if (compact) {
    // Digits that are all dates are not Unix times, whatever their value.
    score = column.compact_form == CompactTime::kDate ? std::max(name, 4) : std::max(name, 10) + 20;
  } else if (column.timestamps == column.values()) {
    score = std::max(name, 20) + 40;
  } else if (column.numbers > 0) {
    score = name > 0 && column.first_millis >= kEarliestNumber ? name + 10 : 0;
  } else if (column.dates == column.values()) {
    score = std::max(name, 5);
  } else {
    score = std::max(name, 10) + 25;
  }
  return column.nulls > 0 ? std::max(score - 40, std::min(score, 1)) : score;
}

int IdScore(ColumnRole role, const ColumnProfile& column) {
  const bool names_nobody = column.distinct == 1 && column.values() > 1;
  if (!column.is_name_like() || names_nobody || column.banned_ids > 0) return 0;
  const int score = NameScore(role, column.name);
  return column.nulls * 2 > column.values() ? score / 2 : score;
}

int InsertIdScore(const ColumnProfile& column) {
  if (!column.is_name_like() || column.nulls > 0 || !column.all_different()) return 0;
  const int score = NameScore(ColumnRole::kInsertId, column.name);
  return column.valid_ids == column.values() ? score : score * 3 / 4;
}

// Builds the entry field by field.
class Guesser {
 public:
  explicit Guesser(const FileProfile& profile) : profile_(profile) {}

  InferredConfig Guess() {
    const std::string name = NameFromUri(profile_.uri);
    entry_["config_id"] = name;
    GuessPrefix();
    entry_["file_type"] = FileTypeName(profile_.type);
    DescribeText();
    GuessEventName(name);
    GuessTime();
    GuessId(ColumnRole::kDistinctId, "distinct_id");
    GuessId(ColumnRole::kUserId, "$user_id");
    GuessId(ColumnRole::kDeviceId, "$device_id");
    ExplainMissingUser();
    GuessInsertId();
    KeepShadowedColumns();
    GuessTypes();
    Map("*", "*", "");
    Explain("the rest", "*", "every other column becomes a property of the same name");
    entry_["field_mappings"] = std::move(mappings_);
    return {.json = Json::array({std::move(entry_)}).dump(2) + "\n",
            .explanations = std::move(explanations_)};
  }

 private:
  void Explain(std::string about, std::string choice, std::string why) {
    explanations_.push_back({std::move(about), std::move(choice), std::move(why)});
  }

  // What the file does not say itself.
  void DescribeText() {
    if (profile_.quoted) {
      entry_["quote"] = "\"";
      Explain("quote", "\"",
              "every name in the header is in quotes; in other TSV files they are text");
    }
    if (profile_.has_header) return;
    std::vector<std::string> names;
    for (const ColumnProfile& column : profile_.columns) {
      if (!column.nested) names.push_back(column.name);
    }
    Explain(
        "columns", absl::StrJoin(names, ", "),
        "the first line contains a time, so it is a row and not a header; give the columns names");
    entry_["columns"] = std::move(names);
  }

  void Map(std::string_view source, std::string_view target, std::string_view type) {
    Json mapping = {{"source_field", source}, {"mixpanel_field", target}};
    if (!type.empty()) mapping["type"] = type;
    mappings_.push_back(std::move(mapping));
    sources_.insert(std::string(source));
    targets_.insert(std::string(target));
  }

  // The column with the highest score, the first of equal ones; null if all scores are 0.
  const ColumnProfile* Best(const std::function<int(const ColumnProfile&)>& score) const {
    const ColumnProfile* best = nullptr;
    int highest = 0;
    for (const ColumnProfile& column : profile_.columns) {
      if (sources_.contains(column.name)) continue;
      if (const int own = score(column); own > highest) {
        highest = own;
        best = &column;
      }
    }
    return best;
  }

  void GuessPrefix() {
    const std::string prefix = PrefixFor(profile_.uri, profile_.siblings);
    entry_["source_gcs_prefix"] = prefix;
    Explain(
        "source_gcs_prefix", prefix,
        prefix.size() <= profile_.uri.rfind('/')
            ? "the folder of the partitions: the entry is for everything in them"
        : prefix.ends_with('/') ? "the file's folder: the entry is for everything in it"
        : prefix == profile_.uri
            ? "the folder contains other files that begin alike: the entry is for this one only"
            : "the folder also contains other files: the entry is for those that begin like this");
  }

  void GuessEventName(const std::string& name) {
    if (const ColumnProfile* column = Best(EventNameScore)) {
      entry_["mixpanel_event_name_from_field"] = column->name;
      sources_.insert(column->name);
      Explain("event name", column->name,
              StrCat("by its name, and it has ", Distinct(*column), " (", Examples(*column), ")"));
      return;
    }
    entry_["mixpanel_event_name"] = name;
    std::string why = "made from the file's name: ";
    const ColumnProfile* near = Best(
        [](const ColumnProfile& column) { return NameScore(ColumnRole::kEventName, column.name); });
    if (near == nullptr) {
      why += "no column is named like an event name (event, event_name, type, action, ...)";
    } else if (near->nulls > 0) {
      StrAppend(&why, "column ", Quoted(near->name), " is empty in ", near->nulls, " of ",
                Pluralize(profile_.rows, "row"));
    } else {
      StrAppend(&why, "column ", Quoted(near->name), " has ", Distinct(*near),
                ", too many for event names");
    }
    Explain("event name", name, why);
  }

  void GuessTime() {
    const ColumnProfile* column = Best(TimeScore);
    if (column == nullptr) {
      ExplainMissingTime();
      return;
    }
    const bool compact = column->is_compact_time();
    Map(column->name, "time", "unix_timestamp_auto");
    std::string why;
    if (compact) {
      const std::string form(NameOf(column->compact_form));
      mappings_.back()["time_format"] = form;
      why = StrCat("its digits are dates, written as ", form);
    } else if (column->timestamps > 0) {
      why = "its type is a timestamp";
    } else if (column->numbers > 0) {
      why = "its name suggests a time and its numbers are Unix times";
    } else if (column->dates == column->values()) {
      why = "the only kind of time here is a date, so every event is at midnight";
    } else {
      why = "its texts are ISO 8601 times";
    }
    StrAppend(&why, " (", Day(compact ? column->first_compact_millis : column->first_millis),
              " to ", Day(compact ? column->last_compact_millis : column->last_millis), ")");
    if (column->nulls > 0) {
      StrAppend(&why, "; ", Pluralize(column->nulls, "row has", "rows have"),
                " no value and will be rejected");
    }
    if (compact || (column->without_zone > 0 && column->dates != column->values())) {
      why +=
          "; it has no time zone and is taken as UTC: if it is not, add \"time_zone\" to the entry";
    }
    const std::string others = OtherTimes(*column);
    if (!others.empty()) StrAppend(&why, "; also possible: ", others);
    Explain("time", column->name, why);
    ExplainClock(*column);
  }

  std::string OtherTimes(const ColumnProfile& chosen) const {
    std::string others;
    for (const ColumnProfile& column : profile_.columns) {
      if (&column == &chosen || TimeScore(column) == 0) continue;
      StrAppend(&others, others.empty() ? "" : ", ", column.name);
    }
    return others;
  }

  void ExplainMissingTime() {
    std::string why =
        "no column contains times that are recognized without guessing (timestamps, ISO 8601 text, "
        "Unix time in a column named like one)";
    const ColumnProfile* near =
        Best([](const ColumnProfile& column) { return NameScore(ColumnRole::kTime, column.name); });
    if (near != nullptr) {
      StrAppend(&why, "; ", Quoted(near->name), " is named like one, but has values such as ",
                Examples(*near));
    }
    why +=
        "; name the column in field_mappings, or create \"time\" in a transform: without it every "
        "row is rejected";
    Explain("time", "", why);
  }

  // A date and a separate time of day: a mapping takes one column.
  void ExplainClock(const ColumnProfile& time) {
    if (time.dates != time.values()) return;
    for (const ColumnProfile& column : profile_.columns) {
      if (column.clock_texts == 0 || column.clock_texts != column.values()) continue;
      Explain("time of day", "",
              StrCat("column ", Quoted(column.name),
                     " contains the time of day, and a mapping takes only one column: either keep "
                     "the date, or join the two where the file is created, or in a \"transform\", "
                     "which finds both as properties and sets properties.time"));
      return;
    }
  }

  void GuessId(ColumnRole role, std::string_view property) {
    const ColumnProfile* column = Best([&](const ColumnProfile& c) { return IdScore(role, c); });
    if (column == nullptr) return;
    Map(column->name, property, "string");
    std::string why = StrCat("by its name; it has ", Distinct(*column));
    if (column->nulls > 0) {
      StrAppend(&why, " and is empty in ", column->nulls, " of ", Pluralize(profile_.rows, "row"));
    }
    Explain(std::string(property), column->name, why);
    has_user_ = true;
  }

  void ExplainMissingUser() {
    if (has_user_) return;
    std::string why =
        "no column is clearly the id of a user or device (user_id, uid, distinct_id, device_id, "
        "...): events will have no user and count in totals only";
    std::string candidates;
    size_t shown = 0;
    for (const ColumnProfile& column : profile_.columns) {
      const bool may_name = IsLabel(column.name) && column.is_name_like() && column.distinct > 1;
      if (!may_name || shown == 8) continue;
      StrAppend(&candidates, candidates.empty() ? "" : ", ", column.name, " (", Distinct(column),
                ")");
      if (column.banned_ids > 0) {
        StrAppend(&candidates, ", of which ", Pluralize(column.banned_ids, "row has", "rows have"),
                  " a value that Mixpanel rejects, such as 0 or \"null\"");
      }
      ++shown;
    }
    if (!candidates.empty()) {
      StrAppend(&why, "; if one of these identifies the user, map it to $user_id: ", candidates);
    }
    Explain("$user_id", "", why);
  }

  void GuessInsertId() {
    if (const ColumnProfile* column = Best(InsertIdScore)) {
      Map(column->name, "$insert_id", "string_or_uuid");
      const bool valid = column->valid_ids == column->values();
      Explain("$insert_id", column->name,
              StrCat("all ", column->values(), " values are different",
                     valid ? "" : "; those that Mixpanel does not accept will be hashed"));
      return;
    }
    std::string why =
        "made from the content of each event, so that nothing counts twice if it is sent again";
    const ColumnProfile* near = Best(
        [](const ColumnProfile& column) { return NameScore(ColumnRole::kInsertId, column.name); });
    if (near != nullptr && near->is_name_like()) {
      StrAppend(&why, "; column ", Quoted(near->name), " has ", Distinct(*near), " in ",
                Pluralize(profile_.rows, "row"), ", so it does not identify single events");
    }
    if (profile_.identical_rows > 0) {
      StrAppend(&why, "; ", Pluralize(profile_.identical_rows, "row is", "rows are"),
                " the same as an earlier one and will count as one event with it: if each is a "
                "separate event, add \"insert_id\": \"position\" to the entry");
    }
    Explain("$insert_id", "", why);
  }

  // An unmapped column with the name of a mapped property would be replaced by it.
  void KeepShadowedColumns() {
    for (const ColumnProfile& column : profile_.columns) {
      if (column.nested || sources_.contains(column.name) || !targets_.contains(column.name)) {
        continue;
      }
      const bool is_clock = column.clock_texts > 0 && column.clock_texts == column.values();
      const std::string target =
          FreeTarget(StrCat(is_clock ? "" : "source_", column.name, is_clock ? "_of_day" : ""));
      Explain(target, column.name,
              "renamed, because the property of this name comes from another column");
      Map(column.name, target, "");
    }
  }

  // `name`, or the first of name_2, name_3, ... that is neither a target nor a column's name.
  std::string FreeTarget(const std::string& name) const {
    const auto taken = [&](const std::string& target) {
      return targets_.contains(target) ||
             std::any_of(profile_.columns.begin(), profile_.columns.end(),
                         [&](const ColumnProfile& column) { return column.name == target; });
    };
    std::string free = name;
    for (int i = 2; taken(free); ++i) free = StrCat(name, "_", i);
    return free;
  }

  // Text formats have no types: without one, numbers would be sent as text.
  void GuessTypes() {
    if (profile_.type != FileType::kCsv && profile_.type != FileType::kTsv) return;
    const auto map_all = [&](std::string_view type, uint64_t ColumnProfile::*of_type) {
      std::string names;
      for (const ColumnProfile& column : profile_.columns) {
        const bool fits = column.values() > 0 && column.*of_type == column.values();
        if (!fits || sources_.contains(column.name) || IsLabel(column.name)) continue;
        if (!CanBeNamed(column)) continue;
        Map(column.name, column.name, type);
        StrAppend(&names, names.empty() ? "" : ", ", column.name);
      }
      return names;
    };
    if (const std::string numbers = map_all("float", &ColumnProfile::number_texts);
        !numbers.empty()) {
      Explain("numbers", numbers,
              "they contain only numbers, which would otherwise be sent as text; a row with "
              "another value will be rejected");
    }
    if (const std::string truths = map_all("boolean", &ColumnProfile::truth_texts);
        !truths.empty()) {
      Explain("booleans", truths, "they contain only true and false");
    }
  }

  const FileProfile& profile_;
  Json entry_;
  Json mappings_ = Json::array();
  std::set<std::string> sources_;  // columns that are used
  std::set<std::string> targets_;
  bool has_user_ = false;
  std::vector<Explanation> explanations_;
};

}  // namespace

InferredConfig InferConfig(const FileProfile& profile) {
  if (profile.rows > 0 && profile.mixpanel_rows == profile.rows) {
    InferredConfig none{.mixpanel_format = true};
    none.explanations.push_back({"format", "",
                                 "every row is an event in Mixpanel's format (\"event\", and "
                                 "\"properties\" with \"time\"): no "
                                 "config is needed, import it without --config"});
    return none;
  }
  if (profile.rows > 0 && profile.exported_users == profile.rows) {
    const Json entry = {{"config_id", NameFromUri(profile.uri)},
                        {"source_prefix", ""},
                        {"record_type", "user"},
                        {"file_type", FileTypeName(profile.type)}};
    return {.json = Json::array({entry}).dump(2) + "\n",
            .explanations = {{"record_type", "user",
                              "every row is a user profile as Mixpanel exports it "
                              "(\"$distinct_id\" and \"$properties\")"}}};
  }
  return Guesser(profile).Guess();
}

}  // namespace millrace
