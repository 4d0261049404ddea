#include "cli/proxy_files.h"

#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/config_reader.h"
#include "base/log.h"
#include "base/status.h"
#include "io/durable_file.h"

namespace millrace::cli {
namespace {

constexpr size_t kMaxTlsFile = 1 << 20;
constexpr size_t kMaxTokenRules = 4 << 20;

std::vector<std::string> NotEmpty(std::vector<std::string> paths) {
  std::erase(paths, "");
  return paths;
}

void Report(const absl::Status& status, std::string_view message) {
  if (status.ok()) {
    Log(Severity::kInfo, message);
  } else {
    Log(Severity::kWarning, "a file that has changed cannot be used: the earlier one stays in use",
        {{"error", ToStd(status.message())}});
  }
}

}  // namespace

FileWatch::FileWatch(std::vector<std::string> paths)
    : paths_(std::move(paths)), versions_(Versions()) {}

bool FileWatch::Changed() {
  std::vector<Version> now = Versions();
  if (now == versions_) return false;
  versions_ = std::move(now);
  return true;
}

std::vector<FileWatch::Version> FileWatch::Versions() const {
  std::vector<Version> versions;
  for (const std::string& path : paths_) {
    struct stat file {};
    Version& version = versions.emplace_back();
    if (stat(path.c_str(), &file) != 0) continue;
    version = {static_cast<int64_t>(file.st_dev), static_cast<int64_t>(file.st_ino), file.st_size,
               file.st_mtim.tv_sec, file.st_mtim.tv_nsec};
  }
  return versions;
}

ProxyFiles::ProxyFiles(Paths paths, proxy::TokenRules given)
    : paths_(std::move(paths)),
      given_(std::move(given)),
      certificate_(NotEmpty({paths_.tls_cert, paths_.tls_key})),
      tokens_(NotEmpty({paths_.token_rules})) {}

absl::StatusOr<std::optional<TlsCertificate>> ProxyFiles::ReadCertificate() const {
  if (paths_.tls_cert.empty()) return std::nullopt;
  TlsCertificate certificate;
  ASSIGN_OR_RETURN(certificate.chain, ReadWholeFile(paths_.tls_cert, kMaxTlsFile));
  ASSIGN_OR_RETURN(certificate.private_key, ReadWholeFile(paths_.tls_key, kMaxTlsFile));
  return certificate;
}

absl::StatusOr<proxy::TokenRules> ProxyFiles::ReadTokens() const {
  proxy::TokenRules rules = given_;
  if (paths_.token_rules.empty()) return rules;
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(paths_.token_rules, kMaxTokenRules));
  ASSIGN_OR_RETURN(const nlohmann::json json, ParseConfigText(text, paths_.token_rules));
  ConfigProblems problems;
  ConfigObject object(json, "", problems);
  const std::vector<std::string> accepted = object.Texts("accept"),
                                 refused = object.Texts("refuse");
  object.RejectUnknownKeys();
  RETURN_IF_ERROR(problems.ToStatus(paths_.token_rules));
  rules.allowed.insert(accepted.begin(), accepted.end());
  rules.refused.insert(refused.begin(), refused.end());
  return rules;
}

void ProxyFiles::Refresh(proxy::Proxy& running) {
  if (certificate_.Changed()) {
    auto certificate = ReadCertificate();
    Report(certificate.ok() ? Annotate(running.SetCertificate(**certificate), paths_.tls_cert)
                            : certificate.status(),
           "new connections get the new certificate");
  }
  if (tokens_.Changed()) {
    auto rules = ReadTokens();
    Report(rules.status(), "new rules of tokens are in use");
    if (rules.ok()) running.SetTokens(*std::move(rules));
  }
}

}  // namespace millrace::cli
