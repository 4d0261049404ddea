#include "spool/spool.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/sqlite/sqlite_ledger.h"
#include "io/durable_file.h"
#include "record_log/memory_log_files.h"
#include "spool/log_source.h"
#include "spool/watched_ledger.h"

namespace millrace {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

json ToJson(const Counts& counts) {
  return {{"read", counts.read},
          {"accepted", counts.accepted},
          {"rejected", counts.rejected},
          {"filtered", counts.filtered},
          {"events", counts.events}};
}

uint64_t Number(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

Counts CountsOf(const json& object) {
  return {.read = Number(object, "read"),
          .accepted = Number(object, "accepted"),
          .rejected = Number(object, "rejected"),
          .filtered = Number(object, "filtered"),
          .events = Number(object, "events")};
}

// Whether both are one destination: a name may mean another project or server than it did before.
bool IsSame(const SpoolFollower& a, const SpoolFollower& b) {
  return std::all_of(a.ledger_names.begin(), a.ledger_names.end(), [&b](const auto& one) {
    const auto other = b.ledger_names.find(one.first);
    return other == b.ledger_names.end() || other->second == one.second;
  });
}

uint64_t Settled(const Counts& counts) {
  return counts.accepted + counts.rejected + counts.filtered;
}

bool Has(const std::map<RecordType, std::set<uint64_t>>& sequences, RecordType type,
         uint64_t sequence) {
  const auto found = sequences.find(type);
  return found != sequences.end() && found->second.contains(sequence);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Spool>> Spool::Open(const SpoolOptions& options, Clock& clock,
                                                   const std::stop_token& stop) {
  auto spool = std::unique_ptr<Spool>(new Spool(options, clock));
  if (spool->is_in_memory()) {
    spool->files_ = NewMemoryLogFiles();
  } else {
    ASSIGN_OR_RETURN(spool->lock_, SpoolLock::Acquire(options.folder, options.wait, stop));
    RETURN_IF_ERROR(spool->Load());
    ASSIGN_OR_RETURN(spool->files_, OpenLogFiles(options.folder + "/log"));
  }
  absl::StatusOr<std::unique_ptr<RecordLog>> log =
      RecordLog::Open(*spool->files_, options.log, clock);
  if (!log.ok()) return Annotate(log.status(), StrCat("opening the spool ", options.folder));
  spool->log_ = *std::move(log);
  const std::string path = spool->is_in_memory() ? ":memory:" : options.folder + "/ledger.db";
  ASSIGN_OR_RETURN(spool->ledger_, OpenSqliteLedger(path, clock));
  if (spool->is_in_memory()) spool->WatchLedger();
  return spool;
}

void Spool::WatchLedger() {
  confirmations_ = std::make_unique<Confirmations>(log_->id());
  ledger_ = std::make_unique<WatchedLedger>(
      std::move(ledger_), [this](const LedgerEntry& entry) { confirmations_->OnStored(entry); });
}

absl::Status Spool::Load() {
  const std::string path = folder_ + "/spool.json";
  const absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (absl::IsNotFound(text.status())) return absl::OkStatus();
  RETURN_IF_ERROR(text.status());
  const json state = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!state.is_object() || Number(state, "version") != kVersion ||
      !state.value("destinations", json()).is_object()) {
    return absl::DataLossError(
        StrCat(path, " is not the state of a spool that this version can read"));
  }
  absl::MutexLock lock(&mutex_);
  removed_through_ = Number(state, "removed_through");
  for (const auto& [name, one] : state["destinations"].items()) {
    Following& following = followings_[name];
    following.follower.name = name;
    following.since = Number(one, "since");
    following.removed = CountsOf(one.value("removed", json::object()));
    following.removed_expired = Number(one, "expired");
    for (const RecordType type : kAllRecordTypes) {
      const json ledger_names = one.value("ledger_names", json::object());
      const auto found = ledger_names.find(std::string(PluralOf(type)));
      if (found != ledger_names.end() && found->is_string()) {
        following.follower.ledger_names[type] = found->get<std::string>();
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Spool::Store() const {
  if (is_in_memory()) return absl::OkStatus();
  json destinations = json::object();
  for (const auto& [name, following] : followings_) {
    json ledger_names = json::object();
    for (const auto& [type, ledger_name] : following.follower.ledger_names) {
      ledger_names[std::string(PluralOf(type))] = ledger_name;
    }
    destinations[name] = {{"since", following.since},
                          {"ledger_names", std::move(ledger_names)},
                          {"removed", ToJson(following.removed)},
                          {"expired", following.removed_expired}};
  }
  const json state = {{"version", kVersion},
                      {"id", log_->id()},
                      {"removed_through", removed_through_},
                      {"destinations", std::move(destinations)}};
  return ReplaceFile(folder_ + "/spool.json",
                     state.dump(2, ' ', false, json::error_handler_t::replace) + "\n");
}

absl::StatusOr<std::vector<FollowerStatus>> Spool::SetFollowers(
    std::vector<SpoolFollower> followers) {
  absl::MutexLock lock(&mutex_);
  std::vector<FollowerStatus> left;
  Followings next;
  for (SpoolFollower& follower : followers) {
    const auto before = followings_.find(follower.name);
    Following& following = next[follower.name];
    if (before != followings_.end() && IsSame(before->second.follower, follower)) {
      following = std::move(before->second);
      followings_.erase(before);
    } else {
      const std::vector<SegmentState> segments = log_->segments();
      following.since = follower.from_oldest ? segments.front().sequence : segments.back().sequence;
    }
    following.follower = std::move(follower);
  }
  for (const auto& [name, following] : followings_) {
    ASSIGN_OR_RETURN(FollowerStatus status, StatusOf(following));
    left.push_back(std::move(status));
  }
  followings_ = std::move(next);
  if (confirmations_ != nullptr) confirmations_->SetFollowers(LedgerNames());
  RETURN_IF_ERROR(Store());
  // What a crash has left of a removal.
  for (const SegmentState& segment : log_->segments()) {
    if (segment.sequence <= removed_through_) RETURN_IF_ERROR(log_->Remove(segment.sequence));
  }
  RETURN_IF_ERROR(ForgetRows(removed_through_));
  RETURN_IF_ERROR(LoadDone());
  RETURN_IF_ERROR(RemoveDone());
  return left;
}

std::map<RecordType, std::set<std::string>> Spool::LedgerNames() const {
  std::map<RecordType, std::set<std::string>> names;
  for (const auto& [name, following] : followings_) {
    for (const auto& [type, ledger_name] : following.follower.ledger_names) {
      names[type].insert(ledger_name);
    }
  }
  return names;
}

uint64_t Spool::FirstSequenceOf(const std::string& name) const {
  absl::MutexLock lock(&mutex_);
  const auto found = followings_.find(name);
  return found == followings_.end() ? 1 : found->second.since;
}

absl::StatusOr<std::map<uint64_t, LedgerEntry>> Spool::RowsOf(
    const std::string& ledger_name) const {
  std::map<uint64_t, LedgerEntry> rows;
  RETURN_IF_ERROR(ledger_->ForEach(
      [&](const LedgerEntry& entry) {
        if (entry.key.destination != ledger_name) return absl::OkStatus();
        if (const auto sequence = SequenceOfObject(log_->id(), entry.key.object)) {
          rows[*sequence] = entry;
        }
        return absl::OkStatus();
      },
      {}));
  return rows;
}

absl::Status Spool::LoadDone() {
  for (auto& [name, following] : followings_) {
    for (const auto& [type, ledger_name] : following.follower.ledger_names) {
      ASSIGN_OR_RETURN(const auto rows, RowsOf(ledger_name));
      for (const auto& [sequence, entry] : rows) {
        if (entry.state == LedgerState::kDone) following.done[type].insert(sequence);
      }
    }
  }
  return absl::OkStatus();
}

void Spool::Done(const std::string& name, RecordType type, uint64_t sequence) {
  absl::MutexLock lock(&mutex_);
  const auto found = followings_.find(name);
  if (found == followings_.end()) return;
  found->second.done[type].insert(sequence);
  TryToRemoveDone();
}

void Spool::TryToRemoveDone() {
  const absl::Status removed = RemoveDone();
  if (removed.ok()) return;
  Log(Severity::kWarning, "a segment that no destination needs was not removed; it will be later",
      {{"error", ToStd(removed.message())}});
}

bool Spool::Expire(const std::string& name, RecordType type, uint64_t sequence) {
  if (max_age_ == absl::InfiniteDuration()) return false;
  absl::MutexLock lock(&mutex_);
  const auto found = followings_.find(name);
  if (found == followings_.end()) return false;
  const absl::StatusOr<bool> is_too_old = IsTooOld(found->second, type, sequence);
  if (!is_too_old.ok()) {
    Log(Severity::kWarning, "it is not known how old a segment is; it will be delivered",
        {{"destination", name}, {"error", ToStd(is_too_old.status().message())}});
  }
  if (!is_too_old.ok() || !*is_too_old) return false;
  found->second.expired[type].insert(sequence);
  Log(Severity::kWarning, "records are too old to be delivered, and were dropped",
      {{"destination", name}, {"object", SegmentObject(log_->id(), sequence, type)}});
  TryToRemoveDone();
  return true;
}

absl::StatusOr<bool> Spool::IsTooOld(const Following& following, RecordType type,
                                     uint64_t sequence) const {
  const std::optional<SegmentState> segment = log_->segment(sequence);
  if (!segment || !segment->is_sealed || Has(following.done, type, sequence)) return false;
  SegmentReader reader(*log_, sequence);
  ASSIGN_OR_RETURN(const std::optional<Frame> first, reader.Next(type));
  if (!first) return false;
  return clock_.Now() - absl::FromUnixMicros(first->unix_micros) > max_age_;
}

bool Spool::IsDone(const SegmentState& segment) const {
  if (!segment.is_sealed) return false;
  for (const auto& [name, following] : followings_) {
    if (segment.sequence < following.since) continue;
    for (const auto& [type, ledger_name] : following.follower.ledger_names) {
      if (segment.counts[static_cast<size_t>(type)] == 0) continue;
      if (!Has(following.done, type, segment.sequence) &&
          !Has(following.expired, type, segment.sequence)) {
        return false;
      }
    }
  }
  return true;
}

// The oldest segments, as far as no destination needs them.
absl::Status Spool::RemoveDone() {
  for (const SegmentState& segment : log_->segments()) {
    if (!IsDone(segment)) return absl::OkStatus();
    RETURN_IF_ERROR(RemoveSegment(segment));
  }
  return absl::OkStatus();
}

// First it is recorded, with what became of its records; the rest may then be done again.
absl::Status Spool::RemoveSegment(const SegmentState& segment) {
  const uint64_t sequence = segment.sequence;
  for (auto& [name, following] : followings_) {
    for (const auto& [type, ledger_name] : following.follower.ledger_names) {
      ASSIGN_OR_RETURN(const auto rows, RowsOf(ledger_name));
      const auto row = rows.find(sequence);
      Counts counts = row == rows.end() ? Counts() : row->second.counts;
      if (following.expired[type].erase(sequence) > 0) {
        counts.read = segment.counts[static_cast<size_t>(type)];
        following.removed_expired += counts.read - Settled(counts);
      }
      following.removed += counts;
      following.done[type].erase(sequence);
    }
  }
  removed_through_ = sequence;
  RETURN_IF_ERROR(Store());
  RETURN_IF_ERROR(log_->Remove(sequence));
  return ForgetRows(sequence);
}

absl::Status Spool::ForgetRows(uint64_t through) {
  std::vector<LedgerKey> keys;
  RETURN_IF_ERROR(ledger_->ForEach(
      [&](const LedgerEntry& entry) {
        const auto sequence = SequenceOfObject(log_->id(), entry.key.object);
        if (sequence && *sequence <= through) keys.push_back(entry.key);
        return absl::OkStatus();
      },
      {}));
  for (const LedgerKey& key : keys) RETURN_IF_ERROR(ledger_->Forget(key, {}).status());
  return absl::OkStatus();
}

absl::StatusOr<FollowerStatus> Spool::StatusOf(const Following& following) const {
  FollowerStatus status{.name = following.follower.name,
                        .counts = following.removed,
                        .expired = following.removed_expired};
  for (const auto& [type, ledger_name] : following.follower.ledger_names) {
    ASSIGN_OR_RETURN(const auto rows, RowsOf(ledger_name));
    bool has_pending = false;
    for (const SegmentState& segment : log_->segments()) {
      if (segment.sequence < following.since) continue;
      const uint64_t records = segment.counts[static_cast<size_t>(type)];
      if (records == 0) continue;
      const auto row = rows.find(segment.sequence);
      Counts counts = row == rows.end() ? Counts() : row->second.counts;
      const uint64_t settled = Settled(counts);
      counts.read = records;
      status.counts += counts;
      if (Has(following.expired, type, segment.sequence)) {
        status.expired += records - settled;
        continue;
      }
      if (has_pending || settled >= records) continue;
      has_pending = true;
      SegmentReader reader(*log_, segment.sequence);
      for (uint64_t before = 0; before <= settled;) {
        const auto frame = reader.Next(type);
        if (!frame.ok() || !*frame) break;
        before += (*frame)->count;
        if (before <= settled) continue;
        const absl::Time time = absl::FromUnixMicros((*frame)->unix_micros);
        status.oldest_pending = std::min(status.oldest_pending.value_or(time), time);
      }
    }
  }
  return status;
}

absl::StatusOr<std::vector<FollowerStatus>> Spool::Status() const {
  absl::MutexLock lock(&mutex_);
  std::vector<FollowerStatus> all;
  for (const auto& [name, following] : followings_) {
    ASSIGN_OR_RETURN(FollowerStatus status, StatusOf(following));
    all.push_back(std::move(status));
  }
  return all;
}

}  // namespace millrace
