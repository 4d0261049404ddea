#include "cli/plan_json.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/strings.h"
#include "cli/plan_names.h"
#include "cli/warnings_report.h"
#include "plan/plan_problems.h"

namespace millrace::cli {
namespace {

using Json = nlohmann::ordered_json;

// JSON text as its value; other text as a string.
Json Parsed(const std::string& text) {
  if (text.empty()) return nullptr;
  Json parsed = Json::parse(text, nullptr, false);
  return parsed.is_discarded() ? Json(text) : parsed;
}

Json Whole(double amount) { return static_cast<uint64_t>(std::llround(amount)); }

Json TextOrNull(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

void AddAmounts(Json& json, const Amounts& amounts, bool exact) {
  json["rows"] = Whole(amounts.rows);
  json["rows_exact"] = exact;
  json["events"] = Whole(amounts.events);
  json["rejected"] = Whole(amounts.rejected);
  json["requests"] = static_cast<uint64_t>(std::ceil(amounts.requests));
  json["bytes_uncompressed"] = Whole(amounts.bytes);
  json["bytes_gzip"] = Whole(amounts.gzip_bytes);
}

Json PreviewJson(const RecordPreview& preview) {
  return {{"object", preview.object},
          {"row", preview.row + 1},
          {"before", Parsed(preview.before)},
          {"after", Parsed(preview.after)}};
}

Json ObjectJson(const ObjectPlan& object) {
  Json json = {{"object", object.uri},
               {"bytes", object.bytes},
               {"state", StateName(object.state)},
               {"rows_done", object.rows_done},
               {"sampled", object.sampled}};
  if (!object.sampled) return json;
  json["format"] = TextOrNull(object.format);
  json["sampled_rows"] = object.sampled_rows;
  AddAmounts(json, object.to_do, object.exact);
  json["error"] = TextOrNull(object.error);
  return json;
}

Json RejectionJson(const RejectionStats& stats) {
  return {{"code", stats.code},
          {"field", TextOrNull(stats.field)},
          {"records", stats.records},
          {"message", stats.message},
          {"advice", TextOrNull(RejectionAdvice(stats.code))},
          {"first", PreviewJson(stats.first)}};
}

Json SampleJson(const EntryPlan& entry) {
  const RecordStats& records = entry.records;
  Json json = {
      {"objects", entry.objects_sampled}, {"rows", entry.sampled_rows},
      {"mapped", entry.mapped},           {"rejected", entry.rejected},
      {"filtered", entry.filtered},       {"records", records.records},
      {"identical", records.identical},   {"identical_complete", records.identical_complete}};
  Json& null_words = json["null_words"] = Json::array();
  for (const NullWordCount& count : entry.null_words) {
    null_words.push_back({{"column", count.column}, {"word", count.word}, {"cells", count.cells}});
  }
  if (entry.record_type == RecordType::kEvent) {
    const auto time = [](const std::optional<absl::Time>& at) {
      return at ? Json(TimeText(*at)) : Json(nullptr);
    };
    json["first_time"] = time(records.first);
    json["last_time"] = time(records.last);
    json["in_future"] = records.in_future;
    json["without_user"] = records.without_user;
    json["event_names"] = records.names.size();
    json["event_names_complete"] = records.names_complete;
    Json& top = json["top_event_names"] = Json::array();
    for (size_t i = 0; i < std::min<size_t>(records.names.size(), 20); ++i) {
      top.push_back({{"name", records.names[i].name}, {"records", records.names[i].records}});
    }
  }
  json["columns"] = entry.columns;
  json["unused_columns"] = entry.unused_columns;
  Json& rejections = json["rejections"] = Json::array();
  for (const RejectionStats& stats : entry.rejections) rejections.push_back(RejectionJson(stats));
  Json& previews = json["previews"] = Json::array();
  for (const RecordPreview& preview : entry.previews) previews.push_back(PreviewJson(preview));
  return json;
}

Json EntryJson(const EntryPlan& entry) {
  Json json = {{"config_id", entry.config_id},
               {"record_type", NameOf(entry.record_type)},
               {"formats", entry.formats},
               {"objects", entry.objects},
               {"objects_done", entry.objects_done},
               {"objects_partly_done", entry.objects_partly_done},
               {"objects_config_changed", entry.objects_config_changed},
               {"objects_to_do", entry.objects_to_do()},
               {"objects_failed", entry.objects_failed},
               {"bytes", entry.bytes},
               {"bytes_to_do", entry.bytes_to_do}};
  AddAmounts(json, entry.to_do, entry.exact);
  json["hours"] = entry.seconds_at_quota / 3600;
  json["peak_memory_bytes"] = entry.peak_memory_bytes;
  json["sample"] = SampleJson(entry);
  Json& listed = json["object_list"] = Json::array();
  for (const ObjectPlan& object : entry.listed) listed.push_back(ObjectJson(object));
  return json;
}

Json ProblemJson(const PlanProblem& problem) {
  return {{"severity", SeverityName(problem.severity)},
          {"code", problem.code},
          {"config_id", TextOrNull(problem.config_id)},
          {"field", TextOrNull(problem.field)},
          {"message", problem.message},
          {"advice", TextOrNull(problem.advice)}};
}

Json CostJson(const CostLine& line) {
  return {{"name", line.name},
          {"unit", line.unit},
          {"amount", line.amount},
          {"price", line.price},
          {"price_given", line.price_given},
          {"cost", line.cost()},
          {"assumes", line.assumes}};
}

}  // namespace

std::string PlanAsJson(const ImportPlan& plan, const std::vector<CostLine>& costs) {
  Json json = {{"success", plan.success()}, {"stopped", plan.stopped}};
  const auto sum = [&](uint64_t EntryPlan::*member) {
    uint64_t total = 0;
    for (const EntryPlan& entry : plan.entries) total += entry.*member;
    return total;
  };
  json["objects"] = sum(&EntryPlan::objects);
  json["objects_done"] = sum(&EntryPlan::objects_done);
  json["objects_partly_done"] = sum(&EntryPlan::objects_partly_done);
  json["objects_config_changed"] = sum(&EntryPlan::objects_config_changed);
  json["objects_to_do"] = sum(&EntryPlan::objects) - sum(&EntryPlan::objects_done) -
                          sum(&EntryPlan::objects_config_changed);
  json["objects_failed"] = sum(&EntryPlan::objects_failed);
  json["objects_unmatched"] = plan.objects_unmatched;
  json["objects_hidden"] = plan.objects_hidden;
  json["bytes"] = sum(&EntryPlan::bytes);
  json["bytes_to_do"] = sum(&EntryPlan::bytes_to_do);
  AddAmounts(json, plan.to_do, plan.exact);
  json["hours"] = plan.seconds_at_quota / 3600;
  json["peak_memory_bytes"] = plan.peak_memory_bytes;
  Json& lines = json["costs"] = Json::array();
  for (const CostLine& line : costs) lines.push_back(CostJson(line));
  Json& entries = json["entries"] = Json::array();
  for (const EntryPlan& entry : plan.entries) entries.push_back(EntryJson(entry));
  json["unmatched"] = plan.unmatched;
  Json& problems = json["problems"] = Json::array();
  for (const PlanProblem& problem : plan.problems) problems.push_back(ProblemJson(problem));
  json["warnings"] = WarningsAsJson(plan.warnings);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace millrace::cli
