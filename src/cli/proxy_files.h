// The files that a running proxy reads again when they change: its certificate and rules of tokens.
#ifndef MILLRACE_CLI_PROXY_FILES_H_
#define MILLRACE_CLI_PROXY_FILES_H_

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "net/tls_certificate.h"
#include "proxy/proxy.h"
#include "proxy/token_rules.h"

namespace millrace::cli {

// Whether files were written or replaced. Not thread-safe.
class FileWatch {
 public:
  explicit FileWatch(std::vector<std::string> paths);
  // Since the last call that returned true, or the constructor.
  bool Changed();

 private:
  using Version = std::array<int64_t, 5>;  // of a file; all 0: there is none
  std::vector<Version> Versions() const;

  const std::vector<std::string> paths_;
  std::vector<Version> versions_;
};

class ProxyFiles {
 public:
  struct Paths {
    std::string tls_cert, tls_key;  // PEM; both or neither
    std::string token_rules;        // {"accept": [...], "refuse": [...]}; empty: none
  };
  // `given` are the rules of flags, which those of the file are added to.
  ProxyFiles(Paths paths, proxy::TokenRules given);

  // InvalidArgument, NotFound and others, with the file's name.
  absl::StatusOr<std::optional<TlsCertificate>> ReadCertificate() const;
  absl::StatusOr<proxy::TokenRules> ReadTokens() const;
  // From now on these are the rules of flags.
  void SetGiven(proxy::TokenRules given) { given_ = std::move(given); }

  // Gives `running` what has changed. A file that cannot be used is a warning, and what was read
  // earlier stays.
  void Refresh(proxy::Proxy& running);

 private:
  const Paths paths_;
  proxy::TokenRules given_;
  FileWatch certificate_;
  FileWatch tokens_;
};

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_PROXY_FILES_H_
