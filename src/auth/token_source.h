// Access tokens of a cloud: fetched once, shared by many threads, renewed before they expire.
#ifndef MILLRACE_AUTH_TOKEN_SOURCE_H_
#define MILLRACE_AUTH_TOKEN_SOURCE_H_

#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "net/http_client.h"

namespace millrace {

struct AccessToken {
  std::string value;  // secret; empty: requests go without one (an emulator)
  absl::Time expires = absl::InfiniteFuture();
};

// Thread-safe.
class TokenSource {
 public:
  virtual ~TokenSource() = default;

  // A token that is valid now and usually for five more minutes. Blocks while the first one is
  // fetched; one thread fetches, the others wait. Unavailable: try again later. Unauthenticated,
  // PermissionDenied, InvalidArgument: the credentials must be fixed; the message names their
  // origin and contains no secret. Cancelled: `stop` was requested.
  virtual absl::StatusOr<AccessToken> Token(std::stop_token stop) = 0;

  // For a token that was refused (401) before it expired: the next call of Token() fetches another,
  // unless another thread already has.
  virtual void Forget(const AccessToken& refused) = 0;
};

// Always `token`: "owner" for Google's emulators, "" for none at all.
std::unique_ptr<TokenSource> NewFixedTokenSource(std::string token);

// Gets a token from one kind of credentials. One thread at a time.
class TokenFetcher {
 public:
  virtual ~TokenFetcher() = default;
  virtual absl::StatusOr<AccessToken> Fetch(HttpClient& http, std::stop_token stop) = 0;
};

// Keeps the token of `fetcher` and replaces it five to six minutes before it expires (or halfway,
// if its lifetime is less than twelve minutes). While the old one is valid, a failed renewal is
// only logged, and tried again ten seconds later. `clock` outlives the source.
std::unique_ptr<TokenSource> NewCachedTokenSource(std::unique_ptr<TokenFetcher> fetcher,
                                                  std::unique_ptr<HttpClient> http, Clock& clock);

}  // namespace millrace

#endif  // MILLRACE_AUTH_TOKEN_SOURCE_H_
