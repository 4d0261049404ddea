// millrace dlq show: rejected records with their reasons and content.
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "absl/time/clock.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/dlq_flags.h"
#include "cli/shared_flags.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::vector<std::string> ids;
  StateFlags state;
  DlqFlags filter;
  int64_t limit = 20;
  bool with_replayed = false;
  bool json = false;
};

Json AsJson(const DeadLetterRecord& record, bool replayed) {
  const Rejection& rejection = record.rejection;
  return {{"id", record.id()},
          {"time", absl::FormatTime(absl::RFC3339_sec, record.time, absl::UTCTimeZone())},
          {"object", record.object.object},
          {"version", record.object.version},
          {"row", rejection.source_row + 1},
          {"config", record.object.config},
          {"destination", record.object.destination},
          {"code", rejection.code},
          {"field", rejection.field},
          {"message", rejection.message},
          {"payload_before", rejection.payload_before},
          {"payload_after", rejection.payload_after},
          {"replayed", replayed}};
}

void Print(const DeadLetterRecord& record, bool replayed, std::ostream& out) {
  const Rejection& rejection = record.rejection;
  out << Printable(RowName(record.object, rejection.source_row)) << "\n  " << record.id() << "  "
      << absl::FormatTime(absl::RFC3339_sec, record.time, absl::UTCTimeZone()) << "  "
      << Printable(record.object.config) << (replayed ? "  replayed" : "") << "\n  "
      << Printable(rejection.code);
  if (!rejection.field.empty()) out << " (" << Printable(rejection.field) << ")";
  out << ": " << Printable(rejection.message) << "\n";
  if (!rejection.payload_before.empty()) {
    out << "  before: " << Printable(rejection.payload_before) << "\n";
  }
  if (!rejection.payload_after.empty()) {
    out << "  after:  " << Printable(rejection.payload_after) << "\n";
  }
  out << "\n";
}

// Prints records until the limit is reached.
class Printer {
 public:
  Printer(const Options& options, Context& context) : options_(options), context_(context) {
    if (options.json) context.out << "{\"records\": [";
  }

  absl::Status operator()(const DeadLetterRecord& record, bool replayed) {
    if (context_.stop.stop_requested()) return absl::CancelledError("stopped");
    if (options_.limit > 0 && printed_ == options_.limit) {
      more_ = true;
      return absl::OutOfRangeError("enough");
    }
    if (options_.json) {
      context_.out << (printed_ == 0 ? "\n" : ",\n")
                   << AsJson(record, replayed).dump(-1, ' ', false, Json::error_handler_t::replace);
    } else {
      Print(record, replayed, context_.out);
    }
    ++printed_;
    return absl::OkStatus();
  }

  void End() {
    if (options_.json) {
      context_.out << "],\n\"more\": " << (more_ ? "true" : "false") << "}\n";
    } else if (printed_ == 0) {
      context_.out << "no such records\n";
    } else if (more_) {
      context_.out << "there are more: --limit 0 shows all\n";
    }
  }
  bool more() const { return more_; }
  int64_t printed() const { return printed_; }

 private:
  const Options& options_;
  Context& context_;
  int64_t printed_ = 0;
  bool more_ = false;
};

absl::StatusOr<int> RunShow(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(const std::string folder, options.state.DeadLetterFolder(context));
  ASSIGN_OR_RETURN(DeadLetterFilter filter, options.filter.Filter(absl::Now()));
  filter.with_replayed = options.with_replayed || !options.ids.empty();
  std::vector<std::string> ids = options.ids;
  if (ids.empty()) ids.push_back("");
  Printer printer(options, context);
  absl::Status status;
  for (const std::string& id : ids) {
    filter.id = id;
    const int64_t before = printer.printed();
    const absl::StatusOr<DeadLetterScan> scan = ScanDeadLetters(folder, filter, std::ref(printer));
    if (printer.more()) break;
    if (!scan.ok()) {
      status = scan.status();
      break;
    }
    WarnOfDamage(*scan, context);
    if (!id.empty() && printer.printed() == before) {
      status = NoRecordHasId(id);
      break;
    }
  }
  printer.End();
  RETURN_IF_ERROR(status);
  return kAllAccepted;
}

}  // namespace

Command DlqShowCommand() {
  auto options = std::make_shared<Options>();
  std::vector<Flag> flags;
  options->filter.AddTo(flags);
  options->state.AddTo(flags);
  const std::vector<Flag> own = {
      {"--limit", Between(&options->limit, 0, INT64_MAX), "N",
       "maximum number of records to show; 0 for all"},
      {"--replayed", &options->with_replayed, "", "also show records that were replayed since"},
      {"--json", &options->json, "", "print the result as one JSON object"},
  };
  flags.insert(flags.end(), own.begin(), own.end());
  return {
      .name = "dlq show",
      .group = "Check and repair",
      .summary = "show rejected records: file, row, reason and content",
      .about =
          "ID is what this command prints below each record's file and row; without ID it shows "
          "all "
          "records.",
      .examples = {"millrace dlq show", "millrace dlq show --code invalid_time --limit 0 --json",
                   "millrace dlq show 0123456789abcdef-12"},
      .arguments = &options->ids,
      .arguments_name = "ID",
      .arguments_required = false,
      .flags = std::move(flags),
      .run = [options](Context& context) { return RunShow(*options, context); },
  };
}

}  // namespace millrace::cli
