// An HttpClient without a network: a function responds.
#ifndef MILLRACE_NET_TESTING_FAKE_HTTP_CLIENT_H_
#define MILLRACE_NET_TESTING_FAKE_HTTP_CLIENT_H_

#include <functional>
#include <string>
#include <utility>

#include "net/http_client.h"

namespace millrace {

// Keeps HttpClient's promises on Cancelled, max_response_bytes, on_head and on_body (which gets
// the body in two pieces), so that code cannot tell it from the real one.
class FakeHttpClient final : public HttpClient {
 public:
  using Handler = std::function<absl::StatusOr<HttpResponse>(const HttpRequest&)>;
  explicit FakeHttpClient(Handler handler) : handler_(std::move(handler)) {}

  absl::StatusOr<HttpResponse> Send(const HttpRequest& request, std::stop_token stop) override {
    if (stop.stop_requested() && request.stop_grace <= absl::ZeroDuration()) {
      return absl::CancelledError("fake: stopped");
    }
    absl::StatusOr<HttpResponse> response = handler_(request);
    if (!response.ok()) return response;
    if (request.on_head != nullptr && response->status / 100 == 2) {
      if (absl::Status status = request.on_head(*response); !status.ok()) return status;
    }
    if (request.on_body != nullptr && response->status / 100 == 2) {
      const std::string body = std::exchange(response->body, "");
      const std::string_view whole(body);
      for (const std::string_view piece :
           {whole.substr(0, whole.size() / 2), whole.substr(whole.size() / 2)}) {
        if (absl::Status status = request.on_body(piece); !status.ok()) return status;
      }
    } else if (response->body.size() > request.max_response_bytes) {
      return absl::ResourceExhaustedError("fake: the answer is too long");
    }
    return response;
  }

 private:
  Handler handler_;
};

}  // namespace millrace

#endif  // MILLRACE_NET_TESTING_FAKE_HTTP_CLIENT_H_
