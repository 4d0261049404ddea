// millrace dlq list: how many records were rejected, why and where.
#include <algorithm>
#include <iomanip>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "absl/time/clock.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/dlq_flags.h"
#include "cli/shared_flags.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  StateFlags state;
  DlqFlags filter;
  bool json = false;
};

struct Group {
  uint64_t waiting = 0;
  uint64_t replayed = 0;
  absl::Time first = absl::InfiniteFuture();
  absl::Time last = absl::InfinitePast();
};

// By code, object, version, config and destination.
using Groups = std::map<std::pair<std::string, LedgerKey>, Group>;

std::string AsText(absl::Time time) {
  return absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone());
}

void PrintJson(const Groups& groups, const Group& total, const DeadLetterScan& scan,
               std::ostream& out) {
  Json list = Json::array();
  for (const auto& [of, group] : groups) {
    const auto& [code, object] = of;
    list.push_back({{"code", code},
                    {"object", object.object},
                    {"version", object.version},
                    {"config", object.config},
                    {"destination", object.destination},
                    {"waiting", group.waiting},
                    {"replayed", group.replayed},
                    {"first", AsText(group.first)},
                    {"last", AsText(group.last)}});
  }
  const Json json = {{"waiting", total.waiting},
                     {"replayed", total.replayed},
                     {"damaged", scan.damaged},
                     {"groups", std::move(list)}};
  out << json.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
}

void PrintTable(const Groups& groups, const Group& total, std::ostream& out) {
  if (groups.empty()) {
    out << "no rejected records\n";
    return;
  }
  out << "     waiting    replayed  code                      object\n";
  for (const auto& [of, group] : groups) {
    const auto& [code, object] = of;
    out << std::right << std::setw(12) << WithCommas(group.waiting) << std::setw(12)
        << WithCommas(group.replayed) << "  " << std::left << std::setw(24) << Printable(code)
        << "  " << Printable(object.object) << "  (" << Printable(object.config) << ")\n";
  }
  out << std::right << std::setw(12) << WithCommas(total.waiting) << std::setw(12)
      << WithCommas(total.replayed) << "  in total; see: millrace dlq show, millrace dlq replay\n";
}

absl::StatusOr<int> RunList(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(const std::string folder, options.state.DeadLetterFolder(context));
  ASSIGN_OR_RETURN(DeadLetterFilter filter, options.filter.Filter(absl::Now()));
  filter.with_replayed = true;
  Groups groups;
  Group total;
  const absl::StatusOr<DeadLetterScan> scan =
      ScanDeadLetters(folder, filter, [&](const DeadLetterRecord& record, bool replayed) {
        Group& group = groups[{record.rejection.code, record.object}];
        for (Group* one : {&group, &total}) ++(replayed ? one->replayed : one->waiting);
        group.first = std::min(group.first, record.time);
        group.last = std::max(group.last, record.time);
        return context.stop.stop_requested() ? absl::CancelledError("stopped") : absl::OkStatus();
      });
  if (!scan.ok()) return scan.status();
  if (options.json) {
    PrintJson(groups, total, *scan, context.out);
  } else {
    PrintTable(groups, total, context.out);
  }
  WarnOfDamage(*scan, context);
  return kAllAccepted;
}

}  // namespace

Command DlqListCommand() {
  auto options = std::make_shared<Options>();
  std::vector<Flag> flags;
  options->filter.AddTo(flags);
  options->state.AddTo(flags);
  flags.push_back({"--json", &options->json, "", "print the result as one JSON object"});
  return {
      .name = "dlq list",
      .group = "Check and repair",
      .summary = "count rejected records by reason and object",
      .about = "Counts the records that wait for a fix and the records that were replayed since.",
      .examples = {"millrace dlq list", "millrace dlq list --since 24h --json"},
      .flags = std::move(flags),
      .run = [options](Context& context) { return RunList(*options, context); },
  };
}

}  // namespace millrace::cli
