#include "staypoints/report_page.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace millrace {
namespace {

using Json = nlohmann::ordered_json;

std::string DayOf(int64_t micros) {
  return absl::FormatTime("%Y-%m-%d", absl::FromUnixMicros(micros), absl::UTCTimeZone());
}

Json MapOf(const DensityGrid& grid) {
  const Extent extent = ExtentOf(grid);
  std::vector<DensityGrid::Cell> cells = grid.cells();
  // Hash order differs from run to run; reports of the same run must not.
  std::sort(cells.begin(), cells.end(),
            [](const auto& a, const auto& b) { return a.y != b.y ? a.y < b.y : a.x < b.x; });
  Json flat = Json::array();
  for (const DensityGrid::Cell& cell : cells) {
    flat.push_back(cell.x);
    flat.push_back(cell.y);
    flat.push_back(cell.stats.stays);
    flat.push_back(static_cast<uint64_t>(std::llround(cell.stats.seconds)));
  }
  return {{"cell", grid.cell_degrees()}, {"south", extent.south},   {"north", extent.north},
          {"west", extent.west},         {"east", extent.east},     {"inside", extent.inside},
          {"outside", extent.outside},   {"cells", std::move(flat)}};
}

// In a script element, only "<" could end it or begin a comment.
std::string ForScript(const Json& json) {
  std::string text = json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

}  // namespace

std::string MakeReportPage(const StayStats& stats, const StaypointsReport& run,
                           const ReportSubject& subject) {
  Json data = {
      {"version", subject.version},
      {"made", absl::FormatTime("%Y-%m-%d %H:%M UTC", subject.made, absl::UTCTimeZone())},
      {"input", subject.input},
      {"output", subject.output},
      {"run",
       {{"trips", run.trips},
        {"rejected", run.rejected},
        {"users", run.stays.users},
        {"staypoints", run.stays.staypoints},
        {"elapsed_s", absl::ToDoubleSeconds(run.elapsed)}}},
      {"median_s", stats.MedianSeconds()},
      {"momentary", stats.momentary},
      {"negative", stats.negative},
      {"without_place", stats.without_place},
      {"without_enter", stats.without_enter},
      {"bins_per_decade", kLengthBinsPerDecade},
      {"lengths", stats.lengths},
      {"arrivals", stats.arrivals},
      {"map", MapOf(stats.where)},
  };
  if (stats.first_enter != kNullTime && stats.last_exit != -kNullTime) {
    data["first_enter"] = DayOf(stats.first_enter);
    data["last_exit"] = DayOf(stats.last_exit);
  }
  constexpr std::string_view kHole = "{{data}}";
  const std::string_view page = ReportPageHtml();
  const size_t placeholder = page.find(kHole);
  std::string made(page.substr(0, placeholder));
  made += ForScript(data);
  made += page.substr(placeholder + kHole.size());
  return made;
}

}  // namespace millrace
