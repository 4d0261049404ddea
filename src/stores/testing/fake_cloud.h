// A cloud without a network: a function responds to the requests of a store, and time advances by
// itself.
#ifndef MILLRACE_STORES_TESTING_FAKE_CLOUD_H_
#define MILLRACE_STORES_TESTING_FAKE_CLOUD_H_

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "net/testing/fake_http_client.h"
#include "stores/service_options.h"

namespace millrace {

class FakeCloud {
 public:
  using Handler = FakeHttpClient::Handler;

  // Called by one thread at a time.
  Handler answer;
  FakeClock clock;

  ServiceOptions options() {
    return {.clients =
                [this] {
                  return std::make_unique<FakeHttpClient>([this](const HttpRequest& request) {
                    absl::MutexLock lock(&mutex_);
                    requests_.push_back(request);
                    return answer(request);
                  });
                },
            .clock = &clock};
  }

  std::vector<HttpRequest> requests() const {
    absl::MutexLock lock(&mutex_);
    return requests_;
  }

  static std::string HeaderOf(const HttpRequest& request, std::string_view name) {
    for (const auto& [key, value] : request.headers) {
      if (key == name) return value;
    }
    return "";
  }

  // The header "date" of a response.
  static std::pair<std::string, std::string> Date(absl::Time time) {
    return {"date", absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", time, absl::UTCTimeZone())};
  }

  // The part of `content` that the request's Range names, as a 206.
  static HttpResponse Part(const HttpRequest& request, const std::string& content) {
    unsigned long long first = 0;
    unsigned long long last = 0;
    std::sscanf(HeaderOf(request, "Range").c_str(), "bytes=%llu-%llu", &first, &last);
    HttpResponse response{.status = 206,
                          .body = content.substr(first, last - first + 1),
                          .headers = {{"content-range", "bytes " + std::to_string(first) + "-" +
                                                            std::to_string(last) + "/" +
                                                            std::to_string(content.size())}}};
    return response;
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<HttpRequest> requests_;
};

}  // namespace millrace

#endif  // MILLRACE_STORES_TESTING_FAKE_CLOUD_H_
