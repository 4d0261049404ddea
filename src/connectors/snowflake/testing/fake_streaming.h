// Snowpipe Streaming in memory, for clients of this process.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_TESTING_FAKE_STREAMING_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_TESTING_FAKE_STREAMING_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "net/http_client.h"

namespace millrace::snowflake {

// Checks what Snowflake documents: continuation tokens, sizes, compression, authorization. Appended
// rows are committed by later requests for a status. Thread-safe.
class FakeStreaming {
 public:
  enum class Request { kHostname, kToken, kOpen, kAppend, kStatus, kDrop, kElastic };
  // What happens to a request that would succeed. A status with a body: the response, without an
  // effect.
  struct Fault {
    bool no_response = false;  // with the effect if `has_effect`
    bool has_effect = false;
    bool twice = false;  // it is executed, and executed again
    int status = 0;
    std::string body;
  };
  // Called for each request, under a lock; null: no faults.
  using Script = std::function<Fault(Request)>;

  std::unique_ptr<HttpClient> NewClient();
  void set_script(Script script);

  // A commit takes so many requests for the status; kNever: until this changes.
  static constexpr int kNever = 1 << 30;
  void CommitAfter(int requests);
  // From now on, rows with this text in them are counted as errors when they are committed.
  void BreakRows(std::string text);
  // As another process does it.
  void OpenChannel(const std::string& name);
  void DropChannels();
  void SetStatusCode(const std::string& name, std::string code);

  // Committed rows, by their INSERT_ID, and how often.
  std::map<std::string, int> Rows() const;
  std::map<std::string, std::string> Tokens() const;  // of the channels
  int requests(Request request) const;
  // What clients did that Snowflake would refuse.
  std::vector<std::string> problems() const;

 private:
  struct Append {
    std::string token;
    std::vector<std::string> rows;
    int age = 0;
  };
  struct Channel {
    uint64_t client = 0;
    uint64_t row = 0;
    std::string token;
    std::string code = "SUCCESS";
    uint64_t errors = 0;
    std::deque<Append> pending;
  };

  absl::StatusOr<HttpResponse> Handle(const HttpRequest& request);
  HttpResponse Answer(Request kind, const std::string& path,
                      const std::map<std::string, std::string>& query, const HttpRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  HttpResponse Open(const std::string& name, const std::string& body)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  HttpResponse AppendRows(const std::string& name, const std::map<std::string, std::string>& query,
                          const HttpRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<std::string> ReadRows(const HttpRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Commit(Channel& channel, int age) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  HttpResponse Problem(const std::string& what) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  Script script_ ABSL_GUARDED_BY(mutex_);
  int commit_after_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string broken_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Channel> channels_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> rows_ ABSL_GUARDED_BY(mutex_);
  std::map<Request, int> requests_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> problems_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_TESTING_FAKE_STREAMING_H_
