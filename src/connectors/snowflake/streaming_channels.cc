#include "connectors/snowflake/streaming_channels.h"

#include <pthread.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/snowflake/server_error.h"

namespace millrace::snowflake {
namespace {

constexpr size_t kMaxClients = 4;
constexpr absl::Duration kUncommittedPoll = absl::Seconds(1);
constexpr absl::Duration kLookAround = absl::Milliseconds(100);
constexpr absl::Duration kMaxWaitForRoom = absl::Seconds(30);
constexpr int kDropTries = 3;
constexpr std::string_view kUncommitted = "ERR_CHANNEL_HAS_UNCOMMITTED_DATA";

absl::Status NotOurs(const Channel& channel) {
  return absl::FailedPreconditionError(
      StrCat("channel ", channel.name,
             " has an offset token that Millrace did not write: does another "
             "program use it?"));
}

// To append would reset what the other process knows of its rows.
absl::Status TakenOver(const Channel& channel) {
  return absl::FailedPreconditionError(
      StrCat("another process delivers ", channel.object, " with another configuration to channel ",
             channel.name, ": let it finish before this one runs again"));
}

// Snowflake counts rows that it could not store, and stores the others.
absl::Status RowsAreMissing(const Channel& channel, const ChannelStatus& status) {
  const std::optional<OffsetToken> token = ParseOffsetToken(status.error_offset);
  const std::string before =
      token && !token->rows.empty()
          ? StrCat(", the last of them before row ", std::prev(token->rows.end())->second)
          : "";
  return absl::FailedPreconditionError(StrCat(
      "Snowflake has not stored ", status.error_rows, " rows of ", channel.object, before, " (",
      status.error_message.empty() ? "it does not say why" : status.error_message,
      "): fix the table, whose error table has them if it has error logging, then run again with "
      "--force, which sends all rows of this object again"));
}

}  // namespace

std::string ChannelName(const LedgerKey& object) {
  return StrCat("MILLRACE_", absl::AsciiStrToUpper(ToHex(HashBytes(StrCat(
                                 object.object.size(), ":", object.object, object.version.size(),
                                 ":", object.version, object.destination)))));
}

StreamingChannels::StreamingChannels(std::string checks,
                                     std::function<std::unique_ptr<PipeClient>()> new_client,
                                     std::function<absl::Status(std::stop_token)> prepare,
                                     Clock& clock, ChannelsOptions options)
    : checks_(std::move(checks)),
      new_client_(std::move(new_client)),
      prepare_(std::move(prepare)),
      clock_(clock),
      options_(options),
      clients_(kMaxClients, new_client_) {}

StreamingChannels::~StreamingChannels() {
  std::thread dropper;
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
    dropper = std::move(dropper_);
  }
  if (!dropper.joinable()) return;
  const auto has_dropped = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return delivered_.empty() && dropping_.empty();
  };
  {
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&has_dropped), options_.drop_grace);
    if (!delivered_.empty()) {
      Log(Severity::kWarning, "channels were not dropped; Snowflake drops them after 30 days",
          {{"channels", StrCat(delivered_.size())}});
    }
  }
  stop_dropping_.request_stop();
  dropper.join();
}

std::shared_ptr<Channel> StreamingChannels::Find(const LedgerKey& object) {
  absl::MutexLock lock(&mutex_);
  const auto found = channels_.find(ChannelName(object));
  return found == channels_.end() ? nullptr : found->second;
}

absl::Status StreamingChannels::AwaitRoom(const std::string& name, const std::stop_token& stop) {
  const absl::Duration until = clock_.Elapsed() + kMaxWaitForRoom;
  const auto may_open = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return dropping_ != name && channels_.size() + delivered_.size() < options_.max_open;
  };
  absl::MutexLock lock(&mutex_);
  while (!may_open()) {
    if (stop.stop_requested()) return StopRequested();
    // Other processes may drop theirs, and the limit may be higher than it usually is.
    if (clock_.Elapsed() > until && dropping_ != name) break;
    mutex_.AwaitWithTimeout(absl::Condition(&may_open), kLookAround);
  }
  return absl::OkStatus();
}

absl::StatusOr<PipeClient::Opened> StreamingChannels::Open(const Channel& channel,
                                                           PipeClient& client,
                                                           const std::stop_token& stop) {
  const absl::Duration until = clock_.Elapsed() + options_.uncommitted_timeout;
  for (;;) {
    absl::StatusOr<PipeClient::Opened> opened =
        client.Open(channel.name, /*discard=*/false, /*offset_token=*/"", stop);
    if (opened.ok() || client.error().code != kUncommitted) return opened;
    if (clock_.Elapsed() >= until) break;
    if (!clock_.SleepFor(kUncommittedPoll, stop)) return StopRequested();
  }
  return client.Open(channel.name, /*discard=*/true, /*offset_token=*/"", stop);
}

