// The channels of a pipe as the cursor of a destination: one for each object, whose offset token
// says which of its rows are there.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_STREAMING_CHANNELS_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_STREAMING_CHANNELS_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/pool.h"
#include "base/row_ranges.h"
#include "connectors/snowflake/channel.h"
#include "connectors/snowflake/pipe_client.h"
#include "pipeline/delivery_cursor.h"

namespace millrace::snowflake {

struct ChannelsOptions {
  // Channels that this process opens at a time. A pipe has at most 2,000.
  size_t max_open = 1000;
  // How long rows of an earlier writer may take to be committed before they are discarded, and how
  // long a write waits for its rows.
  absl::Duration uncommitted_timeout = absl::Seconds(30);
  absl::Duration commit_timeout = absl::Minutes(2);
  absl::Duration first_poll = absl::Milliseconds(250);
  absl::Duration max_poll = absl::Seconds(2);
  // How long the end of the process may be delayed to drop channels of delivered objects.
  absl::Duration drop_grace = absl::Seconds(10);
};

// Thread-safe. A claim opens the channel of the object, and whoever appends to it next in another
// process is told to open it again. So whoever appends knows all rows that are there, and none is
// there twice even if two processes append; which of them continues, the ledger decides. Channels
// of delivered objects are dropped by a thread of its own.
class StreamingChannels final : public DeliveryCursor {
 public:
  // `checks` is a hash of what rows are checked for before they are appended. `new_client` makes
  // clients of the pipe, and `prepare`, which may be null, is called before a channel is opened;
  // both are called by any thread.
  StreamingChannels(std::string checks, std::function<std::unique_ptr<PipeClient>()> new_client,
                    std::function<absl::Status(std::stop_token)> prepare, Clock& clock,
                    ChannelsOptions options = {});
  ~StreamingChannels() override;

  absl::StatusOr<RowRanges> Claim(const LedgerKey& object, const std::string& writer,
                                  std::stop_token stop) override;
  absl::Status Forget(const LedgerKey& object, std::stop_token stop) override;
  void Release(const LedgerKey& object, const std::string& writer, bool delivered) override;

  const std::string& checks() const { return checks_; }

  // The channel of a claimed object; null: it is not claimed here.
  std::shared_ptr<Channel> Find(const LedgerKey& object);

  // Opens a channel whose last append has an outcome that is not known, or that was closed.
  // Unavailable: try again. FailedPrecondition: rows are missing, or in doubt.
  absl::Status Reopen(Channel& channel, PipeClient& client, const std::stop_token& stop)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel.turn);

  // Rows that were appended to a channel.
  struct Appended {
    std::shared_ptr<Channel> channel;
    RowRanges rows;
    uint64_t epoch = 0;
  };
  // Waits until the status of their channels shows all of them as committed. One of the threads
  // that wait asks for all. Unavailable: they were discarded, or it is not known; the next append
  // finds out. Aborted: an object was forgotten.
  absl::Status Await(const std::vector<Appended>& appended, PipeClient& client,
                     const std::stop_token& stop);

 private:
  absl::StatusOr<PipeClient::Opened> Open(const Channel& channel, PipeClient& client,
                                          const std::stop_token& stop);
  absl::Status AwaitRoom(const std::string& name, const std::stop_token& stop);
  absl::Status Poll(PipeClient& client, const std::stop_token& stop);
  static void Learn(Channel& channel, const ChannelStatus& status);
  bool StartPoll();
  void EndPoll();
  void DropDelivered(const std::stop_token& stop);
  bool MayDrop() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return closing_ || !delivered_.empty();
  }

  const std::string checks_;
  const std::function<std::unique_ptr<PipeClient>()> new_client_;
  const std::function<absl::Status(std::stop_token)> prepare_;
  Clock& clock_;
  const ChannelsOptions options_;
  Pool<PipeClient> clients_;

  absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<Channel>> channels_ ABSL_GUARDED_BY(mutex_);
  // Those whose rows are awaited, and by how many threads.
  std::map<std::shared_ptr<Channel>, int> awaited_ ABSL_GUARDED_BY(mutex_);
  bool polling_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<std::string> delivered_ ABSL_GUARDED_BY(mutex_);  // to be dropped
  std::string dropping_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::stop_source stop_dropping_;
  std::thread dropper_ ABSL_GUARDED_BY(mutex_);
};

// The name of the channel of an object, whatever its config.
std::string ChannelName(const LedgerKey& object);

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_STREAMING_CHANNELS_H_
