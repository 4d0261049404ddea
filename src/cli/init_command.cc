// millrace init: a first sources.json for a file.
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/status.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/shared_flags.h"
#include "cli/text.h"
#include "init/init.h"
#include "io/durable_file.h"

namespace millrace::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::vector<std::string> inputs;
  std::string output;
  bool force = false;
  bool json = false;
  bool as_files = false;
  int64_t sample_rows = 50'000;
};

std::string AsJson(const InitResult& result) {
  const auto text_or_null = [](const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
  };
  Json json = {
      {"file", result.uri},
      {"file_type", FileTypeName(result.type)},
      {"rows", result.rows},
      {"whole_file", result.whole},
      {"damage", text_or_null(result.damage)},
      {"mixpanel_format", result.config.mixpanel_format},
      {"config", result.config.json.empty() ? Json(nullptr) : Json::parse(result.config.json)},
      {"rejected", result.rejected},
      {"first_rejection", text_or_null(result.first_rejection)}};
  Json& explanations = json["explanations"] = Json::array();
  for (const Explanation& explanation : result.config.explanations) {
    explanations.push_back({{"about", explanation.about},
                            {"choice", text_or_null(explanation.choice)},
                            {"why", explanation.why}});
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void Explain(const InitResult& result, const Options& options, std::ostream& err) {
  err << Printable(result.uri) << ": " << FileTypeName(result.type) << ", sampled "
      << (result.whole ? "all " : "the first ") << Pluralize(result.rows, "row") << "\n\n";
  for (const Explanation& explanation : result.config.explanations) {
    err << "  " << explanation.about << ": "
        << (explanation.choice.empty() ? "(none)" : Printable(explanation.choice)) << "\n      "
        << Printable(explanation.why) << "\n";
  }
  err << "\n";
  if (!result.damage.empty()) {
    err << "The file is damaged; only the rows before this place were read: "
        << Printable(result.damage) << "\n";
  }
  if (result.rejected == 0) {
    err << "Checked: all sampled rows can be imported with this config.\n";
  } else {
    err << "Checked: " << WithCommas(result.rejected) << " of " << Pluralize(result.rows, "row")
        << " would be rejected; the first: " << Printable(result.first_rejection) << "\n";
  }
  const std::string config = options.output.empty() ? "sources.json" : options.output;
  err << "Next: millrace plan " << Printable(result.uri)
      << (result.config.mixpanel_format ? "" : " --config " + config) << "\n";
}

absl::Status WriteConfig(const Options& options, const InitResult& result) {
  if (!options.force && std::filesystem::exists(options.output)) {
    return absl::AlreadyExistsError(
        StrCat(options.output, " exists; replace it with --force, or choose another --output"));
  }
  return ReplaceFile(options.output, result.config.json);
}

absl::StatusOr<int> RunInit(const Options& options, Context& context) {
  if (options.inputs.size() != 1) {
    return absl::InvalidArgumentError("name one file: millrace init FILE");
  }
  const InitRequest request{.input = options.inputs.front(),
                            .sample_rows = static_cast<uint64_t>(options.sample_rows),
                            .stores = {.environment = context.environment, .stop = context.stop},
                            .as_files = options.as_files};
  ASSIGN_OR_RETURN(const InitResult result, InitConfig(request, context.stop));
  if (!options.output.empty() && !result.config.mixpanel_format) {
    RETURN_IF_ERROR(WriteConfig(options, result));
  }
  if (options.json) {
    context.out << AsJson(result) << "\n" << std::flush;
  } else {
    Explain(result, options, context.err);
    if (options.output.empty()) context.out << result.config.json << std::flush;
  }
  return result.rejected == 0 && result.damage.empty() ? kAllAccepted : kRejectedRecords;
}

}  // namespace

Command InitCommand() {
  auto options = std::make_shared<Options>();
  return {
      .name = "init",
      .group = "Import, receive and export",
      .summary = "inspect a file and write a first sources.json for it",
      .about =
          "Guesses the event name, time, ids and file type from the names and values of columns, "
          "explains each\nguess on stderr, and prints the config on stdout. The sampled rows are "
          "then mapped with it.\nExit status: 0 all sampled rows can be imported, 1 some would be "
          "rejected or the file is damaged,\n2 wrong usage or file.",
      .examples = {"millrace init events/2024-01-01.parquet > sources.json",
                   "millrace init visits.csv.gz --output sources.json",
                   "millrace init export.ndjson --json | jq .explanations"},
      .arguments = &options->inputs,
      .arguments_name = "FILE",
      .flags = {{"--output", &options->output, "FILE",
                 "write the config to FILE instead of stdout"},
                {"--force", &options->force, "", "replace --output if it exists"},
                {"--sample-rows", Between(&options->sample_rows, 1, INT64_MAX), "N",
                 "number of rows to sample"},
                {"--json", &options->json, "",
                 "print one JSON object with the config and the explanations"},
                AsFilesFlag(&options->as_files)},
      .run = [options](Context& context) { return RunInit(*options, context); },
  };
}

}  // namespace millrace::cli
