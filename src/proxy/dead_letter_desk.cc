#include "proxy/dead_letter_desk.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "connectors/dead_letter_files/dead_letter_reader.h"
#include "proxy/log_destination.h"
#include "replay/replay_queue.h"

namespace millrace::proxy {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kArrived[] = "proxy:", kDelivered[] = "spool:";

// Changes whenever a file of `folder` does.
std::string VersionsOfFiles(const std::string& folder) {
  std::set<std::string> versions;
  std::error_code error;
  for (std::filesystem::directory_iterator one(folder, error), end; !error && one != end;
       one.increment(error)) {
    struct stat stat;
    if (::stat(one->path().c_str(), &stat) != 0) continue;
    versions.insert(StrCat(one->path().filename().string(), " ", stat.st_ino, " ", stat.st_size,
                           " ", stat.st_mtim.tv_sec, ".", stat.st_mtim.tv_nsec, "\n"));
  }
  std::string all;
  for (const std::string& version : versions) all += version;
  return all;
}

struct Shown {
  absl::Time time;
  Json json;  // with a payload that is cut
};

void KeepNewest(size_t max, std::vector<Shown>& records) {
  std::stable_sort(records.begin(), records.end(),
                   [](const Shown& a, const Shown& b) { return a.time > b.time; });
  if (records.size() > max) records.resize(max);
}

Json ToJson(const DeadLetterRecord& record, const std::string& refused_by, size_t max_payload) {
  const Rejection& why = record.rejection;
  const std::string& payload = why.payload_before.empty() ? why.payload_after : why.payload_before;
  return {{"id", record.id()},
          {"time_ms", absl::ToUnixMillis(record.time)},
          {"refused_by", refused_by},
          {"code", why.code},
          {"field", why.field},
          {"reason", CutUtf8(why.message, max_payload)},
          {"payload", CutUtf8(payload, max_payload)},
          {"payload_bytes", payload.size()}};
}

}  // namespace

DeadLetterDesk::DeadLetterDesk(DeadLetterDeskOptions options, std::vector<ReplayTarget> targets,
                               RecordAppender& log, std::function<TokenRules()> tokens,
                               Clock& clock)
    : options_(std::move(options)),
      targets_(std::move(targets)),
      log_(NewLogDestination(log, clock)),
      into_log_{log_.get(), MakeSpoolEntries().value_or(SpoolEntries())},
      tokens_(std::move(tokens)),
      clock_(clock) {}

std::string DeadLetterDesk::PrefixOf(std::string_view kind) const {
  return StrCat(kind, options_.spool, options_.spool.empty() ? "" : "/");
}

bool DeadLetterDesk::IsOurs(const LedgerKey& object) const {
  return object.object.starts_with(PrefixOf(kArrived)) ||
         object.object.starts_with(PrefixOf(kDelivered));
}

const ReplayTarget* DeadLetterDesk::TargetOf(const LedgerKey& object) const {
  if (object.object.starts_with(kArrived)) return &into_log_;
  for (const ReplayTarget& target : targets_) {
    for (const auto& [type, entry] : target.entries) {
      if (target.destination->LedgerName(type) == object.destination) return &target;
    }
  }
  return nullptr;
}

absl::StatusOr<std::string> DeadLetterDesk::List(std::string_view code) {
  std::string files = VersionsOfFiles(options_.folder);
  if (listed_.empty() || code != listed_code_ || files != listed_files_) {
    ASSIGN_OR_RETURN(listed_, Read(code));
    listed_code_ = code;
    listed_files_ = std::move(files);
  }
  return listed_;
}

absl::StatusOr<std::string> DeadLetterDesk::Read(std::string_view code) const {
  std::map<std::string, uint64_t> codes;
  std::vector<Shown> newest;
  const absl::Duration end = clock_.Elapsed() + options_.max_scan;
  const auto visit = [&](const DeadLetterRecord& record, bool) {
    if (clock_.Elapsed() > end) return absl::OutOfRangeError("enough");
    if (!IsOurs(record.object)) return absl::OkStatus();
    ++codes[record.rejection.code];
    if (!code.empty() && record.rejection.code != code) return absl::OkStatus();
    const ReplayTarget* const target = TargetOf(record.object);
    newest.push_back({record.time, ToJson(record,
                                          target == nullptr ? "a destination that is gone"
                                                            : target->destination->label(),
                                          options_.max_payload_bytes)});
    if (newest.size() >= 2 * options_.max_shown) KeepNewest(options_.max_shown, newest);
    return absl::OkStatus();
  };
  const bool is_kept = !options_.folder.empty();
  absl::Status scanned;
  if (is_kept) scanned = ScanDeadLetters(options_.folder, {}, visit).status();
  const bool is_complete = !absl::IsOutOfRange(scanned);
  if (is_complete) RETURN_IF_ERROR(scanned);
  KeepNewest(options_.max_shown, newest);
  Json records = Json::array();
  for (Shown& one : newest) records.push_back(std::move(one.json));
  const Json list = {{"kept", is_kept},
                     {"complete", is_complete},
                     {"codes", codes},
                     {"records", std::move(records)}};
  return list.dump(-1, ' ', false, Json::error_handler_t::replace);
}

ReplayRequest DeadLetterDesk::RequestOf(const ReplayTarget& target,
                                        const DeadLetterFilter& filter) const {
  ReplayRequest request{
      .destination = target.destination, .filter = filter, .spool_entries = target.entries};
  request.import.run.retry = options_.retry;
  request.import.run.retry.give_up_after = options_.max_replay;
  const bool into_log = &target == &into_log_;
  request.filter.object = PrefixOf(into_log ? kArrived : kDelivered);
  if (into_log) {
    request.remap = [tokens = tokens_()](absl::Span<const KeptRow> rows, Batch& out) {
      return EnrichAgain(rows, tokens, out);
    };
  }
  return request;
}

ReplayReport DeadLetterDesk::Replay(const DeadLetterFilter& filter, const std::stop_token& stop) {
  ReplayReport total;
  std::set<const ReplayTarget*> targets;
  DeadLetterFilter waiting = filter;
  waiting.object = "";
  total.status =
      ScanDeadLetters(options_.folder, waiting, [&](const DeadLetterRecord& record, bool) {
        if (!IsOurs(record.object)) return absl::OkStatus();
        const ReplayTarget* const target = TargetOf(record.object);
        target == nullptr ? void(++total.not_ours) : void(targets.insert(target));
        return absl::OkStatus();
      }).status();
  if (!total.status.ok()) return total;
  const std::unique_ptr<ReplayQueue> queue = NewDiskReplayQueue(options_.folder, clock_);
  for (const ReplayTarget* const target : targets) {
    const ReplayReport one =
        millrace::Replay(RequestOf(*target, filter), {.queue = *queue, .clock = clock_}, stop);
    total.counts += one.counts;
    total.damaged += one.damaged;
    if (total.first_error.empty()) total.first_error = one.first_error;
    if (!one.status.ok()) total.status = Annotate(one.status, target->destination->label());
  }
  return total;
}

}  // namespace millrace::proxy
