#include <utility>

#include "auth/google_fetchers.h"
#include "auth/metadata_service.h"
#include "auth/token_request.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/url.h"

namespace millrace {
namespace {

constexpr char kNowhere[] =
    "there are no Google credentials: set GOOGLE_APPLICATION_CREDENTIALS to a key file, or run "
    "`gcloud auth application-default login`, or run on Google Cloud";

class MetadataFetcher : public TokenFetcher {
 public:
  // The header distinguishes it from captive proxies, which may respond at that address.
  MetadataFetcher(std::string url, Clock& clock)
      : url_(std::move(url)),
        clock_(clock),
        service_({.absent = kNowhere, .mark = {"metadata-flavor", "Google"}}, clock) {}

  absl::StatusOr<AccessToken> Fetch(HttpClient& http, std::stop_token stop) override {
    const absl::Time now = clock_.Now();
    const HttpRequest request{.url = url_, .headers = {{"Metadata-Flavor", "Google"}}};
    ASSIGN_OR_RETURN(HttpResponse reply, service_.Send(http, request, std::move(stop)));
    if (reply.status == 404) {
      return absl::UnauthenticatedError(
          "this machine has no service account: give it one, or set "
          "GOOGLE_APPLICATION_CREDENTIALS");
    }
    ASSIGN_OR_RETURN(const std::string body, ReadResponse({.http = request}, std::move(reply)));
    return ParseTokenResponse(body, now);
  }

 private:
  const std::string url_;
  Clock& clock_;
  MetadataService service_;
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