absl::StatusOr<RowRanges> StreamingChannels::Claim(const LedgerKey& object,
                                                   const std::string& writer,
                                                   std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  if (prepare_ != nullptr) RETURN_IF_ERROR(prepare_(stop));
  const auto client = clients_.Borrow(stop);
  if (!client) return StopRequested();
  const std::string name = ChannelName(object);
  std::shared_ptr<Channel> channel = Find(object);
  if (channel == nullptr) {
    RETURN_IF_ERROR(AwaitRoom(name, stop));
    absl::MutexLock lock(&mutex_);
    std::erase(delivered_, name);
    std::shared_ptr<Channel>& made = channels_[name];
    if (made == nullptr) made = std::make_shared<Channel>(name, object.object);
    channel = made;
  }
  absl::MutexLock turn(&channel->turn);
  channel->writer = writer;
  channel->must_reopen = true;
  std::string config = ShortHash(object.config);
  ASSIGN_OR_RETURN(PipeClient::Opened opened, Open(*channel, **client, stop));
  if (opened.status.error_rows > 0) return RowsAreMissing(*channel, opened.status);
  OffsetToken token;
  if (!opened.status.committed.empty()) {
    std::optional<OffsetToken> parsed = ParseOffsetToken(opened.status.committed);
    if (!parsed) return NotOurs(*channel);
    // As if they were of another object, like in a ledger.
    if (parsed->config == config) token = *std::move(parsed);
  }
  if (token.all_valid && token.checks != checks_) {
    return absl::FailedPreconditionError(StrCat(
        "rows of ", object.object,
        " were sent by another version of Millrace or with other "
        "columns, and many were refused, so it is not known which are there: run that version, or "
        "send all rows of the object again with --force"));
  }
  channel->continuation = std::move(opened.continuation);
  channel->settled = token.rows;
  channel->refused = {};
  channel->Begin(std::move(config), token.rows);
  channel->must_reopen = false;
  // Those that were refused are not known; the sink looks at all of them once more.
  if (token.all_valid) return RowRanges();
  return token.rows;
}

absl::Status StreamingChannels::Reopen(Channel& channel, PipeClient& client,
                                       const std::stop_token& stop) {
  ASSIGN_OR_RETURN(PipeClient::Opened opened, Open(channel, client, stop));
  if (opened.status.error_rows > 0) return RowsAreMissing(channel, opened.status);
  std::string config = channel.config();
  RowRanges there;
  if (!opened.status.committed.empty()) {
    std::optional<OffsetToken> token = ParseOffsetToken(opened.status.committed);
    if (!token) return NotOurs(channel);
    if (token->config != config) return TakenOver(channel);
    there = std::move(token->rows);
  }
  const RowRanges known = channel.committed();
  if (!Covers(there, known)) {
    // Somebody has dropped the channel, or its table. Committed rows stay committed.
    const RowRanges in_doubt = Subtract(Subtract(channel.settled, channel.refused), known);
    const std::string token = FormatOffsetToken(config, checks_, known, {});
    ASSIGN_OR_RETURN(opened, client.Open(channel.name, /*discard=*/true, token, stop));
    if (!in_doubt.empty()) {
      return absl::FailedPreconditionError(StrCat(
          "the channel of ", channel.object, ", ", channel.name, ", was dropped while rows ",
          in_doubt.begin()->first, " to ", std::prev(in_doubt.end())->second - 1,
          " were on their way, perhaps with its table: look whether the table has them; the next "
          "run sends them again"));
    }
    there = known;
  }
  channel.continuation = std::move(opened.continuation);
  channel.settled = there;
  channel.refused = {};
  channel.Begin(std::move(config), std::move(there));
  channel.must_reopen = false;
  return absl::OkStatus();
}

absl::Status StreamingChannels::Forget(const LedgerKey& object, std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  const auto client = clients_.Borrow(stop);
  if (!client) return StopRequested();
  const std::string name = ChannelName(object);
  const std::shared_ptr<Channel> channel = Find(object);
  if (channel != nullptr) {
    absl::MutexLock turn(&channel->turn);
    channel->writer.clear();
    channel->Invalidate(absl::AbortedError(StrCat("rows of ", object.object, " were forgotten")));
  }
  {
    absl::MutexLock lock(&mutex_);
    std::erase(delivered_, name);
    channels_.erase(name);
  }
  return Annotate((*client)->Drop(name, /*discard=*/true, stop),
                  StrCat("forgetting ", object.object));
}

void StreamingChannels::Release(const LedgerKey& object, const std::string& writer,
                                bool delivered) {
  const std::shared_ptr<Channel> channel = Find(object);
  if (channel == nullptr) return;
  {
    absl::MutexLock turn(&channel->turn);
    if (channel->writer != writer) return;
    channel->writer.clear();
  }
  absl::MutexLock lock(&mutex_);
  const auto found = channels_.find(channel->name);
  if (found == channels_.end() || found->second != channel) return;
  channels_.erase(found);
  if (!delivered || closing_) return;
  delivered_.push_back(channel->name);
  if (dropper_.joinable()) return;
  dropper_ = std::thread([this, stop = stop_dropping_.get_token()] { DropDelivered(stop); });
}

