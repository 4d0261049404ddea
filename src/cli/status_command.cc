// millrace status: what the ledger says about earlier runs.
#include <iomanip>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "absl/time/clock.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/shared_flags.h"
#include "cli/text.h"
#include "export/query_budget.h"
#include "export/window_claims.h"
#include "objects/config_change.h"
#include "objects/object_source.h"

namespace millrace::cli {
namespace {

struct Options {
  StateFlags state;
  std::string config;
  std::string object;
  std::string destination;
  bool open_only = false;
  bool json = false;
};

// A window of an export, beside the objects that its rows are delivered as.
bool IsWindow(const LedgerEntry& entry) { return entry.key.version == WindowClaims::kVersion; }

std::string_view StateOf(const LedgerEntry& entry) {
  if (IsWindow(entry) && entry.state == LedgerState::kDone) return "closed";
  if (entry.state == LedgerState::kDone) return "done";
  if (!entry.owner.empty() && entry.lease_until > absl::Now()) return "running";
  return entry.last_error.empty() ? "open" : "failed";
}

// The change of the config since the object was sent; nullopt if it did not change, or if no config
// was given to compare with.
std::optional<ConfigChange> ChangeOf(const LedgerEntry& entry,
                                     const std::optional<SourcesConfig>& sources) {
  if (!sources || !MayHaveSent(entry)) return std::nullopt;
  const std::shared_ptr<const SourceConfig> config = sources->Match(entry.key.object);
  if (config == nullptr ||
      KeyOf({entry.key.object, 0, entry.key.version}, *config, "").config == entry.key.config) {
    return std::nullopt;
  }
  return ConfigChangeOf(entry, *config);
}

nlohmann::ordered_json AsJson(const LedgerEntry& entry, const std::optional<ConfigChange>& change) {
  return {{"object", entry.key.object},
          {"version", entry.key.version},
          {"config", entry.key.config},
          {"destination", entry.key.destination},
          {"state", StateOf(entry)},
          {"row", entry.position.row},
          {"read", entry.counts.read},
          {"accepted", entry.counts.accepted},
          {"rejected", entry.counts.rejected},
          {"filtered", entry.counts.filtered},
          {"pending", entry.counts.pending()},
          {"events", entry.counts.events},
          {"bytes", entry.object_bytes},
          {"mapping_version", entry.mapping_version},
          {"config_change",
           change ? nlohmann::ordered_json(Describe(*change)) : nlohmann::ordered_json(nullptr)},
          {"updated", absl::FormatTime(absl::RFC3339_sec, entry.updated, absl::UTCTimeZone())},
          {"last_error", entry.last_error}};
}

nlohmann::ordered_json AsJson(const std::map<std::string, Counts>& by_destination) {
  auto json = nlohmann::ordered_json::array();
  for (const auto& [name, counts] : by_destination) {
    json.push_back({{"name", name},
                    {"read", counts.read},
                    {"accepted", counts.accepted},
                    {"rejected", counts.rejected},
                    {"filtered", counts.filtered},
                    {"pending", counts.pending()},
                    {"events", counts.events}});
  }
  return json;
}

std::string Sums(const Counts& counts) {
  return StrCat("read ", WithCommas(counts.read), " = accepted ", WithCommas(counts.accepted),
                " + rejected ", WithCommas(counts.rejected), " + filtered ",
                WithCommas(counts.filtered), " + pending ", WithCommas(counts.pending()));
}

nlohmann::ordered_json WindowAsJson(const LedgerEntry& entry) {
  return {{"window", entry.key.object},
          {"destination", entry.key.destination},
          {"state", StateOf(entry)},
          {"delivered", entry.position.row},
          {"updated", absl::FormatTime(absl::RFC3339_sec, entry.updated, absl::UTCTimeZone())}};
}

void PrintWindow(std::ostream& out, const LedgerEntry& entry) {
  out << std::left << std::setw(8) << StateOf(entry) << std::right << std::setw(14)
      << WithCommas(entry.position.row) << std::setw(24) << "window"
      << "  " << Printable(entry.key.object) << "\n";
}

void PrintRow(std::ostream& out, const LedgerEntry& entry,
              const std::optional<ConfigChange>& change) {
  out << std::left << std::setw(8) << StateOf(entry) << std::right << std::setw(14)
      << WithCommas(entry.counts.accepted) << std::setw(12) << WithCommas(entry.counts.rejected)
      << std::setw(12) << WithCommas(entry.counts.filtered) << "  " << Printable(entry.key.object)
      << "\n";
  if (!entry.last_error.empty()) {
    out << "         " << Printable(entry.key.destination) << ": " << Printable(entry.last_error)
        << "\n";
  }
  if (change) out << "         " << Printable(Describe(*change)) << "\n";
}

absl::StatusOr<int> RunStatus(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(std::unique_ptr<LedgerReader> ledger, options.state.OpenLedgerToRead(context));
  std::optional<SourcesConfig> sources;
  if (!options.config.empty()) {
    SourceFlags source{.inputs = {}, .config = options.config};
    ASSIGN_OR_RETURN(sources,
                     source.Sources({.environment = context.environment, .stop = context.stop}));
  }
  Counts totals;
  std::map<std::string, Counts> by_destination;
  uint64_t objects = 0, done = 0, failed = 0, config_changed = 0, rows = 0;
  uint64_t windows = 0, windows_closed = 0, queries = 0;
  std::ostream& out = context.out;
  // One JSON object, written as the rows come: the ledger may have millions.
  if (options.json) {
    out << "{\"objects\": [";
  } else {
    out << "state         accepted    rejected    filtered  object\n";
  }
  const absl::Status status = ledger->ForEach(
      [&](const LedgerEntry& entry) {
        if (entry.key.object.find(options.object) == std::string::npos) return absl::OkStatus();
        if (entry.key.destination.find(options.destination) == std::string::npos) {
          return absl::OkStatus();
        }
        if (entry.key.destination == QueryBudget::kDestination) {
          queries += entry.lease_until > absl::Now();
          return absl::OkStatus();
        }
        if (IsWindow(entry) && (entry.key.config == WindowClaims::kAllDays ||
                                entry.key.config == WindowClaims::kAllHours)) {
          return absl::OkStatus();
        }
        if (options.open_only && entry.state == LedgerState::kDone) return absl::OkStatus();
        if (options.json) out << (rows++ == 0 ? "\n" : ",\n");
        if (IsWindow(entry)) {
          ++windows;
          windows_closed += entry.state == LedgerState::kDone;
          options.json ? void(out << WindowAsJson(entry).dump()) : PrintWindow(out, entry);
          return absl::OkStatus();
        }
        const std::optional<ConfigChange> change = ChangeOf(entry, sources);
        config_changed += change.has_value();
        if (options.json) {
          out << AsJson(entry, change)
                     .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
        } else {
          PrintRow(out, entry, change);
        }
        ++objects;
        done += entry.state == LedgerState::kDone;
        failed += StateOf(entry) == "failed";
        totals += entry.counts;
        by_destination[entry.key.destination] += entry.counts;
        return absl::OkStatus();
      },
      context.stop);
  RETURN_IF_ERROR(status);
  if (options.json) {
    out << "],\n\"totals\": "
        << nlohmann::ordered_json{{"objects", objects},
                                  {"done", done},
                                  {"failed", failed},
                                  {"config_changed", config_changed},
                                  {"windows", windows},
                                  {"windows_closed", windows_closed},
                                  {"queries_last_hour", queries},
                                  {"read", totals.read},
                                  {"accepted", totals.accepted},
                                  {"rejected", totals.rejected},
                                  {"filtered", totals.filtered},
                                  {"pending", totals.pending()},
                                  {"events", totals.events}}
               .dump()
        << ",\n\"destinations\": " << AsJson(by_destination).dump() << "}\n";
  } else {
    out << Pluralize(objects, "object") << ", " << done << " done, " << failed << " failed"
        << (config_changed > 0 ? StrCat(", ", config_changed, " under a config that changed since")
                               : "")
        << "; " << Sums(totals) << "\n";
    if (windows > 0) {
      out << Pluralize(windows, "window") << " of exports, " << windows_closed << " closed; "
          << Pluralize(queries, "query", "queries") << " of Mixpanel in the last hour\n";
    }
    for (const auto& [name, counts] : by_destination) {
      if (by_destination.size() > 1) out << Printable(name) << ": " << Sums(counts) << "\n";
    }
  }
  return totals.rejected > 0 || failed > 0 ? kRejectedRecords : kAllAccepted;
}

}  // namespace

Command StatusCommand() {
  auto options = std::make_shared<Options>();
  std::vector<Flag> flags;
  options->state.AddTo(flags);
  flags.push_back({"--config", &options->config, "FILE",
                   "also show which objects were sent before their entry of this config changed; "
                   "import and watch skip them"});
  flags.push_back({"--object", &options->object, "TEXT", "only objects whose name contains TEXT"});
  flags.push_back({"--destination", &options->destination, "TEXT",
                   "only destinations whose name contains TEXT"});
  flags.push_back({"--open", &options->open_only, "", "only objects that are not done"});
  flags.push_back({"--json", &options->json, "", "print the result as one JSON object"});
  return {
      .name = "status",
      .group = "Check and repair",
      .summary = "show what is done, what failed and what is left",
      .about =
          "Reads the ledger only. The exit status is 1 if records were rejected or objects failed.",
      .examples = {"millrace status", "millrace status --open", "millrace status --json"},
      .flags = std::move(flags),
      .run = [options](Context& context) { return RunStatus(*options, context); },
  };
}

}  // namespace millrace::cli
