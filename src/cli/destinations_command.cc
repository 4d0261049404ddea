// millrace destinations check, create and drop.
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/status.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/error_report.h"
#include "cli/shared_flags.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  DestinationFlags destination;  // `to` has the arguments
  bool json = false;
  bool yes = false;
};

void Print(const Json& json, std::ostream& out) {
  out << json.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
}

void PrintChecks(const Destination& destination, const std::vector<AccessCheck>& checks,
                 std::ostream& out) {
  out << Printable(destination.label()) << "\n";
  for (const AccessCheck& check : checks) {
    out << (check.status.ok() ? "  ok       " : "  missing  ") << Printable(check.what) << "\n";
    if (check.status.ok()) continue;
    out << "           " << ErrorAsText(ToStd(check.status.message())) << "\n";
    if (!check.remedy.empty()) out << "           to fix: " << Printable(check.remedy) << "\n";
  }
}

Json ChecksAsJson(const Destination& destination, const std::vector<AccessCheck>& checks) {
  Json json = {{"name", destination.label()}, {"success", true}, {"checks", Json::array()}};
  for (const AccessCheck& check : checks) {
    if (!check.status.ok()) json["success"] = false;
    json["checks"].push_back({{"what", check.what},
                              {"ok", check.status.ok()},
                              {"error", ErrorAsJson(check.status)},
                              {"remedy", check.remedy}});
  }
  return json;
}

absl::StatusOr<int> RunCheck(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(const auto destinations, options.destination.Open(context));
  bool success = true;
  Json json = {{"success", true}, {"destinations", Json::array()}};
  for (const auto& destination : destinations) {
    const std::vector<AccessCheck> checks = destination->Check(context.stop);
    for (const AccessCheck& check : checks) success = success && check.status.ok();
    if (options.json) {
      json["destinations"].push_back(ChecksAsJson(*destination, checks));
    } else {
      PrintChecks(*destination, checks, context.out);
    }
  }
  json["success"] = success;
  if (options.json) Print(json, context.out);
  return success ? kAllAccepted : kWrongUsage;
}

absl::StatusOr<int> RunCreate(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(const auto destinations, options.destination.Open(context));
  for (const auto& destination : destinations) {
    RETURN_IF_ERROR(destination->Create(context.stop));
    if (!options.json) context.out << Printable(destination->label()) << " is complete\n";
  }
  if (options.json) Print({{"success", true}}, context.out);
  return kAllAccepted;
}

absl::StatusOr<int> RunDrop(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(const auto destinations, options.destination.Open(context));
  Json dropped = Json::array();
  for (const auto& destination : destinations) {
    for (const std::string& name : destination->DropNames()) {
      dropped.push_back(name);
      if (options.json) continue;
      context.out << (options.yes ? "dropping, if it exists: " : "would drop, if it exists: ")
                  << Printable(name) << "\n";
    }
    if (!options.yes) continue;
    RETURN_IF_ERROR(destination->Drop(context.stop));
  }
  if (!options.yes) {
    return absl::InvalidArgumentError(
        "nothing was dropped: give --yes to drop this with all rows in it");
  }
  if (options.json) Print({{"success", true}, {"dropped", dropped}}, context.out);
  return kAllAccepted;
}

// What the three verbs share.
Command Make(std::string name, std::string summary, std::string about,
             std::vector<std::string> examples,
             absl::StatusOr<int> (*run)(const Options&, Context&), bool takes_yes) {
  auto options = std::make_shared<Options>();
  std::vector<Flag> flags;
  options->destination.AddTo(flags);
  std::erase_if(flags, [](const Flag& flag) { return flag.name == "--to"; });
  if (takes_yes) {
    flags.push_back({"--yes", &options->yes, "", "drop without asking again"});
  }
  flags.push_back({"--json", &options->json, "", "print the result as one JSON object"});
  return {
      .name = StrCat("destinations ", name),
      .group = "Prepare destinations",
      .summary = std::move(summary),
      .about = std::move(about),
      .examples = std::move(examples),
      .arguments = &options->destination.to,
      .arguments_name = "DEST",
      .flags = std::move(flags),
      .run = [options, run](Context& context) { return run(*options, context); },
  };
}

}  // namespace

Command DestinationsCheckCommand() {
  return Make("check", "say which permissions and tables a destination lacks",
              "Looks at everything that an import into DEST needs and changes nothing. For each "
              "thing that is missing\nit prints how to grant or create it. The exit status is 0 "
              "if nothing is missing, else 2.",
              {"millrace destinations check mixpanel",
               "millrace destinations check postgres://loader@db.example.com/analytics --json"},
              RunCheck, /*takes_yes=*/false);
}

Command DestinationsCreateCommand() {
  return Make(
      "create", "create the tables or topics that a destination lacks",
      "Creates what is missing (schemas, tables, indexes, views, topics) and changes nothing that "
      "exists. "
      "It may be repeated.",
      {"millrace destinations create 'postgres://admin@db.example.com/analytics?partition="
       "day'"},
      RunCreate, /*takes_yes=*/false);
}

Command DestinationsDropCommand() {
  return Make("drop", "drop the tables or topics of a destination",
              "Drops the tables or topics that DEST names, by their exact names, with all rows. "
              "Without --yes it only\nsays what it would drop.",
              {"millrace destinations drop 'postgres://admin@db.example.com/analytics?table="
               "staging.events' --yes"},
              RunDrop, /*takes_yes=*/true);
}

}  // namespace millrace::cli
