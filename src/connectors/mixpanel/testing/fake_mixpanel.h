// Mixpanel's ingestion in memory, for tests of its client: strict responses, limits, scripted
// faults.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_TESTING_FAKE_MIXPANEL_H_
#define MILLRACE_CONNECTORS_MIXPANEL_TESTING_FAKE_MIXPANEL_H_

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "net/http_client.h"
#include "net/testing/scripted_server.h"

namespace millrace::mixpanel {

// Thread-safe. Refuses records that contain `"bad"`, and stores the others.
class FakeMixpanel {
 public:
  // How a refused record is reported.
  enum class Style {
    kIndexed,   // failed_records with index and insert_id; profiles: the same
    kDollarId,  // ... and $insert_id
    kUnnamed,   // the whole request is refused: texts without an index; profiles: status 0
  };
  struct Received {
    std::string method_and_target;  // "POST /import?strict=1"
    std::string authorization;
    std::string content_type;
    std::string content_encoding;
    std::string user_agent;
    size_t rows = 0;
    size_t plain_bytes = 0;
  };

  void set_style(Style style);
  // Requests with more uncompressed bytes get 413.
  void set_max_bytes(size_t max_bytes, bool named_in_answer = true);
  // From now on each request is refused as a whole, for `reason` ("project is archived"); empty: no
  // longer.
  void RefuseAll(std::string reason);
  // The next request gets this response, or none if it is an error; `with_effect`: after its
  // records were stored. Several are used in order.
  void AnswerNext(absl::StatusOr<HttpResponse> answer, bool with_effect = false);

  std::vector<Received> received() const;
  // How often the record (its text as it was given to the sink) is stored.
  int stored(const std::string& record) const;
  size_t stored() const;

  std::unique_ptr<HttpClient> NewClient();  // without a network
  ScriptedServer::Script NewScript();       // for a real socket

 private:
  struct Fault {
    absl::StatusOr<HttpResponse> answer;
    bool with_effect;
  };
  absl::StatusOr<HttpResponse> Take(Received received, std::string_view body);
  HttpResponse Store(const std::vector<std::string>& records, bool is_import)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  Style style_ ABSL_GUARDED_BY(mutex_) = Style::kIndexed;
  size_t max_bytes_ ABSL_GUARDED_BY(mutex_) = 10 << 20;
  bool names_limit_ ABSL_GUARDED_BY(mutex_) = true;
  std::string refuse_all_ ABSL_GUARDED_BY(mutex_);
  std::deque<Fault> faults_ ABSL_GUARDED_BY(mutex_);
  std::vector<Received> received_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> stored_ ABSL_GUARDED_BY(mutex_);
};

HttpResponse Answer(int status, std::string body,
                    std::vector<std::pair<std::string, std::string>> headers = {});

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_TESTING_FAKE_MIXPANEL_H_
