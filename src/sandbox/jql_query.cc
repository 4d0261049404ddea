#include "sandbox/jql_query.h"

#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "base/batch.h"
#include "base/json_parse.h"
#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "sandbox/cohorts.h"
#include "sandbox/event_values.h"
#include "sandbox/jql_library.h"
#include "sandbox/where_expression.h"
#include "script/script.h"

namespace millrace::sandbox {
namespace {

using Json = nlohmann::json;

constexpr size_t kItemsPerCall = 500;
constexpr size_t kBytesPerCall = 1 << 20;
constexpr size_t kMaxResultsPerCall = 10'000'000;
constexpr char kScriptName[] = "script";
constexpr std::string_view kTooSlow = "Error: the query takes too much time";
constexpr std::string_view kTooMuchMemory = "Error: the query takes too much memory";
constexpr std::string_view kTooLarge = "Error: the result is too large";
constexpr std::string_view kResultHead = "{\"r\":";

absl::Status Failed(std::string_view why) {
  return absl::FailedPreconditionError(
      StrCat("UserVisiblePreconditionFailedError: Uncaught exception ", why));
}

absl::Duration ThreadCpuTime() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return absl::DurationFromTimespec(time);
}

// The script with everything that it needs, whose lines keep their numbers.
std::string ModuleText(std::string_view script, std::string_view params) {
  std::string text = "millraceJql(globalThis, JSON.parse(";
  AppendJsonString(text, params);
  StrAppend(&text, ")); ", script,
            "\n;module.exports = (record) => millraceJql.run(record, main);\n", JqlLibrary());
  return text;
}

// Events of that name for which the expression is true; each is optional.
struct Selector {
  std::optional<std::string> event;
  std::optional<WhereExpression> where;
};

struct Selection {
  std::vector<Selector> selectors;  // any of them; none: everything
  EventFilter filter;               // of events
};

absl::StatusOr<std::vector<Selector>> ParseSelectors(const Json& given) {
  std::vector<Selector> selectors;
  if (!given.is_array()) return selectors;
  for (const Json& one : given) {
    Selector selector;
    if (one.contains("event")) selector.event = one["event"].get<std::string>();
    if (one.contains("selector")) {
      absl::StatusOr<WhereExpression> where =
          WhereExpression::Parse(one["selector"].get<std::string>());
      if (!where.ok()) return Failed(StrCat("Error: ", ToStd(where.status().message())));
      selector.where = *std::move(where);
    }
    selectors.push_back(std::move(selector));
  }
  return selectors;
}

absl::StatusOr<bool> IsSelected(const Selection& selection, std::string_view event,
                                WhereExpression::Lookup lookup) {
  if (selection.selectors.empty()) return true;
  for (const Selector& selector : selection.selectors) {
    if (selector.event && *selector.event != event) continue;
    if (!selector.where) return true;
    ASSIGN_OR_RETURN(const bool found, selector.where->IsTrue(lookup));
    if (found) return true;
  }
  return false;
}

absl::StatusOr<Selection> ParseEvents(const Json& given, const ProjectTime& project) {
  Selection selection;
  ASSIGN_OR_RETURN(selection.selectors, ParseSelectors(given["selectors"]));
  const auto day = [&](const char* name, int64_t add, int64_t* ms) {
    absl::CivilDay day;
    if (!absl::ParseCivilTime(given[name].get<std::string>(), &day)) {
      return Failed(StrCat("Error: ", name, " is not a date"));
    }
    *ms = project.DayBeginMs(day + add);
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(day("from_date", 0, &selection.filter.from_ms));
  RETURN_IF_ERROR(day("to_date", 1, &selection.filter.to_ms));
  return selection;
}

std::string EventItem(const StoredEvent& event, EventValues& values, const ProjectTime& project) {
  Json properties = values.Properties();
  Json item = {{"name", std::string(event.name)},
               {"time", project.ExportedMs(event.time_ms)},
               {"sampling_factor", 1}};
  if (const auto id = properties.find("distinct_id"); id != properties.end()) {
    item["distinct_id"] = *id;
    properties.erase(id);
  }
  properties.erase("time");
  item["properties"] = std::move(properties);
  return item.dump(-1, ' ', false, Json::error_handler_t::replace);
}

class Query {
 public:
  Query(const JqlData& data, std::string_view params, const JqlLimits& limits,
        const std::stop_token& stop)
      : data_(data),
        params_(params),
        limits_(limits),
        stop_(stop),
        until_(ThreadCpuTime() + limits.time) {}

  absl::StatusOr<std::string> Run(std::string_view script) {
    absl::StatusOr<std::unique_ptr<Script>> loaded =
        Script::Load(kScriptName, ModuleText(script, params_),
                     {.time_per_record = limits_.call_time,
                      .memory = limits_.memory,
                      .result_bytes = limits_.result_bytes,
                      .results = kMaxResultsPerCall});
    if (!loaded.ok()) return Failed(ToStd(loaded.status().message()));
    script_ = *std::move(loaded);
    RETURN_IF_ERROR(Call("{\"op\":\"main\"}"));
    const std::optional<Json> plan = ParseJson(results_.row(0));
    if (!plan || !plan->is_object()) return Failed("Error: main() returned nothing");
    results_.clear();
    if (!(*plan)["people"].is_null()) RETURN_IF_ERROR(FeedPeople((*plan)["people"]));
    if (!(*plan)["events"].is_null()) RETURN_IF_ERROR(FeedEvents((*plan)["events"]));
    RETURN_IF_ERROR(Call("{\"op\":\"end\"}"));
    RETURN_IF_ERROR(TakeResults());
    output_ += ']';
    return std::move(output_);
  }

 private:
  absl::Status Call(std::string_view record) {
    if (stop_.stop_requested()) return absl::CancelledError("the sandbox is stopping");
    Batch batch;
    batch.bytes.Append(record);
    batch.EndRow(0);
    std::vector<ScriptFailure> failures;
    script_->Run(batch, 0, SIZE_MAX, results_, failures);
    if (!failures.empty()) return FailedCall(failures[0]);
    if (ThreadCpuTime() > until_) return Failed(kTooSlow);
    return absl::OkStatus();
  }

  static absl::Status FailedCall(const ScriptFailure& failure) {
    if (failure.code == "transform_timeout") return Failed(kTooSlow);
    if (failure.code == "transform_memory") return Failed(kTooMuchMemory);
    if (failure.code == "transform_output_too_large") return Failed(kTooLarge);
    return Failed(failure.message);
  }

  absl::Status TakeResults() {
    for (size_t i = 0; i < results_.rows(); ++i) {
      std::string_view row = results_.row(i);
      row.remove_prefix(kResultHead.size());
      row.remove_suffix(1);
      StrAppend(&output_, output_.size() > 1 ? "," : "", row);
    }
    results_.clear();
    if (output_.size() > limits_.result_bytes) return Failed(kTooLarge);
    return absl::OkStatus();
  }

  // Adds an item to the next call; true if it is large enough.
  bool Add(std::string_view item) {
    StrAppend(&items_, items_.empty() ? "" : ",", item);
    return ++item_count_ >= kItemsPerCall || items_.size() >= kBytesPerCall;
  }

  absl::Status Feed(std::string_view operation) {
    if (item_count_ == 0) return absl::OkStatus();
    const std::string record = StrCat("{\"op\":\"", operation, "\",\"items\":[", items_, "]}");
    items_.clear();
    item_count_ = 0;
    RETURN_IF_ERROR(Call(record));
    return TakeResults();
  }

  absl::Status FeedEvents(const Json& given) {
    ASSIGN_OR_RETURN(const Selection selection, ParseEvents(given, data_.project));
    const uint64_t last = data_.events.last_id();
    uint64_t after = 0;
    absl::Status failed;
    while (after < last && failed.ok()) {
      ASSIGN_OR_RETURN(const uint64_t at,
                       data_.events.Read(after, selection.filter, [&](const StoredEvent& event) {
                         if (event.id > last) return false;
                         EventValues values(event, data_.project);
                         const absl::StatusOr<bool> wanted = IsSelected(
                             selection, event.name, [&](ValuesOf of, std::string_view name) {
                               return values.Get(of, name);
                             });
                         failed = wanted.status();
                         if (!wanted.ok()) return false;
                         return !*wanted || !Add(EventItem(event, values, data_.project));
                       }));
      if (at == after) break;
      after = at;
      // Outside of the store's lock.
      if (failed.ok() && item_count_ > 0) RETURN_IF_ERROR(Feed("events"));
    }
    if (!failed.ok()) return Failed(StrCat("Error: ", ToStd(failed.message())));
    return absl::OkStatus();
  }

  absl::Status FeedPeople(const Json& given) {
    Selection selection;
    ASSIGN_OR_RETURN(selection.selectors, ParseSelectors(given["selectors"]));
    absl::Status failed;
    std::optional<std::string> last;  // the id that was read last
    for (bool more = true; more && failed.ok();) {
      more = false;
      ProfileKey from;
      from.id = last.value_or("");
      RETURN_IF_ERROR(
          data_.profiles.Read(from, [&](std::string_view id, std::string_view properties) {
            if (last && id <= *last) return true;
            last.emplace(id);
            const absl::StatusOr<bool> wanted = IsWantedPerson(selection, id, properties);
            failed = wanted.status();
            if (!wanted.ok()) return false;
            if (!*wanted) return true;
            std::string item = "{\"distinct_id\":";
            AppendJsonString(item, id);
            StrAppend(&item, ",\"properties\":", properties, "}");
            more = Add(item);
            return !more;
          }));
      if (failed.ok()) RETURN_IF_ERROR(Feed("people"));
    }
    if (!failed.ok()) return Failed(StrCat("Error: ", ToStd(failed.message())));
    return absl::OkStatus();
  }

  static absl::StatusOr<bool> IsWantedPerson(const Selection& selection, std::string_view id,
                                             std::string_view properties) {
    if (selection.selectors.empty()) return true;
    for (const Selector& selector : selection.selectors) {
      if (!selector.where) return true;
      ASSIGN_OR_RETURN(const bool found, ProfileMatches(*selector.where, id, properties));
      if (found) return true;
    }
    return false;
  }

  const JqlData& data_;
  const std::string_view params_;
  const JqlLimits& limits_;
  const std::stop_token& stop_;
  const absl::Duration until_;
  std::unique_ptr<Script> script_;
  Batch results_;
  std::string items_;
  size_t item_count_ = 0;
  std::string output_ = "[";
};

}  // namespace

absl::StatusOr<std::string> RunJql(const JqlData& data, std::string_view script,
                                   std::string_view params, const JqlLimits& limits,
                                   const std::stop_token& stop) {
  return Query(data, params, limits, stop).Run(script);
}

}  // namespace millrace::sandbox
