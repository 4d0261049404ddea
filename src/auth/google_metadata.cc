#include <utility>

#include "auth/google_fetchers.h"
#include "auth/token_request.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/url.h"

namespace millrace {
namespace {

constexpr absl::Duration kConnect = absl::Seconds(3);  // the server is on the machine's own network
constexpr char kNowhere[] =
    "there are no Google credentials: set GOOGLE_APPLICATION_CREDENTIALS to a key file, or run "
    "`gcloud auth application-default login`, or run on Google Cloud";

class MetadataFetcher : public TokenFetcher {
 public:
  MetadataFetcher(std::string url, Clock& clock) : url_(std::move(url)), clock_(clock) {}

  absl::StatusOr<AccessToken> Fetch(HttpClient& http, std::stop_token stop) override {
    const absl::Time now = clock_.Now();
    HttpRequest request{.url = url_,
                        .headers = {{"Metadata-Flavor", "Google"}},
                        .connect_timeout = kConnect,
                        .timeout = absl::Seconds(30)};
    absl::StatusOr<HttpResponse> reply = http.Send(request, stop);
    if (absl::IsCancelled(reply.status())) return reply.status();
    // Something else may answer at that address, above all behind captive proxies.
    const bool is_google = reply.ok() && reply->header("metadata-flavor") == "Google";
    if (!is_google && !seen_) {
      return absl::UnauthenticatedError(
          StrCat(kNowhere, reply.ok() ? "" : StrCat(" (", ToStd(reply.status().message()), ")")));
    }
    if (!reply.ok()) return reply.status();
    if (!is_google) return absl::UnavailableError("the answer is not of a metadata server");
    seen_ = true;
    if (reply->status == 404) {
      return absl::UnauthenticatedError(
          "this machine has no service account: give it one, or set "
          "GOOGLE_APPLICATION_CREDENTIALS");
    }
    if (reply->status != 200) {
      return absl::UnavailableError(StrCat("the metadata server answered ", reply->status));
    }
    return ParseTokenReply(reply->body, now);
  }

 private:
  const std::string url_;
  Clock& clock_;
  bool seen_ = false;  // the server has answered: from then on a failure is a passing one
};

}  // namespace

std::unique_ptr<TokenFetcher> NewMetadataFetcher(const GoogleAuthOptions& options) {
  std::string host = options.environment("GCE_METADATA_HOST").value_or("");
  if (host.empty()) host = "metadata.google.internal";
  return std::make_unique<MetadataFetcher>(
      StrCat("http://", host, "/computeMetadata/v1/instance/service-accounts/default/token?scopes=",
             UrlEncode(JoinScopes(options))),
      options.clock);
}

}  // namespace millrace