void StreamingChannels::DropDelivered(const std::stop_token& stop) {
  pthread_setname_np(pthread_self(), "mr-snow-drop");
  const std::unique_ptr<PipeClient> client = new_client_();
  for (;;) {
    std::string name;
    {
      absl::MutexLock lock(&mutex_);
      dropping_.clear();
      mutex_.Await(absl::Condition(this, &StreamingChannels::MayDrop));
      if (delivered_.empty() || stop.stop_requested()) return;
      name = dropping_ = std::move(delivered_.front());
      delivered_.pop_front();
    }
    absl::Status dropped;
    for (int tries = 0; tries < kDropTries; ++tries) {
      dropped = client->Drop(name, /*discard=*/false, stop);
      if (!absl::IsUnavailable(dropped)) break;
      if (!clock_.SleepFor(absl::Seconds(1 << tries), stop)) break;
    }
    if (dropped.ok() || absl::IsCancelled(dropped)) continue;
    Log(Severity::kWarning, "a channel was not dropped; Snowflake drops it after 30 days",
        {{"channel", name}, {"error", ToStd(dropped.message())}});
  }
}

void StreamingChannels::Learn(Channel& channel, const ChannelStatus& status) {
  if (status.error_rows > 0) return channel.Fail(RowsAreMissing(channel, status));
  if (const auto token = ParseOffsetToken(status.committed)) channel.AddCommitted(*token);
  if (!status.is_valid()) {
    channel.Invalidate(StatusOf(
        {.http_status = 200, .code = status.code, .state = {}, .message = status.error_message}));
  }
}

absl::Status StreamingChannels::Poll(PipeClient& client, const std::stop_token& stop) {
  std::vector<std::shared_ptr<Channel>> awaited;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [channel, waiting] : awaited_) awaited.push_back(channel);
  }
  for (size_t first = 0; first < awaited.size(); first += kMaxStatusChannels) {
    const size_t end = std::min(awaited.size(), first + kMaxStatusChannels);
    std::vector<std::string> names;
    std::vector<uint64_t> epochs;
    for (size_t i = first; i < end; ++i) {
      names.push_back(awaited[i]->name);
      epochs.push_back(awaited[i]->epoch());
    }
    ASSIGN_OR_RETURN(const auto statuses, client.Statuses(names, stop));
    for (size_t i = first; i < end; ++i) {
      Channel& channel = *awaited[i];
      if (channel.epoch() != epochs[i - first]) continue;  // it was opened meanwhile
      const auto status = statuses.find(channel.name);
      if (status != statuses.end()) {
        Learn(channel, status->second);
      } else {
        channel.Invalidate(
            absl::UnavailableError(StrCat("Snowflake knows no channel ", channel.name)));
      }
    }
  }
  return absl::OkStatus();
}

bool StreamingChannels::StartPoll() {
  absl::MutexLock lock(&mutex_);
  if (!polling_) return polling_ = true;
  const auto is_free = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !polling_; };
  mutex_.AwaitWithTimeout(absl::Condition(&is_free), kLookAround);
  return false;
}

void StreamingChannels::EndPoll() {
  absl::MutexLock lock(&mutex_);
  polling_ = false;
}

absl::Status StreamingChannels::Await(const std::vector<Appended>& appended, PipeClient& client,
                                      const std::stop_token& stop) {
  class Waiting {
   public:
    Waiting(StreamingChannels& channels, const std::vector<Appended>& appended)
        : channels_(channels), appended_(appended) {
      absl::MutexLock lock(&channels_.mutex_);
      for (const Appended& one : appended_) ++channels_.awaited_[one.channel];
    }
    ~Waiting() {
      absl::MutexLock lock(&channels_.mutex_);
      for (const Appended& one : appended_) {
        const auto found = channels_.awaited_.find(one.channel);
        if (--found->second == 0) channels_.awaited_.erase(found);
      }
    }

   private:
    StreamingChannels& channels_;
    const std::vector<Appended>& appended_;
  };
  const Waiting waiting(*this, appended);
  const absl::Duration until = clock_.Elapsed() + options_.commit_timeout;
  absl::Duration poll = options_.first_poll;
  absl::Status last;
  for (;;) {
    bool all = true;
    for (const Appended& one : appended) {
      ASSIGN_OR_RETURN(const bool committed, one.channel->AreCommitted(one.rows, one.epoch));
      all = all && committed;
    }
    if (all) return absl::OkStatus();
    if (stop.stop_requested()) return StopRequested();
    if (clock_.Elapsed() >= until) {
      for (const Appended& one : appended) one.channel->must_reopen = true;
      return absl::UnavailableError(StrCat("Snowflake has not committed rows of ",
                                           appended.front().channel->object, " in ",
                                           absl::FormatDuration(options_.commit_timeout),
                                           last.ok() ? "" : StrCat("; ", last.message())));
    }
    if (!StartPoll()) continue;
    if (clock_.SleepFor(poll, stop)) last = Poll(client, stop);
    EndPoll();
    if (!last.ok() && !absl::IsUnavailable(last)) return last;
    poll = std::min(poll * 3 / 2, options_.max_poll);
  }
}

}  // namespace millrace::snowflake
