// millrace generate: seeded sample data.
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/shared_flags.h"
#include "cli/text.h"
#include "generate/event_generator.h"

namespace millrace::cli {
namespace {

struct Options {
  int64_t rows = 100'000;
  int64_t seed = 1;
  int64_t files = 1;
  std::string output;
  std::vector<std::string> formats;
  std::string end;
  bool json = false;
};

absl::StatusOr<GenerateEventsOptions> MakeRequest(const Options& options) {
  GenerateEventsOptions request;
  if (options.rows < 1 || options.files < 1 || options.files > options.rows) {
    return absl::InvalidArgumentError("--rows and --files must be positive, and files <= rows");
  }
  if (options.output.empty()) return absl::InvalidArgumentError("give --output DIR");
  request.rows = static_cast<uint64_t>(options.rows);
  request.seed = static_cast<uint64_t>(options.seed);
  request.files = static_cast<int>(options.files);
  request.output = options.output;
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
  return request;
}

int RunGenerate(const Options& options, Context& context) {
  const absl::StatusOr<GenerateEventsOptions> request = MakeRequest(options);
  if (!request.ok()) return Fail(context, "generate events", request.status());
  const auto progress = [&](uint64_t done, uint64_t total) {
    if (context.err_is_terminal) {
      context.err << "\r" << WithCommas(done) << " of " << WithCommas(total) << " rows"
                  << (done == total ? "\n" : "") << std::flush;
    }
  };
  const absl::StatusOr<GenerateReport> report = GenerateEvents(*request, context.stop, progress);
  if (!report.ok()) return Fail(context, "generate events", report.status());
  if (options.json) {
    context.out << nlohmann::ordered_json{{"rows", report->rows},
                                          {"bytes", report->bytes},
                                          {"files", report->files},
                                          {"sources_json", report->sources_json}}
                       .dump()
                << "\n";
    return kAllAccepted;
  }
  for (const std::string& file : report->files) context.out << file << "\n";
  context.out << report->sources_json << "\n"
              << WithCommas(report->rows) << " rows per format, " << Bytes(report->bytes) << "\n";
  return kAllAccepted;
}

}  // namespace

Command GenerateCommand() {
  auto options = std::make_shared<Options>();
  return {
      .name = "generate events",
      .summary = "write seeded, realistic sample events with a matching sources.json",
      .about =
          "The same seed gives the same rows in every format. With several formats each has a "
          "folder of its own.",
      .examples = {"millrace generate events --rows 100000 --seed 7 --output sample",
                   "millrace generate events --rows 1000000 --seed 7 --output sample --format "
                   "parquet --files 4"},
      .flags = {{"--rows", &options->rows, "N", "rows, the same in each format"},
                {"--seed", &options->seed, "S", "which rows"},
                {"--output", &options->output, "DIR", "folder to write to"},
                {"--format", &options->formats, "FORMAT",
                 "parquet, ndjson or csv; repeatable, all three by default"},
                {"--files", &options->files, "K", "files per format"},
                {"--end", &options->end, "DAY",
                 "the events lie in the 30 days before this one (default 2026-11-01)"},
                {"--json", &options->json, "", "print the result as one JSON object"}},
      .run = [options](Context& context) { return RunGenerate(*options, context); },
  };
}

}  // namespace millrace::cli
