// millrace generate: seeded sample data.
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/text.h"
#include "generate/event_generator.h"
#include "generate/trip_generator.h"

namespace millrace::cli {
namespace {

struct Options {
  int64_t rows = 100'000;
  int64_t seed = 1;
  int64_t files = 1;
  std::string output;
  std::vector<std::string> formats;
  std::string end;
  bool force = false;
  bool json = false;
  // Trips only.
  int64_t users = 0;
  int64_t partitions = 65'536;
  std::string ids = "uuid";
};

// What events and trips have in common.
template <typename Request>
absl::Status FillRequest(const Options& options, Request& request) {
  if (options.files > options.rows) {
    return absl::InvalidArgumentError("--files must not be more than --rows");
  }
  if (options.output.empty()) return absl::InvalidArgumentError("give --output DIR");
  request.rows = static_cast<uint64_t>(options.rows);
  request.seed = static_cast<uint64_t>(options.seed);
  request.files = static_cast<int>(options.files);
  request.output = options.output;
  request.replace = options.force;
  if (!options.formats.empty()) request.formats.clear();
  for (const std::string& list : options.formats) {
    for (const auto& name : absl::StrSplit(list, ',', absl::SkipEmpty())) {
      ASSIGN_OR_RETURN(const FileType type, ParseFileType(ToStd(name)));
      request.formats.push_back(type);
    }
  }
  std::string error;
  if (!options.end.empty() && !absl::ParseTime("%Y-%m-%d", options.end, &request.end, &error)) {
    return absl::InvalidArgumentError(
        StrCat("--end must be a day such as 2026-11-01, not '", options.end, "'"));
  }
  return absl::OkStatus();
}

GenerateProgress ProgressOf(Context& context) {
  return [&context](uint64_t done, uint64_t total) {
    if (context.err_is_terminal) {
      context.err << "\r" << WithCommas(done) << " of " << WithCommas(total) << " rows"
                  << (done == total ? "\n" : "") << std::flush;
    }
  };
}

int PrintReport(const GenerateReport& report, bool as_json, Context& context) {
  if (as_json) {
    nlohmann::ordered_json json = {
        {"rows", report.rows}, {"bytes", report.bytes}, {"files", report.files}};
    if (!report.sources_json.empty()) json["sources_json"] = report.sources_json;
    context.out << json.dump() << "\n";
    return kAllAccepted;
  }
  for (const std::string& file : report.files) context.out << file << "\n";
  if (!report.sources_json.empty()) context.out << report.sources_json << "\n";
  context.out << Pluralize(report.rows, "row") << " per format, " << Bytes(report.bytes) << "\n";
  return kAllAccepted;
}

absl::StatusOr<GenerateReport> RunEvents(const Options& options, Context& context) {
  GenerateEventsOptions request;
  RETURN_IF_ERROR(FillRequest(options, request));
  return GenerateEvents(request, context.stop, ProgressOf(context));
}

absl::StatusOr<GenerateReport> RunTrips(const Options& options, Context& context) {
  GenerateTripsOptions request;
  RETURN_IF_ERROR(FillRequest(options, request));
  if (options.ids != "uuid" && options.ids != "number") {
    return absl::InvalidArgumentError(
        StrCat("--ids must be uuid or number, not '", options.ids, "'"));
  }
  request.users = static_cast<uint64_t>(options.users);
  request.partitions = static_cast<int>(options.partitions);
  request.ids = options.ids == "uuid" ? TripUserIds::kUuid : TripUserIds::kNumber;
  return GenerateTrips(request, context.stop, ProgressOf(context));
}

// The flags of both verbs; `formats` says what --format does if it is not given.
std::vector<Flag> SharedFlags(Options& options, std::string_view formats, std::string_view end) {
  return {{"--rows", Between(&options.rows, 1, 1'000'000'000'000), "N",
           "number of rows, the same in each format"},
          {"--seed", Between(&options.seed, 0, INT64_MAX), "S",
           "seed: the same seed gives the same rows"},
          {"--output", &options.output, "DIR", "folder to write to"},
          {"--format", &options.formats, "FORMAT",
           StrCat("parquet, ndjson or csv; repeatable, ", formats, " by default")},
          {"--files", Between(&options.files, 1, 1'000'000), "K", "files per format"},
          {"--end", &options.end, "DAY", std::string(end)},
          {"--force", &options.force, "", "replace existing files of the same names"},
          {"--json", &options.json, "", "print the result as one JSON object"}};
}

using Generate = absl::StatusOr<GenerateReport>(const Options& options, Context& context);

std::function<absl::StatusOr<int>(Context&)> RunOf(std::shared_ptr<Options> options,
                                                   Generate* generate) {
  return [=](Context& context) -> absl::StatusOr<int> {
    ASSIGN_OR_RETURN(const GenerateReport report, generate(*options, context));
    return PrintReport(report, options->json, context);
  };
}

}  // namespace

Command GenerateEventsCommand() {
  auto options = std::make_shared<Options>();
  return {
      .name = "generate events",
      .group = "Try it out",
      .summary = "write seeded sample events with a matching sources.json",
      .about =
          "The same seed gives the same rows in every format. If there are several formats, each "
          "has "
          "its own folder.",
      .examples = {"millrace generate events --rows 100000 --seed 7 --output sample",
                   "millrace generate events --rows 1000000 --seed 7 --output sample --format "
                   "parquet --files 4"},
      .flags = SharedFlags(*options, "all three",
                           "the events happen in the 30 days before this day (default 2026-11-01)"),
      .run = RunOf(options, RunEvents),
  };
}

Command GenerateTripsCommand() {
  auto options = std::make_shared<Options>();
  std::vector<Flag> flags = SharedFlags(
      *options, "parquet", "the trips start in the 13 weeks before this day (default 2026-11-01)");
  flags.insert(
      flags.end() - 1,
      {{"--users", Between(&options->users, 1, 1'000'000'000'000), "N",
        "number of users, a few of them with very many trips (default: one per 25 trips)"},
       {"--ids", &options->ids, "STYLE",
        "user ids: uuid, or number (such as user-1000037; all are in one output partition)"},
       {"--partitions", Between(&options->partitions, 1, 65'536), "N",
        "number of output partitions over which the first four digits of the UUIDs spread: "
        "1, 16, 256, 4096 or 65536"}});
  return {
      .name = "generate trips",
      .group = "Try it out",
      .summary = "write seeded sample trips for staypoints",
      .about =
          "The trips are skewed towards few users and nearly ordered by their start. The same seed "
          "gives the same\nrows in every format. If there are several formats, each has its own "
          "folder.",
      .examples = {"millrace generate trips --rows 1000000 --seed 7 --output trips",
                   "millrace generate trips --rows 10000000 --users 400000 --partitions 4096 "
                   "--output trips --files 4"},
      .flags = std::move(flags),
      .run = RunOf(options, RunTrips),
  };
}

}  // namespace millrace::cli
